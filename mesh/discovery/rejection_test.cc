#include "mesh/discovery/rejection.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mesh::discovery {
namespace {

using translate::Origin;
using translate::Resource;

const auto kFile = std::make_shared<const std::string>("bookinfo.yaml");

Origin At(const std::string& object, const std::string& field, int line) {
  return {object, field, SourcePosition{kFile, line, 3}};
}

class RejectionTest : public ::testing::Test {
 protected:
  RejectionTest() {
    listener_.name = "0.0.0.0_9080";
    listener_.type_url = translate::kListenerType;
    listener_.provenance = {{"", At("Service default/reviews", "", 4)}};
    route_.name = "9080";
    route_.type_url = translate::kRouteType;
    route_.provenance = {
        {"virtual_hosts[0]", At("VirtualService default/reviews", "", 20)},
        {"virtual_hosts[0].routes[1]", At("VirtualService default/reviews", "spec.http[1]", 31)},
        {"virtual_hosts[1]", At("Service default/ratings", "", 12)}};
  }
  std::string Blame(const std::string& reason) {
    return BlameFor(reason, std::vector<const Resource*>{&listener_, &route_});
  }
  Resource listener_, route_;
};

TEST_F(RejectionTest, TheResourceThatTheWordsNameAndWhatItWasMadeFrom) {
  EXPECT_EQ(Blame("Error adding/updating listener(s) 0.0.0.0_9080: no such filter"),
            "listener \"0.0.0.0_9080\", made from bookinfo.yaml:4:3 (Service default/reviews)");
}

TEST_F(RejectionTest, TheFieldWhereTheWordsHoldAPath) {
  EXPECT_EQ(Blame("route \"9080\": virtual_hosts[0].routes[1].route.timeout: too long"),
            "route \"9080\", made from bookinfo.yaml:31:3 (VirtualService default/reviews "
            "spec.http[1])");
}

TEST_F(RejectionTest, AllObjectsWhereTheWordsHoldNoPath) {
  EXPECT_EQ(Blame("route 9080 is bad"),
            "route \"9080\", made from bookinfo.yaml:20:3 (VirtualService default/reviews), "
            "bookinfo.yaml:12:3 (Service default/ratings)");
}

TEST_F(RejectionTest, NothingWhereTheWordsNameNothingThatWasSent) {
  EXPECT_EQ(Blame("out of memory"), "");
  EXPECT_EQ(Blame("port 19080 is taken"), "") << "9080 is only a part of a number there";
}

}  // namespace
}  // namespace mesh::discovery
