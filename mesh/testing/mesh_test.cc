#include "mesh/testing/mesh.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/local/load.h"

namespace mesh::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::unique_ptr<Mesh> StartMesh(MeshOptions options = {}) {
  absl::StatusOr<std::unique_ptr<Mesh>> mesh = Mesh::Start(std::move(options));
  EXPECT_TRUE(mesh.ok()) << mesh.status();
  return mesh.ok() ? *std::move(mesh) : nullptr;
}

int StatusOf(const absl::StatusOr<local::HttpResponse>& response) {
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? response->status : 0;
}

TEST(MeshTest, TwoMeshesSideBySide) {
  const auto one = StartMesh();
  const auto two = StartMesh();
  ASSERT_TRUE(one != nullptr && two != nullptr);
  EXPECT_NE(one->gateway_address(), two->gateway_address());
  EXPECT_THAT(one->Workloads(), ElementsAre("details-v1-0", "productpage-v1-0", "ratings-v1-0",
                                            "reviews-v1-0", "reviews-v2-0", "reviews-v3-0"));
  EXPECT_EQ(StatusOf(one->Get("/productpage")), 200);
  EXPECT_EQ(StatusOf(two->Get("/productpage")), 200);
  ASSERT_TRUE(two->Remove("gateway.yaml").ok());
  EXPECT_FALSE(two->Get("/productpage").ok()) << "its gateway does not listen any more";
  EXPECT_EQ(StatusOf(one->Get("/productpage")), 200);
  EXPECT_EQ(two->Remove("gateway.yaml").message(), "there is no document \"gateway.yaml\"");
}

TEST(MeshTest, PartsDieAndComeBack) {
  const auto mesh = StartMesh();
  ASSERT_NE(mesh, nullptr);
  ASSERT_TRUE(mesh->KillWorkload("ratings-v1-0").ok());
  EXPECT_EQ(mesh->proxy("ratings-v1-0"), nullptr);
  EXPECT_EQ(mesh->KillWorkload("ratings-v1-0").message(),
            "ratings-v1-0 has no application that runs");
  EXPECT_EQ(StatusOf(mesh->Call("reviews-v2-0", "ratings", "/ratings/0")), 503);
  EXPECT_TRUE(mesh->WaitForLine("reviews-v2-0", "\"GET /ratings/0 HTTP/1.1\" 503 UH").ok());
  ASSERT_TRUE(mesh->StartWorkload("ratings-v1-0").ok());
  EXPECT_EQ(StatusOf(mesh->Call("reviews-v2-0", "ratings", "/ratings/0")), 200);

  ASSERT_TRUE(mesh->KillProxy(Mesh::kGateway).ok());
  EXPECT_FALSE(mesh->Get("/productpage").ok());
  ASSERT_TRUE(mesh->StartProxy(Mesh::kGateway).ok());
  EXPECT_EQ(StatusOf(mesh->Get("/productpage")), 200);

  EXPECT_EQ(mesh->KillWorkload("ratings").message(),
            "there is no pod \"ratings\"; there are details-v1-0, productpage-v1-0, ratings-v1-0, "
            "reviews-v1-0, reviews-v2-0, reviews-v3-0 and istio-ingressgateway-0");
}

TEST(MeshTest, AWorkloadThatIsStoppedLosesNoRequest) {
  const auto mesh = StartMesh();
  ASSERT_NE(mesh, nullptr);
  ASSERT_TRUE(mesh->Remove("reviews.yaml").ok()) << "all three versions take turns";
  local::LoadOptions options;
  options.address = mesh->gateway_address();
  options.port = mesh->gateway_port();
  local::Load load(options);
  for (const char* pod : {"reviews-v2-0", "reviews-v3-0"}) {
    const absl::Status stopped = mesh->StopWorkload(pod);
    ASSERT_TRUE(stopped.ok()) << stopped;
    EXPECT_EQ(mesh->StopWorkload(pod).message(),
              absl::StrCat(pod, " has no application that runs"));
    EXPECT_EQ(mesh->Admin(pod, "/clusters").status().message(),
              absl::StrCat("the proxy of ", pod, " does not run"));
    const absl::Status started = mesh->StartWorkload(pod);
    ASSERT_TRUE(started.ok()) << started;
  }
  const local::LoadCounts counts = load.Stop();
  EXPECT_GT(counts.requests, 0u);
  EXPECT_EQ(counts.failed, 0u) << ::testing::PrintToString(counts.failures);
  EXPECT_THAT(*mesh->Admin("reviews-v2-0", "/clusters"), HasSubstr("outbound|9080|"));
  EXPECT_EQ(mesh->UseEnvoy("reviews-v2-0", "/no/such/envoy").code(), absl::StatusCode::kNotFound);
}

TEST(MeshTest, ProxiesOutliveTheirControlPlaneAndTheNextOneBringsWhatChanged) {
  const auto mesh = StartMesh();
  ASSERT_NE(mesh, nullptr);
  mesh->KillControlPlane();
  EXPECT_EQ(mesh->WaitInSync().message(), "the control plane is dead");
  EXPECT_EQ(StatusOf(mesh->Get("/productpage")), 200);
  const std::string gateway = mesh->Document("gateway.yaml");
  ASSERT_TRUE(
      mesh->Apply("gateway.yaml", absl::StrReplaceAll(gateway, {{"/productpage", "/page"}})).ok());
  EXPECT_EQ(StatusOf(mesh->Get("/productpage")), 200) << "nobody has told the gateway";
  ASSERT_TRUE(mesh->StartControlPlane().ok());
  EXPECT_EQ(StatusOf(mesh->Get("/productpage")), 404);
  EXPECT_EQ(mesh->StartControlPlane().message(), "the control plane runs");
}

TEST(MeshTest, AMistakeIsNamedAndTheLastGoodVersionStays) {
  MemoryLog log;
  MeshOptions options;
  options.log = &log;
  const auto mesh = StartMesh(std::move(options));
  ASSERT_NE(mesh, nullptr);
  const std::string good = mesh->Document("gateway.yaml");
  const absl::Status refused = mesh->Apply(
      "gateway.yaml", absl::StrReplaceAll(good, {{"exact: /productpage", "exacct: /productpage"}}));
  EXPECT_EQ(std::string(refused.message()),
            "gateway.yaml:29:9: VirtualService default/bookinfo spec.http[0].match[0].uri: "
            "unknown field \"exacct\", did you mean \"exact\"?");
  EXPECT_EQ(StatusOf(mesh->Get("/productpage")), 200);
  EXPECT_THAT(mesh->Rejections(), IsEmpty());
}

TEST(MeshTest, AHeldClockStandsStill) {
  FakeClock clock(absl::FromUnixSeconds(1000));
  MeshOptions options;
  options.clock = &clock;
  const auto mesh = StartMesh(std::move(options));
  ASSERT_NE(mesh, nullptr);
  clock.Advance(absl::Seconds(7));
  ASSERT_TRUE(mesh->KillProxy(Mesh::kGateway).ok());
  ASSERT_TRUE(mesh->StartProxy(Mesh::kGateway).ok());
  for (const xds::PeerStatus& status : mesh->control_plane()->Status()) {
    const bool gateway = status.peer.node.id().find("router~") == 0;
    EXPECT_EQ(status.peer.connected_since, absl::FromUnixSeconds(gateway ? 1007 : 1000))
        << status.peer.node.id();
  }
}

TEST(MeshTest, SaysWhyItDoesNotStart) {
  MeshOptions nothing;
  nothing.documents["a.yaml"] = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n";
  EXPECT_EQ(Mesh::Start(std::move(nothing)).status().code(), absl::StatusCode::kFailedPrecondition);
  MeshOptions wrong;
  wrong.documents["a.yaml"] = "apiVersion: v1\nkind: Namespace\nmetadata: {nam: a}\n";
  EXPECT_EQ(Mesh::Start(std::move(wrong)).status().code(), absl::StatusCode::kInvalidArgument);
  MeshOptions missing;
  missing.files = {"no/such/file.yaml"};
  EXPECT_EQ(Mesh::Start(std::move(missing)).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace mesh::testing
