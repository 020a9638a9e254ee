// One regex against RE2, with everything this folder makes of it. Testonly.
#ifndef MESH_ROUTE_REGEX_COMPARISON_H_
#define MESH_ROUTE_REGEX_COMPARISON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mesh/route/regex/random_regex.h"

namespace mesh::route::regex {

struct Comparison {
  enum class Outcome { kRefused, kUnknown, kCompared };  // by RE2; to us
  Outcome outcome = Outcome::kRefused;
  bool is_template = false;
  bool ascii = false;  // understood for Alphabet::kAscii, and asked about such texts
  int texts = 0;
  int matches = 0;
  // What was answered differently, and for which text; "" is what it should be.
  std::string disagreement;
};

// Asks RE2, the automaton, its complement, the literals and the templates about `texts`, about
// members of the automaton and of its complement (chosen by `random`), and about the literals'
// texts. Automata that need more than `budget` steps are left out: kUnknown.
Comparison CompareWithRe2(const std::string& regex, std::vector<std::string> texts,
                          RandomRegex* random, int64_t budget = 300'000);

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_COMPARISON_H_
