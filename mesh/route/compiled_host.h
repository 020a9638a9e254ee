// One virtual host, compiled. Private to mesh/route.
#ifndef MESH_ROUTE_COMPILED_HOST_H_
#define MESH_ROUTE_COMPILED_HOST_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
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
  MESH_ROUTE_INLINE bool Find(const Request& request, uint32_t* id) const {
    if (!indexed_) return FindByScan(Input(request), id);
    if (!index_.wants_marks()) return FindIndexed(Input(request), id);
    const MarkedPath marks = MarkedPath::Before(request.path);
    return FindIndexed(Input(request, marks), id);
  }
  bool Find(const Input& input, uint32_t* id) const {
    return indexed_ ? FindIndexed(input, id) : FindByScan(input, id);
  }
  // The same, one rule after the other: the oracle, and what Explain walks. `seen` is called for
  // each rule that is tried, also for the one taken.
  const Rule* Scan(const Input& input,
                   const std::function<void(const Rule&)>& seen = nullptr) const;

  const VirtualHost& source() const { return *source_; }
  TlsRequirement require_tls() const { return require_tls_; }
  const RegexPool& pool() const { return pool_; }
  // Of the index, without regexes that RE2 has compiled.
  size_t index_bytes() const { return index_.memory_bytes(); }

 private:
  MESH_ROUTE_INLINE bool FindIndexed(const Input& input, uint32_t* id) const {
    const uint32_t place = index_.Find(input, rules_, pool_);
    if (place == Search::kNone) return false;
    *id = ids_ascend_ ? first_id_ + place : rules_[place].id;
    return true;
  }
  bool FindByScan(const Input& input, uint32_t* id) const;
  CompiledHost(std::shared_ptr<const VirtualHost> source, const TableOptions& options);

  void CompileTree(const MatchTree& tree, const std::string& field,
                   std::vector<FieldError>* errors);
  void CompilePredicate(const MatchTree::Predicate& predicate, const std::string& field,
                        std::vector<FieldError>* errors);
  void CompileOnMatch(const MatchTree::OnMatch& on, const std::string& field,
                      std::vector<FieldError>* errors);
  // False where the rule is left out for the errors it adds, in fields below `field`.
  bool Compile(const Rule& rule, bool path_is_indexed, const std::string& field,
               std::vector<FieldError>* errors);
  // The action a tree leads to, or null.
  const MatchTree::OnMatch* Walk(const MatchTree& tree, const Input& input) const;
  const MatchTree::OnMatch* Enter(const MatchTree::OnMatch& on, const Input& input) const;
  bool Holds(const MatchTree::Predicate& predicate, const Input& input) const;

  const std::shared_ptr<const VirtualHost> source_;
  const Rule* const rules_;  // the source's
  RegexPool pool_;
  const TlsRequirement require_tls_;
  // Ids go up by one: they are not looked up then, which spares a cache line.
  bool ids_ascend_ = true;
  uint32_t first_id_ = 0;
  bool indexed_ = false;
  PathIndex index_;  // of the source's rules, without those left out for errors
  absl::flat_hash_set<const Rule*> left_out_;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_COMPILED_HOST_H_
