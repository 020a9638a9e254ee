#include "mesh/translate/traffic_policy.h"

#include <limits>
#include <utility>

#include "mesh/translate/locality.h"
#include "mesh/translate/proto.h"

namespace mesh::translate {
namespace {

namespace cluster_v3 = ::envoy::config::cluster::v3;
namespace networking = ::istio::networking::v1alpha3;
using networking::ConnectionPoolSettings;
using networking::LoadBalancerSettings;

constexpr uint32_t kUnlimited = std::numeric_limits<uint32_t>::max();
// HTTP/2's own default is unlimited; Envoy wants a number.
constexpr uint32_t kMaxConcurrentStreams = 1073741824;
constexpr char kHttpOptions[] = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

template <class Policy>
PortPolicy BlocksOf(const Policy& policy) {
  PortPolicy blocks;
  if (policy.has_load_balancer()) blocks.load_balancer = &policy.load_balancer();
  if (policy.has_connection_pool()) blocks.connection_pool = &policy.connection_pool();
  if (policy.has_outlier_detection()) blocks.outlier_detection = &policy.outlier_detection();
  if (policy.has_tls()) blocks.tls = &policy.tls();
  return blocks;
}

void SetDefaultThresholds(cluster_v3::CircuitBreakers::Thresholds* thresholds) {
  thresholds->mutable_max_connections()->set_value(kUnlimited);
  thresholds->mutable_max_pending_requests()->set_value(kUnlimited);
  thresholds->mutable_max_requests()->set_value(kUnlimited);
  thresholds->mutable_max_retries()->set_value(kUnlimited);
}

}  // namespace

PortPolicy PolicyAt(const networking::TrafficPolicy& policy, uint32_t port) {
  for (int i = 0; i < policy.port_level_settings_size(); ++i) {
    const auto& at_port = policy.port_level_settings(i);
    if (at_port.port().number() != port) continue;
    PortPolicy blocks = BlocksOf(at_port);
    blocks.port_level = i;
    return blocks;
  }
  return BlocksOf(policy);
}

ClusterBuilder::ClusterBuilder(const istio::mesh::v1alpha1::MeshConfig& mesh, std::string name,
                               Cluster::DiscoveryType type)
    : mesh_(mesh) {
  cluster_.set_name(std::move(name));
  cluster_.set_type(type);
  *cluster_.mutable_connect_timeout() = mesh.connect_timeout();
  SetDefaultThresholds(cluster_.mutable_circuit_breakers()->add_thresholds());
  if (type == Cluster::ORIGINAL_DST) cluster_.set_lb_policy(Cluster::CLUSTER_PROVIDED);
  if (type == Cluster::STRICT_DNS) {
    cluster_.set_dns_lookup_family(Cluster::V4_ONLY);
    *cluster_.mutable_dns_refresh_rate() = mesh.dns_refresh_rate();
    cluster_.set_respect_dns_ttl(true);
  }
  if (type == Cluster::EDS || type == Cluster::STRICT_DNS) UseLocalityWeights(nullptr);
}

void ClusterBuilder::UseLocalityWeights(const LoadBalancerSettings* settings) {
  const auto* locality = LocalitySettings(mesh_, settings);
  if (locality != nullptr && !locality->distribute().empty()) {
    // Without it, Envoy does not look at the weights of localities.
    cluster_.mutable_common_lb_config()->mutable_locality_weighted_lb_config();
  } else if (cluster_.has_common_lb_config()) {
    cluster_.mutable_common_lb_config()->clear_locality_weighted_lb_config();
  }
}

void ClusterBuilder::UseHttp2() { http2_ = true; }

void ClusterBuilder::UseDownstreamProtocol() {
  http2_ = true;
  downstream_protocol_ = true;
}

void ClusterBuilder::ApplyLoadBalancer(const LoadBalancerSettings& settings) {
  if (cluster_.type() == Cluster::ORIGINAL_DST) return;
  UseLocalityWeights(&settings);
  switch (settings.simple()) {
    case LoadBalancerSettings::LEAST_CONN:
    case LoadBalancerSettings::LEAST_REQUEST:
      cluster_.set_lb_policy(Cluster::LEAST_REQUEST);
      break;
    case LoadBalancerSettings::RANDOM:
      cluster_.set_lb_policy(Cluster::RANDOM);
      break;
    case LoadBalancerSettings::PASSTHROUGH:
      cluster_.set_lb_policy(Cluster::CLUSTER_PROVIDED);
      cluster_.set_type(Cluster::ORIGINAL_DST);
      break;
    default:
      cluster_.set_lb_policy(Cluster::ROUND_ROBIN);
      break;
  }
  if (!settings.has_consistent_hash()) {
    cluster_.clear_ring_hash_lb_config();
    return;
  }
  const auto& hash = settings.consistent_hash();
  cluster_.set_lb_policy(Cluster::RING_HASH);
  const uint64_t size =
      hash.has_ring_hash() ? hash.ring_hash().minimum_ring_size() : hash.minimum_ring_size();
  cluster_.mutable_ring_hash_lb_config()->mutable_minimum_ring_size()->set_value(size == 0 ? 1024
                                                                                           : size);
}

void ClusterBuilder::ApplyConnectionPool(const ConnectionPoolSettings& settings) {
  auto* thresholds = cluster_.mutable_circuit_breakers()->mutable_thresholds(0);
  SetDefaultThresholds(thresholds);
  if (settings.has_http()) {
    const auto& http = settings.http();
    if (http.http2_max_requests() > 0) {
      thresholds->mutable_max_requests()->set_value(http.http2_max_requests());
    }
    if (http.http1_max_pending_requests() > 0) {
      thresholds->mutable_max_pending_requests()->set_value(http.http1_max_pending_requests());
    }
    if (http.max_retries() > 0) thresholds->mutable_max_retries()->set_value(http.max_retries());
    auto* common = http_.mutable_common_http_protocol_options();
    if (http.max_requests_per_connection() > 0) {
      common->mutable_max_requests_per_connection()->set_value(http.max_requests_per_connection());
    }
    if (http.has_idle_timeout()) *common->mutable_idle_timeout() = http.idle_timeout();
    if (common->ByteSizeLong() == 0) http_.clear_common_http_protocol_options();
  }
  if (!settings.has_tcp()) return;
  const auto& tcp = settings.tcp();
  if (tcp.has_connect_timeout()) *cluster_.mutable_connect_timeout() = tcp.connect_timeout();
  if (tcp.max_connections() > 0) {
    thresholds->mutable_max_connections()->set_value(tcp.max_connections());
  }
  if (!mesh_.has_tcp_keepalive() && !tcp.has_tcp_keepalive()) return;
  auto* keepalive = cluster_.mutable_upstream_connection_options()->mutable_tcp_keepalive();
  for (const auto* from : {&mesh_.tcp_keepalive(), &tcp.tcp_keepalive()}) {
    if (from->probes() > 0) keepalive->mutable_keepalive_probes()->set_value(from->probes());
    if (from->has_time()) keepalive->mutable_keepalive_time()->set_value(from->time().seconds());
    if (from->has_interval()) {
      keepalive->mutable_keepalive_interval()->set_value(from->interval().seconds());
    }
  }
}

void ClusterBuilder::ApplyOutlierDetection(const networking::OutlierDetection& settings) {
  auto* out = cluster_.mutable_outlier_detection();
  out->Clear();
  // By success rate nothing is ejected.
  out->mutable_enforcing_success_rate()->set_value(0);
  if (settings.has_interval()) *out->mutable_interval() = settings.interval();
  if (settings.has_base_ejection_time()) {
    *out->mutable_base_ejection_time() = settings.base_ejection_time();
  }
  if (settings.consecutive_errors() > 0) {
    out->mutable_consecutive_gateway_failure()->set_value(settings.consecutive_errors());
    out->mutable_enforcing_consecutive_gateway_failure()->set_value(100);
    out->mutable_enforcing_consecutive_5xx()->set_value(0);
  }
  // 0 turns a detector off.
  if (settings.has_consecutive_5xx_errors()) {
    const uint32_t errors = settings.consecutive_5xx_errors().value();
    out->mutable_consecutive_5xx()->set_value(errors);
    out->mutable_enforcing_consecutive_5xx()->set_value(errors > 0 ? 100 : 0);
  }
  if (settings.has_consecutive_gateway_errors()) {
    const uint32_t errors = settings.consecutive_gateway_errors().value();
    out->mutable_consecutive_gateway_failure()->set_value(errors);
    out->mutable_enforcing_consecutive_gateway_failure()->set_value(errors > 0 ? 100 : 0);
  }
  if (settings.max_ejection_percent() > 0) {
    out->mutable_max_ejection_percent()->set_value(settings.max_ejection_percent());
  }
  // Envoy's own 50% is for large clusters; few pods a service would panic at the first ejection.
  cluster_.mutable_common_lb_config()->mutable_healthy_panic_threshold()->set_value(
      settings.min_health_percent());
}

void ClusterBuilder::Apply(const PortPolicy& policy, registry::Protocol protocol) {
  using HTTPSettings = ConnectionPoolSettings::HTTPSettings;
  HTTPSettings::H2UpgradePolicy upgrade = HTTPSettings::DEFAULT;
  if (policy.connection_pool != nullptr) {
    upgrade = policy.connection_pool->http().h2_upgrade_policy();
  }
  const bool mesh_upgrades =
      mesh_.h2_upgrade_policy() == istio::mesh::v1alpha1::MeshConfig::UPGRADE;
  if (registry::IsHttp(protocol) &&
      (upgrade == HTTPSettings::UPGRADE || (upgrade == HTTPSettings::DEFAULT && mesh_upgrades))) {
    UseHttp2();
  }
  if (policy.connection_pool != nullptr) ApplyConnectionPool(*policy.connection_pool);
  if (policy.outlier_detection != nullptr) ApplyOutlierDetection(*policy.outlier_detection);
  if (policy.load_balancer != nullptr) ApplyLoadBalancer(*policy.load_balancer);
}

ClusterBuilder::Cluster ClusterBuilder::Finish() {
  if (downstream_protocol_) {
    auto* downstream = http_.mutable_use_downstream_protocol_config();
    downstream->mutable_http_protocol_options();
    downstream->mutable_http2_protocol_options()->mutable_max_concurrent_streams()->set_value(
        kMaxConcurrentStreams);
  } else if (http2_) {
    http_.mutable_explicit_http_config()
        ->mutable_http2_protocol_options()
        ->mutable_max_concurrent_streams()
        ->set_value(kMaxConcurrentStreams);
  } else if (http_.has_common_http_protocol_options()) {
    http_.mutable_explicit_http_config()->mutable_http_protocol_options();
  }
  if (http_.ByteSizeLong() != 0) {
    (*cluster_.mutable_typed_extension_protocol_options())[kHttpOptions] = Pack(http_);
  }
  return std::move(cluster_);
}

}  // namespace mesh::translate
