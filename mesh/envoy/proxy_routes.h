// Route configurations as a proxy loads them.
#ifndef MESH_ENVOY_PROXY_ROUTES_H_
#define MESH_ENVOY_PROXY_ROUTES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "mesh/route/action/route_config.h"

namespace envoy::config::route::v3 {
class RouteConfiguration;
}

namespace mesh::envoy {

// LoadRoutes with the filters' per-route configuration read: faults become envoy::Fault, others are
// errors where a proxy would have to act on them. `previous` may be null.
absl::StatusOr<std::shared_ptr<const route::action::RouteConfig>> LoadProxyRoutes(
    const ::envoy::config::route::v3::RouteConfiguration& proto,
    std::shared_ptr<const route::action::RouteConfig> previous = nullptr);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_PROXY_ROUTES_H_
