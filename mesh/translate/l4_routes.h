// Filter chains for what is not HTTP: by server name, by destination address, or straight to a
// service. Private to this folder.
#ifndef MESH_TRANSLATE_L4_ROUTES_H_
#define MESH_TRANSLATE_L4_ROUTES_H_

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "envoy/config/listener/v3/listener_components.pb.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/index.h"
#include "mesh/translate/node.h"
#include "mesh/translate/scope.h"

namespace mesh::translate {

using ChainDraft = Draft<envoy::config::listener::v3::FilterChain>;

struct L4Context {
  const Index& index;
  const Scope& scope;
  const Node& node;
  std::set<std::string, std::less<>> gateways;
  uint32_t port = 0;  // of the listener, or the gateway's server
  std::vector<Finding>* findings;
};

// The server names of a match; one that is `*` matches everything, so that nothing is set.
void SetServerNames(const std::vector<std::string>& names,
                    envoy::config::listener::v3::FilterChain* chain);

// One TCP proxy to the destinations of a TCP or TLS rule.
envoy::config::listener::v3::Filter RouteFilter(
    const L4Context& context,
    const google::protobuf::RepeatedPtrField<istio::networking::v1alpha3::RouteDestination>& routes,
    const VirtualService& virtual_service);

// Chains of one service port that carries TCP or TLS, VirtualServices of its host considered.
// `bind` is the listener's address, `cidr` the service's where that is a range.
std::vector<ChainDraft> OutboundTcpChains(const L4Context& context, const EgressListener& listener,
                                          const registry::Service& service,
                                          registry::Protocol protocol, std::string_view bind,
                                          const std::string& cidr);

// Chains of a gateway's server that forwards TLS unread, by server name.
std::vector<ChainDraft> GatewayTlsChains(const L4Context& context,
                                         const std::vector<VirtualServicePtr>& virtual_services,
                                         const std::vector<std::string>& server_hosts);

// The filter of a gateway's TCP server: the first TCP rule that applies. Nothing where none does.
std::optional<ChainDraft> GatewayTcpChain(const L4Context& context,
                                          const std::vector<VirtualServicePtr>& virtual_services,
                                          const std::vector<std::string>& server_hosts);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_L4_ROUTES_H_
