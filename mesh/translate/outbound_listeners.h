// A sidecar's outbound listeners. Private to this folder.
#ifndef MESH_TRANSLATE_OUTBOUND_LISTENERS_H_
#define MESH_TRANSLATE_OUTBOUND_LISTENERS_H_

#include <set>
#include <string>
#include <vector>

#include "envoy/config/listener/v3/listener.pb.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/index.h"
#include "mesh/translate/node.h"
#include "mesh/translate/scope.h"

namespace mesh::translate {

using ListenerDraft = Draft<envoy::config::listener::v3::Listener>;

struct OutboundListenerSet {
  std::vector<ListenerDraft> listeners;  // by name
  std::set<std::string> route_names;     // of the route configurations that they ask for
};

// One listener for each port that carries HTTP (all services of the port together), one for each
// address and port of TCP, both for ports whose protocol nobody named.
OutboundListenerSet OutboundListeners(const Index& index, const Scope& scope, const Node& node,
                                      std::vector<Finding>* findings);

// What iptables sends every outgoing connection to; it hands over to the listener for where the
// connection was going, and serves itself what no listener is for.
ListenerDraft VirtualOutbound(const Index& index, const Scope& scope, const Node& node);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_OUTBOUND_LISTENERS_H_
