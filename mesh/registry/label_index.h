// Things with labels, found by selectors.
//
//   LabelIndex index;
//   for (size_t i = 0; i < pods.size(); ++i) index.Add(pods[i].ns, pods[i].labels, i);
//   for (size_t i : index.Select("default", {{"app", "reviews"}})) …
#ifndef MESH_REGISTRY_LABEL_INDEX_H_
#define MESH_REGISTRY_LABEL_INDEX_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "mesh/base/name_hash.h"

namespace mesh::registry {

using Labels = std::map<std::string, std::string>;

// True when `labels` holds every entry of `selector`; an empty selector selects everything.
bool Selects(const Labels& selector, const Labels& labels);

// Thread-safe once nothing is added any more. Cost of a selection: those that carry the rarest of
// its labels.
class LabelIndex {
 public:
  // `labels` must outlive the index. What is added later is found later.
  void Add(std::string_view ns, const Labels& labels, size_t id);

  // Ids added to a namespace with all labels of the selector; an empty one selects all.
  std::vector<size_t> Select(std::string_view ns, const Labels& selector) const;

 private:
  struct Entry {
    size_t id;
    const Labels* labels;
  };
  absl::flat_hash_map<NameHash, std::vector<Entry>> all_;  // by namespace
  // By namespace, key and value.
  absl::flat_hash_map<NameHash, absl::InlinedVector<Entry, 1>> by_label_;
};

}  // namespace mesh::registry

#endif  // MESH_REGISTRY_LABEL_INDEX_H_
