#include "mesh/translate/filters.h"

#include <utility>

#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/sni_cluster/v3/sni_cluster.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/translate/proto.h"

namespace mesh::translate {
namespace {

namespace hcm_v3 = ::envoy::extensions::filters::network::http_connection_manager::v3;
namespace listener_v3 = ::envoy::config::listener::v3;
using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
using istio::mesh::v1alpha1::MeshConfig;

constexpr char kTextFormat[] =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
    "%RESPONSE_CODE% %RESPONSE_FLAGS% \"%DYNAMIC_METADATA(istio.mixer:status)%\" "
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% "
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% "
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";

// The same fields as an object.
constexpr const char* kJsonFields[][2] = {
    {"authority", "%REQ(:AUTHORITY)%"},
    {"bytes_received", "%BYTES_RECEIVED%"},
    {"bytes_sent", "%BYTES_SENT%"},
    {"downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"},
    {"downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"},
    {"duration", "%DURATION%"},
    {"istio_policy_status", "%DYNAMIC_METADATA(istio.mixer:status)%"},
    {"method", "%REQ(:METHOD)%"},
    {"path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"},
    {"protocol", "%PROTOCOL%"},
    {"request_id", "%REQ(X-REQUEST-ID)%"},
    {"requested_server_name", "%REQUESTED_SERVER_NAME%"},
    {"response_code", "%RESPONSE_CODE%"},
    {"response_flags", "%RESPONSE_FLAGS%"},
    {"route_name", "%ROUTE_NAME%"},
    {"start_time", "%START_TIME%"},
    {"upstream_cluster", "%UPSTREAM_CLUSTER%"},
    {"upstream_host", "%UPSTREAM_HOST%"},
    {"upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"},
    {"upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"},
    {"upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"},
    {"user_agent", "%REQ(USER-AGENT)%"},
    {"x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"},
};

template <class Config>
void AddAccessLog(const MeshConfig& mesh, Config* config) {
  if (mesh.access_log_file().empty()) return;
  envoy::extensions::access_loggers::file::v3::FileAccessLog file;
  file.set_path(mesh.access_log_file());
  auto* format = file.mutable_log_format();
  if (mesh.access_log_encoding() == MeshConfig::JSON) {
    auto* json = format->mutable_json_format();
    const bool own =
        !mesh.access_log_format().empty() &&
        google::protobuf::util::JsonStringToMessage(mesh.access_log_format(), json).ok();
    if (!own) {
      json->Clear();
      for (const auto& [name, command] : kJsonFields) {
        (*json->mutable_fields())[name].set_string_value(command);
      }
    }
  } else {
    format->mutable_text_format_source()->set_inline_string(
        mesh.access_log_format().empty() ? kTextFormat : mesh.access_log_format());
  }
  auto* log = config->add_access_log();
  log->set_name("envoy.access_loggers.file");
  *log->mutable_typed_config() = Pack(file);
}

void AddHttpFilter(const char* name, const google::protobuf::Message& config,
                   hcm_v3::HttpConnectionManager* manager) {
  hcm_v3::HttpFilter* filter = manager->add_http_filters();
  filter->set_name(name);
  *filter->mutable_typed_config() = Pack(config);
}

listener_v3::Filter NetworkFilter(const char* name, const google::protobuf::Message& config) {
  listener_v3::Filter filter;
  filter.set_name(name);
  *filter.mutable_typed_config() = Pack(config);
  return filter;
}

listener_v3::ListenerFilter Inspector(const char* name, const google::protobuf::Message& config) {
  listener_v3::ListenerFilter filter;
  filter.set_name(name);
  *filter.mutable_typed_config() = Pack(config);
  return filter;
}

template <class Rbac>
void SetRules(const AuthorizationStep& step, Rbac* rbac) {
  if (step.rules.has_value()) *rbac->mutable_rules() = *step.rules;
  if (!step.shadow.has_value()) return;
  *rbac->mutable_shadow_rules() = *step.shadow;
  rbac->set_shadow_rules_stat_prefix(step.shadow_prefix);
}

// Who is it, then may he.
void AddAuthorization(const InboundAuthorization& authorization,
                      hcm_v3::HttpConnectionManager* manager) {
  if (authorization.tokens.has_value()) {
    AddHttpFilter("envoy.filters.http.jwt_authn", *authorization.tokens, manager);
  }
  for (const AuthorizationStep& step : authorization.http) {
    if (step.service.has_value()) {
      AddHttpFilter("envoy.filters.http.ext_authz", *step.service, manager);
      continue;
    }
    ::envoy::extensions::filters::http::rbac::v3::RBAC rbac;
    SetRules(step, &rbac);
    AddHttpFilter("envoy.filters.http.rbac", rbac, manager);
  }
}

// MeshConfig.pathNormalization: the form in which a path is judged, routed and sent.
void SetPathNormalization(MeshConfig::ProxyPathNormalization::NormalizationType type,
                          hcm_v3::HttpConnectionManager* manager) {
  using Type = MeshConfig::ProxyPathNormalization;
  manager->mutable_normalize_path()->set_value(type != Type::NONE);
  if (type == Type::MERGE_SLASHES || type == Type::DECODE_AND_MERGE_SLASHES) {
    manager->set_merge_slashes(true);
  }
  if (type == Type::DECODE_AND_MERGE_SLASHES) {
    manager->set_path_with_escaped_slashes_action(
        hcm_v3::HttpConnectionManager::UNESCAPE_AND_FORWARD);
  }
}

}  // namespace

listener_v3::Filter HttpFilter(const MeshConfig& mesh, const HttpFilterOptions& options) {
  hcm_v3::HttpConnectionManager manager;
  manager.set_stat_prefix(options.stat_prefix);
  if (options.routes != nullptr) {
    *manager.mutable_route_config() = *options.routes;
  } else {
    *manager.mutable_rds()->mutable_config_source() = AdsSource();
    manager.mutable_rds()->set_route_config_name(options.route_name);
  }
  namespace http = ::envoy::extensions::filters::http;
  if (options.grpc_web) {
    AddHttpFilter("envoy.filters.http.grpc_web", http::grpc_web::v3::GrpcWeb(), &manager);
  }
  if (options.authorization != nullptr) AddAuthorization(*options.authorization, &manager);
  AddHttpFilter("envoy.filters.http.cors", http::cors::v3::Cors(), &manager);
  AddHttpFilter("envoy.filters.http.fault", http::fault::v3::HTTPFault(), &manager);
  AddHttpFilter("envoy.filters.http.router", http::router::v3::Router(), &manager);
  if (options.http2) manager.mutable_http2_protocol_options();
  manager.mutable_use_remote_address()->set_value(options.side == HttpSide::kGateway);
  switch (options.side) {
    case HttpSide::kOutbound:
      break;
    case HttpSide::kInbound:
      manager.set_server_name("istio-envoy");
      manager.set_forward_client_cert_details(hcm_v3::HttpConnectionManager::APPEND_FORWARD);
      break;
    case HttpSide::kGateway:
      manager.set_server_name("istio-envoy");
      manager.set_forward_client_cert_details(hcm_v3::HttpConnectionManager::SANITIZE_SET);
      manager.mutable_set_current_client_cert_details()->set_cert(true);
      break;
  }
  if (options.side != HttpSide::kOutbound) {
    auto* details = manager.mutable_set_current_client_cert_details();
    details->mutable_subject()->set_value(true);
    details->set_dns(true);
    details->set_uri(true);
  }
  // Streams may be idle for long; a route's timeout is what ends a request.
  *manager.mutable_stream_idle_timeout() = Seconds(0);
  manager.mutable_generate_request_id()->set_value(true);
  SetPathNormalization(mesh.path_normalization().normalization(), &manager);
  manager.add_upgrade_configs()->set_upgrade_type("websocket");
  AddAccessLog(mesh, &manager);
  return NetworkFilter("envoy.filters.network.http_connection_manager", manager);
}

listener_v3::Filter TcpFilter(const MeshConfig& mesh, std::string_view stat_prefix,
                              std::string_view cluster) {
  TcpProxy proxy;
  proxy.set_stat_prefix(std::string(stat_prefix));
  proxy.set_cluster(std::string(cluster));
  AddAccessLog(mesh, &proxy);
  return NetworkFilter("envoy.filters.network.tcp_proxy", proxy);
}

listener_v3::Filter TcpFilter(const MeshConfig& mesh, std::string_view stat_prefix,
                              absl::Span<const WeightedTarget> targets) {
  TcpProxy proxy;
  proxy.set_stat_prefix(std::string(stat_prefix));
  for (const WeightedTarget& target : targets) {
    auto* cluster = proxy.mutable_weighted_clusters()->add_clusters();
    cluster->set_name(target.cluster);
    cluster->set_weight(target.weight);
  }
  AddAccessLog(mesh, &proxy);
  return NetworkFilter("envoy.filters.network.tcp_proxy", proxy);
}

listener_v3::Filter TcpAuthorizationFilter(const AuthorizationStep& step) {
  envoy::extensions::filters::network::rbac::v3::RBAC rbac;
  SetRules(step, &rbac);
  rbac.set_stat_prefix("tcp.");
  return NetworkFilter("envoy.filters.network.rbac", rbac);
}

listener_v3::Filter ServerNameFilter() {
  return NetworkFilter("envoy.filters.network.sni_cluster",
                       envoy::extensions::filters::network::sni_cluster::v3::SniCluster());
}

listener_v3::ListenerFilter OriginalDestinationInspector() {
  return Inspector("envoy.filters.listener.original_dst",
                   envoy::extensions::filters::listener::original_dst::v3::OriginalDst());
}

listener_v3::ListenerFilter TlsInspector() {
  return Inspector("envoy.filters.listener.tls_inspector",
                   envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector());
}

listener_v3::ListenerFilter HttpInspector() {
  return Inspector("envoy.filters.listener.http_inspector",
                   envoy::extensions::filters::listener::http_inspector::v3::HttpInspector());
}

}  // namespace mesh::translate
