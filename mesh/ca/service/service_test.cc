// A real gRPC server on loopback and port 0, over TLS as on 15012.
#include <sys/stat.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "api/security/v1alpha1/ca.grpc.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mesh/base/clock.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/service/authenticator.h"
#include "mesh/ca/service/certificate_client.h"
#include "mesh/ca/service/certificate_service.h"
#include "mesh/ca/service/server_certificate.h"
#include "mesh/ca/state_store.h"
#include "mesh/ca/workload_certificate.h"
#include "mesh/tls/csr.h"
#include "mesh/tls/testing.h"

namespace mesh::ca {
namespace {

using istio::v1::auth::IstioCertificateRequest;
using istio::v1::auth::IstioCertificateResponse;
using testing::HasSubstr;
using tls::PrivateKey;

constexpr char kIssuer[] = "https://kubernetes.default.svc";

tls::SpiffeId Workload(std::string_view account) {
  return tls::SpiffeId::Workload("cluster.local", "default", account).value();
}

std::string Directory() {
  std::string path = absl::StrCat(getenv("TEST_TMPDIR"), "/tlsXXXXXX");
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path + "/server";
}

// The key set of one P-256 key.
authz::KeySet KeySetOf(const PrivateKey& key) {
  const std::string& der = key.public_key().der();
  return authz::KeySet::Parse(
             absl::StrCat(R"({"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":")",
                          absl::WebSafeBase64Escape(der.substr(der.size() - 64, 32)), R"(","y":")",
                          absl::WebSafeBase64Escape(der.substr(der.size() - 32)), "\"}]}"))
      .value();
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : token_key_(PrivateKey::Generate().value()) {
    SelfSignedOptions options;
    options.store = &store_;
    authority_ = SelfSignedAuthority::Open(options).value();
    TokenAuthenticator::Options token_options;
    token_options.issuer = kIssuer;
    tokens_ = std::make_shared<TokenAuthenticator>(token_options, KeySetOf(token_key_));
    join_tokens_ = std::make_shared<JoinTokens>();
    CertificateServiceOptions service_options;
    service_options.issuer = authority_.get();
    service_options.log = &log_;
    service_options.authenticators = {std::make_shared<ClientCertificateAuthenticator>(
                                          "cluster.local", [this] { return authority_->bundle(); }),
                                      tokens_, join_tokens_};
    service_ = std::make_unique<CertificateService>(service_options);

    directory_ = CertificateDirectory::Open(Directory()).value();
    ReplaceServerCertificate();
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", directory_->Credentials({}), &port_);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
  }
  ~ServiceTest() override { server_->Shutdown(); }

  tls::Identity Identity(const tls::SpiffeId& id, std::vector<std::string> dns_names = {}) {
    PrivateKey key = PrivateKey::Generate().value();
    Issued issued = authority_->Issue({key.public_key(), id, {}, std::move(dns_names)}).value();
    return {{issued.leaf}, std::move(key)};
  }
  void ReplaceServerCertificate() {
    const auto me = tls::SpiffeId::Workload("cluster.local", "istio-system", "istiod").value();
    ASSERT_TRUE(
        directory_->Replace(Identity(me, {"istiod.istio-system.svc"}), authority_->bundle()->roots)
            .ok());
  }

  // Calls with what a client would show; an empty token is none.
  grpc::Status Call(const std::string& token, const tls::Identity* identity, const std::string& csr,
                    int64_t seconds = 0) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = tls::ToPem(authority_->bundle()->roots);
    if (identity != nullptr) {
      tls.pem_cert_chain = tls::ToPem(identity->chain);
      tls.pem_private_key = identity->key.ToPem();
    }
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("istiod.istio-system.svc");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = istio::v1::auth::IstioCertificateService::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", port_), grpc::SslCredentials(tls), arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    IstioCertificateRequest request;
    request.set_csr(csr);
    request.set_validity_duration(seconds);
    response_.Clear();
    return stub->CreateCertificate(&context, request, &response_);
  }
  std::string Csr(const tls::CsrOptions& options = {}) {
    return tls::CreateCsr(*PrivateKey::Generate(), options).value();
  }
  std::string Token(std::string_view payload) {
    return authz::SignToken(payload, "k", tls::SignatureAlgorithm::kEs256, token_key_).value();
  }
  std::string KubernetesToken(const char* account = "reviews", const char* audience = "istio-ca") {
    return Token(
        absl::StrCat(R"({"iss":")", kIssuer, R"(","aud":[")", audience,
                     R"("],"exp":4000000000,"sub":"system:serviceaccount:default:)", account,
                     R"(","kubernetes.io":{"namespace":"default","serviceaccount":{"name":")",
                     account, "\"}}}"));
  }
  std::string IssuedIdentity() {
    return tls::Certificate::FromPem(response_.cert_chain(0))->SpiffeIdentity()->ToString();
  }

  MemoryStore store_;
  MemoryLog log_;
  PrivateKey token_key_;
  std::unique_ptr<SelfSignedAuthority> authority_;
  std::shared_ptr<TokenAuthenticator> tokens_;
  std::shared_ptr<JoinTokens> join_tokens_;
  std::unique_ptr<CertificateService> service_;
  std::unique_ptr<CertificateDirectory> directory_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  IstioCertificateResponse response_;
};

TEST_F(ServiceTest, ATokenIsEnoughWhereThereIsNoCertificate) {
  const grpc::Status status = Call(KubernetesToken(), nullptr, Csr(), 3600);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response_.cert_chain_size(), 2);
  EXPECT_EQ(IssuedIdentity(), Workload("reviews").ToString());
  EXPECT_EQ(*tls::Certificate::FromPem(response_.cert_chain(1)), authority_->bundle()->roots[0]);
  EXPECT_EQ(service_->counts().issued, 1);
}

TEST_F(ServiceTest, ACertificateIsEnoughToRenewIt) {
  const tls::Identity mine = Identity(Workload("ratings"));
  const grpc::Status status = Call("", &mine, Csr());
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(IssuedIdentity(), Workload("ratings").ToString());
}

TEST_F(ServiceTest, AJoinTokenServesOnce) {
  const std::string token = join_tokens_->Create(Workload("details"));
  ASSERT_TRUE(Call(token, nullptr, Csr()).ok());
  EXPECT_EQ(IssuedIdentity(), Workload("details").ToString());
  const grpc::Status again = Call(token, nullptr, Csr());
  EXPECT_EQ(again.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(again.error_message(),
            "nobody is known by this (client certificate: none was shown; token: the token is "
            "refused: it is not three parts of base64url; join token: it is none, or was used "
            "before)");
}

TEST_F(ServiceTest, IdentityIsTheCallersWhateverTheRequestSays) {
  tls::CsrOptions csr;
  csr.sans = {tls::Uri(Workload("admin").ToString()), tls::Dns("istiod.istio-system.svc")};
  ASSERT_TRUE(Call(KubernetesToken(), nullptr, Csr(csr)).ok());
  EXPECT_EQ(IssuedIdentity(), Workload("reviews").ToString());
  EXPECT_EQ(tls::Certificate::FromPem(response_.cert_chain(0))->sans().size(), 1);
  EXPECT_THAT(log_.lines().back(), HasSubstr("; asked for, and did not get, 2 other names: "
                                             "URI:spiffe://cluster.local/ns/default/sa/admin, "
                                             "DNS:istiod.istio-system.svc"));
}

TEST_F(ServiceTest, CallersThatAreNotKnown) {
  const tls::TestAuthority stranger("stranger", absl::Now());
  const std::string kAccount = R"("sub":"system:serviceaccount:default:reviews")";
  const auto payload = [&](absl::string_view more) {
    return absl::StrCat(R"({"iss":")", kIssuer, R"(","aud":"istio-ca",)", more, "}");
  };
  const struct {
    const char* name;
    std::string token;
    const char* want;
  } kRows[] = {
      {"nothing", "", "none was shown"},
      {"words", "hello", "it is not three parts of base64url"},
      {"another audience", KubernetesToken("reviews", "api"), "it is for another audience"},
      {"no expiry", Token(payload(kAccount)), "it never expires"},
      {"an expired one", Token(payload(kAccount + R"(,"exp":1000000000)")), "it has expired"},
      {"a person", Token(payload(R"("sub":"eve","exp":4000000000)")),
       "its subject is no service account"},
      {"a namespace alone",
       Token(payload(R"("sub":"system:serviceaccount:default","exp":4000000000)")),
       "its subject is no service account"},
      {"a namespace that spells more",
       Token(payload(R"("sub":"system:serviceaccount:a/sa/b:c","exp":4000000000)")),
       "its subject is no service account"},
      {"claims that disagree",
       Token(payload(
           kAccount +
           R"(,"exp":4000000000,"kubernetes.io":{"namespace":"default","serviceaccount":{"name":"admin"}})")),
       "its claims name two service accounts"},
      {"another key",
       authz::SignToken(payload(kAccount + R"(,"exp":4000000000)"), "k",
                        tls::SignatureAlgorithm::kEs256, *PrivateKey::Generate())
           .value(),
       "no key of the set made its signature"},
  };
  for (const auto& row : kRows) {
    const grpc::Status status = Call(row.token, nullptr, Csr());
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << row.name;
    EXPECT_THAT(status.error_message(), HasSubstr(row.want)) << row.name;
    EXPECT_EQ(response_.cert_chain_size(), 0);
  }
  EXPECT_EQ(service_->counts().authentication_failures, std::size(kRows));
  // gRPC's TLS lets no certificate of another root in at all.
  const tls::Identity forged = stranger.Issue(Workload("admin").ToString());
  EXPECT_EQ(Call("", &forged, Csr()).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServiceTest, KeysThatAreGoneVerifyNothing) {
  tokens_->SetKeys(authz::KeySet());
  EXPECT_EQ(Call(KubernetesToken(), nullptr, Csr()).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  tokens_->SetKeys(KeySetOf(token_key_));
  EXPECT_TRUE(Call(KubernetesToken(), nullptr, Csr()).ok());
}

TEST_F(ServiceTest, RequestsThatAreRefused) {
  EXPECT_EQ(Call(KubernetesToken(), nullptr, "x").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const grpc::Status ten_years = Call(KubernetesToken(), nullptr, Csr(), 10 * 365 * 86400);
  EXPECT_EQ(ten_years.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ten_years.error_message(),
            "a lifetime of 87600h was asked for; 2160h is the most that is granted");
  EXPECT_EQ(service_->counts().parsing_errors, 1);
  EXPECT_EQ(service_->counts().signing_errors, 1);
}

TEST_F(ServiceTest, EachCallLeavesOneLineWithoutSecrets) {
  const std::string token = KubernetesToken(), csr = Csr();
  ASSERT_TRUE(Call(token, nullptr, csr, 3600).ok());
  ASSERT_FALSE(Call(token + "x", nullptr, csr).ok());
  const auto lines = log_.lines();
  ASSERT_EQ(lines.size(), 2);
  EXPECT_THAT(lines[0], testing::MatchesRegex(
                            "info ca-audit: issued spiffe://cluster.local/ns/default/sa/reviews to "
                            "ipv4:127.0.0.1:[0-9]+ by token: serial [0-9a-f]+, P-256, until "
                            "[-0-9T:]+.00:00"));
  EXPECT_THAT(lines[1],
              testing::StartsWith("warning ca-audit: refused somebody at ipv4:127.0.0.1:"));
  for (const std::string& line : lines) {
    EXPECT_THAT(line, testing::Not(HasSubstr(token.substr(0, 30))));
    EXPECT_THAT(line, testing::Not(HasSubstr("BEGIN")));
  }
}

TEST_F(ServiceTest, WhileARootRotatesTheLastEntryHoldsBoth) {
  ASSERT_TRUE(authority_->AnnounceNewRoot().ok());
  ASSERT_TRUE(Call(KubernetesToken(), nullptr, Csr()).ok());
  ASSERT_EQ(response_.cert_chain_size(), 2);
  EXPECT_EQ(*tls::Certificate::ListFromPem(response_.cert_chain(1)), authority_->bundle()->roots);
}

// A workload obtains its certificate with a join token and renews it with the certificate itself.
TEST_F(ServiceTest, AWorkloadJoinsAndRenews) {
  FakeClock clock(absl::Now());
  std::string token = join_tokens_->Create(Workload("web"));
  std::shared_ptr<const WorkloadCertificate::Held> shown;
  WorkloadCertificateOptions options;
  options.clock = &clock;
  options.request = [&](const std::string& csr) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = tls::ToPem(authority_->bundle()->roots);
    if (shown != nullptr) {
      tls.pem_cert_chain = tls::ToPem(shown->identity.chain);
      tls.pem_private_key = shown->identity.key.ToPem();
    }
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("istiod.istio-system.svc");
    CertificateClientOptions client_options;
    client_options.channel = grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port_),
                                                       grpc::SslCredentials(tls), arguments);
    client_options.token = [&] { return token; };
    return CertificateClient(client_options).Request(csr);
  };
  WorkloadCertificate certificate(options);
  certificate.Poll();
  shown = certificate.current();
  ASSERT_NE(shown, nullptr) << certificate.last_error();
  EXPECT_EQ(shown->identity.chain[0].SpiffeIdentity()->ToString(), Workload("web").ToString());
  EXPECT_EQ(shown->roots, authority_->bundle()->roots);
  token.clear();
  clock.Advance(absl::Hours(12));
  certificate.Poll();
  ASSERT_EQ(certificate.current()->generation, 2) << certificate.last_error();
  EXPECT_THAT(log_.lines().back(), HasSubstr(" by client certificate: "));
}

// The files that gRPC watches are replaced while connections are made.
TEST_F(ServiceTest, TheServersCertificateIsReplacedWithoutADrop) {
  const std::string token = KubernetesToken();
  struct stat info;
  for (int i = 0; i < 10; ++i) {
    ReplaceServerCertificate();
    ASSERT_TRUE(Call(token, nullptr, Csr()).ok());
    for (const std::string& path :
         {directory_->key_path(), directory_->chain_path(), directory_->roots_path()}) {
      ASSERT_EQ(stat(path.c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777, 0600);
    }
  }
  // A retired root lets nobody in any more, once gRPC has read the files again.
  const tls::Identity old = Identity(Workload("old"));
  ASSERT_TRUE(authority_->AnnounceNewRoot().ok());
  ASSERT_TRUE(authority_->SwitchToNewRoot({}).ok());
  ASSERT_TRUE(authority_->RetireOldRoot({}).ok());
  ReplaceServerCertificate();
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (!Call(token, nullptr, Csr()).ok()) ASSERT_LT(absl::Now(), deadline);
  const tls::Identity renewed = Identity(Workload("renewed"));
  EXPECT_TRUE(Call("", &renewed, Csr()).ok());
  EXPECT_FALSE(Call("", &old, Csr()).ok());
}

TEST(ClientCertificate, IsVerifiedAgainHere) {
  FakeClock clock(tls::TestTime());
  const tls::TestAuthority root, other;
  auto bundle = std::make_shared<const TrustBundle>(TrustBundle{{root.certificate()}});
  ClientCertificateAuthenticator authenticator(
      "cluster.local", [&] { return bundle; }, &clock);
  const auto why = [&](const tls::Identity& identity) {
    const auto caller = authenticator.Authenticate({tls::ToPem(identity.chain), ""});
    return caller.ok() ? "" : std::string(caller.status().message());
  };
  const std::string me = Workload("me").ToString();
  EXPECT_EQ(why(root.Issue(me)), "");
  EXPECT_THAT(why(other.Issue(me)), HasSubstr("certificate"));
  EXPECT_EQ(why(root.Issue("spiffe://elsewhere/ns/default/sa/me")),
            "it is of the trust domain elsewhere");
  tls::CertificateTemplate server_only = root.Leaf({tls::Uri(me)});
  server_only.for_clients = false;
  EXPECT_THAT(why(root.Issue(server_only)), HasSubstr("not for clients"));
  EXPECT_EQ(why(root.Issue(root.Leaf({tls::Uri(me), tls::Uri("spiffe://a/b")}))),
            "the certificate has two URI names, an SVID has one");
  clock.Advance(absl::Hours(2));
  EXPECT_THAT(why(root.Issue(me)), HasSubstr("expired at "));
}

TEST(JoinTokens, Expire) {
  FakeClock clock(tls::TestTime());
  JoinTokens tokens(&clock);
  const std::string token = tokens.Create(Workload("a"), absl::Minutes(1));
  clock.Advance(absl::Minutes(1));
  EXPECT_EQ(tokens.Authenticate({"", token}).status().message(), "it has expired");
}

TEST(CertificateDirectory, IsForItsOwnerOnly) {
  const std::string path = Directory();
  ASSERT_EQ(mkdir(path.c_str(), 0755), 0);
  EXPECT_EQ(CertificateDirectory::Open(path).status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace mesh::ca
