// What a gateway is sent: listeners and routes of all Gateway objects that select it. Private to
// this folder.
#ifndef MESH_TRANSLATE_GATEWAY_H_
#define MESH_TRANSLATE_GATEWAY_H_

#include <map>
#include <string>
#include <vector>

#include "api/networking/v1alpha3/gateway.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "mesh/config/resource.h"
#include "mesh/registry/protocol.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/index.h"
#include "mesh/translate/node.h"
#include "mesh/translate/scope.h"

namespace mesh::translate {

// A server of some Gateway object.
struct GatewayServer {
  config::ResourcePtr gateway;
  int index = 0;  // in spec.servers
  const istio::networking::v1alpha3::Server* spec = nullptr;
  std::string gateway_name;        // "namespace/name"
  std::vector<std::string> hosts;  // "./host" being "namespace/host"
  registry::Protocol protocol = registry::Protocol::kUnsupported;
  std::string route_name;  // "http.80", "https.443.NAME.GATEWAY.NAMESPACE"; empty: not HTTP

  bool TerminatesTls() const;
  bool PassesTlsOn() const;
  Origin OriginOf(const std::string& field = "") const;
};

// All servers, those that stand in one another's way left out, by port.
struct MergedGateway {
  std::map<uint32_t, std::vector<GatewayServer>> by_port;
};
MergedGateway MergeGateways(const Index& index, const Node& node, std::vector<Finding>* findings);

std::vector<Draft<envoy::config::listener::v3::Listener>> GatewayListeners(
    const Index& index, const Scope& scope, const Node& node, const MergedGateway& gateway,
    std::vector<Finding>* findings);

// One for each route name of the servers.
std::vector<Draft<envoy::config::route::v3::RouteConfiguration>> GatewayRoutes(
    const Index& index, const Scope& scope, const Node& node, const MergedGateway& gateway,
    std::vector<Finding>* findings);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_GATEWAY_H_
