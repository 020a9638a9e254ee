// Clusters: those of services and their subsets, the proxy's own, and where everything else goes.
// Private to this folder.
#ifndef MESH_TRANSLATE_CLUSTER_H_
#define MESH_TRANSLATE_CLUSTER_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/index.h"
#include "mesh/translate/node.h"
#include "mesh/translate/scope.h"

namespace mesh::translate {

// An outbound cluster and what its endpoints are.
struct OutboundClusterDraft {
  Draft<envoy::config::cluster::v3::Cluster> cluster;
  registry::ServicePtr service;
  uint32_t port = 0;
  registry::Labels subset;  // labels of its endpoints
  bool eds = false;         // its endpoints are a resource of their own
  // How endpoints are preferred by where they are; null: not at all.
  const istio::networking::v1alpha3::LocalityLoadBalancerSetting* locality = nullptr;
  bool failover = false;  // unhealthy endpoints are noticed, so that others can take over
};

// Of every service and port that the node sees, each followed by its subsets; for a gateway that
// routes by server name (ROUTER_MODE sni-dnat) once more under that name.
std::vector<OutboundClusterDraft> OutboundClusters(const Index& index, const Scope& scope,
                                                   const Node& node,
                                                   std::vector<Finding>* findings);

// The findings alone. Cost: a look at each service, and making the clusters of the few that may
// have some.
void FindInOutboundClusters(const Index& index, const Scope& scope, const Node& node,
                            std::vector<Finding>* findings);

// The application's own port behind a sidecar. `address` may be unix:///path.
Draft<envoy::config::cluster::v3::Cluster> InboundClusterDraft(
    const Index& index, const Scope& scope, const Node& node, const std::string& name,
    const registry::Service& service, const registry::Port& port, std::string_view address,
    uint32_t number);

Draft<envoy::config::cluster::v3::Cluster> BlackHole(const Index& index);
// Wherever the connection was going.
Draft<envoy::config::cluster::v3::Cluster> Passthrough(const Index& index);
// The same for what comes in; 127.0.0.6 tells the interception rules that it has been here.
Draft<envoy::config::cluster::v3::Cluster> InboundPassthrough(const Index& index);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_CLUSTER_H_
