// A gateway that speaks TLS with certificates out of Kubernetes Secrets: SIMPLE and MUTUAL, and a
// Secret that changes while it serves. Ours, and an Envoy in its place.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/proxy/testing.h"
#include "mesh/testing/mesh.h"
#include "mesh/tls/testing.h"
#include "tests/route/envoy_peer.h"

namespace {

using mesh::proxy::testing::Peer;
using mesh::testing::Mesh;
using mesh::testing::MeshOptions;
using mesh::tls::Identity;
using mesh::tls::TestAuthority;
using ::testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr int kPort = 8443;

constexpr char kGateway[] = R"(apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata: {name: shops, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8443, name: https, protocol: HTTPS}
    hosts: [shop.example]
    tls: {mode: SIMPLE, credentialName: shop}
  - port: {number: 8443, name: https-bank, protocol: HTTPS}
    hosts: [bank.example]
    tls: {mode: MUTUAL, credentialName: 'kubernetes://bank'}
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: shops, namespace: default}
spec:
  hosts: [shop.example, bank.example]
  gateways: [istio-system/shops]
  http:
  - route:
    - destination: {host: details, port: {number: 9080}}
)";

// Whether the gateway is an Envoy.
class GatewayTlsTest : public ::testing::TestWithParam<bool> {
 protected:
  GatewayTlsTest()
      : shops_("shops", absl::Now()),
        clients_("clients", absl::Now()),
        shop_(For("shop.example")),
        bank_(For("bank.example")) {}

  void SetUp() override {
    MeshOptions options;
    options.mutual_tls = mesh::local::MutualTls::kStrict;
    options.files = {"examples/bookinfo/yaml"};
    options.documents["gateway.yaml"] = kGateway;
    // Both from the beginning: their servers share a listener, which opens when it has both.
    options.documents["shop.yaml"] = SecretYaml("shop", shop_, nullptr);
    options.documents["bank.yaml"] = SecretYaml("bank", bank_, &clients_);
    auto mesh = Mesh::Start(std::move(options));
    ASSERT_TRUE(mesh.ok()) << mesh.status();
    mesh_ = *std::move(mesh);
    if (GetParam()) PutEnvoy();
    proxy_ = mesh_->proxy(Mesh::kGateway);
    envoy_ = mesh_->envoy(Mesh::kGateway);
  }
  void PutEnvoy() {
    const absl::StatusOr<std::string> binary = mesh::FindEnvoy();
    if (!binary.ok()) {
      if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << binary.status().message();
      GTEST_SKIP() << binary.status().message();
    }
    // Without this, an Envoy would listen on all of the machine's addresses.
    const std::string bind = absl::StrCat("  - bind: ", mesh_->gateway_address(), "\n    port:");
    const absl::Status bound =
        mesh_->Apply("gateway.yaml", absl::StrReplaceAll(kGateway, {{"  - port:", bind}}));
    ASSERT_TRUE(bound.ok()) << bound;
    const absl::Status used = mesh_->UseEnvoy(Mesh::kGateway, *binary);
    ASSERT_TRUE(used.ok()) << used;
  }
  void TearDown() override {
    if (mesh_ == nullptr) return;
    EXPECT_THAT(mesh_->Rejections(), IsEmpty());
    EXPECT_EQ(mesh_->proxy(Mesh::kGateway), proxy_) << "all of it without a restart";
    EXPECT_EQ(mesh_->envoy(Mesh::kGateway), envoy_);
  }

  Identity For(const std::string& host) const {
    return shops_.Issue(shops_.Leaf({mesh::tls::Dns(host)}));
  }
  // A Secret with that certificate; `roots`, where there are any, are whose clients may come.
  static std::string SecretYaml(const std::string& name, const Identity& identity,
                                const TestAuthority* roots) {
    const auto indented = [](const std::string& pem) {
      return absl::StrCat("    ", absl::StrReplaceAll(pem, {{"\n", "\n    "}}), "\n");
    };
    std::string yaml =
        absl::StrCat("apiVersion: v1\nkind: Secret\nmetadata: {name: ", name,
                     ", namespace: istio-system}\ntype: kubernetes.io/tls\nstringData:\n"
                     "  tls.crt: |\n",
                     indented(mesh::tls::ToPem(identity.chain)), "  tls.key: |\n",
                     indented(identity.key.ToPem()));
    if (roots != nullptr) {
      absl::StrAppend(&yaml, "  ca.crt: |\n", indented(roots->certificate().ToPem()));
    }
    return yaml;
  }
  void Change(const std::string& name, const Identity& identity, const TestAuthority* roots) {
    const absl::Status applied = mesh_->Apply(name + ".yaml", SecretYaml(name, identity, roots));
    ASSERT_TRUE(applied.ok()) << applied;
  }
  // A connection whose server is verified to be that host; nothing where there is none.
  std::optional<Peer> Connect(const std::string& host, const std::optional<Identity>& client) {
    mesh::tls::ContextOptions options;
    options.identity = client;
    options.validation.roots = mesh::tls::TrustRoots({shops_.certificate()});
    options.validation.host = host;
    options.resumption = false;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    inet_pton(AF_INET, mesh_->gateway_address().c_str(), &address.sin_addr);
    Peer peer(fd);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
    if (!peer.StartTls(mesh::tls::Context::Client(options).value(), host)) return {};
    return peer;
  }
  // The status of what that connection is answered; 0 where it is cut.
  static int Ask(Peer* peer, const std::string& host) {
    if (!peer->Send(absl::StrCat("GET /details/0 HTTP/1.1\r\nHost: ", host, "\r\n\r\n"))) return 0;
    const auto answer = peer->Read();
    return answer.has_value() ? answer->status() : 0;
  }
  int Status(const std::string& host, const std::optional<Identity>& client = std::nullopt) {
    std::optional<Peer> peer = Connect(host, client);
    return peer.has_value() ? Ask(&*peer, host) : 0;
  }
  // Until the host is served at all, and with that certificate.
  bool AwaitServed(const std::string& host, const Identity& as,
                   const std::optional<Identity>& client = std::nullopt) {
    const absl::Time deadline = absl::Now() + kPatience;
    do {
      std::optional<Peer> peer = Connect(host, client);
      if (peer.has_value() && peer->tls()->connection().peer_chain[0] == as.chain[0]) return true;
      absl::SleepFor(absl::Milliseconds(10));  // what is not there yet refuses at once
    } while (absl::Now() < deadline);
    return false;
  }

  const TestAuthority shops_, clients_;
  const Identity shop_, bank_;
  std::unique_ptr<Mesh> mesh_;
  mesh::proxy::Proxy* proxy_ = nullptr;
  mesh::testing::Envoy* envoy_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Proxies, GatewayTlsTest, ::testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Envoy" : "Ours");
});

TEST_P(GatewayTlsTest, SimpleAnswersWithTheSecretsCertificate) {
  ASSERT_TRUE(AwaitServed("shop.example", shop_));
  EXPECT_EQ(Status("shop.example"), 200);

  // Another certificate: new connections see it, those that are open go on.
  std::optional<Peer> open = Connect("shop.example", std::nullopt);
  ASSERT_TRUE(open.has_value());
  EXPECT_EQ(Ask(&*open, "shop.example"), 200);
  const Identity renewed = For("shop.example");
  Change("shop", renewed, nullptr);
  ASSERT_TRUE(AwaitServed("shop.example", renewed));
  EXPECT_EQ(Status("shop.example"), 200);
  EXPECT_EQ(Ask(&*open, "shop.example"), 200);
}

TEST_P(GatewayTlsTest, MutualWantsACertificateOfTheSecretsRoots) {
  const auto client = [](const TestAuthority& authority) {
    return authority.Issue(authority.Leaf({mesh::tls::Dns("customer.example")}));
  };
  ASSERT_TRUE(AwaitServed("bank.example", bank_, client(clients_)));
  EXPECT_EQ(Status("bank.example", client(clients_)), 200);
  EXPECT_EQ(Status("bank.example"), 0) << "no certificate";
  EXPECT_EQ(Status("bank.example", client(shops_)), 0) << "of other roots";

  // Other roots take the place of the first.
  const TestAuthority others("others", absl::Now());
  Change("bank", bank_, &others);
  const absl::Time deadline = absl::Now() + kPatience;
  while (Status("bank.example", client(others)) != 200 && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(Status("bank.example", client(others)), 200);
  EXPECT_EQ(Status("bank.example", client(clients_)), 0);
}

}  // namespace
