// Path patterns in a radix trie: literals, runs of bytes ("[^/]+", ".*") and, at each node, the
// rules that may match there. Private to mesh/route.
//
//   PathTrieBuilder builder(/*ignore_case=*/false);
//   builder.AddPrefix("/cart", rule);
//   builder.AddTemplate(template, rule);
//   PathTrie trie = builder.Build(rules, &lists);
//   trie.Find(path, lists, &search);
#ifndef MESH_ROUTE_PATH_TRIE_H_
#define MESH_ROUTE_PATH_TRIE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/route/regex/template.h"
#include "mesh/route/rule_lists.h"
#include "re2/set.h"

namespace mesh::route {

// Regexes that hang at one node, asked all at once. Where RE2 runs out of memory they are asked one
// by one: slow, never wrong.
class RegexGroup {
 public:
  // Ascending; each has its own compiled regex.
  RegexGroup(std::vector<uint32_t> rules_of, const std::vector<CompiledRule>& rules,
             int64_t memory_bytes);
  void FindIn(std::string_view path, Search* search) const;
  const std::vector<uint32_t>& rules() const { return rules_; }

 private:
  const std::vector<uint32_t> rules_;
  std::unique_ptr<re2::RE2::Set> set_;  // null: one by one
};

class PathTrie {
 public:
  // Sets search->best to the first rule that matches, if it is before what has been found.
  // Cost: O(bytes of the path) and the lists on its way; each node is visited at most once.
  void Find(std::string_view path, const RuleLists& lists, Search* search) const {
    if (!nodes_.empty()) Walk(0, path, 0, lists, search);
  }
  // Every entry of a list that `path` leads to, in no order. False where a regex would have to be
  // asked, or after more than `limit`.
  bool Collect(std::string_view path, const RuleLists& lists, size_t limit,
               std::vector<Entry>* entries) const;

  uint32_t first_rule() const { return nodes_.empty() ? Search::kNone : nodes_[0].first_rule; }
  bool empty() const { return nodes_.empty(); }
  size_t memory_bytes() const;

 private:
  friend class PathTrieBuilder;

  struct Node {
    uint32_t label = 0;  // where its text begins
    uint32_t label_size = 0;
    uint32_t first_rule = Search::kNone;  // of it and all below
    uint32_t list = RuleLists::kNoList;
    uint32_t children = 0;  // into child_bytes_ and child_nodes_
    uint16_t child_count = 0;
    uint16_t run_count = 0;
    uint32_t runs = 0;
    uint32_t regexes = UINT32_MAX;
  };
  struct Run {
    enum class Shape : uint8_t { kSegment, kAll, kSet };  // kSegment, kAll: for plain paths
    uint32_t node = 0;
    uint32_t first_rule = Search::kNone;
    uint32_t min = 0;
    uint32_t max = 0;
    uint32_t set = 0;
    Shape shape = Shape::kSet;
  };
  static constexpr size_t kNoEnd = SIZE_MAX;

  Run FreezeRun(const regex::ByteSet& bytes, uint32_t min, uint32_t max);

  void Walk(uint32_t node, std::string_view path, size_t at, const RuleLists& lists,
            Search* search) const;
  bool Gather(uint32_t node, std::string_view path, size_t at, const RuleLists& lists, size_t limit,
              std::vector<Entry>* entries) const;
  // Where a run that begins at `at` ends, or kNoEnd.
  size_t EndOf(const Run& run, std::string_view path, size_t at, bool plain) const;
  bool LabelMatches(const Node& node, std::string_view path, size_t at) const;
  // The child whose label begins with the byte, or null.
  const uint32_t* ChildOf(const Node& node, unsigned char byte) const;

  bool ignore_case_ = false;
  std::vector<Node> nodes_;
  std::string labels_;
  std::vector<unsigned char> child_bytes_;
  std::vector<uint32_t> child_nodes_;
  std::vector<Run> runs_;
  std::vector<regex::ByteSet> sets_;
  std::vector<std::unique_ptr<RegexGroup>> regexes_;
};

// Rules must be added in ascending order. A rule that an unconditional prefix before it hides
// altogether is left out.
class PathTrieBuilder {
 public:
  // Texts are compared without ASCII case.
  explicit PathTrieBuilder(bool ignore_case);
  ~PathTrieBuilder();

  void Add(std::string_view literal, Entry::Kind kind, uint32_t rule, bool unconditional);
  // Must be deterministic, its choices expanded.
  void Add(const regex::Template& pattern, uint32_t rule, bool unconditional);
  bool empty() const { return !used_; }

  PathTrie Build(const std::vector<CompiledRule>& rules, int64_t regex_memory_bytes,
                 RuleLists* lists);

 private:
  struct Node;
  struct Run;
  Node* NewNode();
  Node* Descend(Node* from, std::string_view literal, bool* hidden);

  const bool ignore_case_;
  bool used_ = false;
  // All nodes; chains of them are as long as paths are, so that nothing here recurses over them.
  std::vector<std::unique_ptr<Node>> nodes_;
  Node* root_;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_PATH_TRIE_H_
