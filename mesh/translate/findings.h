// What translation can say of a configuration as a whole, without a proxy to translate for.
//
//   for (const Finding& finding : FindingsOf(*world)) Print(finding.ToString());
#ifndef MESH_TRANSLATE_FINDINGS_H_
#define MESH_TRANSLATE_FINDINGS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "envoy/config/route/v3/route.pb.h"
#include "mesh/config/resource.h"
#include "mesh/translate/resource.h"
#include "mesh/translate/world.h"

namespace mesh::translate {

class PeerAuthentications;

// What is left out or changed on the way to every proxy: of rules, delegates and DestinationRules.
// In no particular order. Thread-safe. Cost: a walk through them.
std::vector<Finding> FindingsOf(const World& world);

// What AuthorizationPolicies ask for in vain, as it goes by the world's services. In no particular
// order. Thread-safe. Cost: that of translating each.
std::vector<Finding> FindingsOfPolicies(const World& world,
                                        absl::Span<const config::ResourcePtr> policies);

// What a proxy's own translation shows, without what FindingsOf says: Translate has both.
// In no particular order. Thread-safe. Cost: a look at each service and VirtualService it sees.
std::vector<Finding> FindingsFor(const World& world, const Node& node);

// The same, looked for in one gateway for each selector of Gateways,
// then in one sidecar for each namespace and Sidecar, until they and the services make `pairs`
// pairs. Without duplicates, in no particular order. Thread-safe.
std::vector<Finding> FindingsOfProxies(const World& world, uint64_t pairs);

// What the proxy of a workload takes on one of its ports.
enum class ServerMode { kPlain, kEither, kMutual };
// As a snapshot's PeerAuthentications say. Thread-safe; borrows nothing.
class ServerModes {
 public:
  explicit ServerModes(const config::Snapshot& snapshot);
  // `port` is the workload's. Cost: O(policies of the namespace).
  ServerMode Of(const std::string& ns, const std::map<std::string, std::string>& labels,
                uint32_t port) const;

 private:
  std::shared_ptr<const PeerAuthentications> policies_;
};

// VirtualServices' rules as Envoy is sent them, their conditions alone. Keep the world alive.
class Rules {
 public:
  explicit Rules(const World& world) : world_(world) {}

  struct Set {
    // One virtual host for all hosts; each route answers 200.
    ::envoy::config::route::v3::RouteConfiguration routes;
    // Of each route: the match it is made of, or the rule where it has none.
    std::vector<Origin> origins;
  };
  // Of VirtualServices that share a host: for the sidecars of no particular workload, or (`gateway`
  // not "mesh") for a gateway, there merged as Istio merges them, oldest first. Rules with a port
  // apply at `port` alone. Those that are not in the world's snapshot are left out.
  Set Of(absl::Span<const config::Resource* const> virtual_services, const std::string& gateway,
         uint32_t port) const;

 private:
  const World& world_;
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_FINDINGS_H_
