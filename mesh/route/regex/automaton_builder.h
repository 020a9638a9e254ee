// Makes automata: collects states and edges, then drops dead states and merges equal ones. Private
// to mesh/route/regex.
#ifndef MESH_ROUTE_REGEX_AUTOMATON_BUILDER_H_
#define MESH_ROUTE_REGEX_AUTOMATON_BUILDER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/route/regex/automaton.h"

namespace mesh::route::regex {

class AutomatonBuilder {
 public:
  // States are numbered 0, 1, ... in the order they are begun; state 0 is the start. Edges go to
  // the state begun last and must come in ascending order; their targets may be begun later.
  void Begin(bool accepts) {
    begin_.push_back(static_cast<uint32_t>(edges_.size()));
    accepts_.push_back(accepts ? 1 : 0);
  }
  void Edge(uint8_t first, uint8_t last, uint32_t to) {
    if (edges_.size() > begin_.back() && edges_.back().to == to &&
        static_cast<int>(edges_.back().last) + 1 == first) {
      edges_.back().last = last;
      return;
    }
    edges_.push_back({first, last, to});
  }

  absl::StatusOr<Automaton> Finish(Budget& budget);

 private:
  std::vector<uint32_t> begin_;
  std::vector<uint8_t> accepts_;
  std::vector<Automaton::Edge> edges_;
};

// The subset construction for a regex's tree.
absl::StatusOr<Automaton> Determinize(const Node& tree, Budget& budget);

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_AUTOMATON_BUILDER_H_
