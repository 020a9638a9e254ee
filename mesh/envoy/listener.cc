#include "mesh/envoy/listener.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/envoy/access_log_fields.h"
#include "mesh/envoy/core_fields.h"
#include "mesh/envoy/http_connection_manager.h"
#include "mesh/envoy/observers.h"
#include "mesh/envoy/transport_socket_fields.h"

namespace mesh::envoy {
namespace {

using Proto = ::envoy::config::listener::v3::Listener;
using TcpProxyProto = ::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

constexpr char kHttpConnectionManager[] =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
constexpr char kNetworkRbac[] = "envoy.extensions.filters.network.rbac.v3.RBAC";

TcpProxy LoadTcpProxy(const TcpProxyProto& proto, const std::string& path, FieldErrors* errors) {
  errors->Only(proto, path,
               {"stat_prefix", "cluster", "weighted_clusters", "idle_timeout", "access_log",
                "max_connect_attempts"});
  TcpProxy out;
  out.stat_prefix = proto.stat_prefix();
  if (proto.stat_prefix().empty()) errors->Add(Join(path, "stat_prefix"), "missing");
  if (proto.has_weighted_clusters()) {
    const std::string weighted_path = Join(path, "weighted_clusters");
    for (int i = 0; i < proto.weighted_clusters().clusters_size(); ++i) {
      const auto& cluster = proto.weighted_clusters().clusters(i);
      errors->Only(cluster, At(Join(weighted_path, "clusters"), i), {"name", "weight"});
      out.targets.push_back({cluster.name(), cluster.weight()});
    }
    if (out.targets.empty()) errors->Add(Join(weighted_path, "clusters"), "missing");
  } else if (proto.cluster().empty()) {
    errors->Add(Join(path, "cluster"), "missing");
  } else {
    out.targets.push_back({proto.cluster(), 1});
  }
  if (proto.has_idle_timeout()) out.idle_timeout = ToDuration(proto.idle_timeout());
  if (proto.has_max_connect_attempts()) {
    out.max_connect_attempts = proto.max_connect_attempts().value();
  }
  out.access_logs = LoadAccessLogs(proto.access_log(), Join(path, "access_log"), errors);
  return out;
}

using MatchProto = ::envoy::config::listener::v3::FilterChainMatch;

std::vector<AddressRange> LoadRanges(
    const google::protobuf::RepeatedPtrField<::envoy::config::core::v3::CidrRange>& ranges,
    const std::string& path, FieldErrors* errors) {
  std::vector<AddressRange> out;
  for (int i = 0; i < ranges.size(); ++i) {
    out.push_back(LoadRange(ranges.Get(i), At(path, i), errors));
  }
  return out;
}

FilterChainMatch LoadMatch(const MatchProto& proto, const std::string& path, FieldErrors* errors) {
  errors->Only(proto, path,
               {"destination_port", "prefix_ranges", "server_names", "transport_protocol",
                "application_protocols", "direct_source_prefix_ranges", "source_type",
                "source_prefix_ranges", "source_ports"});
  FilterChainMatch out;
  out.destination_port = proto.destination_port().value();
  out.prefix_ranges = LoadRanges(proto.prefix_ranges(), Join(path, "prefix_ranges"), errors);
  for (int i = 0; i < proto.server_names_size(); ++i) {
    std::string name = absl::AsciiStrToLower(proto.server_names(i));
    const size_t star = name.rfind('*');
    const bool wildcard = name.size() > 2 && name.rfind("*.", 0) == 0;
    if (name.empty() || (star != std::string::npos && (star != 0 || !wildcard))) {
      errors->Add(
          At(Join(path, "server_names"), i),
          absl::StrCat("\"", proto.server_names(i), "\" is neither a name nor \"*.\" and a name"));
    }
    out.server_names.push_back(std::move(name));
  }
  out.transport_protocol = proto.transport_protocol();
  out.application_protocols.assign(proto.application_protocols().begin(),
                                   proto.application_protocols().end());
  out.direct_source_ranges = LoadRanges(proto.direct_source_prefix_ranges(),
                                        Join(path, "direct_source_prefix_ranges"), errors);
  if (proto.source_type() == MatchProto::SAME_IP_OR_LOOPBACK) {
    out.source = FilterChainMatch::Source::kSameIpOrLoopback;
  } else if (proto.source_type() == MatchProto::EXTERNAL) {
    out.source = FilterChainMatch::Source::kExternal;
  }
  out.source_ranges =
      LoadRanges(proto.source_prefix_ranges(), Join(path, "source_prefix_ranges"), errors);
  out.source_ports.assign(proto.source_ports().begin(), proto.source_ports().end());
  return out;
}

FilterChain LoadChain(const ::envoy::config::listener::v3::FilterChain& chain,
                      const std::string& path, FieldErrors* errors) {
  FilterChain out;
  out.name = chain.name();
  errors->Only(chain, path,
               {"filter_chain_match", "filters", "transport_socket", "name",
                "transport_socket_connect_timeout"},
               {"metadata"});
  out.match = LoadMatch(chain.filter_chain_match(), Join(path, "filter_chain_match"), errors);
  if (chain.has_transport_socket()) {
    out.tls = LoadServerSocket(chain.transport_socket(), Join(path, "transport_socket"), errors);
  }
  if (chain.has_transport_socket_connect_timeout()) {
    out.handshake_timeout = ToDuration(chain.transport_socket_connect_timeout());
  }
  if (chain.filters_size() == 0) errors->Add(Join(path, "filters"), "missing");
  for (int i = 0; i < chain.filters_size(); ++i) {
    const auto& filter = chain.filters(i);
    const std::string filter_path = At(Join(path, "filters"), i);
    const std::string config_path = Join(filter_path, "typed_config");
    if (!filter.has_typed_config()) {
      errors->Add(filter_path,
                  absl::StrCat(filter.name(), " is not supported without typed_config"));
      continue;
    }
    const std::string& url = filter.typed_config().type_url();
    const std::string type = url.substr(url.rfind('/') + 1);
    if (i + 1 < chain.filters_size() && type == kNetworkRbac) {
      absl::StatusOr<RbacFilter> rules = LoadRbacNetworkFilter(filter.typed_config());
      if (rules.ok()) {
        rules->name = filter.name();
        out.rules.push_back(*std::move(rules));
      } else {
        errors->Add(config_path, std::string(rules.status().message()));
      }
    } else if (OnlyObserves(filter.typed_config())) {
      if (i + 1 == chain.filters_size()) errors->Add(filter_path, "nothing stands behind it");
      WithdrawProtocol(ExchangeProtocol(filter.typed_config()), &out.tls);
    } else if (i + 1 < chain.filters_size()) {
      errors->Add(config_path, absl::StrCat(type, " is not supported before another filter"));
    } else if (type == kHttpConnectionManager) {
      if (!out.rules.empty()) {
        errors->Add(config_path, absl::StrCat(type, " is not supported behind ", kNetworkRbac));
      }
      out.filter = LoadHttpConnectionManager(filter.typed_config(), config_path, errors);
    } else {
      TcpProxyProto tcp;
      if (errors->Unpack(filter.typed_config(), config_path, &tcp)) {
        out.filter = LoadTcpProxy(tcp, config_path, errors);
      }
    }
  }
  return out;
}

using PredicateProto = ::envoy::config::listener::v3::ListenerFilterChainMatchPredicate;

// The ports for which a listener filter's predicate is true.
PortSet LoadPredicate(const PredicateProto& proto, const std::string& path, FieldErrors* errors) {
  const auto rules_of = [&](const PredicateProto::MatchSet& set, const char* field, bool all) {
    if (set.rules().empty()) errors->Add(Join(path, field), "missing rules");
    PortSet ports = all ? PortSet::All() : PortSet();
    for (int i = 0; i < set.rules_size(); ++i) {
      const PortSet rule =
          LoadPredicate(set.rules(i), At(Join(Join(path, field), "rules"), i), errors);
      ports = all ? ports.Intersection(rule) : ports.Union(rule);
    }
    return ports;
  };
  switch (proto.rule_case()) {
    case PredicateProto::kOrMatch:
      return rules_of(proto.or_match(), "or_match", /*all=*/false);
    case PredicateProto::kAndMatch:
      return rules_of(proto.and_match(), "and_match", /*all=*/true);
    case PredicateProto::kNotMatch:
      return LoadPredicate(proto.not_match(), Join(path, "not_match"), errors).Complement();
    case PredicateProto::kAnyMatch:
      return PortSet::All();
    case PredicateProto::kDestinationPortRange:
      return PortSet(std::max(proto.destination_port_range().start(), 0),
                     std::max(proto.destination_port_range().end(), 0));
    case PredicateProto::RULE_NOT_SET:
      errors->Add(path, "no rule is set");
      break;
  }
  return {};
}

// The three that Istio's listeners have. Others may change what a connection is, so none is passed
// over.
void LoadListenerFilters(const Proto& proto, Inspection* out, FieldErrors* errors) {
  namespace filters = ::envoy::extensions::filters::listener;
  for (int i = 0; i < proto.listener_filters_size(); ++i) {
    const auto& filter = proto.listener_filters(i);
    const std::string path = At("listener_filters", i);
    const std::string config_path = Join(path, "typed_config");
    errors->Only(filter, path, {"name", "typed_config", "filter_disabled"});
    PortSet disabled;
    if (filter.has_filter_disabled()) {
      disabled = LoadPredicate(filter.filter_disabled(), Join(path, "filter_disabled"), errors);
    }
    const std::string& url = filter.typed_config().type_url();
    const std::string type = url.substr(url.rfind('/') + 1);
    if (type == filters::tls_inspector::v3::TlsInspector::descriptor()->full_name()) {
      filters::tls_inspector::v3::TlsInspector tls;
      out->tls = errors->Unpack(filter.typed_config(), config_path, &tls);
      out->not_tls = std::move(disabled);
      // What is no hello of TLS goes on as plaintext, as far as a chain takes that.
      errors->Only(tls, config_path, {}, {"initial_read_buffer_size", "max_client_hello_size"});
    } else if (type == filters::http_inspector::v3::HttpInspector::descriptor()->full_name()) {
      filters::http_inspector::v3::HttpInspector http;
      out->http = errors->Unpack(filter.typed_config(), config_path, &http);
      out->not_http = std::move(disabled);
    } else if (type == filters::original_dst::v3::OriginalDst::descriptor()->full_name()) {
      filters::original_dst::v3::OriginalDst original;
      out->original_destination = errors->Unpack(filter.typed_config(), config_path, &original);
      if (!disabled.empty()) errors->Add(Join(path, "filter_disabled"), "not supported");
    } else {
      errors->Add(path, absl::StrCat(type.empty() ? filter.name() : type, " is not supported"));
    }
  }
  if (proto.has_listener_filters_timeout()) {
    out->timeout = ToDuration(proto.listener_filters_timeout());
  }
  out->continue_on_timeout = proto.continue_on_listener_filters_timeout();
}

}  // namespace

absl::StatusOr<Listener> LoadListener(const Proto& proto) {
  FieldErrors errors(absl::StrCat("listener \"", proto.name(), "\""));
  errors.Only(proto, "",
              {"name", "address", "filter_chains", "default_filter_chain",
               "per_connection_buffer_limit_bytes", "traffic_direction", "tcp_backlog_size",
               "bind_to_port", "use_original_dst", "listener_filters", "listener_filters_timeout",
               "continue_on_listener_filters_timeout", "access_log"},
              {"metadata", "stat_prefix", "enable_reuse_port", "drain_type",
               "max_connections_to_accept_per_socket_event", "ignore_global_conn_limit",
               "bypass_overload_manager"});
  Listener out;
  out.name = proto.name();
  if (proto.name().empty()) errors.Add("name", "missing");
  out.address = LoadAddress(proto.address(), "address", /*dns_name=*/false, &errors);
  if (proto.has_bind_to_port()) out.bind_to_port = proto.bind_to_port().value();
  if (proto.use_original_dst().value()) {
    out.hands_off = out.inspection.original_destination = true;
  }
  LoadListenerFilters(proto, &out.inspection, &errors);
  out.access_logs = LoadAccessLogs(proto.access_log(), "access_log", &errors);
  for (size_t i = 0; i < out.access_logs.size(); ++i) {
    const auto& flags = out.access_logs[i].response_flags;
    if (flags != std::vector<std::string>{"NR"}) {
      errors.Add(Join(At("access_log", i), "filter"),
                 "only a response_flag_filter for NR is supported: connections that a filter chain "
                 "takes are written by that chain");
    }
  }
  if (proto.filter_chains().empty() && !proto.has_default_filter_chain()) {
    errors.Add("filter_chains", "missing");
  }
  std::vector<FilterChainMatch> matches;
  for (int i = 0; i < proto.filter_chains_size(); ++i) {
    out.chains.push_back(LoadChain(proto.filter_chains(i), At("filter_chains", i), &errors));
    matches.push_back(out.chains.back().match);
  }
  const absl::Status distinct = FilterChainTable::Build(matches).status();
  if (!distinct.ok()) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(distinct.message(), absl::MaxSplits(": ", 1));
    errors.Add(parts.first, parts.second);
  }
  if (proto.has_default_filter_chain()) {
    out.default_chain = LoadChain(proto.default_filter_chain(), "default_filter_chain", &errors);
  }
  switch (proto.traffic_direction()) {
    case ::envoy::config::core::v3::TrafficDirection::INBOUND:
      out.direction = Listener::Direction::kInbound;
      break;
    case ::envoy::config::core::v3::TrafficDirection::OUTBOUND:
      out.direction = Listener::Direction::kOutbound;
      break;
    default:
      break;
  }
  if (proto.has_per_connection_buffer_limit_bytes()) {
    out.buffer_limit_bytes = proto.per_connection_buffer_limit_bytes().value();
  }
  if (proto.has_tcp_backlog_size()) out.backlog = proto.tcp_backlog_size().value();
  if (!errors.errors().empty()) return ToStatus(errors.errors());
  return out;
}

}  // namespace mesh::envoy
