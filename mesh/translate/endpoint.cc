#include "mesh/translate/endpoint.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "mesh/translate/locality.h"
#include "mesh/translate/proto.h"

namespace mesh::translate {

namespace endpoint_v3 = ::envoy::config::endpoint::v3;

endpoint_v3::ClusterLoadAssignment LoadAssignment(const registry::Registry& registry,
                                                  const registry::Service& service,
                                                  const registry::Port& port,
                                                  const registry::Labels& subset,
                                                  std::string cluster) {
  endpoint_v3::ClusterLoadAssignment assignment;
  assignment.set_cluster_name(std::move(cluster));
  std::map<std::string, std::vector<const registry::Endpoint*>> localities;
  for (const registry::Endpoint* endpoint : registry.EndpointsOf(service, port)) {
    if (registry::Selects(subset, endpoint->labels)) {
      localities[endpoint->locality].push_back(endpoint);
    }
  }
  for (const auto& [name, endpoints] : localities) {
    endpoint_v3::LocalityLbEndpoints* group = assignment.add_endpoints();
    *group->mutable_locality() = ParseLocality(name);
    uint32_t sum = 0;
    for (const registry::Endpoint* endpoint : endpoints) {
      endpoint_v3::LbEndpoint* made = group->add_lb_endpoints();
      *made->mutable_endpoint()->mutable_address() = MakeAddress(endpoint->address, endpoint->port);
      if (endpoint->mutual_tls) {
        // Picks the cluster's socket for mutual TLS.
        (*(*made->mutable_metadata()->mutable_filter_metadata())["envoy.transport_socket_match"]
              .mutable_fields())["tlsMode"]
            .set_string_value("istio");
      }
      const uint32_t weight = std::max<uint32_t>(endpoint->weight, 1);
      made->mutable_load_balancing_weight()->set_value(weight);
      sum += weight;
    }
    group->mutable_load_balancing_weight()->set_value(sum);
  }
  return assignment;
}

}  // namespace mesh::translate
