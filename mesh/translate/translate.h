// Configuration and the state of services in, what one Envoy-compatible proxy must do out: names,
// merging and defaults of Istio 1.7.3 in the spelling of today's Envoy API.
//
//   auto world = World::Build(snapshot);
//   absl::StatusOr<Node> node = ParseNode(envoy_node);
//   Output output = Translate(*world, *node);
//   for (const ResourcePtr& cluster : output.clusters) Send(cluster->name, cluster->bytes);
//
// docs/differences.md lists where this differs from Istio 1.7.3 on purpose.
#ifndef MESH_TRANSLATE_TRANSLATE_H_
#define MESH_TRANSLATE_TRANSLATE_H_

#include "mesh/translate/node.h"
#include "mesh/translate/resource.h"
#include "mesh/translate/world.h"

namespace mesh::translate {

// Pure and deterministic to the byte: the same world and node give the same output in any process.
// Thread-safe. Never fails: what cannot be translated is left out and a finding says so.
// Cost: O(services that the node sees + VirtualServices that apply).
Output Translate(const World& world, const Node& node);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_TRANSLATE_H_
