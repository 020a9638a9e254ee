// Mutual TLS in a whole mesh: who is let in, by what name, and what happens when roots are
// replaced.
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "examples/demo/tls_call.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/local/http_client.h"
#include "mesh/local/load.h"
#include "mesh/testing/mesh.h"
#include "tests/route/envoy_peer.h"

namespace {

using mesh::testing::Mesh;
using mesh::testing::MeshOptions;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr int kPort = 9080;

std::string Policy(const std::string& mode) {
  return absl::StrCat(R"(apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: details, namespace: default}
spec:
  selector: {matchLabels: {app: details}}
)",
                      mode, "\n");
}

class MutualTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MeshOptions options;
    options.mutual_tls = mesh::local::MutualTls::kStrict;
    absl::StatusOr<std::unique_ptr<Mesh>> mesh = Mesh::Start(std::move(options));
    ASSERT_TRUE(mesh.ok()) << mesh.status();
    mesh_ = *std::move(mesh);
  }
  void TearDown() override {
    if (mesh_ == nullptr) return;
    EXPECT_THAT(mesh_->Rejections(), IsEmpty());
  }

  std::string Page() {
    const auto page = mesh_->Get("/productpage");
    if (!page.ok()) return page.status().ToString();
    return mesh::local::JudgePage(page->status, page->body).failure;
  }
  // What details' sidecar answers to a call without TLS: its status, 0 where it refuses.
  int Plain() {
    mesh::local::HttpConnection connection(mesh_->Address("details-v1-0"), kPort);
    const auto answer = connection.Get("/details/0", {}, kPatience);
    return answer.ok() ? answer->status : 0;
  }
  // The status line of what it answers to that certificate, or why it refuses.
  std::string Call(const std::optional<mesh::tls::Identity>& identity) {
    const auto answer =
        demo::CallOverTls(mesh_->Address("details-v1-0"), kPort, "/details/0", identity, kPatience);
    return answer.ok() ? *answer : absl::StrCat("refused: ", answer.status().message());
  }
  bool Apply(const std::string& mode) {
    const absl::Status status = mesh_->Apply("policy.yaml", Policy(mode));
    EXPECT_TRUE(status.ok()) << status;
    return status.ok();
  }
  // All three steps, each once everybody is ready for it.
  bool ReplaceRoot() {
    for (int step = 0; step < 3; ++step) {
      std::vector<std::string> nodes;
      for (const auto& peer : mesh_->control_plane()->Status()) {
        nodes.push_back(peer.peer.node.id());
      }
      const absl::Time deadline = absl::Now() + kPatience;
      auto* const authority = mesh_->control_plane()->authority();
      absl::Status stepped = authority->TakeNextStep(nodes);
      while (!stepped.ok() && absl::Now() < deadline) {
        absl::SleepFor(absl::Milliseconds(20));
        stepped = authority->TakeNextStep(nodes);
      }
      EXPECT_TRUE(stepped.ok()) << "step " << step << ": " << stepped;
      if (!stepped.ok()) return false;
    }
    return true;
  }
  static std::string Id(const std::string& ns, const std::string& account) {
    return absl::StrCat("spiffe://cluster.local/ns/", ns, "/sa/", account);
  }

  std::unique_ptr<Mesh> mesh_;
};

TEST_F(MutualTlsTest, EachHopKnowsWhoAsked) {
  ASSERT_EQ(Page(), "");
  const struct {
    const char* pod;
    const char* request;
    std::string peer;
  } rows[] = {
      {"productpage-v1-0", "GET /productpage",
       Id("istio-system", "istio-ingressgateway-service-account")},
      {"details-v1-0", "GET /details/0", Id("default", "bookinfo-productpage")},
  };
  for (const auto& row : rows) {
    const auto line = mesh_->WaitForLine(row.pod, absl::StrCat("\"", row.peer, "\""));
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_THAT(*line, HasSubstr(row.request));
  }
}

TEST_F(MutualTlsTest, ADenialNamesTheFileAndLineOfItsRule) {
  ASSERT_TRUE(mesh_
                  ->Apply("authz.yaml",
                          "apiVersion: security.istio.io/v1beta1\n"
                          "kind: AuthorizationPolicy\n"
                          "metadata: {name: no-details, namespace: default}\n"
                          "spec:\n"
                          "  selector: {matchLabels: {app: details}}\n"
                          "  action: DENY\n"
                          "  rules:\n"
                          "  - to: [{operation: {paths: [/admin]}}]\n"
                          "  - from: [{source: {principals: ['*/bookinfo-productpage']}}]\n")
                  .ok());
  const auto answer = mesh_->Call("productpage-v1-0", "details", "/details/0");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 403);
  const auto line = mesh_->WaitForLine(
      "details-v1-0",
      "rbac_access_denied_matched_policy[ns[default]-policy[no-details]-rule[1]]{authz.yaml:9:5}");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("\"GET /details/0 HTTP/1.1\" 403"));
}

TEST_F(MutualTlsTest, NobodyElseIsLetIn) {
  const auto own = mesh_->Certificate("productpage-v1-0");
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(Call(own->identity), "HTTP/1.1 200 OK");
  EXPECT_EQ(Plain(), 0);
  EXPECT_THAT(Call(std::nullopt), HasSubstr("refused: "));
  for (const std::string& id : {std::string("spiffe://elsewhere.test/ns/default/sa/x"),
                                Id("default", "bookinfo-productpage")}) {
    const auto foreign = demo::ForeignIdentity(id);
    ASSERT_TRUE(foreign.ok()) << foreign.status();
    EXPECT_THAT(Call(*foreign), HasSubstr("refused: ")) << id;
  }
}

TEST_F(MutualTlsTest, PermissiveTakesBothAndPortsHaveTheirOwnMode) {
  const auto own = mesh_->Certificate("productpage-v1-0");
  ASSERT_TRUE(Apply("  mtls: {mode: PERMISSIVE}"));
  EXPECT_EQ(Plain(), 200);
  EXPECT_EQ(Call(own->identity), "HTTP/1.1 200 OK");
  EXPECT_EQ(Page(), "");
  ASSERT_TRUE(Apply("  mtls: {mode: PERMISSIVE}\n  portLevelMtls: {9080: {mode: STRICT}}"));
  EXPECT_EQ(Plain(), 0);
  EXPECT_EQ(Page(), "");
  ASSERT_TRUE(mesh_->Remove("policy.yaml").ok());
  EXPECT_EQ(Plain(), 0);
}

// Every request of productpage's is a connection of its own, and so a handshake.
TEST_F(MutualTlsTest, ThreeRootsInTurnAndNoRequestFails) {
  const std::string rules =
      absl::StrReplaceAll(mesh_->Document("destination-rules.yaml"),
                          {{"  host: details\n",
                            "  host: details\n  trafficPolicy: {connectionPool: {http: "
                            "{maxRequestsPerConnection: 1}}}\n"}});
  const absl::Status one_request_each = mesh_->Apply("destination-rules.yaml", rules);
  ASSERT_TRUE(one_request_each.ok()) << one_request_each;
  mesh::local::LoadOptions load_options;
  load_options.address = mesh_->gateway_address();
  load_options.port = mesh_->gateway_port();
  load_options.connections = 2;
  load_options.timeout = kPatience;
  mesh::local::Load load(load_options);
  auto* const authority = mesh_->control_plane()->authority();
  std::string root = authority->rotation().state.root;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(ReplaceRoot());
    EXPECT_NE(authority->rotation().state.root, root);
    root = authority->rotation().state.root;
  }
  const mesh::local::LoadCounts counts = load.Stop();
  EXPECT_GT(counts.requests, 0);
  EXPECT_EQ(counts.failed, 0) << counts.requests << " requests; " << counts.failures[0];
  EXPECT_EQ(Page(), "");
  EXPECT_EQ(mesh_->Certificate("details-v1-0")->roots[0].Fingerprint(), root);
}

// In the places of a caller and of who is called: an Envoy has its certificate and all that it does
// from the agent beside it.
TEST_F(MutualTlsTest, AnEnvoyIsAMember) {
  const absl::StatusOr<std::string> binary = mesh::FindEnvoy();
  if (!binary.ok()) {
    if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << binary.status().message();
    GTEST_SKIP() << binary.status().message();
  }
  for (const char* pod : {"details-v1-0", "productpage-v1-0"}) {
    const absl::Status used = mesh_->UseEnvoy(pod, *binary);
    ASSERT_TRUE(used.ok()) << pod << ": " << used;
  }
  const auto await_page = [&] {
    const absl::Time deadline = absl::Now() + kPatience;
    while (Page() != "" && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));
    return Page();
  };
  EXPECT_EQ(await_page(), "");  // an Envoy is in sync before its listeners have their secrets
  const auto line = mesh_->WaitForLine(
      "details-v1-0", absl::StrCat("\"", Id("default", "bookinfo-productpage"), "\""));
  ASSERT_TRUE(line.ok()) << line.status();
  const auto own = mesh_->Certificate("productpage-v1-0");
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(Call(own->identity), "HTTP/1.1 200 OK");
  EXPECT_EQ(Plain(), 0);
  EXPECT_THAT(Call(std::nullopt), HasSubstr("refused: "));
  const auto foreign = demo::ForeignIdentity(Id("default", "bookinfo-productpage"));
  ASSERT_TRUE(foreign.ok()) << foreign.status();
  EXPECT_THAT(Call(*foreign), HasSubstr("refused: "));

  // And follows when the root is replaced.
  ASSERT_TRUE(ReplaceRoot());
  EXPECT_EQ(await_page(), "");
  // Envoy takes new roots when it has them; who holds a certificate of the old one is then refused.
  const absl::Time deadline = absl::Now() + kPatience;
  while (!absl::StrContains(Call(own->identity), "refused: ") && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_THAT(Call(own->identity), HasSubstr("refused: ")) << "it is of the root that is gone";
  EXPECT_EQ(Call(mesh_->Certificate("productpage-v1-0")->identity), "HTTP/1.1 200 OK");
}

TEST_F(MutualTlsTest, WithoutAControlPlaneItGoesOn) {
  mesh_->KillControlPlane();
  EXPECT_EQ(Page(), "");
  ASSERT_TRUE(mesh_->KillProxy("details-v1-0").ok());
  ASSERT_TRUE(mesh_->StartControlPlane().ok());
  ASSERT_TRUE(mesh_->StartProxy("details-v1-0").ok());
  EXPECT_EQ(Page(), "");
}

}  // namespace
