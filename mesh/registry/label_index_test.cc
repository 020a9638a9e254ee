#include "mesh/registry/label_index.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mesh::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LabelIndex, FindsThoseThatCarryAllLabels) {
  const Labels one = {{"app", "a"}, {"version", "v1"}};
  const Labels two = {{"app", "a"}, {"version", "v2"}};
  const Labels none;
  LabelIndex index;
  index.Add("x", one, 0);
  index.Add("x", two, 1);
  index.Add("y", one, 2);
  index.Add("x", none, 3);
  EXPECT_THAT(index.Select("x", {{"app", "a"}}), ElementsAre(0, 1));
  EXPECT_THAT(index.Select("x", {{"app", "a"}, {"version", "v2"}}), ElementsAre(1));
  EXPECT_THAT(index.Select("y", {{"app", "a"}, {"version", "v2"}}), IsEmpty());
  EXPECT_THAT(index.Select("x", {}), ElementsAre(0, 1, 3));
  EXPECT_THAT(index.Select("z", {}), IsEmpty());
  // Neither of which runs into the other.
  EXPECT_THAT(index.Select("x", {{"app\na", ""}}), IsEmpty());
}

}  // namespace
}  // namespace mesh::registry
