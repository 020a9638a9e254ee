#include "mesh/envoy/http_connection_manager.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "mesh/envoy/access_log_fields.h"
#include "mesh/envoy/core_fields.h"
#include "mesh/envoy/observers.h"
#include "mesh/envoy/proxy_routes.h"

namespace mesh::envoy {
namespace {

using Proto =
    ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using Hcm = HttpConnectionManager;

void LoadRouteSource(const Proto& proto, const std::string& path, Hcm* out, FieldErrors* errors) {
  if (proto.has_rds()) {
    errors->Only(proto.rds(), Join(path, "rds"), {"config_source", "route_config_name"});
    out->route_config_name = proto.rds().route_config_name();
    if (out->route_config_name.empty()) errors->Add(Join(path, "rds.route_config_name"), "missing");
    out->routes_initial_fetch_timeout =
        LoadAdsSource(proto.rds().config_source(), Join(path, "rds.config_source"), errors);
    return;
  }
  if (!proto.has_route_config()) {
    if (!proto.has_scoped_routes()) errors->Add(path, "neither rds nor route_config is set");
    return;
  }
  absl::StatusOr<std::shared_ptr<const route::action::RouteConfig>> routes =
      LoadProxyRoutes(proto.route_config());
  if (!routes.ok()) {
    errors->Add(Join(path, "route_config"), std::string(routes.status().message()));
    return;
  }
  out->routes = *std::move(routes);
}

// True where `type` is one of the filters that decide on requests.
bool LoadAuthorization(const std::string& type, const std::string& name,
                       const google::protobuf::Any& config, const std::string& path, Hcm* out,
                       FieldErrors* errors) {
  const auto take = [&](auto loaded) {
    if (!loaded.ok()) {
      errors->Add(path, std::string(loaded.status().message()));
      return;
    }
    loaded->name = name;
    out->authorization.push_back(*std::move(loaded));
  };
  if (type == "envoy.extensions.filters.http.rbac.v3.RBAC") {
    take(LoadRbacFilter(config));
  } else if (type == "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication") {
    take(LoadJwtFilter(config));
  } else if (type == "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz") {
    take(LoadExtAuthzFilter(config));
  } else {
    return false;
  }
  return true;
}

void LoadHttpFilters(const Proto& proto, const std::string& path, Hcm* out, FieldErrors* errors) {
  bool has_router = false;
  for (int i = 0; i < proto.http_filters_size(); ++i) {
    const auto& filter = proto.http_filters(i);
    const std::string filter_path = At(Join(path, "http_filters"), i);
    errors->Only(filter, filter_path, {"name", "typed_config", "is_optional"});
    const std::string& url = filter.typed_config().type_url();
    const std::string type = url.substr(url.rfind('/') + 1);
    const std::string config_path = Join(filter_path, "typed_config");
    if (has_router) errors->Add(filter_path, "nothing may stand behind the router");
    if (LoadAuthorization(type, filter.name(), filter.typed_config(), config_path, out, errors)) {
      // Asked first, wherever cors and fault stand: what they would answer tells nothing then.
    } else if (type == "envoy.extensions.filters.http.router.v3.Router") {
      has_router = true;
      ::envoy::extensions::filters::http::router::v3::Router router;
      if (!errors->Unpack(filter.typed_config(), config_path, &router)) continue;
      errors->Only(router, config_path, {"suppress_envoy_headers"},
                   {"dynamic_stats", "start_child_span", "suppress_grpc_request_failure_code_stats",
                    "reject_connect_request_early_data"});
      out->suppress_envoy_headers = router.suppress_envoy_headers();
    } else if (type == "envoy.extensions.filters.http.cors.v3.Cors") {
      ::envoy::extensions::filters::http::cors::v3::Cors cors;
      out->has_cors_filter = errors->Unpack(filter.typed_config(), config_path, &cors);
    } else if (type == "envoy.extensions.filters.http.fault.v3.HTTPFault") {
      ::envoy::extensions::filters::http::fault::v3::HTTPFault fault;
      if (!errors->Unpack(filter.typed_config(), config_path, &fault)) continue;
      // Faults are a route's business; here the filter says only that it is there.
      errors->Only(fault, config_path, {});
      out->has_fault_filter = true;
    } else if (!filter.is_optional() && !OnlyObserves(filter.typed_config())) {
      errors->Add(config_path,
                  absl::StrCat(type.empty() ? filter.name() : type, " is not supported"));
    }
  }
  if (!has_router) errors->Add(Join(path, "http_filters"), "the router is missing");
}

void LoadCommonHttp(const ::envoy::config::core::v3::HttpProtocolOptions& common,
                    const std::string& path, Hcm* out, FieldErrors* errors) {
  errors->Only(
      common, path,
      {"idle_timeout", "max_connection_duration", "max_headers_count", "max_stream_duration",
       "max_requests_per_connection", "headers_with_underscores_action"});
  if (common.headers_with_underscores_action() !=
      ::envoy::config::core::v3::HttpProtocolOptions::ALLOW) {
    errors->Add(Join(path, "headers_with_underscores_action"), "only ALLOW is supported");
  }
  if (common.has_idle_timeout()) out->connection_idle_timeout = ToDuration(common.idle_timeout());
  if (common.has_max_connection_duration()) {
    out->max_connection_duration = ToDuration(common.max_connection_duration());
  }
  if (common.has_max_headers_count()) out->max_headers_count = common.max_headers_count().value();
  if (common.has_max_stream_duration()) {
    out->max_stream_duration = ToDuration(common.max_stream_duration());
  }
  if (common.has_max_requests_per_connection()) {
    out->max_requests_per_connection = common.max_requests_per_connection().value();
  }
}

void LoadProtocol(const Proto& proto, const std::string& path, Hcm* out, FieldErrors* errors) {
  if (proto.codec_type() != Proto::AUTO && proto.codec_type() != Proto::HTTP1) {
    errors->Add(Join(path, "codec_type"),
                absl::StrCat(Proto::CodecType_Name(proto.codec_type()), " is not supported"));
  }
  if (proto.has_common_http_protocol_options()) {
    LoadCommonHttp(proto.common_http_protocol_options(), Join(path, "common_http_protocol_options"),
                   out, errors);
  }
  if (proto.has_http_protocol_options()) {
    const auto& http1 = proto.http_protocol_options();
    const std::string http1_path = Join(path, "http_protocol_options");
    errors->Only(
        http1, http1_path,
        {"allow_absolute_url", "accept_http_10", "default_host_for_http_10", "enable_trailers"},
        {"use_balsa_parser"});
    if (http1.has_allow_absolute_url() && !http1.allow_absolute_url().value()) {
      errors->Add(Join(http1_path, "allow_absolute_url"), "false is not supported");
    }
    out->accept_http_10 = http1.accept_http_10();
    out->enable_trailers = http1.enable_trailers();
    out->default_host_for_http_10 = http1.default_host_for_http_10();
  }
}

void LoadIdentity(const Proto& proto, const std::string& path, Hcm* out, FieldErrors* errors) {
  switch (proto.server_header_transformation()) {
    case Proto::APPEND_IF_ABSENT:
      out->server_header = Hcm::ServerHeader::kAppendIfAbsent;
      break;
    case Proto::PASS_THROUGH:
      out->server_header = Hcm::ServerHeader::kPassThrough;
      break;
    default:
      break;
  }
  if (!proto.server_name().empty()) out->server_name = proto.server_name();
  out->use_remote_address = proto.use_remote_address().value();
  out->xff_num_trusted_hops = proto.xff_num_trusted_hops();
  out->skip_xff_append = proto.skip_xff_append();
  if (proto.has_generate_request_id())
    out->generate_request_id = proto.generate_request_id().value();
  out->preserve_external_request_id = proto.preserve_external_request_id();
  out->always_set_request_id_in_response = proto.always_set_request_id_in_response();
  switch (proto.forward_client_cert_details()) {
    case Proto::FORWARD_ONLY:
      out->client_cert = Hcm::ClientCert::kForwardOnly;
      break;
    case Proto::APPEND_FORWARD:
      out->client_cert = Hcm::ClientCert::kAppendForward;
      break;
    case Proto::SANITIZE_SET:
      out->client_cert = Hcm::ClientCert::kSanitizeSet;
      break;
    case Proto::ALWAYS_FORWARD_ONLY:
      out->client_cert = Hcm::ClientCert::kAlwaysForward;
      break;
    default:
      break;
  }
  const auto& details = proto.set_current_client_cert_details();
  errors->Only(details, Join(path, "set_current_client_cert_details"),
               {"subject", "cert", "dns", "uri"});
  out->client_cert_details = {details.cert(), details.subject().value(), details.uri(),
                              details.dns()};
  if (proto.has_request_id_extension()) {
    // The one that Envoy has where none is named. Both its fields are about tracing.
    ::envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig uuid;
    errors->Unpack(proto.request_id_extension().typed_config(),
                   Join(path, "request_id_extension.typed_config"), &uuid);
  }
  if (proto.has_tracing() && proto.tracing().has_provider()) {
    errors->Add(Join(path, "tracing.provider"), "not supported");
  }
  if (proto.has_internal_address_config()) {
    // No address is trusted for where it stands: a list that names none says the same.
    errors->Only(proto.internal_address_config(), Join(path, "internal_address_config"), {});
  }
}

void LoadPathRules(const Proto& proto, const std::string& path, Hcm* out, FieldErrors* errors) {
  out->path_normalization.normalize = proto.normalize_path().value();
  out->path_normalization.merge_slashes = proto.merge_slashes();
  switch (proto.path_with_escaped_slashes_action()) {
    case Proto::REJECT_REQUEST:
      out->path_normalization.escaped_slashes = http::EscapedSlashes::kReject;
      break;
    case Proto::UNESCAPE_AND_REDIRECT:
      out->path_normalization.escaped_slashes = http::EscapedSlashes::kUnescapeAndRedirect;
      break;
    case Proto::UNESCAPE_AND_FORWARD:
      out->path_normalization.escaped_slashes = http::EscapedSlashes::kUnescapeAndForward;
      break;
    default:
      break;
  }
  out->strip_any_host_port = proto.strip_any_host_port();
  out->strip_matching_host_port = proto.strip_matching_host_port();
  out->strip_trailing_host_dot = proto.strip_trailing_host_dot();
  out->proxy_100_continue = proto.proxy_100_continue();
  for (int i = 0; i < proto.upgrade_configs_size(); ++i) {
    const auto& upgrade = proto.upgrade_configs(i);
    const std::string upgrade_path = At(Join(path, "upgrade_configs"), i);
    errors->Only(upgrade, upgrade_path, {"upgrade_type", "enabled"});
    const std::string type = absl::AsciiStrToLower(upgrade.upgrade_type());
    if (type == "connect" || type == "connect-udp") {
      errors->Add(Join(upgrade_path, "upgrade_type"),
                  absl::StrCat(upgrade.upgrade_type(), " is not supported"));
    } else if (!upgrade.has_enabled() || upgrade.enabled().value()) {
      out->upgrades.push_back(type);
    }
  }
}

void LoadLimits(const Proto& proto, const std::string& path, Hcm* out, FieldErrors* errors) {
  if (proto.has_max_request_headers_kb()) {
    out->max_request_headers_kb = proto.max_request_headers_kb().value();
    if (out->max_request_headers_kb == 0 || out->max_request_headers_kb > 8192) {
      errors->Add(Join(path, "max_request_headers_kb"), "must be from 1 to 8192");
    }
  }
  if (proto.has_stream_idle_timeout()) {
    out->stream_idle_timeout = ToDuration(proto.stream_idle_timeout());
  }
  if (proto.has_request_timeout()) out->request_timeout = ToDuration(proto.request_timeout());
  if (proto.has_request_headers_timeout()) {
    out->request_headers_timeout = ToDuration(proto.request_headers_timeout());
  }
}

}  // namespace

Hcm LoadHttpConnectionManager(const google::protobuf::Any& any, const std::string& path,
                              FieldErrors* errors) {
  Hcm out;
  Proto proto;
  if (!errors->Unpack(any, path, &proto)) return out;
  errors->Only(
      proto, path,
      {"codec_type",
       "stat_prefix",
       "rds",
       "route_config",
       "http_filters",
       "tracing",
       "common_http_protocol_options",
       "http_protocol_options",
       "server_name",
       "server_header_transformation",
       "max_request_headers_kb",
       "stream_idle_timeout",
       "request_timeout",
       "request_headers_timeout",
       "access_log",
       "use_remote_address",
       "xff_num_trusted_hops",
       "skip_xff_append",
       "generate_request_id",
       "preserve_external_request_id",
       "always_set_request_id_in_response",
       "forward_client_cert_details",
       "set_current_client_cert_details",
       "upgrade_configs",
       "proxy_100_continue",
       "normalize_path",
       "merge_slashes",
       "path_with_escaped_slashes_action",
       "strip_matching_host_port",
       "strip_any_host_port",
       "strip_trailing_host_dot",
       "internal_address_config",
       "request_id_extension"},
      // Drains and closes are bounded by the proxy's own drain time; HTTP/2 is not spoken.
      {"drain_timeout", "delayed_close_timeout", "http2_protocol_options", "access_log_options"});
  if (proto.stat_prefix().empty()) errors->Add(Join(path, "stat_prefix"), "missing");
  out.stat_prefix = proto.stat_prefix();
  LoadRouteSource(proto, path, &out, errors);
  LoadHttpFilters(proto, path, &out, errors);
  LoadProtocol(proto, path, &out, errors);
  LoadIdentity(proto, path, &out, errors);
  LoadPathRules(proto, path, &out, errors);
  LoadLimits(proto, path, &out, errors);
  out.access_logs = LoadAccessLogs(proto.access_log(), Join(path, "access_log"), errors);
  return out;
}

}  // namespace mesh::envoy
