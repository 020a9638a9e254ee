// All rules of one virtual host by their paths. Private to mesh/route.
#ifndef MESH_ROUTE_PATH_INDEX_H_
#define MESH_ROUTE_PATH_INDEX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mesh/route/exact_paths.h"
#include "mesh/route/path_trie.h"
#include "mesh/route/regex/template.h"
#include "mesh/route/rule_lists.h"

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
  // Parallel to `rules`, used for kRegex and kTemplate; may be moved from.
  static PathIndex Build(const std::vector<CompiledRule>& rules,
                         const std::vector<PathShape>& shapes, const TableOptions& options);

  // The Rule::id of the first rule that accepts the request; false where none does.
  bool Find(const Input& input, const std::vector<CompiledRule>& rules, const RegexPool& pool,
            uint32_t* id) const;

  size_t memory_bytes() const;

 private:
  std::vector<uint32_t> ids_;  // Rule::id of each rule
  RuleLists lists_;
  ExactPaths exact_;
  PathTrie trie_;
  PathTrie folded_;                // rules that ignore case
  std::vector<uint32_t> connect_;  // CONNECT rules
  std::vector<uint32_t> others_;   // rules that are asked one by one
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_PATH_INDEX_H_
