// One snapshot of configuration with all the indexes that translation needs, built once and used
// for every proxy.
#ifndef MESH_TRANSLATE_WORLD_H_
#define MESH_TRANSLATE_WORLD_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/key_sets.h"
#include "mesh/translate/node.h"

namespace mesh::config {
class Snapshot;
}
namespace istio::mesh::v1alpha1 {
class MeshConfig;
}

namespace mesh::translate {

class Index;
class ResourceCache;

struct WorldOptions {
  registry::RegistryOptions registry;
  // VirtualServices of gateways may delegate parts of their routes (off in Istio 1.7 by default).
  bool delegates = true;
  // The keys of tokens' issuers, as fetched; null: none was.
  std::shared_ptr<const KeySets> key_sets;
};

// Never changes; use it from any thread. Keeps its snapshot alive.
class World {
 public:
  // `previous` (may be null) lends what did not change: what was made of VirtualServices and
  // DestinationRules that are still there, the registry where no service and workload changed,
  // resources already made. Cost: that of making the others, and a walk over pointers.
  static std::shared_ptr<const World> Build(std::shared_ptr<const config::Snapshot> snapshot,
                                            const WorldOptions& options = {},
                                            const World* previous = nullptr);
  ~World();

  const config::Snapshot& snapshot() const { return *snapshot_; }
  const registry::Registry& registry() const { return *registry_; }
  const istio::mesh::v1alpha1::MeshConfig& mesh_config() const;
  const WorldOptions& options() const { return options_; }

  // The node of a pod by "POD.NAMESPACE" (split at the last dot), as its sidecar or gateway would
  // name itself. NotFound names the pods there are.
  absl::StatusOr<Node> NodeOf(std::string_view pod_dot_namespace) const;
  // "POD.NAMESPACE" of every pod, sorted.
  std::vector<std::string> Pods() const;

  // For this folder.
  const Index& index() const { return *index_; }
  ResourceCache& cache() const { return *cache_; }

 private:
  World() = default;

  std::shared_ptr<const config::Snapshot> snapshot_;
  std::shared_ptr<const registry::Registry> registry_;
  WorldOptions options_;
  std::shared_ptr<const Index> index_;
  std::shared_ptr<ResourceCache> cache_;  // thread-safe
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_WORLD_H_
