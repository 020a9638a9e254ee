#include "mesh/registry/protocol.h"

#include "gtest/gtest.h"

namespace mesh::registry {
namespace {

TEST(Protocol, OfAKubernetesPort) {
  struct Row {
    const char* name;
    int port;
    const char* port_name;
    const char* transport;
    const char* app_protocol;
    Protocol want;
  };
  const Row rows[] = {
      {"the name is the protocol", 9080, "http", "TCP", "", Protocol::kHttp},
      {"what follows the hyphen is free", 9080, "http-reviews", "", "", Protocol::kHttp},
      {"letters' case does not matter", 80, "HTTP2-x", "TCP", "", Protocol::kHttp2},
      {"grpc-web keeps its hyphen", 80, "grpc-web-x", "TCP", "", Protocol::kGrpcWeb},
      {"grpc", 80, "grpc-web1", "TCP", "", Protocol::kGrpcWeb},
      {"a name without hyphen must be the protocol", 80, "httpx", "TCP", "",
       Protocol::kUnsupported},
      {"appProtocol wins over the name", 80, "http-x", "TCP", "tcp", Protocol::kTcp},
      {"an unnamed port is looked into", 8000, "", "TCP", "", Protocol::kUnsupported},
      {"MySQL's own port is TCP", 3306, "", "TCP", "", Protocol::kTcp},
      {"a well-known port with a protocol keeps it", 53, "http", "TCP", "", Protocol::kHttp},
      {"UDP whatever the name", 53, "http", "UDP", "", Protocol::kUdp},
      {"tls", 443, "tls-x", "TCP", "", Protocol::kTls},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(KubernetesProtocol(row.port, row.port_name, row.transport, row.app_protocol),
              row.want)
        << row.name;
  }
}

TEST(Protocol, NamesRoundTrip) {
  for (int i = static_cast<int>(Protocol::kTcp); i <= static_cast<int>(Protocol::kHttpProxy); ++i) {
    const Protocol protocol = static_cast<Protocol>(i);
    EXPECT_EQ(ParseProtocol(ProtocolName(protocol)), protocol);
  }
  EXPECT_EQ(ProtocolName(Protocol::kUnsupported), "UnsupportedProtocol");
  EXPECT_EQ(ParseProtocol("h2"), Protocol::kUnsupported);
}

}  // namespace
}  // namespace mesh::registry
