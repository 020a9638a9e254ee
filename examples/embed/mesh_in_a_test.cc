// How a test has a whole mesh to itself: Bookinfo behind sidecars, a gateway, a control plane.

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "mesh/local/load.h"
#include "mesh/testing/mesh.h"

namespace {

using mesh::testing::Mesh;

// Asks for the page that often; counts which version of reviews each had.
std::map<std::string, int> Ask(const Mesh& mesh, int times) {
  std::map<std::string, int> versions;
  for (int i = 0; i < times; ++i) {
    const auto page = mesh.Get("/productpage");
    if (!page.ok()) {
      ADD_FAILURE() << page.status();
      break;
    }
    const mesh::local::PageVerdict verdict = mesh::local::JudgePage(page->status, page->body);
    EXPECT_EQ(verdict.failure, "");
    ++versions[verdict.version];
  }
  return versions;
}

TEST(MeshInATest, ACanaryAndADeath) {
  absl::StatusOr<std::unique_ptr<Mesh>> started = Mesh::Start();
  ASSERT_TRUE(started.ok()) << started.status();
  Mesh& mesh = **started;

  // As examples/bookinfo/yaml has it: nine of ten without stars, one with red ones.
  std::map<std::string, int> versions = Ask(mesh, 100);
  EXPECT_GT(versions["v1"], versions["v3"]);
  EXPECT_EQ(versions["v2"], 0);

  // An edit: when Apply returns, every proxy has it.
  const std::string reviews = mesh.Document("reviews.yaml");
  const absl::Status edited = mesh.Apply(
      "reviews.yaml",
      absl::StrReplaceAll(reviews, {{"weight: 90", "weight: 0"}, {"weight: 10", "weight: 100"}}));
  ASSERT_TRUE(edited.ok()) << edited;
  EXPECT_EQ(Ask(mesh, 20)["v3"], 20);

  // A death: the page says so, and the log of productpage's sidecar why.
  ASSERT_TRUE(mesh.KillWorkload("reviews-v3-0").ok());
  const auto page = mesh.Get("/productpage");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_NE(page->body.find("Error fetching product reviews!"), std::string::npos);
  EXPECT_TRUE(mesh.WaitForLine("productpage-v1-0", "\"GET /reviews/0 HTTP/1.1\" 503 UH").ok());
  ASSERT_TRUE(mesh.StartWorkload("reviews-v3-0").ok());
  EXPECT_EQ(Ask(mesh, 20)["v3"], 20);
}

}  // namespace
