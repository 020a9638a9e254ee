// What tests/analysis/against_istio/run finds in a few meshes. Its other side takes ten minutes to
// build: it is looked for and not asked for.
#include <string>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/ca/peer.h"

namespace mesh {
namespace {

TEST(AgainstIstio, PagesBookinfoAndSomeMeshes) {
  const absl::StatusOr<std::string> judge = FindPeer("istio_judge");
  if (!judge.ok()) GTEST_SKIP() << judge.status().message();
  const Outcome outcome =
      RunProgram({"tests/analysis/against_istio/run", "--meshctl", "examples/meshctl/meshctl",
                  "--judge", *judge, "--meshes", "150"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
}

}  // namespace
}  // namespace mesh
