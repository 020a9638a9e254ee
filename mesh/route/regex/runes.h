// Code points, sets of them, and their UTF-8 as RE2 compiles it. Private to mesh/route/regex.
#ifndef MESH_ROUTE_REGEX_RUNES_H_
#define MESH_ROUTE_REGEX_RUNES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/route/regex/syntax.h"

namespace mesh::route::regex {

// The first code point of `bytes` (not empty) and its length; 0 where it is not UTF-8.
int DecodeRune(std::string_view bytes, uint32_t* rune);
void AppendRune(uint32_t rune, std::string* out);

class RuneSet {
 public:
  void Add(uint32_t first, uint32_t last) { ranges_.push_back({first, last}); }
  void AddAll(const RuneSet& other);
  void Negate();
  // Ascending, neither overlapping nor touching.
  std::vector<RuneRange> Normalized() const;

 private:
  std::vector<RuneRange> ranges_;
};

// One to four ranges of bytes, one after the other.
struct ByteSequence {
  struct Range {
    uint8_t first = 0;
    uint8_t last = 0;
  };
  int length = 0;
  Range ranges[4];
};

// Appends sequences whose union is what RE2 accepts for a class with this range. For U+0080 to
// U+10FFFF that is more than UTF-8: overlong forms, surrogates and code points beyond the last.
void AppendByteSequences(RuneRange range, std::vector<ByteSequence>* out);

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_RUNES_H_
