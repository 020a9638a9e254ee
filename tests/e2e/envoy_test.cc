// A real Envoy in the places of mesh-proxy, one after the other: the ingress gateway, productpage's
// sidecar, every sidecar at once. What a user sees must not tell which of them carried it.

#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/local/load.h"
#include "mesh/testing/mesh.h"
#include "tests/route/envoy_peer.h"

namespace {

using mesh::local::HttpHeaders;
using mesh::local::HttpResponse;
using mesh::local::Load;
using mesh::local::LoadCounts;
using mesh::testing::Mesh;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// All of a response that a user could tell apart, a line each.
std::vector<std::string> Visible(const absl::StatusOr<HttpResponse>& response) {
  if (!response.ok()) return {response.status().ToString()};
  std::set<std::string> headers;
  for (const auto& [name, value] : response->headers) {
    const std::string key = absl::AsciiStrToLower(name);
    const bool varies = key == "date" || key == "x-envoy-upstream-service-time";
    headers.insert(absl::StrCat(key, ": ", varies ? "..." : value));
  }
  std::vector<std::string> lines = {absl::StrCat(response->status)};
  lines.insert(lines.end(), headers.begin(), headers.end());
  lines.push_back(response->body);
  return lines;
}

class EnvoyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> binary = mesh::FindEnvoy();
    if (!binary.ok()) {
      if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << binary.status().message();
      GTEST_SKIP() << binary.status().message();
    }
    binary_ = *binary;
    absl::StatusOr<std::unique_ptr<Mesh>> mesh = Mesh::Start();
    ASSERT_TRUE(mesh.ok()) << mesh.status();
    mesh_ = *std::move(mesh);
    reviews_ = mesh_->Document("reviews.yaml");
    // Without this, an Envoy gateway would listen on all of the machine's addresses.
    const absl::Status bound = mesh_->Apply(
        "gateway.yaml",
        absl::StrReplaceAll(mesh_->Document("gateway.yaml"),
                            {{"  - port:\n", absl::StrCat("  - bind: ", mesh_->gateway_address(),
                                                          "\n    port:\n")}}));
    ASSERT_TRUE(bound.ok()) << bound;
  }
  void TearDown() override {
    if (mesh_ == nullptr) return;
    EXPECT_THAT(mesh_->Rejections(), IsEmpty());
  }

  void PutEnvoys(const std::vector<std::string>& pods) {
    for (const std::string& pod : pods) {
      const absl::Status status = mesh_->UseEnvoy(pod, binary_);
      ASSERT_TRUE(status.ok()) << pod << ": " << status << "\n" << Words(pod);
      const absl::StatusOr<std::string> info = mesh_->Admin(pod, "/server_info");
      ASSERT_TRUE(info.ok()) << info.status();
      EXPECT_THAT(*info, HasSubstr("/1.40.")) << pod << " is no Envoy 1.40";
    }
  }
  // What an Envoy says about itself.
  std::string Words(const std::string& pod) {
    return mesh_->envoy(pod) == nullptr ? "" : mesh_->envoy(pod)->Log();
  }

  // What is asked of every arrangement: a page whose reviews do not depend on chance, what is not
  // there, and a call from one application to another.
  std::map<std::string, std::vector<std::string>> Answers() {
    return {
        {"jason's page", Visible(mesh_->Get("/productpage", {{"Cookie", "user=jason"}}))},
        {"/nope", Visible(mesh_->Get("/nope"))},
        {"a style sheet", Visible(mesh_->Get("/static/bookinfo.css"))},
        {"/api", Visible(mesh_->Get("/api/v1/products"))},
        {"details", Visible(mesh_->Call("productpage-v1-0", "details", "/details/0"))},
        {"its full name", Visible(mesh_->Call("productpage-v1-0",
                                              "details.default.svc.cluster.local:9080", "/nope"))},
        {"ratings, from reviews", Visible(mesh_->Call("reviews-v3-0", "ratings", "/ratings/0"))},
    };
  }
  void ExpectSame(const std::map<std::string, std::vector<std::string>>& want) {
    for (const auto& [what, lines] : Answers()) {
      EXPECT_THAT(lines, ElementsAreArray(want.at(what))) << what;
    }
  }

  void Send(int v1, int v3) {
    const absl::Status status =
        mesh_->Apply("reviews.yaml",
                     absl::StrReplaceAll(reviews_, {{"weight: 90", absl::StrCat("weight: ", v1)},
                                                    {"weight: 10", absl::StrCat("weight: ", v3)}}));
    ASSERT_TRUE(status.ok()) << status;
  }
  mesh::local::LoadOptions Pages() {
    mesh::local::LoadOptions options;
    options.address = mesh_->gateway_address();
    options.port = mesh_->gateway_port();
    return options;
  }
  // Asks for pages and holds the share of reviews v1 to what the weights promise.
  void ExpectShare(double v1) {
    constexpr int kPages = 1000;
    mesh::local::LoadOptions options = Pages();
    options.requests = kPages;
    const LoadCounts counts = Load(options).Finish();
    EXPECT_EQ(counts.failed, 0u) << ::testing::PrintToString(counts.failures);
    ASSERT_EQ(counts.requests, static_cast<uint64_t>(kPages));
    const auto of = [&](const char* version) {
      const auto it = counts.by_version.find(version);
      return it == counts.by_version.end() ? 0 : static_cast<int>(it->second);
    };
    EXPECT_EQ(of("v1") + of("v3"), kPages);
    const double sigma = std::sqrt(kPages * v1 * (1 - v1));
    EXPECT_NEAR(of("v1"), kPages * v1, 4.5 * sigma);
  }
  // Every proxy has acknowledged everything, and nothing was refused on the way.
  void ExpectAcknowledged() {
    const auto status = mesh_->control_plane()->Status();
    EXPECT_EQ(status.size(), mesh_->Workloads().size() + 1);
    for (const mesh::xds::PeerStatus& peer : status) {
      EXPECT_TRUE(peer.in_sync) << peer.peer.node.id();
      for (const mesh::xds::TypeStatus& type : peer.types) {
        if (!type.subscribed) continue;
        EXPECT_EQ(type.state, mesh::xds::SyncState::kSynced)
            << peer.peer.node.id() << " " << type.reason;
      }
    }
    std::vector<std::string> pods = mesh_->Workloads();
    pods.push_back(Mesh::kGateway);
    for (const std::string& pod : pods) {
      mesh::testing::Envoy* const envoy = mesh_->envoy(pod);
      if (envoy == nullptr) continue;
      EXPECT_EQ(envoy->Stat("listener_manager.lds.update_rejected"), 0u) << pod;
      EXPECT_EQ(envoy->Stat("cluster_manager.cds.update_rejected"), 0u) << pod;
      EXPECT_GT(envoy->Stat("cluster_manager.cds.update_success"), 0u) << pod;
    }
  }

  std::string binary_;
  std::unique_ptr<Mesh> mesh_;
  std::string reviews_;  // as the example has it
};

TEST_F(EnvoyTest, ServesTheSamePageInEveryPlace) {
  const auto answers = Answers();
  EXPECT_THAT(answers.at("jason's page").back(), HasSubstr("<title>Simple Bookstore App</title>"));
  EXPECT_THAT(answers.at("jason's page").back(), HasSubstr("class=\"stars black\""));
  EXPECT_EQ(answers.at("/nope").front(), "404");

  const struct {
    const char* place;
    std::vector<std::string> pods;
  } steps[] = {
      {"the ingress gateway", {Mesh::kGateway}},
      {"productpage's sidecar", {"productpage-v1-0"}},
      {"every sidecar",
       {"details-v1-0", "ratings-v1-0", "reviews-v1-0", "reviews-v2-0", "reviews-v3-0"}},
  };
  for (const auto& step : steps) {
    SCOPED_TRACE(absl::StrCat("Envoy as ", step.place));
    PutEnvoys(step.pods);
    ExpectSame(answers);
    ExpectAcknowledged();
    ExpectShare(0.9);
  }

  Send(50, 50);
  ExpectAcknowledged();
  ExpectShare(0.5);
  // In both directions: an Envoy among mesh-proxies saw the same.
  Send(0, 100);
  const auto page = mesh_->Get("/productpage");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(page->body, HasSubstr("class=\"stars red\""));
}

TEST_F(EnvoyTest, EndpointsComeAndGoUnderLoad) {
  PutEnvoys(mesh_->Workloads());
  PutEnvoys({Mesh::kGateway});
  ASSERT_TRUE(mesh_->Remove("reviews.yaml").ok()) << "all three versions take turns";
  mesh::local::LoadOptions options = Pages();
  options.connections = 3;
  Load load(options);
  // As a cluster ends pods, and starts them: nobody notices.
  for (const char* pod : {"reviews-v2-0", "reviews-v3-0"}) {
    const absl::Status stopped = mesh_->StopWorkload(pod);
    ASSERT_TRUE(stopped.ok()) << stopped;
    const absl::Status started = mesh_->StartWorkload(pod);
    ASSERT_TRUE(started.ok()) << started;
  }
  const LoadCounts quiet = load.Counts();
  EXPECT_GT(quiet.requests, 0u);
  EXPECT_EQ(quiet.failed, 0u) << ::testing::PrintToString(quiet.failures);

  // A sudden death loses what it had in its hands, at most one request a connection.
  ASSERT_TRUE(mesh_->KillWorkload("reviews-v1-0").ok());
  for (int i = 0; i < 10; ++i) {
    const auto page = mesh_->Get("/productpage");
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(mesh::local::JudgePage(page->status, page->body).failure, "");
  }
  const absl::Status back = mesh_->StartWorkload("reviews-v1-0");
  ASSERT_TRUE(back.ok()) << back;
  const LoadCounts counts = load.Stop();
  EXPECT_LE(counts.failed, 3u) << ::testing::PrintToString(counts.failures);
  EXPECT_GT(counts.requests, quiet.requests);
  ExpectAcknowledged();
}

}  // namespace
