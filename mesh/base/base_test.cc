#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "mesh/base/clock.h"
#include "mesh/base/content_hash.h"
#include "mesh/base/count.h"
#include "mesh/base/field_error.h"
#include "mesh/base/log.h"
#include "mesh/base/source_position.h"

namespace mesh {
namespace {

SourcePosition At(const char* file, int line, int column) {
  return {std::make_shared<const std::string>(file), line, column};
}

TEST(SourcePosition, PrintsWhatIsKnown) {
  EXPECT_EQ(At("a.yaml", 14, 9).ToString(), "a.yaml:14:9");
  EXPECT_EQ(At("a.yaml", 14, 0).ToString(), "a.yaml:14");
  EXPECT_EQ(At("a.yaml", 0, 0).ToString(), "a.yaml");
  EXPECT_EQ(SourcePosition().ToString(), "");
}

TEST(SourcePosition, OrdersByFileThenLineThenColumn) {
  EXPECT_LT(At("a", 9, 9), At("b", 1, 1));
  EXPECT_LT(At("a", 1, 9), At("a", 2, 1));
  EXPECT_LT(At("a", 1, 1), At("a", 1, 2));
  EXPECT_EQ(At("a", 1, 1), At("a", 1, 1));
}

TEST(FieldError, ReadsAsOneLine) {
  const FieldError error{At("bookinfo.yaml", 14, 9), "VirtualService default/bookinfo",
                         "spec.http[0].match[1].uri",
                         "unknown field \"prefx\", did you mean \"prefix\"?"};
  EXPECT_EQ(error.ToString(),
            "bookinfo.yaml:14:9: VirtualService default/bookinfo spec.http[0].match[1].uri: "
            "unknown field \"prefx\", did you mean \"prefix\"?");
  EXPECT_EQ((FieldError{At("a", 1, 1), "", "", "m"}.ToString()), "a:1:1: m");
  EXPECT_EQ((FieldError{{}, "", "f", "m"}.ToString()), "f: m");
  EXPECT_EQ((FieldError{{}, "", "", "m"}.ToString()), "m");
}

TEST(FieldError, AllOfThemInOneStatus) {
  EXPECT_TRUE(ToStatus({}).ok());
  EXPECT_EQ(ToStatus({{{}, "", "f", "m"}, {{}, "", "g", "n"}}).message(), "f: m\ng: n");
}

TEST(NearestName, ForgivesAThirdOfTheWord) {
  EXPECT_EQ(NearestName("prefx", {"exact", "prefix", "regex"}), "prefix");
  EXPECT_EQ(NearestName("Prefix", {"exact", "prefix"}), "prefix");
  EXPECT_EQ(NearestName("sepc", {"kind", "spec"}), "spec");
  EXPECT_EQ(NearestName("banana", {"exact", "prefix"}), "");
}

TEST(Count, IsSaidAsAPersonDoes) {
  EXPECT_EQ(Count(0, "error"), "0 errors");
  EXPECT_EQ(Count(1, "error"), "1 error");
  EXPECT_EQ(Count(2, "error"), "2 errors");
}

TEST(ContentHash, IsTheStandardOne) {
  // The test vectors of draft-eastlake-fnv for "" and "a".
  EXPECT_EQ(ContentHash(""), "6c62272e07bb014262b821756295c58d");
  EXPECT_EQ(ContentHash("a"), "d228cb696f1a8caf78912b704e4a8964");
}

TEST(FakeClock, StandsStillUntilTold) {
  FakeClock clock;
  EXPECT_EQ(clock.Now(), absl::UnixEpoch());
  clock.Advance(absl::Seconds(2));
  EXPECT_EQ(clock.Now(), absl::UnixEpoch() + absl::Seconds(2));
}

TEST(MemoryLog, KeepsLines) {
  MemoryLog log;
  log.Log(LogLevel::kWarning, "xds", "stream closed");
  EXPECT_EQ(log.lines(), std::vector<std::string>{"warning xds: stream closed"});
}

}  // namespace
}  // namespace mesh
