// A regular expression's tree as a nondeterministic automaton over bytes. Private to
// mesh/route/regex.
#ifndef MESH_ROUTE_REGEX_NFA_H_
#define MESH_ROUTE_REGEX_NFA_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/route/regex/automaton.h"
#include "mesh/route/regex/syntax.h"

namespace mesh::route::regex {

struct Nfa {
  enum class Op : uint8_t {
    kBytes,   // a byte first..last leads to `next`
    kSplit,   // on to `next` and `other`
    kAssert,  // on to `next` where the assertion holds
    kAccept,
    kFail,
  };
  struct State {
    Op op = Op::kFail;
    uint8_t first = 0;
    uint8_t last = 0;
    Assertion assertion = Assertion::kBeginText;
    uint32_t next = 0;
    uint32_t other = 0;
  };
  std::vector<State> states;
  uint32_t start = 0;
};

// ResourceExhausted when `budget` ends.
absl::StatusOr<Nfa> Compile(const Node& tree, Budget& budget);

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_NFA_H_
