// Where each field of one object stands in its file, in little memory.
#ifndef MESH_CONFIG_POSITIONS_H_
#define MESH_CONFIG_POSITIONS_H_

#include <cstdint>
#include <forward_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "mesh/config/field_path.h"

namespace mesh::config {

// A tree of keys and list indices with a line and a column each: that of the key for a field, of
// its first character for a list item. Filled in document order, then only read.
// Cost: 32 bytes a field; Find is O(depth), whatever the number of siblings.
class Positions {
 public:
  struct Place {
    int line = 0;  // 0: unknown
    int column = 0;
  };

  // Opens a field below the one that is open; Close() ends it. A field with `key` lasting as long
  // as the process (a descriptor's JSON name) is kept by reference, another is copied.
  void OpenKey(std::string_view key, bool key_lives_forever, Place place);
  void OpenIndex(uint32_t index, Place place);
  void Close();
  void Reserve(size_t fields) { nodes_.reserve(fields); }
  bool empty() const { return nodes_.empty(); }
  void ShrinkToFit() { nodes_.shrink_to_fit(); }

  // `path` as in "spec.http[0].match[1].headers[\"x.y\"].exact" (see field_path.h). Where the path
  // leaves the tree, the place of the nearest ancestor that is known.
  Place Find(std::string_view path) const;
  // Whether exactly this field is there.
  bool Has(std::string_view path) const;

  // Whether the same fields stand at the same places.
  friend bool operator==(const Positions& a, const Positions& b);

 private:
  struct Node {
    std::string_view key;  // empty data() for an index
    uint32_t index;
    uint32_t line;
    uint32_t column;
    uint32_t end;  // one past the last node of this subtree; while it is open, its parent
  };
  // A field with more children than are worth trying one by one: all of them, those with an index
  // in its order, those with a key by the alphabet.
  struct Wide {
    uint32_t begin;  // in wide_children_
    uint32_t count;
  };
  static constexpr uint32_t kFew = 16;
  static constexpr uint32_t kRoot = 0xFFFFFFFF;

  void Open(std::string_view key, uint32_t index, Place place);
  void IndexChildren(uint32_t parent, uint32_t begin, uint32_t end, uint32_t count);
  const Node* Child(uint32_t parent, uint32_t begin, uint32_t end, const PathPart& part) const;
  static bool Is(const Node& node, const PathPart& part);
  // The node at the path, or of the nearest ancestor, null for none; whether it is the path's.
  const Node* Walk(std::string_view path, bool* whole) const;

  std::vector<Node> nodes_;  // preorder
  uint32_t open_ = kRoot;    // the field that is open
  std::forward_list<std::string> copied_keys_;
  absl::flat_hash_map<uint32_t, Wide> wide_;  // by node
  std::vector<uint32_t> wide_children_;
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_POSITIONS_H_
