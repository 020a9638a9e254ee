// What a DestinationRule's traffic policy does to a cluster. Private to this folder.
#ifndef MESH_TRANSLATE_TRAFFIC_POLICY_H_
#define MESH_TRANSLATE_TRAFFIC_POLICY_H_

#include <cstdint>
#include <string>

#include "api/mesh/v1alpha1/config.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "mesh/registry/protocol.h"

namespace mesh::translate {

// The blocks of a policy that are in force at one port. An entry of portLevelSettings replaces all
// of them: what it leaves open falls back to the defaults and not to the policy above it.
struct PortPolicy {
  const istio::networking::v1alpha3::LoadBalancerSettings* load_balancer = nullptr;
  const istio::networking::v1alpha3::ConnectionPoolSettings* connection_pool = nullptr;
  const istio::networking::v1alpha3::OutlierDetection* outlier_detection = nullptr;
  const istio::networking::v1alpha3::ClientTLSSettings* tls = nullptr;
  int port_level = -1;  // index of that entry
};
PortPolicy PolicyAt(const istio::networking::v1alpha3::TrafficPolicy& policy, uint32_t port);

// A cluster and its HTTP options, which stand in a message of their own.
class ClusterBuilder {
 public:
  using Cluster = envoy::config::cluster::v3::Cluster;

  // With Istio's defaults: no limits (2^32-1), the mesh's connect timeout, round robin.
  ClusterBuilder(const istio::mesh::v1alpha1::MeshConfig& mesh, std::string name,
                 Cluster::DiscoveryType type);

  Cluster& cluster() { return cluster_; }
  bool http2() const { return http2_; }

  void UseHttp2();
  // HTTP/1.1 or HTTP/2, as the request came.
  void UseDownstreamProtocol();

  // Each overrides what an earlier policy said, block by block.
  void ApplyLoadBalancer(const istio::networking::v1alpha3::LoadBalancerSettings& settings);
  void ApplyConnectionPool(const istio::networking::v1alpha3::ConnectionPoolSettings& settings);
  void ApplyOutlierDetection(const istio::networking::v1alpha3::OutlierDetection& settings);
  // All but TLS. `protocol` decides whether an upgrade to HTTP/2 is possible.
  void Apply(const PortPolicy& policy, registry::Protocol protocol);

  Cluster Finish();

 private:
  // `settings` may be null: then the mesh's count.
  void UseLocalityWeights(const istio::networking::v1alpha3::LoadBalancerSettings* settings);

  const istio::mesh::v1alpha1::MeshConfig& mesh_;
  Cluster cluster_;
  envoy::extensions::upstreams::http::v3::HttpProtocolOptions http_;
  bool http2_ = false;
  bool downstream_protocol_ = false;
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_TRAFFIC_POLICY_H_
