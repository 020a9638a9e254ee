// Port 15012: who is let in, what is given there alone, and that keys come out nowhere else.
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/security/v1alpha1/ca.grpc.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "httplib.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/state_store.h"
#include "mesh/discovery/control_plane.h"
#include "mesh/source/directory_source.h"
#include "mesh/tls/csr.h"
#include "mesh/tls/testing.h"
#include "mesh/xds/client.h"

namespace mesh::discovery {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using xds::Type;

constexpr absl::Duration kPatience = absl::Seconds(30);

constexpr char kPods[] = R"(apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: default, labels: {app: web}}
spec: {serviceAccountName: web}
status: {podIP: 10.1.0.1, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  selector: {istio: gateway}
  servers:
  - hosts: [shop.test]
    port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: MUTUAL, credentialName: shop}
)";

// A proxy that names the secrets it wants, and keeps what it is given.
class Proxy {
 public:
  Proxy(const std::string& node, int port, const tls::Identity* identity, const std::string& roots,
        std::vector<std::string> secrets = {}) {
    xds::ClientOptions options;
    options.address = absl::StrCat("127.0.0.1:", port);
    options.server_name = "istiod.istio-system.svc";
    options.node.set_id(node);
    options.min_backoff = absl::Milliseconds(1);
    options.max_backoff = absl::Milliseconds(20);
    options.log = &log_;
    if (!roots.empty()) {
      grpc::SslCredentialsOptions tls;
      tls.pem_root_certs = roots;
      if (identity != nullptr) {
        tls.pem_cert_chain = tls::ToPem(identity->chain);
        tls.pem_private_key = identity->key.ToPem();
      }
      options.credentials = [tls] { return grpc::SslCredentials(tls); };
    }
    options.on_update = [this](const xds::Update& update) {
      MutexLock lock(&mutex_);
      if (update.type == Type::kSecret) {
        for (const auto& received : update.resources) secrets_[received->name] = received->message;
      }
      taken_.insert(update.type);
      changed_.NotifyAll();
      return absl::OkStatus();
    };
    client_ = xds::Client::Start(std::move(options)).value();
    if (!secrets.empty()) client_->SetNames(Type::kSecret, std::move(secrets));
  }
  ~Proxy() { client_->Stop(); }

  bool Await(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kPatience);
    MutexLock lock(&mutex_);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      changed_.WaitUntil(&mutex_, std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
    }
    return true;
  }
  bool AwaitServed() {
    return Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return taken_.count(Type::kCluster) > 0;
    });
  }
  // The words with which the control plane ended the stream.
  std::string AwaitRefusal() {
    std::string words;
    Await([&] {
      for (const std::string& line : log_.lines()) {
        const size_t at = line.find(" ended: ");
        if (at != std::string::npos) words = line.substr(at + 8);
      }
      return !words.empty();
    });
    return words;
  }
  // Empty where it did not come.
  envoy::extensions::transport_sockets::tls::v3::Secret Secret(const std::string& name) {
    envoy::extensions::transport_sockets::tls::v3::Secret secret;
    MutexLock lock(&mutex_);
    const auto found = secrets_.find(name);
    if (found == secrets_.end()) return secret;
    EXPECT_TRUE(secret.ParseFromString(found->second));
    return secret;
  }
  std::vector<std::string> Secrets() {
    MutexLock lock(&mutex_);
    std::vector<std::string> names;
    for (const auto& [name, bytes] : secrets_) names.push_back(name);
    return names;
  }
  bool AwaitSecretAnswer() {
    return Await(
        [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return taken_.count(Type::kSecret) > 0; });
  }

 private:
  MemoryLog log_;
  Mutex mutex_;
  CondVar changed_;
  std::set<Type> taken_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> secrets_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<xds::Client> client_;
};

std::string Node(const std::string& type, const std::string& pod) {
  return absl::StrCat(type, "~10.1.0.1~", pod, "~", pod.substr(pod.find('.') + 1),
                      ".svc.cluster.local");
}

class SecureTest : public testing::Test {
 protected:
  SecureTest() {
    std::string name = ::testing::TempDir() + "/secure.XXXXXX";
    root_ = ::mkdtemp(name.data());
    fs::create_directory(root_ / "yaml");
    Write("pods.yaml", kPods);
    shop_ = std::make_unique<tls::Identity>(Issue(*Authority("shop"), "spiffe://x/ns/a/sa/b"));
  }
  ~SecureTest() override {
    control_plane_.reset();
    fs::remove_all(root_);
  }
  void Write(const std::string& file, const std::string& text) {
    const fs::path path = root_ / "yaml" / file, beside = root_ / "beside";
    std::ofstream(beside, std::ios::binary) << text;
    fs::rename(beside, path);
  }
  void Start() {
    source::DirectorySourceOptions files;
    files.paths = {(root_ / "yaml").string()};
    files.log = &log_;
    ControlPlaneOptions options;
    options.sources.push_back({"files", std::make_unique<source::DirectorySource>(files)});
    options.xds_address = options.secure_address = options.monitoring_address = "127.0.0.1:0";
    options.log = &log_;
    options.authority.emplace();
    options.authority->directory = (root_ / "ca").string();
    options.authority->rotation_over_http = true;
    auto started = ControlPlane::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    control_plane_ = *std::move(started);
    roots_ = tls::ToPem(control_plane_->authority()->bundle()->roots);
  }
  // An authority of its own, or the control plane's when it runs.
  std::unique_ptr<ca::SelfSignedAuthority> Authority(const std::string& directory) {
    stores_.push_back(ca::DirectoryStore::Open((root_ / directory).string()).value());
    ca::SelfSignedOptions options;
    options.store = stores_.back().get();
    return ca::SelfSignedAuthority::Open(options).value();
  }
  static tls::Identity Issue(ca::SelfSignedAuthority& authority, const std::string& id) {
    tls::PrivateKey key = tls::PrivateKey::Generate().value();
    auto issued =
        authority.Issue({key.public_key(), tls::SpiffeId::Parse(id).value(), absl::Hours(1)});
    return {{issued->leaf}, std::move(key)};
  }
  tls::Identity Of(const std::string& ns, const std::string& account) {
    return Issue(*Authority("ca"), absl::StrCat("spiffe://cluster.local/ns/", ns, "/sa/", account));
  }
  // A Secret with a certificate of the shop's.
  std::string SecretYaml(const std::string& ns, const tls::Identity& identity) {
    const auto indented = [](std::string text) {
      std::string out;
      for (size_t at = 0; at < text.size();) {
        const size_t end = text.find('\n', at) + 1;
        out += "    " + text.substr(at, end - at);
        at = end;
      }
      return out;
    };
    return absl::StrCat("apiVersion: v1\nkind: Secret\nmetadata: {name: shop, namespace: ", ns,
                        "}\ntype: kubernetes.io/tls\nstringData:\n  tls.crt: |\n",
                        indented(tls::ToPem(identity.chain)), "  tls.key: |\n",
                        indented(identity.key.ToPem()), "  ca.crt: |\n",
                        indented(tls::ToPem(identity.chain)));
  }
  std::string Get(const std::string& path) {
    httplib::Client client("127.0.0.1", control_plane_->monitoring_port());
    const auto answer = client.Get(path.c_str());
    return answer ? answer->body : "no answer";
  }
  int secure_port() const { return control_plane_->secure_port(); }

  fs::path root_;
  MemoryLog log_;
  std::vector<std::unique_ptr<ca::DirectoryStore>> stores_;
  std::unique_ptr<tls::Identity> shop_;
  std::unique_ptr<ControlPlane> control_plane_;
  std::string roots_;
};

TEST_F(SecureTest, AProxyIsWhoItsCertificateSays) {
  Start();
  const tls::Identity web = Of("default", "web");
  Proxy proxy(Node("sidecar", "web-0.default"), secure_port(), &web, roots_);
  EXPECT_TRUE(proxy.AwaitServed());
  ASSERT_EQ(control_plane_->Status().size(), 1);
  EXPECT_THAT(control_plane_->Status()[0].peer.authenticated,
              ElementsAre("spiffe://cluster.local/ns/default/sa/web"));
}

TEST_F(SecureTest, WhoSaysToBeSomebodyElseIsRefused) {
  Start();
  const tls::Identity web = Of("default", "web"), other = Of("default", "other"),
                      foreign = Issue(*Authority("elsewhere"),
                                      "spiffe://cluster.local/ns/default/sa/web");
  EXPECT_EQ(Proxy(Node("sidecar", "web-0.shop"), secure_port(), &web, roots_).AwaitRefusal(),
            "spiffe://cluster.local/ns/default/sa/web may not be the proxy of web-0.shop: that is "
            "another namespace");
  EXPECT_EQ(Proxy(Node("sidecar", "web-0.default"), secure_port(), &other, roots_).AwaitRefusal(),
            "spiffe://cluster.local/ns/default/sa/other may not be the proxy of web-0.default: the "
            "pod's account is web");
  EXPECT_THAT(
      Proxy(Node("sidecar", "web-0.default"), secure_port(), nullptr, roots_).AwaitRefusal(),
      HasSubstr("client certificate: none was shown"));
  // gRPC itself ends a connection whose certificate leads to no root of ours.
  Proxy stranger(Node("sidecar", "web-0.default"), secure_port(), &foreign, roots_);
  EXPECT_NE(stranger.AwaitRefusal(), "");
  EXPECT_THAT(control_plane_->Status(), IsEmpty());
}

TEST_F(SecureTest, ThePlaintextPortIssuesNothing) {
  Start();
  const auto stub = istio::v1::auth::IstioCertificateService::NewStub(grpc::CreateChannel(
      absl::StrCat("127.0.0.1:", control_plane_->xds_port()), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  istio::v1::auth::IstioCertificateRequest request;
  request.set_csr(tls::CreateCsr(tls::PrivateKey::Generate().value(), {}).value());
  istio::v1::auth::IstioCertificateResponse response;
  EXPECT_EQ(stub->CreateCertificate(&context, request, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(SecureTest, AGatewayIsGivenTheCredentialsOfItsOwnNamespace) {
  Write("secret.yaml", SecretYaml("shop", *shop_));
  Write("other.yaml", absl::StrCat(SecretYaml("default", *shop_), "---\n", R"(apiVersion: v1
kind: Secret
metadata: {name: broken, namespace: shop}
data: {cert: aGVsbG8=, key: aGVsbG8=}
)"));
  Start();
  const std::vector<std::string> names = {"shop", "shop-cacert", "kubernetes://shop",
                                          "kubernetes://shop-cacert", "broken"};
  const tls::Identity identity = Of("shop", "gateway");
  Proxy gateway(Node("router", "gateway-0.shop"), secure_port(), &identity, roots_, names);
  ASSERT_TRUE(gateway.AwaitSecretAnswer());
  EXPECT_THAT(gateway.Secrets(),
              ElementsAre("kubernetes://shop", "kubernetes://shop-cacert", "shop", "shop-cacert"));
  EXPECT_EQ(gateway.Secret("shop").tls_certificate().private_key().inline_bytes(),
            shop_->key.ToPem());
  EXPECT_EQ(
      gateway.Secret("kubernetes://shop-cacert").validation_context().trusted_ca().inline_bytes(),
      tls::ToPem(shop_->chain));
  EXPECT_THAT(log_.lines(),
              Contains(AllOf(HasSubstr("other.yaml:"), HasSubstr("Secret shop/broken"),
                             HasSubstr("no gateway is given it: the certificate and its key: "))));

  // Neither over plaintext, nor to a sidecar, nor to a gateway of a namespace that has none.
  Proxy plain(Node("router", "gateway-1.shop"), control_plane_->xds_port(), nullptr, "", names);
  Proxy sidecar(Node("sidecar", "gateway-2.shop"), secure_port(), &identity, roots_, names);
  const tls::Identity elsewhere = Of("elsewhere", "gateway");
  Proxy other(Node("router", "gateway-0.elsewhere"), secure_port(), &elsewhere, roots_, names);
  for (Proxy* proxy : {&plain, &sidecar, &other}) {
    ASSERT_TRUE(proxy->AwaitSecretAnswer());
    EXPECT_THAT(proxy->Secrets(), IsEmpty());
  }

  // A renewed one comes by itself.
  const tls::Identity renewed = Issue(*Authority("shop"), "spiffe://x/ns/a/sa/b");
  Write("secret.yaml", SecretYaml("shop", renewed));
  const absl::Time deadline = absl::Now() + kPatience;
  while (gateway.Secret("shop").tls_certificate().private_key().inline_bytes() !=
             renewed.key.ToPem() &&
         absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_EQ(gateway.Secret("shop").tls_certificate().private_key().inline_bytes(),
            renewed.key.ToPem());

  // And keys stand nowhere else.
  std::string said;
  for (const std::string& line : log_.lines()) said += line + "\n";
  for (const char* page :
       {"/debug/configz", "/debug/config_dump?proxyID=gateway-0.shop", "/debug/syncz",
        "/debug/secrets?proxyID=gateway-0.shop", "/debug/ca", "/debug/push_status", "/metrics"}) {
    const std::string text = Get(page);
    EXPECT_NE(text, "no answer") << page;
    said += text;
  }
  EXPECT_THAT(said, Not(HasSubstr("PRIVATE KEY")));
  const std::string key_line =
      shop_->key.ToPem().substr(28, 40);  // behind -----BEGIN PRIVATE KEY-----
  EXPECT_FALSE(absl::StrContains(said, key_line));
  EXPECT_THAT(Get("/debug/configz"), AllOf(HasSubstr("\"tls.key\""), HasSubstr("\"keys\"")));
  EXPECT_THAT(Get("/debug/secrets?proxyID=gateway-0.shop"),
              AllOf(HasSubstr("\"name\": \"shop\""), HasSubstr("\"expires\": \"in ")));
}

TEST_F(SecureTest, WhatIsCountedAndWhatIsComing) {
  Start();
  EXPECT_THAT(Get("/metrics"), AllOf(HasSubstr("\ncitadel_server_csr_count 0\n"),
                                     HasSubstr("\ncitadel_server_root_cert_expiry_timestamp ")));
}

// Orders are taken from whoever says that it is no page of a browser, and only where that is
// allowed.
TEST_F(SecureTest, ARotationOverHttp) {
  Start();
  httplib::Client client("127.0.0.1", control_plane_->monitoring_port());
  EXPECT_EQ(client.Post("/ca/rotate", "", "text/plain")->status, 415);
  const auto announced = client.Post("/ca/rotate", "", "application/json");
  ASSERT_TRUE(announced);
  EXPECT_EQ(announced->status, 200);
  EXPECT_THAT(announced->body, HasSubstr("\"phase\": \"announced\""));
  EXPECT_EQ(control_plane_->authority()->bundle()->roots.size(), 2);
  // What workloads trust at first knows both.
  std::ifstream file(root_ / "ca" / "root-cert.pem");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, tls::ToPem(control_plane_->authority()->bundle()->roots));
}

TEST_F(SecureTest, AnAuthorityThatIsPluggedIn) {
  const auto root = tls::TestAuthority("plugged in", absl::Now());
  fs::create_directory(root_ / "ca");
  fs::permissions(root_ / "ca", fs::perms::owner_all);
  std::ofstream(root_ / "ca" / "ca-cert.pem") << root.certificate().ToPem();
  std::ofstream(root_ / "ca" / "root-cert.pem") << root.certificate().ToPem();
  std::ofstream(root_ / "ca" / "ca-key.pem") << root.key().ToPem();
  Start();
  EXPECT_THAT(control_plane_->authority()->bundle()->roots, ElementsAre(root.certificate()));
  EXPECT_FALSE(control_plane_->authority()->rotation().possible);
  httplib::Client client("127.0.0.1", control_plane_->monitoring_port());
  const auto refused = client.Post("/ca/rotate", "", "application/json");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 409);
  EXPECT_THAT(refused->body, HasSubstr("this authority is plugged in"));
}

TEST_F(SecureTest, ARootThatIsAboutToExpireIsSaidInTime) {
  // Valid for a day, of which an hour is left.
  const auto root = tls::TestAuthority("old", absl::Now() - absl::Hours(11));
  fs::create_directory(root_ / "ca");
  fs::permissions(root_ / "ca", fs::perms::owner_all);
  std::ofstream(root_ / "ca" / "ca-cert.pem") << root.certificate().ToPem();
  std::ofstream(root_ / "ca" / "root-cert.pem") << root.certificate().ToPem();
  std::ofstream(root_ / "ca" / "ca-key.pem") << root.key().ToPem();
  Start();
  const absl::Time deadline = absl::Now() + kPatience;
  while (control_plane_->authority()->Alarms().empty() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  const std::string alarm = absl::StrCat(
      "the root ", root.certificate().Fingerprint().substr(0, 16), " expires in 59 min");
  EXPECT_THAT(Get("/debug/push_status"), HasSubstr(alarm));
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("error ca: " + alarm)).Times(1));
}

TEST_F(SecureTest, ADirectoryThatIsOpenToOthersIsRefused) {
  fs::create_directory(root_ / "ca");
  fs::permissions(root_ / "ca", fs::perms::all);
  ControlPlaneOptions options;
  options.xds_address = options.secure_address = "127.0.0.1:0";
  options.monitoring_address = "";
  options.authority.emplace();
  options.authority->directory = (root_ / "ca").string();
  EXPECT_EQ(ControlPlane::Start(std::move(options)).status().code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace mesh::discovery
