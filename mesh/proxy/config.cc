#include "mesh/proxy/config.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/base/field_error.h"

namespace mesh::proxy {
namespace {

namespace action = ::mesh::route::action;

constexpr char kPreviousHosts[] = "envoy.retry_host_predicates.previous_hosts";

constexpr std::pair<const char*, uint32_t> kRetryNames[] = {
    {"5xx", kRetry5xx},
    {"gateway-error", kRetryGatewayError},
    {"reset", kRetryReset},
    {"connect-failure", kRetryConnectFailure},
    {"retriable-4xx", kRetryRetriable4xx},
    {"refused-stream", kRetryRefusedStream},
    {"retriable-status-codes", kRetryRetriableStatusCodes},
    {"cancelled", kRetryGrpcCancelled},
    {"deadline-exceeded", kRetryGrpcDeadlineExceeded},
    {"internal", kRetryGrpcInternal},
    {"resource-exhausted", kRetryGrpcResourceExhausted},
    {"unavailable", kRetryGrpcUnavailable},
    {"reset-before-request", kRetryResetBeforeRequest},
    {"envoy-ratelimited", kRetryEnvoyRateLimited},
    {"http3-post-connect-failure", kRetryHttp3PostConnectFailure},
};

// Collects what is not done.
class Unsupported {
 public:
  explicit Unsupported(std::string object) : object_(std::move(object)) {}
  void If(bool asked, const std::string& path, const char* field) {
    if (asked) Add(path + field, "not supported");
  }
  void Add(std::string field, std::string message) {
    FieldError error;
    error.object = object_;
    error.field = std::move(field);
    error.message = std::move(message);
    errors_.push_back(std::move(error));
  }
  const std::vector<FieldError>& errors() const { return errors_; }

 private:
  const std::string object_;
  std::vector<FieldError> errors_;
};

void PlanRetries(const action::RetryPolicy& retry, const std::string& path, RoutePlan* plan,
                 Unsupported* unsupported) {
  for (const std::string& name : retry.retry_on) {
    const auto* const found =
        std::find_if(std::begin(kRetryNames), std::end(kRetryNames),
                     [&name](const auto& entry) { return name == entry.first; });
    // Envoy takes names it does not know for nothing, so that newer ones do no harm.
    if (found != std::end(kRetryNames)) plan->retry_on |= found->second;
  }
  for (const std::string& predicate : retry.host_predicates) {
    if (predicate == kPreviousHosts) {
      plan->avoid_previous_hosts = true;
    } else {
      unsupported->Add(path + "retry_host_predicate", predicate + " is not supported");
    }
  }
  // Istio's priority plug-in orders priorities by the hosts tried; one priority is taken whole
  // here.
  unsupported->If(
      !retry.priority.empty() && retry.priority != "envoy.retry_priorities.previous_priorities",
      path, "retry_priority");
  unsupported->If(!retry.retriable_headers.empty(), path, "retriable_headers");
  unsupported->If(!retry.retriable_request_headers.empty(), path, "retriable_request_headers");
  unsupported->If(!retry.reset_headers.empty(), path, "rate_limited_retry_back_off");
  unsupported->If(retry.per_try_idle_timeout > absl::ZeroDuration(), path, "per_try_idle_timeout");
}

void PlanForward(const action::Forward& forward, const std::string& route_path, RoutePlan* plan,
                 Unsupported* unsupported) {
  const std::string path = route_path + ".route.";
  unsupported->If(!forward.mirrors.empty(), path, "request_mirror_policies");
  unsupported->If(!forward.hash.empty(), path, "hash_policy");
  unsupported->If(forward.weight_by_hash, path, "weighted_clusters.use_hash_policy");
  unsupported->If(forward.internal_redirect.has_value(), path, "internal_redirect_policy");
  unsupported->If(forward.hedge.on_per_try_timeout || forward.hedge.initial_requests > 1, path,
                  "hedge_policy");
  unsupported->If(forward.high_priority, path, "priority");
  unsupported->If(!forward.metadata_match.empty(), path, "metadata_match");
  unsupported->If(std::holds_alternative<action::AutoHost>(forward.host_rewrite), path,
                  "auto_host_rewrite");
  for (const action::Upgrade& upgrade : forward.upgrades) {
    unsupported->If(upgrade.connect, path, "upgrade_configs.connect_config");
  }
  for (const action::WeightedCluster& cluster : forward.weighted) {
    unsupported->If(!cluster.metadata_match.empty(), path,
                    "weighted_clusters.clusters.metadata_match");
    unsupported->If(!cluster.filters.empty(), path,
                    "weighted_clusters.clusters.typed_per_filter_config");
  }
  PlanRetries(forward.retry, path + "retry_policy.", plan, unsupported);
}

const envoy::Fault* FaultOf(const action::FilterConfigs& filters) {
  const auto fault = filters.find(envoy::kFaultFilter);
  if (fault == filters.end() || fault->second.disabled) return nullptr;
  return static_cast<const envoy::Fault*>(fault->second.parsed.get());
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Routes>> PlanRoutes(
    std::shared_ptr<const action::RouteConfig> config) {
  Unsupported unsupported(absl::StrCat("route configuration \"", config->name, "\""));
  auto routes = std::make_shared<Routes>();
  for (size_t i = 0; i < config->virtual_hosts.size(); ++i) {
    const action::VirtualHostActions& host = *config->virtual_hosts[i];
    std::vector<RoutePlan> plans;
    for (size_t j = 0; j < host.routes.size(); ++j) {
      const action::Route& route = host.routes[j];
      const std::string path = absl::StrCat("virtual_hosts[", i, "].routes[", j, "]");
      RoutePlan plan;
      if (const auto* forward = std::get_if<action::Forward>(&route.action)) {
        PlanForward(*forward, path, &plan, &unsupported);
      }
      unsupported.If(std::holds_alternative<action::NonForwarding>(route.action), path,
                     ".non_forwarding_action");
      unsupported.If(route.request_body_limit != UINT64_MAX, path,
                     ".per_request_buffer_limit_bytes");
      plan.fault = FaultOf(route.filters);
      if (plan.fault == nullptr) plan.fault = FaultOf(host.filters);
      if (plan.fault == nullptr) plan.fault = FaultOf(config->filters);
      plans.push_back(plan);
    }
    routes->plans.push_back(std::move(plans));
  }
  if (!unsupported.errors().empty()) return ToStatus(unsupported.errors());
  routes->config = std::move(config);
  return routes;
}

std::shared_ptr<const EndpointSet> SelectEndpoints(const envoy::Cluster& cluster,
                                                   std::vector<UpstreamAddress> addresses) {
  auto set = std::make_shared<EndpointSet>();
  set->all = std::move(addresses);

  struct Level {
    std::vector<uint32_t> all, healthy;
  };
  std::map<uint32_t, Level> levels;
  for (uint32_t i = 0; i < set->all.size(); ++i) {
    if (!set->all[i].reachable) continue;
    Level& level = levels[set->all[i].endpoint.priority];
    level.all.push_back(i);
    if (set->all[i].endpoint.healthy) level.healthy.push_back(i);
  }
  const Level* chosen = nullptr;
  for (const auto& [priority, level] : levels) {
    if (chosen == nullptr || (chosen->healthy.empty() && !level.healthy.empty())) chosen = &level;
  }
  if (chosen == nullptr) return set;
  const double healthy_percent = 100.0 * chosen->healthy.size() / chosen->all.size();
  set->usable = healthy_percent < cluster.panic_threshold_percent ? chosen->all : chosen->healthy;

  std::map<std::string, uint64_t> locality_totals;
  if (cluster.locality_weighted) {
    for (uint32_t i : set->usable) {
      locality_totals[set->all[i].endpoint.locality] += set->all[i].endpoint.weight;
    }
  }
  for (uint32_t i : set->usable) {
    UpstreamAddress& address = set->all[i];
    address.weight = std::max(1u, address.endpoint.weight);
    if (cluster.locality_weighted) {
      // A thousandth is the finest share; a locality of weight 0 has none, and drops out below.
      const uint64_t total = locality_totals[address.endpoint.locality];
      address.weight = static_cast<uint32_t>(
          std::min<uint64_t>(1 << 30, 1000ull * address.endpoint.locality_weight *
                                          address.endpoint.weight / std::max<uint64_t>(total, 1)));
    }
  }
  if (cluster.locality_weighted) {
    std::vector<uint32_t> weighted;
    for (uint32_t i : set->usable) {
      if (set->all[i].weight > 0) weighted.push_back(i);
    }
    set->usable = std::move(weighted);
  }
  for (uint32_t i : set->usable) {
    if (set->all[i].weight != set->all[set->usable[0]].weight) set->equal_weights = false;
  }
  return set;
}

}  // namespace mesh::proxy
