// The syntax tree of a regular expression in RE2's syntax, which RE2 itself does not show.
//
//   absl::StatusOr<regex::Node> tree = regex::Parse("/shelves/[^/]+/books");
//   if (tree.ok()) std::string prefix = regex::FindLiterals(*tree).prefix;  // "/shelves/"
//
// Understood (https://github.com/google/re2/wiki/Syntax): literals, escapes, \Q...\E, classes with
// ranges, Perl classes, POSIX ASCII classes, `.`, \C, groups of all kinds, the flags i m s U,
// repetitions greedy or not, ^ $ \A \z \b \B. What it does not understand it says so: Unicode
// classes (\pN), (?i) on characters beyond ASCII, and unions whose meaning on malformed UTF-8
// depends on how RE2 rewrites them. The trees mean what RE2::FullMatch with default options does,
// on any bytes, well-formed UTF-8 or not; a differential test and a fuzzer hold them to it.
#ifndef MESH_ROUTE_REGEX_SYNTAX_H_
#define MESH_ROUTE_REGEX_SYNTAX_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace mesh::route::regex {

// Code points first..last, both included.
struct RuneRange {
  uint32_t first = 0;
  uint32_t last = 0;
};

inline bool operator==(const RuneRange& a, const RuneRange& b) {
  return a.first == b.first && a.last == b.last;
}

enum class Assertion : uint8_t {
  kBeginText,  // \A, ^ without (?m)
  kEndText,    // \z, $ without (?m)
  kBeginLine,  // ^ with (?m)
  kEndLine,    // $ with (?m)
  kWordBoundary,
  kNoWordBoundary,
};

// One node of the tree; a plain value. Groups leave no trace: what they capture is nobody's
// question here. Trees are at most kMaxNesting deep.
struct Node {
  enum class Kind : uint8_t {
    kEmpty,      // the empty text
    kLiteral,    // exactly `literal`
    kClass,      // one code point of `runes`, as UTF-8
    kAnyByte,    // \C
    kConcat,     // `children` one after the other; at least two, none of them a kConcat
    kAlternate,  // one of `children`; at least two
    kRepeat,     // children[0], `min` to `max` times
    kAssertion,  // the empty text where `assertion` holds
  };

  Kind kind = Kind::kEmpty;
  Assertion assertion = Assertion::kBeginText;
  int min = 0;
  int max = kUnbounded;
  std::string literal;           // bytes; never empty in a kLiteral
  std::vector<RuneRange> runes;  // ascending, neither overlapping nor touching; none: no match
  std::vector<Node> children;

  static constexpr int kUnbounded = -1;
};

inline constexpr int kMaxNesting = 200;
inline constexpr uint32_t kMaxRune = 0x10FFFF;

// Which texts a tree has to be right about.
enum class Alphabet : uint8_t {
  kBytes,
  // Texts of bytes below 128 only. Then Unicode classes and (?i) on all characters are understood,
  // too, as far as they concern such texts.
  kAscii,
};

// Parses `regex`, which RE2 accepts: for what RE2 rejects the answer may be a tree or an error.
// Unimplemented: the message says at which byte and what is not understood; the regex may be fine.
// Cost: O(bytes of the regex).
absl::StatusOr<Node> Parse(std::string_view regex, Alphabet alphabet = Alphabet::kBytes);

// The tree as a regular expression of its own (not the user's spelling); for messages and tests.
std::string ToString(const Node& node);

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_SYNTAX_H_
