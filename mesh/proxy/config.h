// What the configuration thread hands to workers: finished values that nobody changes any more.
#ifndef MESH_PROXY_CONFIG_H_
#define MESH_PROXY_CONFIG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/envoy/cluster.h"
#include "mesh/envoy/endpoint.h"
#include "mesh/envoy/fault.h"
#include "mesh/envoy/listener.h"
#include "mesh/proxy/address.h"
#include "mesh/route/action/route_config.h"
#include "mesh/telemetry/access_log.h"
#include "mesh/telemetry/log_writer.h"
#include "mesh/tls/context.h"

namespace mesh::proxy {

// RetryPolicy.retry_on as bits.
enum RetryOn : uint32_t {
  kRetry5xx = 1u << 0,
  kRetryGatewayError = 1u << 1,
  kRetryReset = 1u << 2,
  kRetryConnectFailure = 1u << 3,
  kRetryRetriable4xx = 1u << 4,
  kRetryRefusedStream = 1u << 5,
  kRetryRetriableStatusCodes = 1u << 6,
  kRetryGrpcCancelled = 1u << 7,
  kRetryGrpcDeadlineExceeded = 1u << 8,
  kRetryGrpcInternal = 1u << 9,
  kRetryGrpcResourceExhausted = 1u << 10,
  kRetryGrpcUnavailable = 1u << 11,
  kRetryResetBeforeRequest = 1u << 12,
  kRetryEnvoyRateLimited = 1u << 13,
  kRetryHttp3PostConnectFailure = 1u << 14,
};

// What of a route is worth working out once.
struct RoutePlan {
  uint32_t retry_on = 0;
  bool avoid_previous_hosts = false;
  const envoy::Fault* fault = nullptr;  // lives in the route
};

// A route configuration ready to use.
struct Routes {
  std::shared_ptr<const route::action::RouteConfig> config;
  // By virtual host and route, as in `config`.
  std::vector<std::vector<RoutePlan>> plans;
};

// InvalidArgument names, one a line, what routes ask for and this proxy does not do:
//   route configuration "80" virtual_hosts[0].routes[1].route.request_mirror_policies: not
//   supported
absl::StatusOr<std::shared_ptr<const Routes>> PlanRoutes(
    std::shared_ptr<const route::action::RouteConfig> config);

struct AccessLog {
  std::shared_ptr<const telemetry::AccessLogFormat> format;
  telemetry::LogWriter::File* file = nullptr;
  // Only what has one of these flags is written.
  std::optional<uint32_t> response_flags;
};

// What a listener does with the connections of one of its filter chains.
struct ListenerConfig {
  std::string name;  // the listener's
  envoy::Listener::Direction direction = envoy::Listener::Direction::kUnspecified;
  uint32_t buffer_limit_bytes = 1024 * 1024;
  envoy::FilterChain chain;
  // Of a chain with an HTTP connection manager; null while it waits for its routes.
  std::shared_ptr<const Routes> routes;
  std::vector<AccessLog> access_logs;
  // Of a chain with TLS; null while a secret is missing: connections are then turned away.
  std::shared_ptr<const tls::Context> tls;

  const envoy::HttpConnectionManager* http() const {
    return std::get_if<envoy::HttpConnectionManager>(&chain.filter);
  }
  const envoy::TcpProxy* tcp() const { return std::get_if<envoy::TcpProxy>(&chain.filter); }
};

// A listener: its chains, and which connections each of them takes.
struct ListenerPlan {
  std::string name;
  Address address;    // as configured
  bool bound = true;  // false: gets its connections from one that hands off
  bool hands_off = false;
  envoy::Inspection inspection;
  // Whether the first bytes have to be looked at before a chain can be chosen.
  bool inspects = false;
  std::shared_ptr<const envoy::FilterChainTable> table;
  std::vector<std::shared_ptr<const ListenerConfig>> chains;  // as in the table, the default last
  bool has_default_chain = false;
  std::vector<AccessLog> access_logs;  // of what no chain takes
};

// How connections to an endpoint are made. Null stands for plaintext.
struct UpstreamTls {
  std::string server_name;
  // By what is sent through them.
  std::shared_ptr<const tls::Context> http, tcp;
  // Equal where connections may stand in for one another.
  std::string settings;
};

// One address of a cluster.
struct UpstreamAddress {
  Address address;
  std::string text;     // "10.0.0.1:80"
  uint32_t weight = 1;  // among those that are balanced over
  envoy::Endpoint endpoint;
  std::shared_ptr<const UpstreamTls> tls;
  bool reachable = true;  // false: a secret is missing that connections to it take
};

// What a balancer chooses from, and what else there is.
struct EndpointSet {
  std::vector<UpstreamAddress> all;
  std::vector<uint32_t> usable;  // indices of `all`
  bool equal_weights = true;     // of the usable ones
};

// Which endpoints are usable: those of the lowest priority that has a healthy one; of it the
// healthy ones, or all where fewer than panic_threshold_percent are healthy. With locality weights,
// a weight is the endpoint's share of its locality's. What is not reachable is not there.
std::shared_ptr<const EndpointSet> SelectEndpoints(const envoy::Cluster& cluster,
                                                   std::vector<UpstreamAddress> addresses);

// What all workers together count where a cluster is limited.
struct SharedCounts {
  std::atomic<uint32_t> connections{0};
  std::atomic<uint32_t> pending{0};
  std::atomic<uint32_t> requests{0};
  std::atomic<uint32_t> retries{0};
};

struct ClusterConfig {
  envoy::Cluster cluster;
  std::shared_ptr<const EndpointSet> endpoints;
  std::shared_ptr<SharedCounts> counts;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_CONFIG_H_
