// The literal text that every full match of a regular expression must have: what an index can look
// up before it runs a regex, and what a proof can compare before it builds an automaton.
#ifndef MESH_ROUTE_REGEX_LITERALS_H_
#define MESH_ROUTE_REGEX_LITERALS_H_

#include <string>
#include <string_view>
#include <vector>

#include "mesh/route/regex/syntax.h"

namespace mesh::route::regex {

// Every text that fully matches begins with `prefix`, ends with `suffix` and contains `longest`
// (each possibly empty; they may overlap, and `longest` may be one of the other two).
struct Literals {
  std::string prefix;
  std::string suffix;
  std::string longest;
  // When the regex matches a few texts only (`/(a|b)/c`): all of them, ascending, no duplicates,
  // and `finite` is true. A regex that matches nothing is finite with no texts.
  bool finite = false;
  std::vector<std::string> texts;
};

// Cost: O(nodes of the tree + kMaxTexts texts).
Literals FindLiterals(const Node& node);

// `FindLiterals(*Parse(regex)).prefix`; "" when the regex is not understood, which is always true.
std::string LiteralPrefix(std::string_view regex);

inline constexpr int kMaxTexts = 64;

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_LITERALS_H_
