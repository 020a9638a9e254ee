#include "mesh/translate/host.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mesh::translate {
namespace {

using ::testing::ElementsAre;

TEST(Host, MatchAndWithin) {
  struct Row {
    const char* name;
    const char* a;
    const char* b;
    bool match, within;
  };
  const Row rows[] = {
      {"a host is itself", "a.com", "a.com", true, true},
      {"another host is not", "a.com", "b.com", false, false},
      {"a host under a wildcard", "a.b.com", "*.b.com", true, true},
      {"a wildcard over a host is not within it", "*.b.com", "a.b.com", true, false},
      {"the wildcard of all", "a.com", "*", true, true},
      {"a narrower wildcard", "*.a.b.com", "*.b.com", true, true},
      {"a wider wildcard", "*.b.com", "*.a.b.com", true, false},
      {"labels count, not letters", "ab.com", "*.b.com", false, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(HostsMatch(row.a, row.b), row.match) << row.name;
    EXPECT_EQ(HostWithin(row.a, row.b), row.within) << row.name;
  }
}

TEST(Host, CommonHostsAreTheNarrowerOfEachPair) {
  EXPECT_THAT(CommonHosts({"*.foo.com", "bar.com"}, {"a.foo.com", "*"}),
              ElementsAre("a.foo.com", "*.foo.com", "bar.com"));
  EXPECT_THAT(CommonHosts({"*"}, {"*"}), ElementsAre("*"));
}

TEST(Host, TheNarrowestPatternWins) {
  const std::map<std::string, int, std::less<>> patterns = {
      {"*", 0}, {"*.com", 0}, {"*.b.com", 0}, {"b.com", 0}, {"", 0}};
  EXPECT_EQ(NarrowestPattern("a.b.com", patterns), "*.b.com");
  EXPECT_EQ(NarrowestPattern("a.org", patterns), "*");
  EXPECT_EQ(NarrowestPattern("*.b.com", patterns), "*.b.com");
  EXPECT_EQ(NarrowestPattern("b.com", patterns), "b.com");
  const std::map<std::string, int, std::less<>> none;
  EXPECT_EQ(NarrowestPattern("a.org", none), std::nullopt);
}

TEST(Host, ShortNamesAreOfTheirNamespace) {
  EXPECT_EQ(FullHost("reviews", "default", "cluster.local"), "reviews.default.svc.cluster.local");
  EXPECT_EQ(FullHost("reviews.other", "default", "cluster.local"), "reviews.other");
  EXPECT_EQ(FullHost("*", "default", "cluster.local"), "*");
  EXPECT_EQ(FullGateway("gw", "default"), "default/gw");
  EXPECT_EQ(FullGateway("./gw", "default"), "default/gw");
  EXPECT_EQ(FullGateway("other/gw", "default"), "other/gw");
  EXPECT_EQ(FullGateway("gw.other.svc.cluster.local", "default"), "other/gw");
  EXPECT_EQ(FullGateway("mesh", "default"), "mesh");
  EXPECT_THAT(HostsForNamespace({"a/x.com", "*/y.com", "z.com", "b/w.com"}, "a"),
              ElementsAre("x.com", "y.com", "z.com"));
}

}  // namespace
}  // namespace mesh::translate
