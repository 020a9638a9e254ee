// All rules of one virtual host by their paths. Private to mesh/route.
#ifndef MESH_ROUTE_PATH_INDEX_H_
#define MESH_ROUTE_PATH_INDEX_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "mesh/route/head_rules.h"
#include "mesh/route/path_trie.h"
#include "mesh/route/path_trie_builder.h"
#include "mesh/route/regex/template.h"
#include "mesh/route/rule_lists.h"
#include "mesh/route/text_table.h"

namespace mesh::route {

// What a path regex is to the index.
struct PathShape {
  // Not empty: the regex is these templates, all deterministic, and need not be compiled.
  std::vector<regex::Template> templates;
  // Else: every path it matches begins with this.
  std::string literal_prefix;
};
PathShape ShapeOf(const std::string& regex);

class PathIndex {
 public:
  // The place of the first rule that accepts the request, or Search::kNone. `rules` are those it
  // was built from.
  MESH_ROUTE_INLINE uint32_t Find(const Input& input, const Rule* rules,
                                  const RegexPool& pool) const {
    if (first_is_prefix_ && input.path.size() >= first_prefix_.size() && input.has_path() &&
        SameBytes(input.path.data(), first_prefix_.data(), first_prefix_.size())) {
      return 0;
    }
    if (!head_.empty()) {
      const uint32_t early = head_.Find(input, rules, pool);
      if (early != HeadRules::kNone) return early;
    }
    uint32_t known = TextTable::kNone;
    if (input.has_path() && !exact_.empty()) {
      known = exact_.Find(input.path);
      if ((known & kWhole) != 0 && known != TextTable::kNone) return known & kNumber;
    }
    return FindBeside(input, rules, pool, known);
  }

  // Whether Find wants Input::marked.
  bool wants_marks() const { return exact_.empty() && !first_is_prefix_ && head_.empty(); }
  // All rules stand in one list and are tried one by one: the scan does the same, without the way.
  bool helps() const { return helps_; }
  size_t memory_bytes() const;

 private:
  friend class PathIndexBuilder;

  // What exact_ says of a whole path: the rules that match it and may be the first to do so.
  static constexpr uint32_t kWhole = 1u << 31;     // a rule: it accepts every request, and is first
  static constexpr uint32_t kOnly = 1u << 30;      // a rule that accepts every request; else a list
  static constexpr uint32_t kComplete = 1u << 29;  // no other structure need be asked
  static constexpr uint32_t kNumber = kComplete - 1;

  // With what exact_ knows of the path, or kNone.
  uint32_t FindBeside(const Input& input, const Rule* rules, const RegexPool& pool,
                      uint32_t known) const;

  // Where the first rule is a prefix and nothing else, it is tried before all: nothing comes before
  // it, and the scan would be done there.
  bool first_is_prefix_ = false;
  std::string_view first_prefix_;  // the rule's
  HeadRules head_;                 // likewise, where some of the first rules ignore case
  RuleLists lists_;
  TextTable exact_;
  PathTrie trie_;
  PathTrie folded_;                // rules that ignore case
  size_t longest_folded_ = 0;      // of their texts, bytes
  std::vector<uint32_t> connect_;  // CONNECT rules
  std::vector<uint32_t> others_;   // rules that are asked one by one
  bool helps_ = true;
  bool only_trie_ = false;  // nothing but exact_ and trie_ is there
};

// Takes rules in ascending order; those in error may be left out.
class PathIndexBuilder {
 public:
  // `rules` are the virtual host's and must stay.
  PathIndexBuilder(const std::vector<Rule>& rules, const TableOptions& options);

  // `shape` is used for kRegex and kTemplate.
  void Add(uint32_t rule, const PathShape& shape);
  // The regexes that are not templates are in the pool.
  PathIndex Build(const RegexPool& pool);

 private:
  struct Exact {
    std::string_view path;
    absl::InlinedVector<Entry, 1> entries;
    bool closed = false;  // an unconditional rule is among them
  };
  // Literal, and the same for all rules added.
  bool one_path_ = true;
  void AddExact(const Exact& exact, std::vector<Entry>* merged);

  const std::vector<Rule>& rules_;
  const TableOptions& options_;
  PathIndex index_;
  PathTrieBuilder trie_, folded_;
  std::vector<Exact> exact_;
  absl::flat_hash_map<absl::string_view, uint32_t> exact_by_path_;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_PATH_INDEX_H_
