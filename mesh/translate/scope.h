// What one kind of proxy may see: the Sidecar that applies to it, and the services, VirtualServices
// and DestinationRules that this leaves. Private to this folder.
#ifndef MESH_TRANSLATE_SCOPE_H_
#define MESH_TRANSLATE_SCOPE_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/networking/v1alpha3/sidecar.pb.h"
#include "mesh/config/resource.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/destination_rules.h"
#include "mesh/translate/virtual_services.h"

namespace mesh::translate {

class Index;

struct EgressListener {
  // Null for the one that catches everything when there is no Sidecar.
  const istio::networking::v1alpha3::IstioEgressListener* spec = nullptr;
  int index = -1;  // in spec.egress
  // Where the listener has a port, the services have that one alone.
  std::vector<registry::ServicePtr> services;
  std::vector<VirtualServicePtr> virtual_services;

  bool has_port() const { return spec != nullptr && spec->has_port(); }
};

// Shared by all proxies to which the same Sidecar (or none) of the same namespace applies.
struct Scope {
  std::string ns;
  config::ResourcePtr sidecar;  // null: none applies
  const istio::networking::v1alpha3::Sidecar* spec = nullptr;
  std::vector<EgressListener> egress;
  // Of all listeners, each host once, ports added up.
  std::vector<registry::ServicePtr> services;
  std::map<std::string, registry::ServicePtr, std::less<>> by_host;
  // Whether some VirtualService looks at the labels of its clients: then proxies differ by theirs.
  bool by_labels = false;
  bool allow_any = true;  // what happens to hosts that nobody declared
  const istio::networking::v1alpha3::Destination* egress_proxy = nullptr;

  registry::ServicePtr FindService(std::string_view host) const;
  // The listener whose routes a route configuration for `port` holds.
  const EgressListener* ListenerFor(uint32_t port) const;
};
using ScopePtr = std::shared_ptr<const Scope>;

// `sidecar` may be null.
ScopePtr MakeScope(const Index& index, const config::ResourcePtr& sidecar, std::string_view ns);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_SCOPE_H_
