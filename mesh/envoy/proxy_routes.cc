#include "mesh/envoy/proxy_routes.h"

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/envoy/authorization.h"
#include "mesh/envoy/fault.h"
#include "mesh/envoy/route.h"

namespace mesh::envoy {
namespace {

absl::StatusOr<std::shared_ptr<const void>> ParseFilter(std::string_view filter,
                                                        const google::protobuf::Any& config) {
  if (filter == kFaultFilter) {
    absl::StatusOr<std::shared_ptr<const Fault>> fault = LoadFault(config);
    if (!fault.ok()) return fault.status();
    return std::shared_ptr<const void>(*std::move(fault));
  }
  const std::string& url = config.type_url();
  if (url.substr(url.rfind('/') + 1) == kRbacPerRoute) {
    absl::StatusOr<std::shared_ptr<const RbacOverride>> rules = LoadRbacOverride(config);
    if (!rules.ok()) return rules.status();
    return std::shared_ptr<const void>(*std::move(rules));
  }
  return absl::InvalidArgumentError(absl::StrCat(Absl(filter), " is not supported"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const route::action::RouteConfig>> LoadProxyRoutes(
    const ::envoy::config::route::v3::RouteConfiguration& proto,
    std::shared_ptr<const route::action::RouteConfig> previous) {
  RouteOptions options;
  options.parse_filter = ParseFilter;
  options.previous = std::move(previous);
  return LoadRoutes(proto, options);
}

}  // namespace mesh::envoy
