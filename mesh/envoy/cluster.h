// Envoy clusters as plain values: where requests go, and how connections there are made and
// limited.
//
// Values are frozen once built and may be read from any thread.
#ifndef MESH_ENVOY_CLUSTER_H_
#define MESH_ENVOY_CLUSTER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/envoy/address.h"
#include "mesh/envoy/endpoint.h"
#include "mesh/envoy/transport_socket.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace mesh::envoy {

// envoy.config.cluster.v3.Cluster.
struct Cluster {
  enum class Discovery { kStatic, kStrictDns, kEds, kOriginalDst };
  enum class Balancing { kRoundRobin, kLeastRequest, kRandom };
  // What the members of CircuitBreakers.Thresholds say for the default priority; all ones means
  // that nothing is counted.
  static constexpr uint32_t kUnlimited = 0xffffffff;
  struct Limits {
    uint32_t max_connections = 1024;
    uint32_t max_pending_requests = 1024;
    uint32_t max_requests = 1024;
    uint32_t max_retries = 3;
  };

  std::string name;
  std::string stat_name;  // alt_stat_name, else the name
  Discovery discovery = Discovery::kStatic;
  Balancing balancing = Balancing::kRoundRobin;
  uint32_t least_request_choices = 2;
  absl::Duration connect_timeout = absl::Seconds(5);
  Limits limits;

  std::string eds_name;  // kEds: the ClusterLoadAssignment to subscribe to
  absl::Duration eds_initial_fetch_timeout = absl::Seconds(15);
  Endpoints endpoints;  // kStatic: the endpoints; kStrictDns: names to resolve
  absl::Duration dns_refresh = absl::Seconds(5);
  bool dns_ipv4_only = false;
  bool dns_ipv6_only = false;

  // common_lb_config.
  bool locality_weighted = false;
  double panic_threshold_percent = 50;

  // HttpProtocolOptions (upstreams.http.v3), and the deprecated fields that said the same. HTTP/1.1
  // upstream only: explicit HTTP/2 is an error.
  absl::Duration idle_timeout = absl::Hours(1);
  uint32_t max_requests_per_connection = 0;  // 0: no limit
  absl::Duration max_connection_duration = absl::ZeroDuration();
  uint32_t max_response_headers_kb = 60;
  uint32_t max_headers_count = 100;
  bool enable_trailers = false;

  // How connections are made: to an endpoint that has all fields of a match, as that says; to
  // others as the last one says.
  struct TransportSocketMatch {
    std::string name;
    std::map<std::string, std::string> fields;  // as Endpoint::transport_socket_match
    TransportSocket tls;
  };
  std::vector<TransportSocketMatch> transport_socket_matches;
  TransportSocket tls;

  struct Keepalive {  // of TCP; 0 leaves the system's default
    uint32_t probes = 0;
    uint32_t time_seconds = 0;
    uint32_t interval_seconds = 0;
  };
  std::optional<Keepalive> keepalive;
  std::optional<HostPort> bind_source;  // upstream_bind_config.source_address
  uint32_t buffer_limit_bytes = 1024 * 1024;

  // metadata.filter_metadata.istio.services[0], else read from an Istio cluster name
  // ("outbound|80|v1|a.b.svc.cluster.local"): what metrics call the destination.
  std::string destination_service;
  std::string destination_service_name;
  std::string destination_service_namespace;
};

// Null: in plaintext.
const TransportSocket& TransportSocketFor(const Cluster& cluster, const Endpoint& endpoint);

// InvalidArgument names every field that is wrong or that this proxy does not do, one a line:
//   cluster "a" lb_policy: RING_HASH is not supported
absl::StatusOr<Cluster> LoadCluster(const ::envoy::config::cluster::v3::Cluster& proto);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_CLUSTER_H_
