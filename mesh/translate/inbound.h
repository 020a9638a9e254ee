// What comes in to a sidecar: listeners and the clusters behind them. Private to this folder.
#ifndef MESH_TRANSLATE_INBOUND_H_
#define MESH_TRANSLATE_INBOUND_H_

#include <optional>
#include <string>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/authorization.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/index.h"
#include "mesh/translate/node.h"
#include "mesh/translate/peer_authentication.h"
#include "mesh/translate/scope.h"

namespace mesh::translate {

// One port that a sidecar takes traffic for.
struct InboundPort {
  registry::ServicePtr service;  // for its name; made up where a Sidecar opens a port of no service
  registry::Port port;           // as clients know it
  uint32_t listen_port = 0;      // where connections come in
  std::string bind;              // only where it binds itself
  bool bind_to_port = false;
  std::string endpoint_address;  // of the application
  uint32_t endpoint_port = 0;
  MutualTls mutual_tls = MutualTls::kPermissive;
  Origin origin;

  std::string Cluster() const;
};

// Those of a Sidecar's ingress listeners where there are any, else of the services that the node
// serves (none of those without interception: the application has the ports).
std::vector<InboundPort> InboundPorts(const Index& index, const Scope& scope, const Node& node);

std::vector<Draft<envoy::config::cluster::v3::Cluster>> InboundClusters(
    const Index& index, const Scope& scope, const Node& node,
    const std::vector<InboundPort>& ports);

// Who may come in.
InboundAuthorization AuthorizationFor(const Index& index, const Node& node,
                                      std::vector<Finding>* findings);

// The listeners of ports that bind themselves.
std::vector<Draft<envoy::config::listener::v3::Listener>> InboundListeners(
    const Index& index, const InboundAuthorization& authorization,
    const std::vector<InboundPort>& ports);

// What iptables sends every incoming connection to: chains for ports that nobody named, then those
// of the other ports.
Draft<envoy::config::listener::v3::Listener> VirtualInbound(
    const Index& index, const Node& node, const InboundAuthorization& authorization,
    const std::vector<InboundPort>& ports);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_INBOUND_H_
