// A slice of what `make diff-envoy` asks, the same every time.
#include <cstdlib>

#include "gtest/gtest.h"
#include "mesh/base/strings.h"
#include "tests/route/differential.h"
#include "tests/route/envoy_peer.h"

namespace mesh {
namespace {

TEST(EnvoyDifferentialTest, SameAnswersOverRandomTables) {
  const absl::StatusOr<std::string> envoy = FindEnvoy();
  if (!envoy.ok()) {
    const char* required = std::getenv("REQUIRE_PEERS");
    if (required != nullptr && std::string(required) == "1") FAIL() << envoy.status();
    GTEST_SKIP() << envoy.status();
  }
  // Short: a socket's path has 107 bytes.
  char directory[] = "/tmp/mesh-diff.XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const auto result = CompareWithEnvoy(*envoy, directory, 4711, 40, 200);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->tables, 40);
  EXPECT_GT(result->requests, 7900);
  EXPECT_GT(result->routed, 1000);
  for (const std::string& difference : result->differences) ADD_FAILURE() << difference;
}

}  // namespace
}  // namespace mesh
