// The route configuration of one of a sidecar's outbound ports. Private to this folder.
#ifndef MESH_TRANSLATE_OUTBOUND_ROUTES_H_
#define MESH_TRANSLATE_OUTBOUND_ROUTES_H_

#include <string>
#include <vector>

#include "envoy/config/route/v3/route.pb.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/index.h"
#include "mesh/translate/node.h"
#include "mesh/translate/route.h"
#include "mesh/translate/scope.h"

namespace mesh::translate {

// `name` is a port ("9080"), "host:port" for a port whose protocol nobody named, or a pipe's path.
// A virtual host for each service and each host of a VirtualService, and one for all other hosts.
Draft<envoy::config::route::v3::RouteConfiguration> OutboundRoutes(const Index& index,
                                                                   const Scope& scope,
                                                                   const Node& node,
                                                                   const std::string& name,
                                                                   std::vector<Finding>* findings);

// The findings alone. Cost: a look at each service and VirtualService of the port.
void FindInOutboundRoutes(const Index& index, const Scope& scope, const Node& node,
                          const std::string& name, std::vector<Finding>* findings);

// All names by which a client in namespace `ns` may call a service at a port: details,
// details.default … down to the full name, and its addresses, each with and without the port.
std::vector<std::string> DomainsOf(const registry::Service& service, uint32_t port,
                                   std::string_view ns, std::string_view domain);

// Appends a virtual host made of parts; moves their provenance along.
void AddVirtualHost(const std::string& name, const std::vector<std::string>& domains,
                    std::vector<RouteDraft> routes, const Origin* origin,
                    Draft<envoy::config::route::v3::RouteConfiguration>* configuration);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_OUTBOUND_ROUTES_H_
