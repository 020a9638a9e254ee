#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {
namespace {

using google::protobuf::Duration;

double Seconds(const Duration& duration) { return duration.seconds() + duration.nanos() * 1e-9; }

std::string CheckTimeout(const Duration& timeout, double most_seconds) {
  std::string problem = CheckDuration(timeout);
  if (!problem.empty()) return problem;
  return Seconds(timeout) > most_seconds ? absl::StrCat("is at most ", most_seconds, "s") : "";
}

// Where the host may be the placeholder of the pod's node.
std::string CheckCollector(const std::string& address) {
  return CheckHostAndPort(absl::StrReplaceAll(address, {{"$(HOST_IP)", "127.0.0.1"}}));
}

void CheckDrain(Checker* checker, const Path& path,
                const istio::mesh::v1alpha1::ProxyConfig& proxy) {
  const Path drain = path.Field("drainDuration");
  const Path parent = path.Field("parentShutdownDuration");
  const std::string drain_problem =
      proxy.has_drain_duration() ? CheckDuration(proxy.drain_duration()) : "is missing";
  const std::string parent_problem = proxy.has_parent_shutdown_duration()
                                         ? CheckDuration(proxy.parent_shutdown_duration())
                                         : "is missing";
  checker->Check(drain, drain_problem);
  checker->Check(parent, parent_problem);
  if (!drain_problem.empty() || !parent_problem.empty()) return;
  if (proxy.drain_duration().nanos() != 0) checker->Fail(drain, "is in whole seconds");
  if (proxy.parent_shutdown_duration().nanos() != 0) checker->Fail(parent, "is in whole seconds");
  if (Seconds(proxy.parent_shutdown_duration()) <= Seconds(proxy.drain_duration())) {
    checker->Fail(parent, "is longer than drainDuration: the old process goes after it drained");
  }
  if (Seconds(proxy.drain_duration()) > 3600) checker->Fail(drain, "is at most 1h");
  if (Seconds(proxy.parent_shutdown_duration()) > 3600) checker->Fail(parent, "is at most 1h");
}

void CheckTracing(Checker* checker, const Path& path,
                  const istio::mesh::v1alpha1::Tracing& tracing) {
  if (tracing.has_lightstep()) {
    const Path at = path.Field("lightstep");
    checker->Check(at.Field("address"), CheckHostAndPort(tracing.lightstep().address()));
    if (tracing.lightstep().access_token().empty()) checker->Fail(at, "accessToken is missing");
  }
  if (tracing.has_zipkin()) {
    const Path at = path.Field("zipkin");
    checker->Check(at.Field("address"), CheckCollector(tracing.zipkin().address()));
  }
  if (tracing.has_tls_settings()) {
    CheckClientTls(checker, path.Field("tlsSettings"), tracing.tls_settings());
  }
  if (tracing.has_datadog()) {
    const Path at = path.Field("datadog");
    checker->Check(at.Field("address"), CheckCollector(tracing.datadog().address()));
  }
}

}  // namespace

void CheckProxyConfig(Checker* checker, const Path& path,
                      const istio::mesh::v1alpha1::ProxyConfig& proxy) {
  const auto require = [&](std::string_view field, const std::string& value) {
    if (value.empty()) checker->Fail(path.Field(field), "is missing");
  };
  require("configPath", proxy.config_path());
  require("binaryPath", proxy.binary_path());
  if (proxy.cluster_name_case() != istio::mesh::v1alpha1::ProxyConfig::kTracingServiceName) {
    require("serviceCluster", proxy.service_cluster());
  }
  CheckDrain(checker, path, proxy);
  // Certificates come from there, so there is no proxy without it.
  checker->Check(path.Field("discoveryAddress"), CheckHostAndPort(proxy.discovery_address()));
  if (proxy.has_tracing()) CheckTracing(checker, path.Field("tracing"), proxy.tracing());
  const auto check_address = [&](const Path& at, const std::string& address) {
    if (!address.empty()) checker->Check(at, CheckHostAndPort(address));
  };
  check_address(path.Field("statsdUdpAddress"), proxy.statsd_udp_address());
  check_address(path.Field("envoyMetricsServiceAddress"), proxy.envoy_metrics_service_address());
  check_address(path.Field("envoyMetricsService").Field("address"),
                proxy.envoy_metrics_service().address());
  check_address(path.Field("envoyAccessLogService").Field("address"),
                proxy.envoy_access_log_service().address());
  checker->Check(path.Field("proxyAdminPort"), CheckPort(proxy.proxy_admin_port()));
  if (!istio::mesh::v1alpha1::AuthenticationPolicy_IsValid(proxy.control_plane_auth_policy()) ||
      proxy.control_plane_auth_policy() == istio::mesh::v1alpha1::INHERIT) {
    checker->Fail(path.Field("controlPlaneAuthPolicy"), "is NONE or MUTUAL_TLS");
  }
}

void CheckMeshConfig(Checker* checker, const Path& path,
                     const istio::mesh::v1alpha1::MeshConfig& mesh) {
  if (!mesh.mixer_check_server().empty()) {
    checker->Check(path.Field("mixerCheckServer"), CheckHostAndPort(mesh.mixer_check_server()));
  }
  if (!mesh.mixer_report_server().empty()) {
    checker->Check(path.Field("mixerReportServer"), CheckHostAndPort(mesh.mixer_report_server()));
  }
  checker->Check(path.Field("proxyListenPort"), CheckPort(mesh.proxy_listen_port()));
  checker->Check(path.Field("connectTimeout"), mesh.has_connect_timeout()
                                                   ? CheckTimeout(mesh.connect_timeout(), 30)
                                                   : "is missing");
  const Duration& detection = mesh.protocol_detection_timeout();
  if (!mesh.has_protocol_detection_timeout()) {
    checker->Fail(path.Field("protocolDetectionTimeout"), "is missing");
  } else if (detection.nanos() % 1000000 != 0) {
    checker->Fail(path.Field("protocolDetectionTimeout"), "is in whole milliseconds");
  }
  if (mesh.has_default_config()) {
    CheckProxyConfig(checker, path.Field("defaultConfig"), mesh.default_config());
  } else {
    checker->Fail(path.Field("defaultConfig"), "is missing");
  }
  if (mesh.has_locality_lb_setting()) {
    CheckLocality(checker, path.Field("localityLbSetting"), mesh.locality_lb_setting());
  }
  for (int i = 0; i < mesh.service_settings_size(); ++i) {
    const Path list = path.Field("serviceSettings");
    const Path at = list.At(i);
    for (int k = 0; k < mesh.service_settings(i).hosts_size(); ++k) {
      const Path hosts = at.Field("hosts");
      checker->Check(hosts.At(k), CheckWildcardDomain(mesh.service_settings(i).hosts(k)));
    }
  }
  // Ours: what everything else is looked up in.
  if (!IsDnsLabel(mesh.root_namespace())) {
    checker->Fail(path.Field("rootNamespace"),
                  absl::StrCat("\"", mesh.root_namespace(), "\" is not a namespace"));
  }
}

void CheckMeshNetworks(Checker* checker, const Path& path,
                       const istio::mesh::v1alpha1::MeshNetworks& networks) {
  const Path all = path.Field("networks");
  for (const auto* network : Sorted(networks.networks())) {
    const Path one = all.Key(network->first);
    for (int i = 0; i < network->second.endpoints_size(); ++i) {
      const auto& endpoint = network->second.endpoints(i);
      const Path list = one.Field("endpoints");
      const Path at = list.At(i);
      if (!endpoint.from_cidr().empty()) {
        checker->Check(at.Field("fromCidr"), CheckSubnet(endpoint.from_cidr()));
      } else if (!IsDnsLabel(endpoint.from_registry())) {
        checker->Fail(at.Field("fromRegistry"), absl::StrCat("\"", endpoint.from_registry(),
                                                             "\" is not the name of a registry"));
      }
    }
    for (int i = 0; i < network->second.gateways_size(); ++i) {
      const auto& gateway = network->second.gateways(i);
      const Path list = one.Field("gateways");
      const Path at = list.At(i);
      if (!gateway.address().empty()) {
        checker->Check(at.Field("address"), CheckIpAddress(gateway.address()));
      } else {
        checker->Check(at.Field("registryServiceName"), CheckFqdn(gateway.registry_service_name()));
      }
      checker->Check(at.Field("port"), CheckPort(gateway.port()));
    }
  }
}

void CheckProxyConfigResource(Checker* checker, const Path& path,
                              const istio::networking::v1beta1::ProxyConfig& config) {
  CheckSelector(checker, path.Field("selector"), config.selector());
  if (config.has_concurrency() && config.concurrency().value() < 0) {
    checker->Fail(path.Field("concurrency"), "is below 0");
  }
}

}  // namespace mesh::config
