// Regular expressions that are really templates: `/shelves/[^/]+/books/.*`, `/(v1|v2)/\w+`,
// `/api(/.*)?`. As plain data they can hang in a path index and need no regex engine.
//
//   if (auto templates = regex::AsTemplates("/shelves/[^/]+/r1"); !templates.empty()) {
//     // a text matches the regex if and only if it matches one of `templates`
//   }
//
// Exact, not approximate: `Matches` over the templates is RE2::FullMatch, for any bytes.
#ifndef MESH_ROUTE_REGEX_TEMPLATE_H_
#define MESH_ROUTE_REGEX_TEMPLATE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/route/regex/byte_set.h"
#include "mesh/route/regex/syntax.h"

namespace mesh::route::regex {

struct TemplatePart {
  enum class Kind : uint8_t {
    kLiteral,  // exactly `literal`
    kChoice,   // one of `choices`; "" may be among them
    kSegment,  // a run of `bytes`, '/' not among them
    kRest,     // a run of `bytes`, '/' among them: `.*`, which may cross segments
  };

  Kind kind = Kind::kLiteral;
  std::string literal;               // kLiteral; not empty
  std::vector<std::string> choices;  // kChoice; ascending, no duplicates, at least two

  // kSegment, kRest: between `min` and `max` bytes of the set. Sets with bytes above 127 have all
  // of them and stand for RE2's `.` or [^...]: the run must then pass IsRuneSequence, and `min` is
  // 0 or 1 and `max` unbounded (so that counting bytes or code points is the same).
  ByteSet bytes;
  uint32_t min = 0;
  uint32_t max = kUnbounded;

  static constexpr uint32_t kUnbounded = 0xFFFFFFFF;
};

struct Template {
  std::vector<TemplatePart> parts;

  // True if at each place the next byte alone says whether a run goes on: a run is followed by the
  // end, or by a literal or by choices that begin with a byte outside its set (and no choice is "",
  // unless the choices end the template). Then the longest run is the only one to try, and a trie
  // can hold the template without backtracking.
  bool deterministic = false;
};

// The templates whose union is the regex; none if it is not of this shape, not understood, matches
// nothing, or would need more than kMaxTemplates. Cost: O(bytes of the regex x templates).
std::vector<Template> AsTemplates(std::string_view regex);
std::vector<Template> AsTemplates(const Node& node);

inline constexpr int kMaxTemplates = 8;

// Whether `text` as a whole matches, by backtracking: the plain meaning, for tests and small
// tables.
bool Matches(const Template& pattern, std::string_view text);

// Whether RE2's `.*` (with s) takes `bytes`: ASCII, or sequences C2-DF, E0-EF, F0-F4 followed by
// one, two, three bytes 80-BF. (RE2 lets overlong forms and surrogates pass here; so do we.)
bool IsRuneSequence(std::string_view bytes);

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_TEMPLATE_H_
