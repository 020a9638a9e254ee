// The ext_authz filter over gRPC.
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "mesh/envoy/authorization.h"
#include "mesh/envoy/core_fields.h"
#include "mesh/envoy/rbac_fields.h"

namespace mesh::envoy {
namespace {

// Asks where the metadata that an earlier filter left says so.
std::shared_ptr<const authz::Engine> LoadOnly(
    const ::envoy::type::matcher::v3::MetadataMatcher& proto, const std::string& path,
    FieldErrors* errors) {
  authz::Rule rule;
  rule.policy = "filter_enabled_metadata";
  rule.action = authz::Action::kAudit;
  rule.condition = LoadMetadataCondition(proto, path, errors);
  auto engine = authz::Engine::Build({std::move(rule)});
  if (engine.ok()) return *std::move(engine);
  errors->Add(path, std::string(engine.status().message()));
  return nullptr;
}

}  // namespace

absl::StatusOr<ExtAuthzFilter> LoadExtAuthzFilter(const google::protobuf::Any& any) {
  FieldErrors errors("");
  ::envoy::extensions::filters::http::ext_authz::v3::ExtAuthz proto;
  ExtAuthzFilter filter;
  if (!errors.Unpack(any, "", &proto)) return ToFilterStatus(errors);
  errors.Only(proto, "",
              {"grpc_service", "transport_api_version", "failure_mode_allow",
               "failure_mode_allow_header_add", "status_on_error", "filter_enabled_metadata"},
              {"stat_prefix", "charge_cluster_response_stats", "emit_client_span",
               "emit_filter_state_stats"});
  if (proto.transport_api_version() != ::envoy::config::core::v3::V3) {
    errors.Add("transport_api_version", "must be V3");
  }
  const auto& service = proto.grpc_service();
  errors.Only(service, "grpc_service", {"envoy_grpc", "timeout"});
  errors.Only(service.envoy_grpc(), "grpc_service.envoy_grpc", {"cluster_name", "authority"});
  filter.cluster = service.envoy_grpc().cluster_name();
  filter.authority = service.envoy_grpc().authority();
  if (filter.cluster.empty()) errors.Add("grpc_service.envoy_grpc.cluster_name", "missing");
  if (service.has_timeout()) filter.timeout = ToDuration(service.timeout());
  if (filter.timeout <= absl::ZeroDuration()) {
    errors.Add("grpc_service.timeout", "must be more than 0: a request would wait for ever");
  }
  filter.failure_mode_allow = proto.failure_mode_allow();
  filter.failure_mode_header = proto.failure_mode_allow_header_add();
  if (proto.has_status_on_error()) {
    filter.status_on_error = static_cast<int>(proto.status_on_error().code());
    if (filter.status_on_error < 200 || filter.status_on_error > 599) {
      errors.Add("status_on_error.code", absl::StrCat(filter.status_on_error, " is no status"));
    }
  }
  if (proto.has_filter_enabled_metadata()) {
    filter.only = LoadOnly(proto.filter_enabled_metadata(), "filter_enabled_metadata", &errors);
  }
  if (!errors.errors().empty()) return ToFilterStatus(errors);
  return filter;
}

}  // namespace mesh::envoy
