// Regexes that hang at one place of the path trie. Private to mesh/route.
#ifndef MESH_ROUTE_REGEX_GROUP_H_
#define MESH_ROUTE_REGEX_GROUP_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "mesh/route/conditions.h"
#include "mesh/route/rule_lists.h"
#include "re2/set.h"

namespace mesh::route {

// A few are asked one by one; many can be asked all at once.
class RegexGroup {
 public:
  // Ascending; each has its own compiled regex in the pool.
  RegexGroup(std::vector<uint32_t> rules_of, const Rule* rules, const RegexPool& pool,
             int64_t memory_bytes);

  absl::Span<const uint32_t> rules() const { return rules_; }
  // Whether FindIn may help.
  bool together() const { return set_ != nullptr; }
  // Sets search->best to the first of its rules, without the first `skip`, that accepts the
  // request, if it is before what has been found. False where RE2 ran out of memory: ask one by
  // one.
  bool FindIn(size_t skip, Search* search) const;

 private:
  const std::vector<uint32_t> rules_;
  std::unique_ptr<re2::RE2::Set> set_;  // null: one by one
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_REGEX_GROUP_H_
