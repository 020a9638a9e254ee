#include "mesh/translate/locality.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mesh::translate {
namespace {

using ::istio::networking::v1alpha3::LocalityLoadBalancerSetting;
using ::testing::ElementsAre;

// "region/zone/sub weight priority" of each group.
std::vector<std::string> Prefer(const std::string& from,
                                const std::vector<std::pair<std::string, uint32_t>>& groups,
                                const LocalityLoadBalancerSetting& setting, bool failover) {
  envoy::config::endpoint::v3::ClusterLoadAssignment assignment;
  for (const auto& [locality, weight] : groups) {
    auto* group = assignment.add_endpoints();
    *group->mutable_locality() = ParseLocality(locality);
    group->mutable_load_balancing_weight()->set_value(weight);
  }
  PreferByLocality(from, setting, failover, &assignment);
  std::vector<std::string> result;
  for (const auto& group : assignment.endpoints()) {
    result.push_back(absl::StrCat(group.locality().region(), "/", group.locality().zone(), "/",
                                  group.locality().sub_zone(), " ",
                                  group.load_balancing_weight().value(), " ", group.priority()));
  }
  return result;
}

const std::vector<std::pair<std::string, uint32_t>> kGroups = {
    {"eu/a/1", 1}, {"asia/a/1", 1}, {"us/a/1", 1}, {"us/a/2", 3}, {"us/b/1", 1}};

TEST(Locality, NearerOnesComeFirstWhereFailuresAreNoticed) {
  EXPECT_THAT(Prefer("us/a/1", kGroups, {}, true),
              ElementsAre("eu/a/1 1 3", "asia/a/1 1 3", "us/a/1 1 0", "us/a/2 3 1", "us/b/1 1 2"));
  EXPECT_THAT(Prefer("us/a/1", kGroups, {}, false),
              ElementsAre("eu/a/1 1 0", "asia/a/1 1 0", "us/a/1 1 0", "us/a/2 3 0", "us/b/1 1 0"));
  EXPECT_THAT(Prefer("", kGroups, {}, true)[0], "eu/a/1 1 0");
}

TEST(Locality, ARegionMayNameWhereItFailsOverTo) {
  LocalityLoadBalancerSetting setting;
  setting.add_failover()->set_from("us");
  setting.mutable_failover(0)->set_to("asia");
  EXPECT_THAT(Prefer("us/a/1", kGroups, setting, true),
              ElementsAre("eu/a/1 1 4", "asia/a/1 1 3", "us/a/1 1 0", "us/a/2 3 1", "us/b/1 1 2"));
  // Priorities have no gap.
  EXPECT_THAT(Prefer("us/x", {{"eu/a/1", 1}, {"asia/a/1", 1}}, setting, true),
              ElementsAre("eu/a/1 1 1", "asia/a/1 1 0"));
}

TEST(Locality, SharesBecomeWeights) {
  LocalityLoadBalancerSetting setting;
  auto* distribute = setting.add_distribute();
  distribute->set_from("us/a/*");
  (*distribute->mutable_to())["us/a/*"] = 80;
  (*distribute->mutable_to())["eu/*"] = 20;
  EXPECT_THAT(Prefer("us/a/1", kGroups, setting, true),
              ElementsAre("eu/a/1 20 0", "us/a/1 20 0", "us/a/2 60 0"));
  EXPECT_THAT(Prefer("asia/a/1", kGroups, setting, true)[0], "eu/a/1 1 0");
}

TEST(Locality, Patterns) {
  const auto locality = ParseLocality("us/west/1");
  for (const char* pattern : {"*", "us", "us/*", "us/west", "us/west/*", "us/west/1"}) {
    EXPECT_TRUE(LocalityMatches(locality, pattern)) << pattern;
  }
  for (const char* pattern : {"eu", "us/east", "us/west/2"}) {
    EXPECT_FALSE(LocalityMatches(locality, pattern)) << pattern;
  }
}

}  // namespace
}  // namespace mesh::translate
