#include "examples/demo/edit.h"

#include <cstdlib>

#include "gtest/gtest.h"
#include "mesh/base/field_error.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"
#include "mesh/local/files.h"

namespace demo {
namespace {

using Weights = std::map<std::string, int>;

std::string Directory() {
  return std::string(getenv("TEST_TMPDIR")) + "/" +
         testing::UnitTest::GetInstance()->current_test_info()->name();
}

// All that is wrong in a directory, one a line.
std::string ErrorsIn(const std::string& directory) {
  std::vector<mesh::FieldError> errors;
  const auto files = mesh::local::ListYamlFiles(directory);
  for (const std::string& file : *files) {
    const auto read = mesh::config::ReadYaml(file, *mesh::local::ReadFile(file));
    errors.insert(errors.end(), read.errors.begin(), read.errors.end());
    for (const auto& resource : read.resources) {
      for (const auto& error : mesh::config::ValidateResource(*resource)) errors.push_back(error);
    }
  }
  std::string text;
  for (const auto& error : errors) text += error.ToString() + "\n";
  return text;
}

TEST(EditTest, OurCanaryIsFoundAndReplaced) {
  auto routes = ReviewsRoutes::Copy({"examples/bookinfo/yaml"}, Directory());
  ASSERT_TRUE(routes.ok()) << routes.status();
  EXPECT_EQ(routes->weights(), (Weights{{"v1", 90}, {"v3", 10}}));
  EXPECT_TRUE(routes->jason_to_v2());
  ASSERT_TRUE(routes->Write({{"v1", 50}, {"v3", 50}}).ok());
  EXPECT_EQ(ErrorsIn(Directory()), "");
  auto again = ReviewsRoutes::Copy({Directory()}, Directory() + "/again");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->weights(), (Weights{{"v1", 50}, {"v3", 50}}));
  ASSERT_TRUE(routes->Write({}).ok());
  EXPECT_EQ(ErrorsIn(Directory()), "");
}

TEST(EditTest, ABrokenEditIsWhereItIsSaidToBe) {
  auto routes = ReviewsRoutes::Copy({"examples/bookinfo/yaml"}, Directory());
  ASSERT_TRUE(routes.ok()) << routes.status();
  const auto place = routes->WriteBroken({{"v1", 0}, {"v3", 100}});
  ASSERT_TRUE(place.ok()) << place.status();
  const std::string errors = ErrorsIn(Directory());
  EXPECT_EQ(errors.find(*place + ":"), 0u) << errors;
  EXPECT_NE(errors.find("unknown field \"hotst\", did you mean \"host\"?"), std::string::npos)
      << errors;
}

TEST(EditTest, IstiosOwnFiles) {
  const char* shared = getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED is not set";
  const std::string data = std::string(shared) + "/data/bookinfo/";
  auto routes = ReviewsRoutes::Copy(
      {data + "platform/kube/bookinfo.yaml", data + "networking/bookinfo-gateway.yaml",
       data + "networking/destination-rule-all.yaml",
       data + "networking/virtual-service-reviews-90-10.yaml"},
      Directory());
  ASSERT_TRUE(routes.ok()) << routes.status();
  EXPECT_EQ(routes->weights(), (Weights{{"v1", 90}, {"v2", 10}}));
  EXPECT_FALSE(routes->jason_to_v2());
  ASSERT_TRUE(routes->Write({{"v1", 50}, {"v3", 50}}).ok());
  EXPECT_EQ(ErrorsIn(Directory()), "");
}

TEST(EditTest, WhereNobodyRoutesReviewsARuleIsAdded) {
  auto routes = ReviewsRoutes::Copy({"examples/bookinfo/yaml/bookinfo.yaml"}, Directory());
  ASSERT_TRUE(routes.ok()) << routes.status();
  EXPECT_TRUE(routes->weights().empty());
  ASSERT_TRUE(routes->Write({{"v1", 100}}).ok());
  EXPECT_EQ(ErrorsIn(Directory()), "");
}

}  // namespace
}  // namespace demo
