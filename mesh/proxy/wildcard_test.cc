// Listeners for all addresses, on a machine where they are to be on one.
#include <gtest/gtest.h>

#include "mesh/proxy/testing.h"

namespace mesh::proxy {
namespace {

using testing::HttpListener;
using testing::ToCluster;

std::string ListenersWith(const std::string& wildcard_address) {
  ProxyOptions options;
  options.wildcard_address = wildcard_address;
  auto proxy = Proxy::Start(options);
  if (!proxy.ok()) return std::string(proxy.status().message());
  envoy::Listener listener = HttpListener(ToCluster("none"));
  listener.address.host = "0.0.0.0";
  const absl::Status status = (*proxy)->Apply({.listeners = {listener}});
  EXPECT_TRUE(status.ok()) << status;
  return (*proxy)->Admin("/listeners");
}

TEST(WildcardTest, AGatewayOnALaptopIsOnLoopbackAlone) {
  EXPECT_NE(ListenersWith("").find("::0.0.0.0:"), std::string::npos) << ListenersWith("");
  EXPECT_NE(ListenersWith("127.0.0.1").find("::127.0.0.1:"), std::string::npos);
  EXPECT_EQ(ListenersWith("here"), "wildcard address \"here\": write an IP address");
}

}  // namespace
}  // namespace mesh::proxy
