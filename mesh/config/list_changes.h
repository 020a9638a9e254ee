// What two snapshots differ in.
#ifndef MESH_CONFIG_LIST_CHANGES_H_
#define MESH_CONFIG_LIST_CHANGES_H_

#include <cstddef>
#include <tuple>

#include "absl/types/span.h"
#include "mesh/config/snapshot.h"

namespace mesh::config {

// Whether they share the list of a kind: then its objects are the same. Cost: O(1).
inline bool SharesList(const Snapshot& a, const Snapshot& b, Kind kind) {
  return a.List(kind).data() == b.List(kind).data() && a.List(kind).size() == b.List(kind).size();
}

// Calls f(before, after) for each object of a kind that came (before is null), left (after is null)
// or has become another one. Both lists are a snapshot's. Cost: a walk over pointers, and comparing
// names where they differ.
template <class F>
void ForEachChange(absl::Span<const ResourcePtr> before, absl::Span<const ResourcePtr> after,
                   const F& f) {
  const auto key = [](const ResourcePtr& object) { return std::tie(object->ns(), object->name()); };
  const ResourcePtr none;
  size_t i = 0, k = 0;
  while (i < before.size() || k < after.size()) {
    if (i < before.size() && k < after.size() && before[i] == after[k]) {
      ++i, ++k;
      continue;
    }
    const bool left = k == after.size() || (i < before.size() && key(before[i]) < key(after[k]));
    const bool came = i == before.size() || (k < after.size() && key(after[k]) < key(before[i]));
    f(came ? none : before[i], left ? none : after[k]);
    i += !came;
    k += !left;
  }
}

}  // namespace mesh::config

#endif  // MESH_CONFIG_LIST_CHANGES_H_
