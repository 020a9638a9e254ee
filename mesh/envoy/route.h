// envoy.config.route.v3.RouteConfiguration to a route table and its actions.
#ifndef MESH_ENVOY_ROUTE_H_
#define MESH_ENVOY_ROUTE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "envoy/config/route/v3/route.pb.h"
#include "google/protobuf/any.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/route/action/route_config.h"

namespace mesh::envoy {

struct RouteOptions {
  // Istio's proxies bound RE2's program size by 1024; 0 is no bound.
  int max_regex_program_size = 0;
  // Leave out (and report) a route or virtual host in error instead of rejecting everything.
  bool isolate_errors = false;
  // Where it is given, clusters that routes name are looked up, unless validate_clusters is false
  // in the configuration.
  std::function<bool(const std::string& cluster)> cluster_exists;
  // Reads one typed_per_filter_config entry (not its FilterConfig wrapping); an error rejects the
  // route unless the entry is optional. Not given: messages of envoy.extensions.filters.http are
  // kept as bytes, others are rejected as unknown.
  std::function<absl::StatusOr<std::shared_ptr<const void>>(std::string_view filter,
                                                            const google::protobuf::Any& config)>
      parse_filter;
  // Where a person wrote it: asked with "virtual_hosts[0]" and "virtual_hosts[0].routes[3]".
  std::function<SourcePosition(const std::string& path)> position;
  // What direct_response.body.filename holds; not given: such bodies are rejected.
  std::function<absl::StatusOr<std::string>(const std::string& filename)> read_file;
  // Virtual hosts that did not change are shared with it. May be null; must have been loaded with
  // the same options.
  std::shared_ptr<const route::action::RouteConfig> previous;
};

struct LoadedRoutes {
  // Null where there are errors and they are not isolated.
  std::shared_ptr<const route::action::RouteConfig> config;
  // Field and reason: "virtual_hosts[0].routes[1].route.weighted_clusters: Sum of weights ...".
  std::vector<FieldError> errors;
};

// Thread-safe; Rule::id is the route's place in its virtual host (the actions of a `matcher` are
// numbered in the order they stand). What Envoy 1.40 rejects is rejected; extensions that we do not
// have (cluster specifier plug-ins, route specifiers, VHDS) are rejected by name.
LoadedRoutes LoadRouteConfig(const ::envoy::config::route::v3::RouteConfiguration& proto,
                             const RouteOptions& options);

// The same; errors as one InvalidArgument, one a line.
absl::StatusOr<std::shared_ptr<const route::action::RouteConfig>> LoadRoutes(
    const ::envoy::config::route::v3::RouteConfiguration& proto, const RouteOptions& options = {});

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_ROUTE_H_
