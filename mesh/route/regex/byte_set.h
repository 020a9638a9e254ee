// A set of bytes: which bytes may stand at one place of a text.
#ifndef MESH_ROUTE_REGEX_BYTE_SET_H_
#define MESH_ROUTE_REGEX_BYTE_SET_H_

#include <array>
#include <cstdint>
#include <utility>

namespace mesh::route::regex {

// A value of 32 bytes; every operation costs a few instructions. Thread-compatible.
class ByteSet {
 public:
  constexpr ByteSet() = default;

  // The bytes first..last, both included.
  static constexpr ByteSet Range(uint8_t first, uint8_t last) {
    ByteSet set;
    for (int b = first; b <= last; ++b) set.Add(static_cast<uint8_t>(b));
    return set;
  }
  static constexpr ByteSet All() { return Range(0, 255); }

  constexpr bool Has(uint8_t b) const { return ((words_[b >> 6] >> (b & 63)) & 1) != 0; }
  constexpr void Add(uint8_t b) { words_[b >> 6] |= uint64_t{1} << (b & 63); }
  constexpr void Remove(uint8_t b) { words_[b >> 6] &= ~(uint64_t{1} << (b & 63)); }

  constexpr bool empty() const { return (words_[0] | words_[1] | words_[2] | words_[3]) == 0; }
  // True if a byte above 127 is in the set.
  constexpr bool has_non_ascii() const { return (words_[2] | words_[3]) != 0; }
  constexpr int size() const {
    int n = 0;
    for (uint64_t word : words_) n += __builtin_popcountll(word);
    return n;
  }

  friend constexpr ByteSet operator|(ByteSet a, const ByteSet& b) {
    for (int i = 0; i < 4; ++i) a.words_[i] |= b.words_[i];
    return a;
  }
  friend constexpr ByteSet operator&(ByteSet a, const ByteSet& b) {
    for (int i = 0; i < 4; ++i) a.words_[i] &= b.words_[i];
    return a;
  }
  constexpr ByteSet operator~() const {
    ByteSet set;
    for (int i = 0; i < 4; ++i) set.words_[i] = ~words_[i];
    return set;
  }
  friend constexpr bool operator==(const ByteSet& a, const ByteSet& b) {
    return a.words_[0] == b.words_[0] && a.words_[1] == b.words_[1] && a.words_[2] == b.words_[2] &&
           a.words_[3] == b.words_[3];
  }
  friend constexpr bool operator!=(const ByteSet& a, const ByteSet& b) { return !(a == b); }
  template <class H>
  friend H AbslHashValue(H state, const ByteSet& set) {
    return H::combine(std::move(state), set.words_[0], set.words_[1], set.words_[2], set.words_[3]);
  }

 private:
  std::array<uint64_t, 4> words_{};
};

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_BYTE_SET_H_
