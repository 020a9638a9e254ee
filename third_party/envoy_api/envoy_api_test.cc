#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "gtest/gtest.h"

namespace {

TEST(EnvoyApi, DescriptorsLoad) {
  using ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
  EXPECT_EQ(envoy::config::cluster::v3::Cluster::descriptor()->full_name(),
            "envoy.config.cluster.v3.Cluster");
  EXPECT_NE(HttpConnectionManager::descriptor()->FindFieldByName("route_config"), nullptr);
  EXPECT_STREQ(envoy::service::discovery::v3::AggregatedDiscoveryService::service_full_name(),
               "envoy.service.discovery.v3.AggregatedDiscoveryService");
}

}  // namespace
