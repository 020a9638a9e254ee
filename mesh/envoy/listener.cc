#include "mesh/envoy/listener.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/envoy/access_log_fields.h"
#include "mesh/envoy/core_fields.h"
#include "mesh/envoy/http_connection_manager.h"

namespace mesh::envoy {
namespace {

using Proto = ::envoy::config::listener::v3::Listener;
using TcpProxyProto = ::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

constexpr char kHttpConnectionManager[] =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

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

FilterChain LoadChain(const ::envoy::config::listener::v3::FilterChain& chain,
                      const std::string& path, FieldErrors* errors) {
  FilterChain out;
  out.name = chain.name();
  errors->Only(chain, path, {"filter_chain_match", "filters", "transport_socket", "name"},
               {"metadata", "transport_socket_connect_timeout"});
  // With one chain, a match would turn connections away: only the one that matches all is done.
  errors->Only(chain.filter_chain_match(), Join(path, "filter_chain_match"), {});
  if (chain.has_transport_socket()) {
    CheckTransportSocket(chain.transport_socket(), Join(path, "transport_socket"), errors);
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
    if (i + 1 < chain.filters_size()) {
      errors->Add(config_path, absl::StrCat(type, " is not supported before another filter"));
    } else if (type == kHttpConnectionManager) {
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

}  // namespace

absl::StatusOr<Listener> LoadListener(const Proto& proto) {
  FieldErrors errors(absl::StrCat("listener \"", proto.name(), "\""));
  errors.Only(proto, "",
              {"name", "address", "filter_chains", "default_filter_chain",
               "per_connection_buffer_limit_bytes", "traffic_direction", "tcp_backlog_size",
               "bind_to_port", "listener_filters"},
              // The timeout is that of listener filters, of which there are none.
              {"listener_filters_timeout", "continue_on_listener_filters_timeout", "metadata",
               "stat_prefix", "enable_reuse_port", "drain_type",
               "max_connections_to_accept_per_socket_event", "ignore_global_conn_limit",
               "bypass_overload_manager"});
  Listener out;
  out.name = proto.name();
  if (proto.name().empty()) errors.Add("name", "missing");
  out.address = LoadAddress(proto.address(), "address", /*dns_name=*/false, &errors);
  if (proto.has_bind_to_port() && !proto.bind_to_port().value()) {
    errors.Add("bind_to_port", "false is not supported");
  }
  for (int i = 0; i < proto.listener_filters_size(); ++i) {
    errors.Add(At("listener_filters", i),
               absl::StrCat(proto.listener_filters(i).name(), " is not supported"));
  }
  const int chains = proto.filter_chains_size() + (proto.has_default_filter_chain() ? 1 : 0);
  if (chains == 0) {
    errors.Add("filter_chains", "missing");
  } else if (chains > 1) {
    errors.Add("filter_chains", "more than one filter chain is not supported");
  } else if (proto.has_default_filter_chain()) {
    out.chain = LoadChain(proto.default_filter_chain(), "default_filter_chain", &errors);
  } else {
    out.chain = LoadChain(proto.filter_chains(0), "filter_chains[0]", &errors);
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
