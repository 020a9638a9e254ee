#include "mesh/proxy/admin_pages.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "mesh/telemetry/access_log.h"
#include "mesh/telemetry/metrics_text.h"
#include "nlohmann/json.hpp"

namespace mesh::proxy {
namespace {

using telemetry::Label;
using telemetry::MetricsText;

struct ClusterField {
  const char* name;
  uint64_t ClusterStats::*count;
  bool gauge;
};

constexpr ClusterField kClusterFields[] = {
    {"upstream_cx_active", &ClusterStats::cx_active, true},
    {"upstream_cx_connect_fail", &ClusterStats::cx_connect_fail, false},
    {"upstream_cx_connect_timeout", &ClusterStats::cx_connect_timeout, false},
    {"upstream_cx_none_healthy", &ClusterStats::cx_none_healthy, false},
    {"upstream_cx_overflow", &ClusterStats::cx_overflow, false},
    {"upstream_cx_protocol_error", &ClusterStats::cx_protocol_error, false},
    {"upstream_cx_rx_bytes_total", &ClusterStats::cx_rx_bytes, false},
    {"upstream_cx_total", &ClusterStats::cx_total, false},
    {"upstream_cx_tx_bytes_total", &ClusterStats::cx_tx_bytes, false},
    {"upstream_rq_active", &ClusterStats::rq_active, true},
    {"upstream_rq_completed", &ClusterStats::rq_completed, false},
    {"upstream_rq_pending_active", &ClusterStats::rq_pending_active, true},
    {"upstream_rq_pending_overflow", &ClusterStats::rq_pending_overflow, false},
    {"upstream_rq_pending_total", &ClusterStats::rq_pending_total, false},
    {"upstream_rq_per_try_timeout", &ClusterStats::rq_per_try_timeout, false},
    {"upstream_rq_retry", &ClusterStats::rq_retry, false},
    {"upstream_rq_retry_limit_exceeded", &ClusterStats::rq_retry_limit_exceeded, false},
    {"upstream_rq_retry_overflow", &ClusterStats::rq_retry_overflow, false},
    {"upstream_rq_retry_success", &ClusterStats::rq_retry_success, false},
    {"upstream_rq_rx_reset", &ClusterStats::rq_rx_reset, false},
    {"upstream_rq_stale_retry", &ClusterStats::rq_stale_retry, false},
    {"upstream_rq_timeout", &ClusterStats::rq_timeout, false},
    {"upstream_rq_total", &ClusterStats::rq_total, false},
    {"upstream_rq_tx_reset", &ClusterStats::rq_tx_reset, false},
};

struct ListenerField {
  const char* name;
  uint64_t ListenerStats::*count;
  bool gauge;
};

constexpr ListenerField kListenerFields[] = {
    {"downstream_cx_active", &ListenerStats::cx_active, true},
    {"downstream_cx_protocol_error", &ListenerStats::cx_protocol_error, false},
    {"downstream_cx_rx_bytes_total", &ListenerStats::cx_rx_bytes, false},
    {"downstream_cx_total", &ListenerStats::cx_total, false},
    {"downstream_cx_tx_bytes_total", &ListenerStats::cx_tx_bytes, false},
    {"downstream_rq_active", &ListenerStats::rq_active, true},
    {"downstream_rq_idle_timeout", &ListenerStats::rq_idle_timeout, false},
    {"downstream_rq_rx_reset", &ListenerStats::rq_rx_reset, false},
    {"downstream_rq_timeout", &ListenerStats::rq_timeout, false},
    {"downstream_rq_total", &ListenerStats::rq_total, false},
    {"no_cluster", &ListenerStats::no_cluster, false},
    {"no_route", &ListenerStats::no_route, false},
    {"rbac.allowed", &ListenerStats::rbac_allowed, false},
    {"rbac.denied", &ListenerStats::rbac_denied, false},
    {"rbac.shadow_allowed", &ListenerStats::rbac_shadow_allowed, false},
    {"rbac.shadow_denied", &ListenerStats::rbac_shadow_denied, false},
    {"rbac.logged", &ListenerStats::rbac_logged, false},
    {"jwt_authn.allowed", &ListenerStats::jwt_allowed, false},
    {"jwt_authn.denied", &ListenerStats::jwt_denied, false},
    {"jwt_authn.cors_preflight_bypass", &ListenerStats::jwt_cors_preflight_bypass, false},
    {"ext_authz.ok", &ListenerStats::ext_authz_ok, false},
    {"ext_authz.denied", &ListenerStats::ext_authz_denied, false},
    {"ext_authz.error", &ListenerStats::ext_authz_error, false},
    {"ext_authz.failure_mode_allowed", &ListenerStats::ext_authz_failure_mode_allowed, false},
};

struct TlsCount {
  const char* name;
  uint64_t TlsStats::*count;
};

constexpr TlsCount kTlsCounts[] = {
    {"connection_error", &TlsStats::connection_error},
    {"fail_verify_cert_hash", &TlsStats::fail_verify_cert_hash},
    {"fail_verify_error", &TlsStats::fail_verify_error},
    {"fail_verify_no_cert", &TlsStats::fail_verify_no_cert},
    {"fail_verify_san", &TlsStats::fail_verify_san},
    {"handshake", &TlsStats::handshake},
    {"no_certificate", &TlsStats::no_certificate},
    {"session_reused", &TlsStats::session_reused},
};

// Of the listener, not of one of its connection managers.
constexpr ListenerField kAcceptFields[] = {
    {"downstream_cx_transport_socket_connect_timeout", &ListenerStats::handshake_timeout, false},
    {"downstream_pre_cx_timeout", &ListenerStats::pre_cx_timeout, false},
    {"no_filter_chain_match", &ListenerStats::no_filter_chain_match, false},
    {"server_ssl_socket_factory.downstream_context_secrets_not_ready",
     &ListenerStats::secrets_not_ready, false},
};

void AddTlsLines(const std::string& prefix, const TlsStats& stats,
                 std::map<std::string, uint64_t>* lines) {
  for (const TlsCount& field : kTlsCounts) {
    (*lines)[absl::StrCat(prefix, "ssl.", field.name)] = stats.*field.count;
  }
  for (const auto& [kind, counts] :
       {std::pair("ciphers", &stats.ciphers), std::pair("curves", &stats.curves),
        std::pair("versions", &stats.versions)}) {
    for (const auto& [name, count] : *counts) {
      (*lines)[absl::StrCat(prefix, "ssl.", kind, ".", name)] = count;
    }
  }
}

// "127.0.0.1_8080", as Envoy names a listener in its statistics.
std::map<std::string, std::string> ListenerPrefixes(const Configuration& configuration) {
  std::map<std::string, std::string> prefixes;
  for (const Configuration::ListenerInfo& listener : configuration.listeners()) {
    std::string address = listener.address.ToString();
    std::replace(address.begin(), address.end(), ':', '_');
    prefixes[listener.name] = std::move(address);
  }
  return prefixes;
}

struct Membership {
  uint64_t total = 0;
  uint64_t healthy = 0;
};

Membership MembershipOf(const ClusterConfig& config) {
  Membership out;
  out.total = config.endpoints->all.size();
  for (const UpstreamAddress& address : config.endpoints->all) {
    out.healthy += address.endpoint.healthy ? 1 : 0;
  }
  return out;
}

uint64_t CodesOf(const CodeCounts& codes, int hundreds) {
  uint64_t count = 0;
  for (const auto& [code, n] : codes) count += code / 100 == hundreds ? n : 0;
  return count;
}

const std::string& OrUnknown(const std::string& text) {
  static const std::string unknown = "unknown";
  return text.empty() ? unknown : text;
}

// Labels of one series of Istio's standard metrics.
std::vector<Label> IstioLabels(const RequestSeries& series, const envoy::Cluster& cluster,
                               const NodeLabels& node, const std::string& code,
                               const std::string& flags) {
  static const NodeLabels unknown;
  const NodeLabels& source = series.inbound ? unknown : node;
  const NodeLabels& destination = series.inbound ? node : unknown;
  return {
      {"reporter", series.inbound ? "destination" : "source"},
      {"source_workload", source.workload},
      {"source_workload_namespace", source.workload_namespace},
      {"source_principal", OrUnknown(series.source_principal)},
      {"source_app", source.app},
      {"source_version", source.version},
      {"source_canonical_service", source.app},
      {"destination_workload", destination.workload},
      {"destination_workload_namespace", destination.workload_namespace},
      {"destination_principal", OrUnknown(series.destination_principal)},
      {"destination_app", destination.app},
      {"destination_version", destination.version},
      {"destination_canonical_service", destination.app},
      {"destination_service", OrUnknown(cluster.destination_service)},
      {"destination_service_name", OrUnknown(cluster.destination_service_name)},
      {"destination_service_namespace", OrUnknown(cluster.destination_service_namespace)},
      {"request_protocol", "http"},
      {"response_code", code},
      {"grpc_response_status", ""},
      {"response_flags", flags},
      {"connection_security_policy",
       !series.inbound ? "unknown" : (series.source_principal.empty() ? "none" : "mutual_tls")},
  };
}

}  // namespace

void ProxyStats::Add(const WorkerStats& worker) {
  for (const auto& [name, cluster] : worker.clusters) {
    WorkerStats::Cluster& sum = clusters[name];
    sum.stats.Add(cluster.stats);
    for (const auto& [host, host_stats] : cluster.hosts) {
      const auto found = std::find_if(sum.hosts.begin(), sum.hosts.end(),
                                      [&host = host](const auto& h) { return h.first == host; });
      if (found == sum.hosts.end()) {
        sum.hosts.push_back({host, host_stats});
      } else {
        found->second.Add(host_stats);
      }
    }
  }
  for (const auto& [name, listener] : worker.listeners) listeners[name].Add(listener);
  connections += worker.connections;
  busy += worker.busy;
}

std::string PrometheusPage(const ProxyStats& stats, const Configuration& configuration,
                           const NodeLabels& node, XdsStats xds, bool live, double uptime) {
  MetricsText text;
  std::map<std::string, std::shared_ptr<const ClusterConfig>> configs;
  for (const auto& info : configuration.clusters()) {
    if (info.config != nullptr) configs[info.name] = info.config;
  }
  const auto stat_name = [&configs](const std::string& name) -> const std::string& {
    const auto found = configs.find(name);
    return found == configs.end() ? name : found->second->cluster.stat_name;
  };

  struct Series {
    const RequestSeries* series;
    std::vector<Label> labels;
    std::string code, flags;
  };
  std::vector<std::unique_ptr<Series>> all;
  for (const auto& [name, cluster] : stats.clusters) {
    const auto config = configs.find(name);
    if (config == configs.end()) continue;
    for (const RequestSeries& series : cluster.stats.series) {
      auto s = std::make_unique<Series>();
      s->series = &series;
      s->code = absl::StrCat(series.code);
      s->flags = telemetry::ResponseFlagsText(series.flags);
      s->labels = IstioLabels(series, config->second->cluster, node, s->code, s->flags);
      all.push_back(std::move(s));
    }
  }
  text.Family("istio_requests_total", MetricsText::Kind::kCounter);
  for (const auto& s : all) text.Sample(s->labels, s->series->count);
  text.Family("istio_request_duration_milliseconds", MetricsText::Kind::kHistogram);
  for (const auto& s : all) {
    text.Histogram(s->labels, {kDurationBoundsMs.data(), s->series->duration.counts.data(),
                               kDurationBoundsMs.size(), s->series->duration.sum_ms});
  }

  for (const ClusterField& field : kClusterFields) {
    text.Family(absl::StrCat("envoy_cluster_", field.name),
                field.gauge ? MetricsText::Kind::kGauge : MetricsText::Kind::kCounter);
    for (const auto& [name, cluster] : stats.clusters) {
      text.Sample({{"envoy_cluster_name", stat_name(name)}}, cluster.stats.*field.count);
    }
  }
  text.Family("envoy_cluster_upstream_rq", MetricsText::Kind::kCounter);
  for (const auto& [name, cluster] : stats.clusters) {
    for (const auto& [code, count] : cluster.stats.codes) {
      text.Sample(
          {{"envoy_response_code", absl::StrCat(code)}, {"envoy_cluster_name", stat_name(name)}},
          count);
    }
  }
  text.Family("envoy_cluster_upstream_rq_xx", MetricsText::Kind::kCounter);
  for (const auto& [name, cluster] : stats.clusters) {
    for (int hundreds = 2; hundreds <= 5; ++hundreds) {
      const uint64_t count = CodesOf(cluster.stats.codes, hundreds);
      if (count == 0) continue;
      text.Sample({{"envoy_response_code_class", absl::StrCat(hundreds)},
                   {"envoy_cluster_name", stat_name(name)}},
                  count);
    }
  }
  text.Family("envoy_cluster_upstream_rq_time", MetricsText::Kind::kHistogram);
  for (const auto& [name, cluster] : stats.clusters) {
    if (cluster.stats.rq_completed == 0) continue;
    text.Histogram({{"envoy_cluster_name", stat_name(name)}},
                   {kDurationBoundsMs.data(), cluster.stats.rq_time.counts.data(),
                    kDurationBoundsMs.size(), cluster.stats.rq_time.sum_ms});
  }
  text.Family("envoy_cluster_membership_total", MetricsText::Kind::kGauge);
  for (const auto& [name, config] : configs) {
    text.Sample({{"envoy_cluster_name", stat_name(name)}}, MembershipOf(*config).total);
  }
  text.Family("envoy_cluster_membership_healthy", MetricsText::Kind::kGauge);
  for (const auto& [name, config] : configs) {
    text.Sample({{"envoy_cluster_name", stat_name(name)}}, MembershipOf(*config).healthy);
  }
  for (const ListenerField& field : kListenerFields) {
    text.Family(absl::StrCat("envoy_http_", absl::StrReplaceAll(field.name, {{".", "_"}})),
                field.gauge ? MetricsText::Kind::kGauge : MetricsText::Kind::kCounter);
    for (const auto& [name, listener] : stats.listeners) {
      text.Sample({{"envoy_http_conn_manager_prefix", name}}, listener.*field.count);
    }
  }
  const std::map<std::string, std::string> prefixes = ListenerPrefixes(configuration);
  const auto listener_label = [&prefixes](const std::string& name) {
    const auto found = prefixes.find(name);
    return found == prefixes.end() ? name : found->second;
  };
  for (const TlsCount& field : kTlsCounts) {
    text.Family(absl::StrCat("envoy_cluster_ssl_", field.name), MetricsText::Kind::kCounter);
    for (const auto& [name, cluster] : stats.clusters) {
      text.Sample({{"envoy_cluster_name", stat_name(name)}}, cluster.stats.tls.*field.count);
    }
    text.Family(absl::StrCat("envoy_listener_ssl_", field.name), MetricsText::Kind::kCounter);
    for (const auto& [name, listener] : stats.listeners) {
      text.Sample({{"envoy_listener_address", listener_label(name)}}, listener.tls.*field.count);
    }
  }
  for (const ListenerField& field : kAcceptFields) {
    std::string family = absl::StrCat("envoy_listener_", field.name);
    std::replace(family.begin(), family.end(), '.', '_');
    text.Family(family, MetricsText::Kind::kCounter);
    for (const auto& [name, listener] : stats.listeners) {
      text.Sample({{"envoy_listener_address", listener_label(name)}}, listener.*field.count);
    }
  }
  text.Family("envoy_http_downstream_rq_xx", MetricsText::Kind::kCounter);
  for (const auto& [name, listener] : stats.listeners) {
    for (int hundreds = 1; hundreds <= 5; ++hundreds) {
      const uint64_t count = CodesOf(listener.codes, hundreds);
      if (count == 0) continue;
      text.Sample({{"envoy_response_code_class", absl::StrCat(hundreds)},
                   {"envoy_http_conn_manager_prefix", name}},
                  count);
    }
  }
  text.Family("envoy_cluster_manager_active_clusters", MetricsText::Kind::kGauge);
  text.Sample({}, configs.size());
  text.Family("envoy_listener_manager_total_listeners_active", MetricsText::Kind::kGauge);
  text.Sample({}, configuration.listeners().size());
  text.Family("envoy_server_live", MetricsText::Kind::kGauge);
  text.Sample({}, live ? 1 : 0);
  text.Family("envoy_server_uptime", MetricsText::Kind::kGauge);
  text.Sample({}, static_cast<uint64_t>(uptime));
  if (xds != nullptr) {
    text.Family("envoy_control_plane_connected_state", MetricsText::Kind::kGauge);
    text.Sample({}, xds->connected ? 1 : 0);
    constexpr std::pair<xds::Type, const char*> kTypes[] = {
        {xds::Type::kCluster, "envoy_cluster_manager_cds"},
        {xds::Type::kListener, "envoy_listener_manager_lds"},
    };
    for (const auto& [type, name] : kTypes) {
      text.Family(absl::StrCat(name, "_update_success"), MetricsText::Kind::kCounter);
      text.Sample({}, xds->of(type).update_success);
      text.Family(absl::StrCat(name, "_update_rejected"), MetricsText::Kind::kCounter);
      text.Sample({}, xds->of(type).update_rejected);
    }
  }
  return text.text();
}

std::string StatsPage(const ProxyStats& stats, const Configuration& configuration, XdsStats xds,
                      bool live, double uptime) {
  std::map<std::string, uint64_t> lines;
  std::map<std::string, Membership> members;
  std::set<std::string> uses_tls;
  for (const auto& info : configuration.clusters()) {
    if (info.config == nullptr) continue;
    members[info.name] = MembershipOf(*info.config);
    for (const UpstreamAddress& address : info.config->endpoints->all) {
      if (address.tls != nullptr) uses_tls.insert(info.name);
    }
  }
  for (const auto& [name, cluster] : stats.clusters) {
    const std::string prefix = absl::StrCat("cluster.", name, ".");
    for (const ClusterField& field : kClusterFields) {
      lines[absl::StrCat(prefix, field.name)] = cluster.stats.*field.count;
    }
    for (const auto& [code, count] : cluster.stats.codes) {
      lines[absl::StrCat(prefix, "upstream_rq_", code)] = count;
    }
    for (int hundreds = 2; hundreds <= 5; ++hundreds) {
      const uint64_t count = CodesOf(cluster.stats.codes, hundreds);
      if (count > 0) lines[absl::StrCat(prefix, "upstream_rq_", hundreds, "xx")] = count;
    }
    if (uses_tls.count(name) > 0) AddTlsLines(prefix, cluster.stats.tls, &lines);
    lines[absl::StrCat(prefix, "membership_total")] = members[name].total;
    lines[absl::StrCat(prefix, "membership_healthy")] = members[name].healthy;
  }
  for (const auto& [name, listener] : stats.listeners) {
    const std::string prefix = absl::StrCat("http.", name, ".");
    for (const ListenerField& field : kListenerFields) {
      lines[absl::StrCat(prefix, field.name)] = listener.*field.count;
    }
    for (int hundreds = 1; hundreds <= 5; ++hundreds) {
      lines[absl::StrCat(prefix, "downstream_rq_", hundreds, "xx")] =
          CodesOf(listener.codes, hundreds);
    }
  }
  for (const auto& [name, address] : ListenerPrefixes(configuration)) {
    const auto counted = stats.listeners.find(name);
    if (counted == stats.listeners.end()) continue;
    const std::string prefix = absl::StrCat("listener.", address, ".");
    for (const ListenerField& field : kAcceptFields) {
      lines[absl::StrCat(prefix, field.name)] = counted->second.*field.count;
    }
    AddTlsLines(prefix, counted->second.tls, &lines);
  }
  lines["cluster_manager.active_clusters"] = members.size();
  lines["listener_manager.total_listeners_active"] = configuration.listeners().size();
  lines["server.live"] = live ? 1 : 0;
  lines["server.uptime"] = static_cast<uint64_t>(uptime);
  if (xds != nullptr) {
    lines["control_plane.connected_state"] = xds->connected ? 1 : 0;
    lines["cluster_manager.cds.update_success"] = xds->of(xds::Type::kCluster).update_success;
    lines["cluster_manager.cds.update_rejected"] = xds->of(xds::Type::kCluster).update_rejected;
    lines["listener_manager.lds.update_success"] = xds->of(xds::Type::kListener).update_success;
    lines["listener_manager.lds.update_rejected"] = xds->of(xds::Type::kListener).update_rejected;
  }
  std::string out;
  for (const auto& [name, value] : lines) absl::StrAppend(&out, name, ": ", value, "\n");
  return out;
}

std::string ClustersPage(const ProxyStats& stats, const Configuration& configuration) {
  std::string out;
  for (const auto& info : configuration.clusters()) {
    if (info.config == nullptr) {
      absl::StrAppend(&out, info.name, "::warming\n");
      continue;
    }
    const envoy::Cluster& cluster = info.config->cluster;
    const std::string& n = info.name;
    absl::StrAppend(&out, n, "::observability_name::", cluster.stat_name, "\n");
    absl::StrAppend(&out, n,
                    "::default_priority::max_connections::", cluster.limits.max_connections, "\n");
    absl::StrAppend(&out, n, "::default_priority::max_pending_requests::",
                    cluster.limits.max_pending_requests, "\n");
    absl::StrAppend(&out, n, "::default_priority::max_requests::", cluster.limits.max_requests,
                    "\n");
    absl::StrAppend(&out, n, "::default_priority::max_retries::", cluster.limits.max_retries, "\n");
    absl::StrAppend(&out, n, "::added_via_api::true\n");
    const auto counted = stats.clusters.find(n);
    for (const UpstreamAddress& address : info.config->endpoints->all) {
      HostStats host;
      if (counted != stats.clusters.end()) {
        for (const auto& [text, host_stats] : counted->second.hosts) {
          if (text == address.text) host = host_stats;
        }
      }
      const std::string prefix = absl::StrCat(n, "::", address.text, "::");
      absl::StrAppend(&out, prefix, "cx_active::", host.cx_active, "\n");
      absl::StrAppend(&out, prefix, "cx_connect_fail::", host.cx_connect_fail, "\n");
      absl::StrAppend(&out, prefix, "cx_total::", host.cx_total, "\n");
      absl::StrAppend(&out, prefix, "rq_active::", host.rq_active, "\n");
      absl::StrAppend(&out, prefix, "rq_error::", host.rq_error, "\n");
      absl::StrAppend(&out, prefix, "rq_success::", host.rq_success, "\n");
      absl::StrAppend(&out, prefix, "rq_timeout::", host.rq_timeout, "\n");
      absl::StrAppend(&out, prefix, "rq_total::", host.rq_total, "\n");
      absl::StrAppend(&out, prefix,
                      "health_flags::", address.endpoint.healthy ? "healthy" : "/failed_eds_health",
                      "\n");
      absl::StrAppend(&out, prefix, "weight::", address.endpoint.weight, "\n");
      absl::StrAppend(&out, prefix, "priority::", address.endpoint.priority, "\n");
    }
  }
  return out;
}

std::string ListenersPage(const Configuration& configuration, bool json) {
  std::string out = json ? "{\"listener_statuses\":[" : "";
  bool first = true;
  for (const Configuration::ListenerInfo& listener : configuration.listeners()) {
    if (!listener.active) continue;
    if (json) {
      absl::StrAppend(&out, first ? "" : ",", "{\"name\":\"", listener.name,
                      "\",\"local_address\":{\"socket_address\":{\"address\":\"",
                      listener.address.ip(), "\",\"port_value\":", listener.address.port(), "}}}");
      first = false;
    } else {
      absl::StrAppend(&out, listener.name, "::", listener.address.ToString(), "\n");
    }
  }
  return json ? absl::StrCat(out, "]}\n") : out;
}

namespace {

nlohmann::json CertificateJson(const std::string& name, const tls::Certificate& certificate) {
  nlohmann::json names = nlohmann::json::array();
  for (const tls::SubjectAltName& san : certificate.sans()) {
    const std::string text = san.ToString();
    const std::string value = text.substr(text.find(':') + 1);
    switch (san.type) {
      case tls::SanType::kUri:
        names.push_back({{"uri", value}});
        break;
      case tls::SanType::kDns:
        names.push_back({{"dns", value}});
        break;
      case tls::SanType::kIp:
        names.push_back({{"ip_address", value}});
        break;
      default:
        break;
    }
  }
  const auto time = [](absl::Time t) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", t, absl::UTCTimeZone());
  };
  const double days = absl::ToDoubleHours(certificate.not_after() - absl::Now()) / 24;
  return {
      {"path", name},
      {"serial_number", certificate.serial()},
      {"subject_alt_names", names},
      {"days_until_expiration", std::to_string(std::max<int64_t>(0, static_cast<int64_t>(days)))},
      {"valid_from", time(certificate.not_before())},
      {"expiration_time", time(certificate.not_after())}};
}

}  // namespace

std::string CertificatesPage(const TlsContexts& secrets) {
  nlohmann::json all = nlohmann::json::array();
  for (const Secret& secret : secrets.all()) {
    nlohmann::json one = {{"ca_cert", nlohmann::json::array()},
                          {"cert_chain", nlohmann::json::array()}};
    if (secret.roots.has_value()) {
      for (const tls::Certificate& root : *secret.roots) {
        one["ca_cert"].push_back(CertificateJson(secret.name, root));
      }
    }
    if (secret.identity.has_value()) {
      for (const tls::Certificate& certificate : secret.identity->chain) {
        one["cert_chain"].push_back(CertificateJson(secret.name, certificate));
      }
    }
    all.push_back(std::move(one));
  }
  return nlohmann::json{{"certificates", all}}.dump(1, ' ', false,
                                                    nlohmann::json::error_handler_t::replace) +
         "\n";
}

}  // namespace mesh::proxy
