// Envoy's load assignments as plain values: the addresses of a cluster.
//
// Values are frozen once built and may be read from any thread.
#ifndef MESH_ENVOY_ENDPOINT_H_
#define MESH_ENVOY_ENDPOINT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/envoy/address.h"

namespace envoy::config::endpoint::v3 {
class ClusterLoadAssignment;
}

namespace mesh::envoy {

// envoy.config.endpoint.v3.LbEndpoint, with what its LocalityLbEndpoints says about it.
struct Endpoint {
  HostPort address;
  uint32_t weight = 1;
  uint32_t priority = 0;
  bool healthy = true;           // health_status UNHEALTHY, DRAINING and TIMEOUT are not
  std::string locality;          // "region/zone/subzone"; empty where none is given
  uint32_t locality_weight = 0;  // counts only where the cluster balances by locality
  std::string workload_name, workload_namespace;  // Istio's endpoint metadata, where given
  // Metadata "envoy.transport_socket_match", by which a cluster chooses how connections are made. A
  // value is the serialisation of its google.protobuf.Value.
  std::map<std::string, std::string> transport_socket_match;
};

bool operator==(const Endpoint& a, const Endpoint& b);

// envoy.config.endpoint.v3.ClusterLoadAssignment.
struct Endpoints {
  std::string cluster_name;
  std::vector<Endpoint> endpoints;
};

bool operator==(const Endpoints& a, const Endpoints& b);

// InvalidArgument names every field that is wrong or that this proxy does not do, one a line:
//   endpoints "a" endpoints[0].lb_endpoints[0].endpoint_name: not supported
absl::StatusOr<Endpoints> LoadEndpoints(
    const ::envoy::config::endpoint::v3::ClusterLoadAssignment& proto);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_ENDPOINT_H_
