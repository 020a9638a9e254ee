// Path patterns in a trie: literals, runs of bytes ("[^/]+", ".*") and, at each node, the rules
// that may match there. Private to mesh/route.
//
//   trie.Find(MarkedPath(input.path), lists, &search);
#ifndef MESH_ROUTE_PATH_TRIE_H_
#define MESH_ROUTE_PATH_TRIE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/route/hash_slots.h"
#include "mesh/route/marked_path.h"
#include "mesh/route/regex/byte_set.h"
#include "mesh/route/regex_group.h"
#include "mesh/route/rule_lists.h"
#include "mesh/route/text.h"

namespace mesh::route {

class PathTrie {
 public:
  // Notes in `search` all that may hold a rule before what has been found.
  // Not for an empty trie. Cost: O(bytes of the path) and the lists on its way; each node is
  // visited at most once.
  void Find(const MarkedPath& path, const RuleLists& lists, Search* search) const;
  // Every entry of a list that `path` leads to, in no order. False where a regex would have to be
  // asked, or after more than `limit`.
  bool Collect(const MarkedPath& path, const RuleLists& lists, size_t limit,
               std::vector<Entry>* entries) const;

  bool empty() const { return arena_.empty(); }
  size_t memory_bytes() const;

 private:
  friend class PathTrieBuilder;

  // A node is a few words of the arena: its first rule (the least at or below it), its parent where
  // it is found by hash, the size of its label and its flags, the label's bytes, then what the
  // flags say, in their order.
  static constexpr uint32_t kRoot = 1;
  static constexpr size_t kHead = 3;
  static constexpr uint32_t kLongestLabel = (1u << 24) - 1;
  enum Flag : uint32_t {
    kEntry = 1,     // an entry
    kList = 2,      // a list
    kTail = 4,      // a tail, and the entry at its end
    kRegexes = 8,   // a group of regexes
    kRuns = 16,     // how many runs; for each, its number and the node behind it
    kOnly = 32,     // the only child
    kBytes = 64,    // how many children; they; the first bytes of their labels
    kPieces = 128,  // nothing: children found by the hash of the path up to and with its next '/'
  };
  // A run of bytes: of any node that has one like it.
  struct Run {
    enum class Shape : uint8_t { kSegment, kAll, kSet };  // kSegment, kAll: for plain paths
    uint32_t min = 0;
    uint32_t more = 0;  // than min, at most; UINT32_MAX: any number
    uint32_t set = 0;
    Shape shape = Shape::kSet;
  };
  // What remains of a pattern where nothing else shares it: runs and literals, then the end.
  struct TailPart {
    bool is_run;
    uint32_t begin;  // the run, or where the literal stands in tail_text_
    uint32_t size;
  };
  struct Tail {
    uint32_t begin;  // of tail_parts_
    uint32_t count;
  };
  static constexpr size_t kNoEnd = SIZE_MAX;

  // What a walk does with what it comes by.
  struct Finding;
  struct Collecting;

  template <class Visitor>
  void Walk(uint32_t node, const MarkedPath& path, size_t at, Visitor visitor) const;
  // The child of `node` whose label begins with the path up to and with its next '/'; 0 for none.
  uint32_t PieceOf(uint32_t node, const MarkedPath& path, size_t at) const;
  // Where the path is behind the tail, or kNoEnd.
  size_t EndOfTail(const Tail& tail, const MarkedPath& path, size_t at) const;
  // Where a run that begins at `at` ends, or kNoEnd.
  size_t EndOfRun(const Run& run, const MarkedPath& path, size_t at) const;
  // Byte by byte, whatever its bounds.
  size_t EndOfSet(const Run& run, std::string_view text, size_t at) const;

  static uint64_t HashPiece(uint32_t node, std::string_view piece) {
    return HashText(piece) ^ node * 0x9e3779b97f4a7c15u;
  }

  LineWords arena_;  // empty, or with the root at kRoot
  HashSlots slots_;  // of all pieces
  std::vector<Run> runs_;
  std::vector<regex::ByteSet> sets_;
  std::vector<Tail> tails_;
  std::vector<TailPart> tail_parts_;
  std::string tail_text_;
  std::vector<std::unique_ptr<RegexGroup>> regexes_;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_PATH_TRIE_H_
