// Bookinfo through a whole mesh in this process: what a user sees, what proxies log, what the
// control plane says.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/local/load.h"
#include "mesh/testing/mesh.h"

namespace {

using mesh::testing::Mesh;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BookinfoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<Mesh>> mesh = Mesh::Start();
    ASSERT_TRUE(mesh.ok()) << mesh.status();
    mesh_ = *std::move(mesh);
    reviews_ = mesh_->Document("reviews.yaml");
  }
  void TearDown() override {
    if (mesh_ == nullptr) return;
    EXPECT_THAT(mesh_->Rejections(), IsEmpty());
  }

  // The reviews' version on a page that is as it should be.
  std::string Version(const mesh::local::HttpHeaders& headers = {}) {
    const auto page = mesh_->Get("/productpage", headers);
    if (!page.ok()) return page.status().ToString();
    const mesh::local::PageVerdict verdict = mesh::local::JudgePage(page->status, page->body);
    return verdict.failure.empty() ? verdict.version : verdict.failure;
  }
  void Send(int v1, int v3) {
    const absl::Status status =
        mesh_->Apply("reviews.yaml",
                     absl::StrReplaceAll(reviews_, {{"weight: 90", absl::StrCat("weight: ", v1)},
                                                    {"weight: 10", absl::StrCat("weight: ", v3)}}));
    ASSERT_TRUE(status.ok()) << status;
  }
  // The first line of a proxy's log that holds `request`.
  std::string Line(const std::string& pod, const std::string& request) {
    const absl::StatusOr<std::string> line = mesh_->WaitForLine(pod, request);
    return line.ok() ? *line : line.status().ToString();
  }

  std::unique_ptr<Mesh> mesh_;
  std::string reviews_;  // as the example has it
};

TEST_F(BookinfoTest, EveryProxyOnTheWayLogsItsRouteAndCluster) {
  Send(0, 100);
  ASSERT_EQ(Version({{"user-agent", "one-page"}}), "v3");
  const struct {
    const char* pod;
    const char* request;  // "METHOD PATH"
    const char* authority;
    const char* cluster;
    const char* route;
  } rows[] = {
      {Mesh::kGateway, "GET /productpage", "",
       "outbound|9080||productpage.default.svc.cluster.local", "-"},
      {"productpage-v1-0", "GET /productpage", "",
       "inbound|9080|http|productpage.default.svc.cluster.local", "default"},
      {"productpage-v1-0", "GET /details/0", "details",
       "outbound|9080||details.default.svc.cluster.local", "default"},
      {"productpage-v1-0", "GET /reviews/0", "reviews",
       "outbound|9080|v3|reviews.default.svc.cluster.local", "-"},
      {"details-v1-0", "GET /details/0", "details",
       "inbound|9080|http|details.default.svc.cluster.local", "default"},
      {"reviews-v3-0", "GET /reviews/0", "reviews",
       "inbound|9080|http|reviews.default.svc.cluster.local", "default"},
      {"reviews-v3-0", "GET /ratings/0", "ratings",
       "outbound|9080||ratings.default.svc.cluster.local", "default"},
      {"ratings-v1-0", "GET /ratings/0", "ratings",
       "inbound|9080|http|ratings.default.svc.cluster.local", "default"},
  };
  for (const auto& row : rows) {
    // A sidecar logs both what comes in and what goes out: the cluster tells them apart.
    ASSERT_TRUE(mesh_->WaitForLine(row.pod, row.request).ok()) << row.pod << " " << row.request;
    std::string seen;
    for (const std::string& line : mesh_->AccessLog(row.pod)) {
      if (!absl::StrContains(line, absl::StrCat("\"", row.request, " HTTP/1.1\" 200 - "))) continue;
      seen = line;
    }
    EXPECT_THAT(seen, HasSubstr("\"one-page\"")) << row.pod << " " << row.request;
    EXPECT_THAT(seen, HasSubstr(row.authority));
    const std::vector<std::string> fields = absl::StrSplit(seen, ' ');
    ASSERT_GE(fields.size(), 6u) << seen;
    EXPECT_EQ(fields[fields.size() - 6], row.cluster) << seen;
    EXPECT_EQ(fields.back(), row.route) << seen;
  }
  // And nobody else was asked.
  EXPECT_THAT(mesh_->AccessLog("reviews-v1-0"), IsEmpty());
  EXPECT_THAT(mesh_->AccessLog("reviews-v2-0"), IsEmpty());
}

TEST_F(BookinfoTest, AnEditIsInForceWhenItIsAcknowledged) {
  Send(0, 100);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Version(), "v3");
  // A signed-in user's requests carry the header that the route looks at.
  EXPECT_EQ(Version({{"Cookie", "user=jason"}}), "v2");

  const auto outside = mesh_->Get("/nowhere");
  ASSERT_TRUE(outside.ok()) << outside.status();
  EXPECT_EQ(outside->status, 404);
  EXPECT_THAT(Line(Mesh::kGateway, "/nowhere"), HasSubstr("\"GET /nowhere HTTP/1.1\" 404 NR "));

  ASSERT_TRUE(mesh_->Remove("reviews.yaml").ok());
  std::map<std::string, int> versions;
  for (int i = 0; i < 9; ++i) ++versions[Version()];
  EXPECT_EQ(versions["v1"], 3) << "without a rule the versions take turns";
  EXPECT_EQ(versions["v2"], 3);
  EXPECT_EQ(versions["v3"], 3);
}

TEST_F(BookinfoTest, ADeadWorkloadIsAvoidedAndMissedWhereThereIsNoOther) {
  ASSERT_TRUE(mesh_->Remove("reviews.yaml").ok());
  ASSERT_TRUE(mesh_->KillWorkload("reviews-v2-0").ok());
  for (int i = 0; i < 10; ++i) EXPECT_THAT(Version(), ::testing::AnyOf("v1", "v3"));
  ASSERT_TRUE(mesh_->StartWorkload("reviews-v2-0").ok());
  std::map<std::string, int> versions;
  for (int i = 0; i < 9; ++i) ++versions[Version()];
  EXPECT_GT(versions["v2"], 0);

  ASSERT_TRUE(mesh_->KillWorkload("details-v1-0").ok());
  EXPECT_EQ(Version(), "a page without the book's details");
  EXPECT_THAT(Line("productpage-v1-0", "\"GET /details/0 HTTP/1.1\" 503"), HasSubstr(" 503 UH "));
}

TEST_F(BookinfoTest, TheMeshWorksWithoutItsControlPlaneAndFollowsTheNext) {
  Send(100, 0);
  mesh_->KillControlPlane();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Version(), "v1");
  Send(0, 100);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Version(), "v1") << "nobody has told the proxies";
  ASSERT_TRUE(mesh_->StartControlPlane().ok());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Version(), "v3");
}

}  // namespace
