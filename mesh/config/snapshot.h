// All objects in force at one moment.
#ifndef MESH_CONFIG_SNAPSHOT_H_
#define MESH_CONFIG_SNAPSHOT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "mesh/config/kind.h"
#include "mesh/config/resource.h"

namespace mesh::config {

// Immutable, so thread-safe; held as SnapshotPtr. Snapshots of one store share the objects, and the
// lists of kinds, in which they do not differ: comparing List(kind).data() tells whether anything
// of a kind changed. What is returned lives as long as the snapshot.
class Snapshot {
 public:
  // For tests and tools that read once: the first of several objects with one key stays. A
  // MeshConfig among them is the mesh's.
  static std::shared_ptr<const Snapshot> Of(std::vector<ResourcePtr> resources,
                                            uint64_t generation = 1);

  // The same snapshot, but that the lists of `kinds` hold only what `resources` has of them: for
  // looking at few objects with all others around them. Cost: that of the new lists.
  std::shared_ptr<const Snapshot> WithOnly(absl::Span<const Kind> kinds,
                                           std::vector<ResourcePtr> resources) const;

  // Sorted by namespace and name.
  absl::Span<const ResourcePtr> List(Kind kind) const;
  // Those of one namespace, sorted by name. Cost: O(log n).
  absl::Span<const ResourcePtr> List(Kind kind, std::string_view ns) const;
  // Null where there is none. Kinds without namespaces have ns "". Cost: O(log n).
  ResourcePtr Find(Kind kind, std::string_view ns, std::string_view name) const;

  // With Istio's defaults applied, also where nobody has configured anything.
  const istio::mesh::v1alpha1::MeshConfig& mesh_config() const;
  // The document it was read from, for positions; null where it is all defaults.
  ResourcePtr mesh_config_resource() const;

  // Counts up with every change in one store.
  uint64_t generation() const { return generation_; }
  // All objects, MeshConfig not counted.
  size_t size() const;

 private:
  friend class Store;
  using SortedList = std::shared_ptr<const std::vector<ResourcePtr>>;
  Snapshot() = default;

  std::array<SortedList, kKindCount> lists_;  // null: empty
  uint64_t generation_ = 0;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace mesh::config

#endif  // MESH_CONFIG_SNAPSHOT_H_
