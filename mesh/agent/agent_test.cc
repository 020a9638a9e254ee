// A real authority over TLS on loopback, and agents that live through what it does.
#include "mesh/agent/agent.h"

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/spiffe/workload.grpc.pb.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/file.h"
#include "mesh/ca/join_token.h"
#include "mesh/ca/service/secrets.h"
#include "mesh/discovery/authority.h"
#include "mesh/tls/testing.h"
#include "mesh/tls/verify.h"

namespace mesh::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

// What an agent hands on, and can be waited for.
class Changes {
 public:
  void Add(const Held& held) {
    MutexLock lock(&mutex_);
    last_ = std::make_unique<Held>(held);
    changed_.NotifyAll();
  }
  bool Await(const std::function<bool(const Held&)>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kPatience);
    MutexLock lock(&mutex_);
    while (last_ == nullptr || !holds(*last_)) {
      if (!changed_.WaitUntil(&mutex_, deadline)) return false;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::unique_ptr<Held> last_ ABSL_GUARDED_BY(mutex_);
};

class AgentTest : public testing::Test {
 protected:
  AgentTest() {
    root_ = absl::StrCat(getenv("TEST_TMPDIR"), "/agentXXXXXX");
    EXPECT_NE(mkdtemp(root_.data()), nullptr);
    StartAuthority();
  }
  ~AgentTest() override { StopAuthority(); }

  void StartAuthority() {
    discovery::AuthorityOptions options;
    options.directory = root_ + "/ca";
    options.trust_domain = "cluster.local";
    options.join_token_directory = root_ + "/tokens";
    options.log = &log_;
    auto started = discovery::Authority::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    authority_ = *std::move(started);
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port_), authority_->Credentials(), &port_);
    for (grpc::Service* service : authority_->services()) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void StopAuthority() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
    authority_.reset();
  }

  AgentOptions Options(const std::string& account, Changes* changes) {
    const auto id = tls::SpiffeId::Workload("cluster.local", "default", account);
    const auto token = ca::CreateJoinToken(root_ + "/tokens", *id, absl::Now() + absl::Hours(1));
    std::ofstream(root_ + "/" + account + ".token") << *token << "\n";
    AgentOptions options;
    options.authority = absl::StrCat("127.0.0.1:", port_);
    options.roots_file = root_ + "/ca/root-cert.pem";
    options.token_file = root_ + "/" + account + ".token";
    options.node_id = NodeId(account);
    options.on_change = [changes](const Held& held) { changes->Add(held); };
    options.log = &log_;
    return options;
  }
  static std::string NodeId(const std::string& account) {
    return absl::StrCat("sidecar~10.0.0.1~", account, "-0.default~default.svc.cluster.local");
  }
  std::unique_ptr<Agent> Start(AgentOptions options) {
    auto started = Agent::Start(std::move(options));
    EXPECT_TRUE(started.ok()) << started.status();
    std::unique_ptr<Agent> agent = *std::move(started);
    const absl::Status ready = agent->WaitReady(kPatience);
    EXPECT_TRUE(ready.ok()) << ready;
    return agent;
  }
  // A step of a rotation, once everybody is ready for it.
  absl::Status Step(const std::vector<std::string>& nodes) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (true) {
      const absl::Status stepped = authority_->TakeNextStep(nodes);
      if (stepped.ok() || absl::Now() > deadline) return stepped;
      absl::SleepFor(absl::Milliseconds(10));
    }
  }
  // Whether two workloads accept each other at this moment.
  static bool Shake(const Held& client, const Held& server) {
    tls::ContextOptions options;
    options.identity = server.identity;
    options.validation.roots = tls::TrustRoots(server.roots);
    const auto there = tls::Context::Server(options);
    options.identity = client.identity;
    options.validation.roots = tls::TrustRoots(client.roots);
    const auto here = tls::Context::Client(options);
    if (!there.ok() || !here.ok()) return false;
    tls::Session a(*here), b(*there);
    tls::RunHandshake(&a, &b);
    return a.handshake_done() && b.handshake_done() && a.error().ok() && b.error().ok();
  }

  std::string root_;
  MemoryLog log_;
  int port_ = 0;
  std::unique_ptr<discovery::Authority> authority_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(AgentTest, ATokenBecomesACertificate) {
  Changes changes;
  const auto agent = Start(Options("web", &changes));
  const auto held = agent->current();
  EXPECT_EQ(held->identity.chain[0].SpiffeIdentity()->ToString(),
            "spiffe://cluster.local/ns/default/sa/web");
  EXPECT_EQ(held->roots, authority_->bundle()->roots);
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("info ca-audit: issued "
                                               "spiffe://cluster.local/ns/default/sa/web to ipv4:"))
                                .Times(1));
  for (const std::string& line : log_.lines()) {
    EXPECT_FALSE(absl::StrContains(line, "PRIVATE")) << line;
  }
}

TEST_F(AgentTest, WhatAnEarlierRunHeldServesAtOnceAndWithoutAToken) {
  Changes changes;
  AgentOptions options = Options("web", &changes);
  options.directory = root_ + "/identity";
  Start(options)->Stop();
  struct stat info;
  ASSERT_EQ(stat((root_ + "/identity/current/key.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
  StopAuthority();
  const auto agent = Start(options);
  EXPECT_NE(agent->current(), nullptr) << "though the authority is away";
  StartAuthority();
}

TEST_F(AgentTest, SaysWhyThereIsNone) {
  Changes changes;
  AgentOptions options = Options("web", &changes);
  std::ofstream(options.token_file) << "stolen\n";
  auto agent = Agent::Start(options).value();
  const absl::Time deadline = absl::Now() + kPatience;
  absl::Status why;
  do {
    why = agent->WaitReady(absl::Milliseconds(10));
  } while (absl::StrContains(why.message(), "no answer yet") && absl::Now() < deadline);
  EXPECT_THAT(std::string(why.message()),
              HasSubstr("no certificate in time: nobody is known by this (client certificate: none "
                        "was shown; join token: it is none, or was used before)"));
  for (const std::string& line : log_.lines()) EXPECT_THAT(line, Not(HasSubstr("stolen")));
}

TEST_F(AgentTest, AnAuthorityOfOtherRootsIsToldNothing) {
  Changes changes;
  AgentOptions options = Options("web", &changes);
  options.roots_file = root_ + "/other.pem";
  std::ofstream(options.roots_file)
      << tls::TestAuthority("other", absl::Now()).certificate().ToPem();
  auto agent = Agent::Start(options).value();
  EXPECT_EQ(agent->WaitReady(absl::Milliseconds(500)).code(), absl::StatusCode::kDeadlineExceeded);
  agent->Stop();
  EXPECT_THAT(log_.lines(), Not(Contains(HasSubstr("ca-audit"))));
}

TEST_F(AgentTest, OptionsThatAreMissing) {
  AgentOptions options;
  EXPECT_EQ(Agent::Start(options).status().message(), "agent: no authority");
  options.authority = "127.0.0.1:1";
  EXPECT_EQ(Agent::Start(options).status().message(),
            "agent: no file of roots, to know the authority by");
  options.roots_file = "/x";
  EXPECT_EQ(Agent::Start(options).status().message(), "agent: no node id");
}

// Three roots in turn, each phase entered only when both workloads have proven that they are ready;
// all the while each accepts the other.
TEST_F(AgentTest, RootsAreReplacedWithoutAMomentOfDisagreement) {
  Changes changes_a, changes_b;
  const auto a = Start(Options("a", &changes_a)), b = Start(Options("b", &changes_b));
  const std::vector<std::string> nodes = {NodeId("a"), NodeId("b")};
  std::atomic<bool> stop{false};
  std::atomic<int> shaken{0}, failed{0};
  std::thread load([&] {
    while (!stop) {
      if (!Shake(*a->current(), *b->current())) ++failed;
      if (!Shake(*b->current(), *a->current())) ++failed;
      shaken += 2;
    }
  });
  std::string root = authority_->rotation().state.root;
  for (int i = 0; i < 3; ++i) {
    for (const ca::RotationPhase after :
         {ca::RotationPhase::kAnnounced, ca::RotationPhase::kSwitched,
          ca::RotationPhase::kStable}) {
      const absl::Status stepped = Step(nodes);
      ASSERT_TRUE(stepped.ok()) << stepped;
      EXPECT_EQ(authority_->rotation().state.phase, after);
    }
    EXPECT_NE(authority_->rotation().state.root, root);
    root = authority_->rotation().state.root;
  }
  stop = true;
  load.join();
  EXPECT_EQ(failed, 0) << "of " << shaken;
  EXPECT_GT(shaken, 0);
  EXPECT_TRUE(changes_a.Await([&](const Held& held) {
    return held.roots.size() == 1 && held.roots[0].Fingerprint() == root;
  }));
  EXPECT_TRUE(tls::VerifyChain(a->current()->identity.chain,
                               tls::TrustRoots(authority_->bundle()->roots),
                               {absl::Now(), tls::PeerRole::kAny})
                  .ok());
}

TEST_F(AgentTest, AProxyThatHasProvenNothingHoldsTheRotationUp) {
  Changes changes;
  const auto agent = Start(Options("a", &changes));
  const std::vector<std::string> nodes = {NodeId("a"), NodeId("silent")};
  ASSERT_TRUE(Step(nodes).ok()) << "to announce a root needs nothing of anybody";
  const absl::Time deadline = absl::Now() + kPatience;
  absl::Status stepped;
  do {
    stepped = authority_->TakeNextStep(nodes);
  } while (!absl::StrContains(stepped.message(), "1 of 2") && absl::Now() < deadline);
  EXPECT_EQ(stepped, absl::FailedPreconditionError(
                         "1 of 2 proxies is not ready to issue certificates from the new root: "
                         "silent-0.default does not trust the old root"));
  EXPECT_TRUE(Step({NodeId("a")}).ok());
}

TEST_F(AgentTest, TheAuthorityComesBackAndIsHeardAgain) {
  Changes changes;
  const auto agent = Start(Options("a", &changes));
  StopAuthority();
  StartAuthority();
  // Only an agent that listens again proves that it holds the new root.
  ASSERT_TRUE(Step({NodeId("a")}).ok());
  ASSERT_TRUE(Step({NodeId("a")}).ok());
  EXPECT_TRUE(changes.Await([](const Held& held) { return held.roots.size() == 2; }));
}

TEST_F(AgentTest, AnEnvoyBesideIsServedOverASocket) {
  Changes changes;
  AgentOptions options = Options("web", &changes);
  std::string directory = "/tmp/mesh-agentXXXXXX";  // a socket's path is short
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  options.sds_socket = directory + "/sds";
  const auto agent = Start(options);
  const auto stub = envoy::service::secret::v3::SecretDiscoveryService::NewStub(
      grpc::CreateChannel("unix:" + options.sds_socket, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kPatience));
  const auto stream = stub->StreamSecrets(&context);
  envoy::service::discovery::v3::DiscoveryRequest request;
  request.mutable_node()->set_id("envoy");
  for (const std::string_view name : {ca::kWorkloadSecret, ca::kRootsSecret}) {
    request.add_resource_names(std::string(name));
  }
  ASSERT_TRUE(stream->Write(request));
  envoy::service::discovery::v3::DiscoveryResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.resources_size(), 2);
  ca::Secret secret;
  ASSERT_TRUE(secret.ParseFromString(response.resources(0).value()));
  EXPECT_EQ(secret.tls_certificate().private_key().inline_bytes(),
            agent->current()->identity.key.ToPem());
  context.TryCancel();
  stream->Finish();

  // And who speaks TLS itself, by the SPIFFE Workload API.
  const auto workload_api = SpiffeWorkloadAPI::NewStub(
      grpc::CreateChannel("unix:" + options.sds_socket, grpc::InsecureChannelCredentials()));
  grpc::ClientContext svid_context;
  svid_context.AddMetadata("workload.spiffe.io", "true");
  const auto svids = workload_api->FetchX509SVID(&svid_context, X509SVIDRequest());
  X509SVIDResponse svid;
  ASSERT_TRUE(svids->Read(&svid));
  EXPECT_EQ(svid.svids(0).spiffe_id(), "spiffe://cluster.local/ns/default/sa/web");
  EXPECT_EQ(svid.svids(0).x509_svid(), agent->current()->identity.chain[0].der());
  EXPECT_EQ(svid.svids(0).bundle(), agent->current()->roots[0].der());
  ASSERT_TRUE(Step({}).ok());  // a second root is announced
  while (svids->Read(&svid) &&
         svid.svids(0).bundle().size() == agent->current()->roots[0].der().size()) {
  }
  EXPECT_EQ(svid.svids(0).bundle(),
            agent->current()->roots[0].der() + agent->current()->roots[1].der());
  svid_context.TryCancel();
  svids->Finish();
  grpc::ClientContext browser;
  const auto refused = workload_api->FetchX509Bundles(&browser, X509BundlesRequest());
  X509BundlesResponse bundles;
  EXPECT_FALSE(refused->Read(&bundles));
  EXPECT_EQ(refused->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  chmod(directory.c_str(), 0755);
  EXPECT_EQ(Agent::Start(options).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(AgentTest, TokensAreAskedForAndVerifiedOverTheSocket) {
  Changes changes;
  AgentOptions options = Options("web", &changes);
  std::string directory = "/tmp/mesh-agentXXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  options.sds_socket = directory + "/sds";
  const auto agent = Start(options);
  const auto stub = SpiffeWorkloadAPI::NewStub(
      grpc::CreateChannel("unix:" + options.sds_socket, grpc::InsecureChannelCredentials()));
  grpc::ClientContext bundles_context;
  bundles_context.AddMetadata("workload.spiffe.io", "true");
  const auto bundles = stub->FetchJWTBundles(&bundles_context, JWTBundlesRequest());
  JWTBundlesResponse bundle;
  ASSERT_TRUE(bundles->Read(&bundle));  // once the authority has sent it
  ASSERT_EQ(bundle.bundles().count("spiffe://cluster.local"), 1);

  const auto fetch = [&](const char* audience, const std::string& id, JWTSVIDResponse* response,
                         bool says_what_it_is = true) {
    grpc::ClientContext context;
    if (says_what_it_is) context.AddMetadata("workload.spiffe.io", "true");
    JWTSVIDRequest request;
    if (audience != nullptr) request.add_audience(audience);
    request.set_spiffe_id(id);
    return stub->FetchJWTSVID(&context, request, response);
  };
  const auto validate = [&](const std::string& token, const char* audience,
                            ValidateJWTSVIDResponse* response) {
    grpc::ClientContext context;
    context.AddMetadata("workload.spiffe.io", "true");
    ValidateJWTSVIDRequest request;
    request.set_svid(token);
    request.set_audience(audience);
    return stub->ValidateJWTSVID(&context, request, response);
  };
  const std::string me = "spiffe://cluster.local/ns/default/sa/web";
  JWTSVIDResponse svid;
  const grpc::Status fetched = fetch("payments", me, &svid);
  ASSERT_TRUE(fetched.ok()) << fetched.error_message();
  ASSERT_EQ(svid.svids_size(), 1);
  EXPECT_EQ(svid.svids(0).spiffe_id(), me);
  const std::string token = svid.svids(0).svid();
  ValidateJWTSVIDResponse validated;
  ASSERT_TRUE(validate(token, "payments", &validated).ok());
  EXPECT_EQ(validated.spiffe_id(), me);
  EXPECT_EQ(validated.claims().fields().at("sub").string_value(), me);
  const grpc::Status other = validate(token, "shop", &validated);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(other.error_message(), "the token is refused: it is for another audience");
  EXPECT_EQ(fetch(nullptr, "", &svid).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fetch("payments", "spiffe://cluster.local/ns/default/sa/admin", &svid).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(fetch("payments", me, &svid, false).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fetch(std::string(600, 'a').c_str(), "", &svid).error_message(),
            "the authority: an audience has 1 to 512 bytes");

  // A root's rotation brings another key; a token of the old one is good as long as it lives.
  for (int i = 0; i < 3; ++i) {
    const absl::Status stepped = Step({NodeId("web")});
    ASSERT_TRUE(stepped.ok()) << stepped;
  }
  ASSERT_TRUE(fetch("payments", me, &svid).ok());
  ASSERT_TRUE(validate(svid.svids(0).svid(), "payments", &validated).ok());
  EXPECT_TRUE(validate(token, "payments", &validated).ok());
  bundles_context.TryCancel();
  bundles->Finish();

  EXPECT_THAT(log_.lines(), Contains(HasSubstr("info ca-audit: issued a token of " + me)));
  for (const std::string& line : log_.lines()) EXPECT_THAT(line, Not(HasSubstr(token)));
}

// On 15012 itself a token is for who shows a certificate, and names no one else.
TEST_F(AgentTest, TheAuthorityGivesTokensToProvenCallersOnly) {
  Changes changes;
  const auto agent = Start(Options("web", &changes));
  const auto ask = [&](const Held* held, const std::string& id, const std::string& bearer) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = tls::ToPem(authority_->bundle()->roots);
    if (held != nullptr) {
      tls.pem_cert_chain = tls::ToPem(held->identity.chain);
      tls.pem_private_key = held->identity.key.ToPem();
    }
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("istiod.istio-system.svc");
    const auto stub = SpiffeWorkloadAPI::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", port_), grpc::SslCredentials(tls), arguments));
    grpc::ClientContext context;
    if (!bearer.empty()) context.AddMetadata("authorization", "Bearer " + bearer);
    JWTSVIDRequest request;
    request.add_audience("payments");
    request.set_spiffe_id(id);
    JWTSVIDResponse response;
    const grpc::Status status = stub->FetchJWTSVID(&context, request, &response);
    return std::make_pair(status.error_code(),
                          response.svids().empty() ? "" : response.svids(0).svid());
  };
  const auto held = agent->current();
  const auto [code, token] = ask(held.get(), "", "");
  ASSERT_EQ(code, grpc::StatusCode::OK);
  EXPECT_EQ(ask(held.get(), "spiffe://cluster.local/ns/default/sa/admin", "").first,
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ask(nullptr, "", "").first, grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ask(nullptr, "", token).first, grpc::StatusCode::UNAUTHENTICATED)
      << "a token buys no other";
}

}  // namespace
}  // namespace mesh::agent
