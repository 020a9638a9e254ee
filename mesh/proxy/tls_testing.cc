#include "mesh/proxy/tls_testing.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mesh::proxy::testing {
namespace {

constexpr char kHttpManager[] =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
    "HttpConnectionManager";

}  // namespace

std::string MeshId(const std::string& name) {
  return absl::StrCat("spiffe://cluster.local/ns/default/sa/", name);
}

Secret IdentitySecret(const std::string& name, tls::Identity identity) {
  Secret secret;
  secret.name = name;
  secret.identity = std::move(identity);
  return secret;
}

Secret RootsSecret(const std::string& name, std::vector<tls::Certificate> roots) {
  Secret secret;
  secret.name = name;
  secret.roots = std::move(roots);
  return secret;
}

std::vector<Secret> TestMesh::SecretsOf(const std::string& name) const {
  return {IdentitySecret("default", authority_.Issue(MeshId(name))),
          RootsSecret("ROOTCA", {authority_.certificate()})};
}

tls::ContextOptions TestMesh::OptionsOf(const std::string& name) const {
  tls::ContextOptions options;
  options.identity = authority_.Issue(MeshId(name));
  options.validation.roots = authority_.roots();
  return options;
}

std::shared_ptr<const tls::Context> TestMesh::ClientOf(const std::string& name,
                                                       std::vector<std::string> alpn) const {
  tls::ContextOptions options = OptionsOf(name);
  options.alpn = std::move(alpn);
  return tls::Context::Client(options).value();
}

std::shared_ptr<const tls::Context> TestMesh::ServerOf(const std::string& name) const {
  tls::ContextOptions options = OptionsOf(name);
  options.alpn = {"http/1.1"};
  return tls::Context::Server(options).value();
}

std::string MeshServerSocket() {
  return R"({"name":"envoy.transport_sockets.tls","typed_config":{
    "@type":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    "common_tls_context":{
      "tls_certificate_sds_secret_configs":[{"name":"default","sds_config":{"ads":{}}}],
      "combined_validation_context":{
        "default_validation_context":{"match_subject_alt_names":[{"prefix":"spiffe://cluster.local/"}]},
        "validation_context_sds_secret_config":{"name":"ROOTCA","sds_config":{"ads":{}}}},
      "alpn_protocols":["h2","http/1.1"]},
    "require_client_certificate":true}})";
}

std::string MeshClientSocket(const std::string& more_validation) {
  return absl::StrCat(R"({"name":"envoy.transport_sockets.tls","typed_config":{
    "@type":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    "common_tls_context":{
      "tls_certificate_sds_secret_configs":[{"name":"default","sds_config":{"ads":{}}}],
      "combined_validation_context":{
        "default_validation_context":{)",
                      more_validation, R"(},
        "validation_context_sds_secret_config":{"name":"ROOTCA","sds_config":{"ads":{}}}},
      "alpn_protocols":["istio-peer-exchange","istio"]},
    "sni":"outbound_.80_._.up.default.svc.cluster.local"}})");
}

envoy::Listener InboundListener(Mode mode, const std::string& cluster, const std::string& manager) {
  const std::string filters = absl::StrCat(
      R"("filters":[{"name":"http","typed_config":{"@type":")", kHttpManager,
      R"(","stat_prefix":"in","forward_client_cert_details":"APPEND_FORWARD",
      "set_current_client_cert_details":{"subject":true,"dns":true,"uri":true},
      "route_config":{"name":"r","virtual_hosts":[)",
      ToCluster(cluster), "]},", manager, manager.empty() ? "" : ",",
      R"("http_filters":[{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}])");
  std::vector<std::string> chains;
  if (mode != Mode::kDisable) {
    const std::string match =
        mode == Mode::kStrict
            ? ""
            : R"("filter_chain_match":{"application_protocols":["istio","istio-http/1.0","istio-http/1.1","istio-h2"]},)";
    chains.push_back(
        absl::StrCat("{", match, R"("transport_socket":)", MeshServerSocket(), ",", filters, "}"));
  }
  if (mode != Mode::kStrict) chains.push_back(absl::StrCat("{", filters, "}"));
  return ListenerFromJson(absl::StrCat(
      R"({"name":"in","traffic_direction":"INBOUND",
      "address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
      "listener_filters":[)",
      mode == Mode::kDisable
          ? ""
          : R"({"name":"tls","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}})",
      R"(],"listener_filters_timeout":"5s","continue_on_listener_filters_timeout":true,
      "filter_chains":[)",
      absl::StrJoin(chains, ","), "]}"));
}

envoy::Cluster MeshCluster(const std::string& name, const std::vector<MeshEndpoint>& endpoints,
                           const std::string& more_validation) {
  std::vector<std::string> list;
  for (const MeshEndpoint& endpoint : endpoints) {
    list.push_back(absl::StrCat(
        R"({"endpoint":{"address":{"socket_address":{"address":"127.0.0.1","port_value":)",
        endpoint.port, "}}}",
        endpoint.mutual
            ? R"(,"metadata":{"filter_metadata":{"envoy.transport_socket_match":{"tlsMode":"istio"}}})"
            : "",
        "}"));
  }
  return ClusterFromJson(
      absl::StrCat(R"({"name":")", name, R"(","type":"STATIC","connect_timeout":"5s",
      "circuit_breakers":{"thresholds":[{"max_connections":4294967295,
        "max_pending_requests":4294967295,"max_requests":4294967295,"max_retries":4294967295}]},
      "transport_socket_matches":[
        {"name":"tlsMode-istio","match":{"tlsMode":"istio"},"transport_socket":)",
                   MeshClientSocket(more_validation), R"(},
        {"name":"tlsMode-disabled","match":{},"transport_socket":{"name":"envoy.transport_sockets.raw_buffer",
          "typed_config":{"@type":"type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"}}}],
      "load_assignment":{"cluster_name":")",
                   name, R"(","endpoints":[{"lb_endpoints":[)", absl::StrJoin(list, ","), "]}]}}"));
}

std::string ListenerPrefix(const Proxy& proxy, const std::string& name) {
  return absl::StrCat("listener.127.0.0.1_", proxy.ListenerPort(name), ".");
}

}  // namespace mesh::proxy::testing
