// Load assignments. Private to this folder.
#ifndef MESH_TRANSLATE_ENDPOINT_H_
#define MESH_TRANSLATE_ENDPOINT_H_

#include <string>
#include <string_view>

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "mesh/registry/registry.h"

namespace mesh::translate {

// The ready endpoints of a port that have all labels of `subset`, grouped by locality in order of
// its name. A locality's weight is the sum of its endpoints', which is 1 each where nobody says.
envoy::config::endpoint::v3::ClusterLoadAssignment LoadAssignment(
    const registry::Registry& registry, const registry::Service& service,
    const registry::Port& port, const registry::Labels& subset, std::string cluster);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_ENDPOINT_H_
