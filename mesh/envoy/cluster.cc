#include "mesh/envoy/cluster.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/envoy/core_fields.h"
#include "mesh/envoy/endpoint_fields.h"
#include "mesh/envoy/observers.h"
#include "mesh/envoy/transport_socket_fields.h"

namespace mesh::envoy {
namespace {

using Proto = ::envoy::config::cluster::v3::Cluster;
using ::envoy::config::core::v3::RoutingPriority;

constexpr char kHttpOptions[] = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

void LoadDiscovery(const Proto& proto, Cluster* out, FieldErrors* errors) {
  if (proto.has_cluster_type()) {
    errors->Add("cluster_type", absl::StrCat(proto.cluster_type().name(), " is not supported"));
    return;
  }
  const bool has_endpoints = proto.has_load_assignment();
  switch (proto.type()) {
    case Proto::STATIC:
      out->discovery = Cluster::Discovery::kStatic;
      break;
    case Proto::STRICT_DNS:
      out->discovery = Cluster::Discovery::kStrictDns;
      break;
    case Proto::EDS: {
      out->discovery = Cluster::Discovery::kEds;
      const auto& eds = proto.eds_cluster_config();
      errors->Only(eds, "eds_cluster_config", {"eds_config", "service_name"});
      out->eds_initial_fetch_timeout =
          LoadAdsSource(eds.eds_config(), "eds_cluster_config.eds_config", errors);
      out->eds_name = eds.service_name().empty() ? proto.name() : eds.service_name();
      if (has_endpoints) errors->Add("load_assignment", "must not be set with type EDS");
      return;
    }
    case Proto::ORIGINAL_DST:
      out->discovery = Cluster::Discovery::kOriginalDst;
      if (proto.lb_policy() != Proto::CLUSTER_PROVIDED) {
        errors->Add("lb_policy", "must be CLUSTER_PROVIDED with type ORIGINAL_DST");
      }
      if (has_endpoints) errors->Add("load_assignment", "must not be set with type ORIGINAL_DST");
      return;
    default:
      errors->Add("type",
                  absl::StrCat(Proto::DiscoveryType_Name(proto.type()), " is not supported"));
      return;
  }
  out->endpoints = LoadEndpointFields(proto.load_assignment(), "load_assignment",
                                      out->discovery == Cluster::Discovery::kStrictDns, errors);
}

void LoadBalancing(const Proto& proto, Cluster* out, FieldErrors* errors) {
  switch (proto.lb_policy()) {
    case Proto::ROUND_ROBIN:
      break;
    case Proto::LEAST_REQUEST:
      out->balancing = Cluster::Balancing::kLeastRequest;
      break;
    case Proto::RANDOM:
      out->balancing = Cluster::Balancing::kRandom;
      break;
    case Proto::CLUSTER_PROVIDED:
      if (proto.type() == Proto::ORIGINAL_DST) break;
      [[fallthrough]];
    default:
      errors->Add("lb_policy",
                  absl::StrCat(Proto::LbPolicy_Name(proto.lb_policy()), " is not supported"));
  }
  if (proto.has_least_request_lb_config()) {
    errors->Only(proto.least_request_lb_config(), "least_request_lb_config", {"choice_count"});
    if (proto.least_request_lb_config().has_choice_count()) {
      out->least_request_choices = proto.least_request_lb_config().choice_count().value();
      if (out->least_request_choices < 2) {
        errors->Add("least_request_lb_config.choice_count", "must be at least 2");
      }
    }
  }
  if (proto.has_round_robin_lb_config()) {
    errors->Only(proto.round_robin_lb_config(), "round_robin_lb_config", {});
  }
  if (proto.has_common_lb_config()) {
    const auto& common = proto.common_lb_config();
    errors->Only(common, "common_lb_config",
                 {"healthy_panic_threshold", "locality_weighted_lb_config"},
                 {"update_merge_window", "ignore_new_hosts_until_first_hc"});
    out->locality_weighted = common.has_locality_weighted_lb_config();
    if (common.has_healthy_panic_threshold()) {
      out->panic_threshold_percent = common.healthy_panic_threshold().value();
    }
  }
}

void LoadLimits(const Proto& proto, Cluster* out, FieldErrors* errors) {
  const auto& breakers = proto.circuit_breakers();
  errors->Only(breakers, "circuit_breakers", {"thresholds"});
  for (int i = 0; i < breakers.thresholds_size(); ++i) {
    const auto& t = breakers.thresholds(i);
    const std::string path = At("circuit_breakers.thresholds", i);
    errors->Only(
        t, path,
        {"priority", "max_connections", "max_pending_requests", "max_requests", "max_retries"},
        {"track_remaining"});
    if (t.priority() != RoutingPriority::DEFAULT) {
      errors->Add(Join(path, "priority"), "only DEFAULT is supported");
      continue;
    }
    if (t.has_max_connections()) out->limits.max_connections = t.max_connections().value();
    if (t.has_max_pending_requests()) {
      out->limits.max_pending_requests = t.max_pending_requests().value();
    }
    if (t.has_max_requests()) out->limits.max_requests = t.max_requests().value();
    if (t.has_max_retries()) out->limits.max_retries = t.max_retries().value();
  }
}

void LoadCommonHttp(const ::envoy::config::core::v3::HttpProtocolOptions& common,
                    const std::string& path, Cluster* out, FieldErrors* errors) {
  errors->Only(common, path,
               {"idle_timeout", "max_connection_duration", "max_headers_count",
                "max_response_headers_kb", "max_requests_per_connection"});
  if (common.has_idle_timeout()) out->idle_timeout = ToDuration(common.idle_timeout());
  if (common.has_max_connection_duration()) {
    out->max_connection_duration = ToDuration(common.max_connection_duration());
  }
  if (common.has_max_headers_count()) out->max_headers_count = common.max_headers_count().value();
  if (common.has_max_response_headers_kb()) {
    out->max_response_headers_kb = common.max_response_headers_kb().value();
  }
  if (common.has_max_requests_per_connection()) {
    out->max_requests_per_connection = common.max_requests_per_connection().value();
  }
}

void LoadHttp1(const ::envoy::config::core::v3::Http1ProtocolOptions& options,
               const std::string& path, Cluster* out, FieldErrors* errors) {
  errors->Only(options, path, {"enable_trailers"}, {"allow_absolute_url"});
  out->enable_trailers = options.enable_trailers();
}

void LoadHttp(const Proto& proto, Cluster* out, FieldErrors* errors) {
  if (proto.has_max_requests_per_connection()) {
    out->max_requests_per_connection = proto.max_requests_per_connection().value();
  }
  if (proto.has_common_http_protocol_options()) {
    LoadCommonHttp(proto.common_http_protocol_options(), "common_http_protocol_options", out,
                   errors);
  }
  if (proto.has_http_protocol_options()) {
    LoadHttp1(proto.http_protocol_options(), "http_protocol_options", out, errors);
  }
  for (const auto& [name, any] : proto.typed_extension_protocol_options()) {
    const std::string path = absl::StrCat("typed_extension_protocol_options[\"", name, "\"]");
    if (name != kHttpOptions) {
      errors->Add(path, "not supported");
      continue;
    }
    ::envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
    if (!errors->Unpack(any, path, &options)) continue;
    errors->Only(
        options, path,
        {"common_http_protocol_options", "explicit_http_config", "use_downstream_protocol_config"},
        {"upstream_http_protocol_options"});  // see LoadTransportSockets
    if (options.has_common_http_protocol_options()) {
      LoadCommonHttp(options.common_http_protocol_options(),
                     Join(path, "common_http_protocol_options"), out, errors);
    }
    if (options.has_explicit_http_config()) {
      const std::string config_path = Join(path, "explicit_http_config");
      const auto& config = options.explicit_http_config();
      errors->Only(config, config_path, {"http_protocol_options"});
      LoadHttp1(config.http_protocol_options(), Join(config_path, "http_protocol_options"), out,
                errors);
    }
    if (options.has_use_downstream_protocol_config()) {
      // What comes in is HTTP/1.1, so that is what goes out.
      const std::string config_path = Join(path, "use_downstream_protocol_config");
      const auto& config = options.use_downstream_protocol_config();
      errors->Only(config, config_path, {"http_protocol_options"}, {"http2_protocol_options"});
      LoadHttp1(config.http_protocol_options(), Join(config_path, "http_protocol_options"), out,
                errors);
    }
  }
}

void LoadConnections(const Proto& proto, Cluster* out, FieldErrors* errors) {
  if (proto.has_connect_timeout()) {
    out->connect_timeout = ToDuration(proto.connect_timeout());
    if (out->connect_timeout <= absl::ZeroDuration()) {
      errors->Add("connect_timeout", "must be more than 0s");
    }
  }
  if (proto.has_per_connection_buffer_limit_bytes()) {
    out->buffer_limit_bytes = proto.per_connection_buffer_limit_bytes().value();
  }
  if (proto.has_upstream_bind_config()) {
    errors->Only(proto.upstream_bind_config(), "upstream_bind_config", {"source_address"});
    if (proto.upstream_bind_config().has_source_address()) {
      out->bind_source =
          LoadSocketAddress(proto.upstream_bind_config().source_address(),
                            "upstream_bind_config.source_address", /*dns_name=*/false, errors);
    }
  }
  if (proto.has_upstream_connection_options()) {
    const auto& options = proto.upstream_connection_options();
    errors->Only(options, "upstream_connection_options", {"tcp_keepalive"},
                 {"set_local_interface_name_on_upstream_connections"});
    if (options.has_tcp_keepalive()) {
      const auto& keepalive = options.tcp_keepalive();
      out->keepalive = Cluster::Keepalive{keepalive.keepalive_probes().value(),
                                          keepalive.keepalive_time().value(),
                                          keepalive.keepalive_interval().value()};
    }
  }
}

void LoadTransportSockets(const Proto& proto, Cluster* out, FieldErrors* errors) {
  if (proto.has_transport_socket()) {
    out->tls = LoadClientSocket(proto.transport_socket(), "transport_socket", errors);
  }
  bool any = out->tls != nullptr;
  for (int i = 0; i < proto.transport_socket_matches_size(); ++i) {
    const auto& match = proto.transport_socket_matches(i);
    const std::string path = At("transport_socket_matches", i);
    errors->Only(match, path, {"name", "match", "transport_socket"});
    Cluster::TransportSocketMatch socket;
    socket.name = match.name();
    socket.fields = LoadMatchFields(match.match());
    socket.tls = LoadClientSocket(match.transport_socket(), Join(path, "transport_socket"), errors);
    any |= socket.tls != nullptr;
    out->transport_socket_matches.push_back(std::move(socket));
  }
  if (!any) return;
  // These say what a handshake is to contain.
  errors->Only(proto.upstream_http_protocol_options(), "upstream_http_protocol_options", {});
  for (const auto& [name, any_options] : proto.typed_extension_protocol_options()) {
    ::envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
    if (name != kHttpOptions || !options.ParseFromString(any_options.value())) continue;
    errors->Only(options.upstream_http_protocol_options(),
                 absl::StrCat("typed_extension_protocol_options[\"", name,
                              "\"].upstream_http_protocol_options"),
                 {});
  }
}

void LoadFilters(const Proto& proto, Cluster* out, FieldErrors* errors) {
  for (int i = 0; i < proto.filters_size(); ++i) {
    const auto& filter = proto.filters(i);
    const std::string path = At("filters", i);
    errors->Only(filter, path, {"name", "typed_config"});
    if (!OnlyObserves(filter.typed_config())) {
      errors->Add(path, absl::StrCat(filter.name(), " is not supported"));
    }
    const std::string protocol = ExchangeProtocol(filter.typed_config());
    WithdrawProtocol(protocol, &out->tls);
    for (auto& match : out->transport_socket_matches) WithdrawProtocol(protocol, &match.tls);
  }
}

void LoadDns(const Proto& proto, Cluster* out, FieldErrors* errors) {
  if (proto.has_dns_refresh_rate()) out->dns_refresh = ToDuration(proto.dns_refresh_rate());
  if (out->dns_refresh < absl::Milliseconds(1)) {
    errors->Add("dns_refresh_rate", "must be at least 1ms");
  }
  out->dns_ipv4_only = proto.dns_lookup_family() == Proto::V4_ONLY;
  out->dns_ipv6_only = proto.dns_lookup_family() == Proto::V6_ONLY;
}

// What metrics call the destination. Istio writes it into the metadata; where it did not, its
// cluster names say it: direction|port|subset|host.
void LoadDestination(const Proto& proto, Cluster* out) {
  const auto istio = proto.metadata().filter_metadata().find("istio");
  if (istio != proto.metadata().filter_metadata().end()) {
    const auto services = istio->second.fields().find("services");
    if (services != istio->second.fields().end() &&
        services->second.list_value().values_size() > 0) {
      const auto& service = services->second.list_value().values(0).struct_value().fields();
      const auto field = [&service](const char* name) {
        const auto it = service.find(name);
        return it == service.end() ? std::string() : it->second.string_value();
      };
      out->destination_service = field("host");
      out->destination_service_name = field("name");
      out->destination_service_namespace = field("namespace");
      return;
    }
  }
  const std::vector<std::string> parts = absl::StrSplit(proto.name(), '|');
  if (parts.size() != 4) return;
  out->destination_service = parts[3];
  const std::vector<std::string> labels = absl::StrSplit(parts[3], '.');
  if (labels.size() > 2 && labels[2] == "svc") {
    out->destination_service_name = labels[0];
    out->destination_service_namespace = labels[1];
  } else {
    out->destination_service_name = parts[3];
  }
}

}  // namespace

const TransportSocket& TransportSocketFor(const Cluster& cluster, const Endpoint& endpoint) {
  const auto& has = endpoint.transport_socket_match;
  for (const Cluster::TransportSocketMatch& match : cluster.transport_socket_matches) {
    const bool fits = std::all_of(match.fields.begin(), match.fields.end(), [&](const auto& f) {
      const auto found = has.find(f.first);
      return found != has.end() && found->second == f.second;
    });
    if (fits) return match.tls;
  }
  return cluster.tls;
}

absl::StatusOr<Cluster> LoadCluster(const Proto& proto) {
  FieldErrors errors(absl::StrCat("cluster \"", proto.name(), "\""));
  if (proto.name().empty()) errors.Add("name", "missing");
  errors.Only(proto, "",
              {"name",
               "alt_stat_name",
               "type",
               "cluster_type",
               "eds_cluster_config",
               "connect_timeout",
               "per_connection_buffer_limit_bytes",
               "lb_policy",
               "load_assignment",
               "max_requests_per_connection",
               "circuit_breakers",
               "common_http_protocol_options",
               "http_protocol_options",
               "typed_extension_protocol_options",
               "dns_refresh_rate",
               "dns_lookup_family",
               "upstream_bind_config",
               "least_request_lb_config",
               "round_robin_lb_config",
               "common_lb_config",
               "transport_socket",
               "transport_socket_matches",
               "metadata",
               "filters",
               "upstream_connection_options"},
              {"cleanup_interval", "ignore_health_on_host_removal", "track_cluster_stats",
               "track_timeout_budgets", "wait_for_warm_on_init", "respect_dns_ttl", "dns_jitter",
               "dns_failure_refresh_rate", "upstream_http_protocol_options", "preconnect_policy",
               "close_connections_on_host_health_failure",
               // Speaks of HTTP/2 only together with http2_protocol_options, which is an error.
               "protocol_selection"});
  Cluster out;
  out.name = proto.name();
  out.stat_name = proto.alt_stat_name().empty() ? proto.name() : proto.alt_stat_name();
  LoadDiscovery(proto, &out, &errors);
  LoadBalancing(proto, &out, &errors);
  LoadLimits(proto, &out, &errors);
  LoadHttp(proto, &out, &errors);
  LoadConnections(proto, &out, &errors);
  LoadTransportSockets(proto, &out, &errors);
  LoadFilters(proto, &out, &errors);
  LoadDns(proto, &out, &errors);
  LoadDestination(proto, &out);
  if (!errors.errors().empty()) return ToStatus(errors.errors());
  return out;
}

}  // namespace mesh::envoy
