// Random tables and requests that often meet, for property tests. Testonly.
#ifndef MESH_ROUTE_PROOF_RANDOM_TABLE_H_
#define MESH_ROUTE_PROOF_RANDOM_TABLE_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "mesh/route/proof/witness.h"
#include "mesh/route/rule.h"
#include "mesh/route/table.h"

namespace mesh::route::proof {

// The same seed gives the same sequence.
class RandomTable {
 public:
  explicit RandomTable(uint64_t seed) : random_(seed) {}

  // Rules are numbered 0, 1, ... over all virtual hosts.
  std::vector<std::shared_ptr<const VirtualHost>> VirtualHosts();
  // The same with a few rules changed, removed, added or moved.
  std::vector<std::shared_ptr<const VirtualHost>> Mutate(
      const std::vector<std::shared_ptr<const VirtualHost>>& hosts);
  TableOptions Options();
  Witness AnyRequest();

 private:
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool OneIn(uint32_t n) { return Below(n) == 0; }
  std::string Pick(std::initializer_list<const char*> from) {
    return *(from.begin() + Below(static_cast<uint32_t>(from.size())));
  }
  std::string PathText();
  std::string ValueText();
  StringMatch String();
  PathMatch Path();
  Condition AnyCondition();
  Rule AnyRule();
  MatchTree::Predicate Predicate(int depth);
  MatchTree::OnMatch OnMatch(int depth);
  std::shared_ptr<const MatchTree> Tree(int depth);

  std::mt19937_64 random_;
  uint32_t next_id_ = 0;
};

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_RANDOM_TABLE_H_
