// Where each field of one object stands in its file, in little memory.
#ifndef MESH_CONFIG_POSITIONS_H_
#define MESH_CONFIG_POSITIONS_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

// A tree of keys and list indices with a line and a column each: that of the key for a field, of
// its first character for a list item. Filled in document order, then only read.
// Cost: 32 bytes a field; Find is O(siblings on the way).
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
    uint32_t end;  // one past the last node of this subtree
  };
  // The node at the path, or of the nearest ancestor, null for none; whether it is the path's.
  const Node* Walk(std::string_view path, bool* whole) const;

  std::vector<Node> nodes_;  // preorder
  std::vector<uint32_t> open_;
  std::deque<std::string> copied_keys_;
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_POSITIONS_H_
