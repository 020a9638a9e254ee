#include "mesh/config/mesh_config.h"

namespace mesh::config {
namespace {

istio::mesh::v1alpha1::MeshConfig MakeDefault() {
  istio::mesh::v1alpha1::MeshConfig mesh;
  mesh.set_proxy_listen_port(15001);
  mesh.set_proxy_inbound_listen_port(15006);
  mesh.mutable_connect_timeout()->set_seconds(10);
  mesh.mutable_dns_refresh_rate()->set_seconds(5);
  mesh.mutable_protocol_detection_timeout()->set_seconds(5);
  mesh.set_ingress_class("istio");
  mesh.set_ingress_service("istio-ingressgateway");
  mesh.set_ingress_controller_mode(istio::mesh::v1alpha1::MeshConfig::STRICT);
  mesh.set_enable_tracing(true);
  mesh.set_access_log_file("/dev/stdout");
  mesh.set_trust_domain("cluster.local");
  mesh.set_root_namespace("istio-system");
  mesh.mutable_enable_auto_mtls()->set_value(true);
  mesh.mutable_outbound_traffic_policy()->set_mode(
      istio::mesh::v1alpha1::MeshConfig::OutboundTrafficPolicy::ALLOW_ANY);
  mesh.mutable_locality_lb_setting()->mutable_enabled()->set_value(true);
  mesh.add_default_service_export_to("*");
  mesh.add_default_virtual_service_export_to("*");
  mesh.add_default_destination_rule_export_to("*");

  istio::mesh::v1alpha1::ProxyConfig& proxy = *mesh.mutable_default_config();
  proxy.set_config_path("./etc/istio/proxy");
  proxy.set_binary_path("/usr/local/bin/envoy");
  proxy.set_service_cluster("istio-proxy");
  proxy.mutable_drain_duration()->set_seconds(45);
  proxy.mutable_parent_shutdown_duration()->set_seconds(60);
  proxy.mutable_termination_drain_duration()->set_seconds(5);
  proxy.set_discovery_address("istiod.istio-system.svc:15012");
  proxy.set_proxy_admin_port(15000);
  proxy.set_status_port(15020);
  proxy.mutable_concurrency()->set_value(2);
  proxy.set_control_plane_auth_policy(istio::mesh::v1alpha1::MUTUAL_TLS);
  proxy.set_stat_name_length(189);
  proxy.mutable_tracing()->mutable_zipkin()->set_address("zipkin.istio-system:9411");
  return mesh;
}

}  // namespace

const istio::mesh::v1alpha1::MeshConfig& DefaultMeshConfig() {
  static const auto* const kDefault = new istio::mesh::v1alpha1::MeshConfig(MakeDefault());
  return *kDefault;
}

}  // namespace mesh::config
