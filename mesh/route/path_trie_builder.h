// Makes a PathTrie. Private to mesh/route.
//
//   PathTrieBuilder builder;
//   builder.Add("/cart", Entry::Kind::kAnything, rule, true);
//   builder.Add(template, rule, true);
//   PathTrie trie = builder.Build(rules, pool, memory, &lists);
#ifndef MESH_ROUTE_PATH_TRIE_BUILDER_H_
#define MESH_ROUTE_PATH_TRIE_BUILDER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "mesh/route/path_trie.h"
#include "mesh/route/regex/template.h"

namespace mesh::route {

// Rules must be added in ascending order. A rule that an unconditional prefix before it hides
// altogether is left out.
class PathTrieBuilder {
 public:
  PathTrieBuilder();

  // Longer literals than this have no place in a trie.
  static constexpr size_t kLongest = PathTrie::kLongestLabel;

  void Add(std::string_view literal, Entry::Kind kind, uint32_t rule, bool unconditional);
  // Must be deterministic, its choices expanded.
  void Add(const regex::Template& pattern, uint32_t rule, bool unconditional);

  PathTrie Build(const Rule* rules, const RegexPool& pool, int64_t regex_memory_bytes,
                 RuleLists* lists);

 private:
  // A literal goes from node to node by pieces that end with a '/'; what is left behind the last
  // '/' is a piece too where the pattern ends with it, else it goes on byte by byte.
  struct Node {
    uint32_t parent = 0;
    uint32_t label = 0;  // of text_
    uint32_t label_size = 0;
    uint32_t first_piece = 0;  // its children by pieces, linked by next_piece; 0 ends them
    uint32_t next_piece = 0;
    uint32_t piece_count = 0;
    uint32_t same_hash = 0;  // another piece with this hash
    // An unconditional rule takes all that comes by here, or all that ends here: nothing added
    // later can.
    bool closed = false;
    bool end_closed = false;
    absl::InlinedVector<Entry, 1> entries;
    absl::InlinedVector<std::pair<uint32_t, uint32_t>, 1> runs;  // the run, the node behind it
    std::vector<uint32_t> by_byte;  // children by the first byte of their labels, ascending
    std::vector<uint32_t> regexes;

    bool bare() const { return entries.empty() && runs.empty() && regexes.empty(); }
    size_t child_count() const { return piece_count + by_byte.size(); }
    uint32_t only_child() const { return by_byte.empty() ? first_piece : by_byte[0]; }
  };
  // The frozen nodes' bookkeeping.
  struct Freezing;

  uint32_t NewNode(uint32_t parent, uint32_t label, uint32_t label_size);
  std::string_view LabelOf(const Node& node) const {
    return std::string_view(text_).substr(node.label, node.label_size);
  }
  uint32_t Append(std::string_view text);
  // False where an unconditional prefix hides all that comes there.
  bool Descend(std::string_view literal, bool ends, uint32_t* node);
  uint32_t Piece(uint32_t node, std::string_view piece);
  // By bytes; false as Descend.
  bool Spell(std::string_view literal, uint32_t* node);
  bool Hides(uint32_t node, std::string_view literal) const;
  uint32_t NumberOf(const regex::TemplatePart& run);
  // A run and what is behind it, where that is one pattern's end alone.
  bool AddTail(uint32_t run, uint32_t node, PathTrie* trie, uint32_t* tail, Entry* entry);

  bool used_ = false;
  // All nodes by number; chains of them are as long as paths are, so that nothing here recurses
  // over them. The first is none, the second the root.
  std::vector<Node> nodes_;
  std::string text_;  // of labels
  absl::flat_hash_map<uint64_t, uint32_t> pieces_;
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, uint32_t> behind_runs_;  // node and run
  std::vector<PathTrie::Run> runs_;
  std::vector<regex::ByteSet> sets_;
  absl::flat_hash_map<std::pair<uint32_t, uint64_t>, uint32_t> run_numbers_;  // set, min and max
  absl::flat_hash_map<regex::ByteSet, uint32_t> set_numbers_;
  absl::flat_hash_map<std::string, uint32_t> tails_;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_PATH_TRIE_BUILDER_H_
