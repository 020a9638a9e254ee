// One virtual host, compiled. Private to mesh/route.
#ifndef MESH_ROUTE_COMPILED_HOST_H_
#define MESH_ROUTE_COMPILED_HOST_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "mesh/route/conditions.h"
#include "mesh/route/path_index.h"

namespace mesh::route {

class CompiledHost {
 public:
  struct Built {
    std::shared_ptr<const CompiledHost> host;  // null where there are errors and isolate is false
    std::vector<FieldError> errors;
  };
  static Built Build(std::shared_ptr<const VirtualHost> source, const TableOptions& options);

  // The Rule::id of the first rule that accepts the request; false where none does.
  bool Find(const Input& input, uint32_t* id) const;
  // The same, one rule after the other: the oracle, and what Explain walks. `seen` is called for
  // each rule up to and with the one taken.
  const Rule* Scan(const Input& input,
                   const std::function<void(const CompiledRule&)>& seen = nullptr) const;

  const VirtualHost& source() const { return *source_; }
  const std::shared_ptr<const VirtualHost>& source_pointer() const { return source_; }
  const RegexPool& pool() const { return pool_; }
  size_t index_bytes() const {
    return index_.memory_bytes() + rules_.capacity() * sizeof(CompiledRule);
  }

 private:
  CompiledHost(std::shared_ptr<const VirtualHost> source, const TableOptions& options);

  void CompileTree(const MatchTree& tree, const std::string& field,
                   std::vector<FieldError>* errors);
  void CompilePredicate(const MatchTree::Predicate& predicate, const std::string& field,
                        std::vector<FieldError>* errors);
  void CompileOnMatch(const MatchTree::OnMatch& on, const std::string& field,
                      std::vector<FieldError>* errors);
  // The action a tree leads to, or null.
  const MatchTree::OnMatch* Walk(const MatchTree& tree, const Input& input) const;
  const MatchTree::OnMatch* Enter(const MatchTree::OnMatch& on, const Input& input) const;
  bool Holds(const MatchTree::Predicate& predicate, const Input& input) const;

  const std::shared_ptr<const VirtualHost> source_;
  RegexPool pool_;
  std::vector<CompiledRule> rules_;  // in order; without those left out for errors
  PathIndex index_;                  // of rules_
  absl::flat_hash_map<const MatchTree::OnMatch*, std::vector<CompiledRule>> actions_;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_COMPILED_HOST_H_
