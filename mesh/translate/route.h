// The rules of a VirtualService as Envoy's routes. Private to this folder.
#ifndef MESH_TRANSLATE_ROUTE_H_
#define MESH_TRANSLATE_ROUTE_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "envoy/config/route/v3/route_components.pb.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/index.h"
#include "mesh/translate/node.h"
#include "mesh/translate/scope.h"

namespace mesh::translate {

using RouteDraft = Draft<envoy::config::route::v3::Route>;

// For whom and where routes are made.
struct RouteContext {
  const Index& index;
  const Scope& scope;
  const Node& node;
  std::set<std::string, std::less<>> gateways;  // "mesh", or the gateway server's own
  uint32_t port = 0;                            // of the listener, or the gateway's server
  // The service of a destination host, its ports being those that count here; may be null.
  std::function<registry::ServicePtr(const std::string& host)> service_of;
  std::vector<Finding>* findings;
};

// The routes in order; empty where no rule applies here. A rule without condition, or whose
// condition always holds, ends the list: rules after it become findings.
std::vector<RouteDraft> VirtualServiceRoutes(const RouteContext& context,
                                             const VirtualService& virtual_service);

// Whether it has any, without making them.
bool HasRoutes(const RouteContext& context, const VirtualService& virtual_service);

// Everything to one cluster, with Istio's default retries.
RouteDraft DefaultRoute(const RouteContext& context, const registry::Service& service,
                        const registry::Port& port);
// Everything to a cluster, without retries.
envoy::config::route::v3::Route PlainRoute(std::string_view name, std::string_view cluster);

// Of two VirtualServices on one host of a gateway: routes that match everything go last.
std::vector<RouteDraft> CombineRoutes(std::vector<RouteDraft> first,
                                      std::vector<RouteDraft> second);

// The cluster of a destination; `port` is where the destination names none and the service does not
// decide it.
std::string DestinationCluster(const istio::networking::v1alpha3::Destination& destination,
                               const registry::Service* service, uint32_t port);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_ROUTE_H_
