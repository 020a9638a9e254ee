// Where a path ends, where its '/' stand, whether it is plain: each in one pass, many bytes at
// once. Private to mesh/route.
#ifndef MESH_ROUTE_MARKED_PATH_H_
#define MESH_ROUTE_MARKED_PATH_H_

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "mesh/route/text.h"

namespace mesh::route {

// 16 bytes of a text; of a shorter one all, and zeros.
class ByteBlock {
 public:
  // `size` bytes can be read there.
  static MESH_ROUTE_INLINE ByteBlock At(const char* at, size_t size) {
    if (size >= 16) return At(at);
    if (size > 8) return Of(Load64(at), Load64(at + size - 8) >> (8 * (16 - size)));
    return Of(LoadUpTo8(at, size), 0);
  }

#ifdef __SSE2__
  static ByteBlock At(const char* at) {
    ByteBlock block;
    block.bytes_ = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    return block;
  }
  // Bit n: byte n is `c`.
  uint32_t Are(char c) const { return Bits(_mm_cmpeq_epi8(bytes_, _mm_set1_epi8(c))); }
  // Bit n: byte n is no visible ASCII.
  uint32_t AreOther() const {
    // Bytes are signed: those above 127 are below ' ' too.
    return 0xffff ^ Bits(_mm_andnot_si128(_mm_cmpeq_epi8(bytes_, _mm_set1_epi8(0x7f)),
                                          _mm_cmpgt_epi8(bytes_, _mm_set1_epi8(' '))));
  }

 private:
  static ByteBlock Of(uint64_t low, uint64_t high) {
    ByteBlock block;
    block.bytes_ = _mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(low));
    return block;
  }
  static uint32_t Bits(__m128i mask) { return static_cast<uint32_t>(_mm_movemask_epi8(mask)); }
  __m128i bytes_;
#else
  static ByteBlock At(const char* at) { return Of(Load64(at), Load64(at + 8)); }
  uint32_t Are(char c) const {
    return Where([=](char byte) { return byte == c; });
  }
  uint32_t AreOther() const {
    return Where([](char byte) { return byte <= ' ' || byte >= 0x7f; });
  }

 private:
  static ByteBlock Of(uint64_t low, uint64_t high) {
    ByteBlock block;
    std::memcpy(block.bytes_, &low, 8);
    std::memcpy(block.bytes_ + 8, &high, 8);
    return block;
  }
  template <class Is>
  uint32_t Where(Is is) const {
    uint32_t bits = 0;
    for (int i = 0; i < 16; ++i) bits |= static_cast<uint32_t>(is(bytes_[i])) << i;
    return bits;
  }
  signed char bytes_[16];
#endif
};

// What stands before the first '?' or '#'.
MESH_ROUTE_INLINE std::string_view PathOf(std::string_view text) {
  size_t at = 0;
  while (true) {
    const size_t left = text.size() - at;
    const ByteBlock block = ByteBlock::At(text.data() + at, left);
    const uint32_t ends = block.Are('?') | block.Are('#');
    if (ends != 0) return text.substr(0, at + static_cast<size_t>(__builtin_ctz(ends)));
    if (left <= 16) return text;
    // The last block reaches back, so that it is whole.
    at = left < 32 ? text.size() - 16 : at + 16;
  }
}

// Borrows the text.
struct MarkedPath {
  std::string_view text;
  // Bit n: byte n is '/' or the end. Of the first 64 bytes.
  uint64_t stops = 0;
  // Nothing but visible ASCII.
  bool plain = true;

  explicit MarkedPath(std::string_view path) : text(path) { Mark<false>(); }
  // Of what stands before the first '?' or '#', in the same pass.
  static MESH_ROUTE_INLINE MarkedPath Before(std::string_view query) {
    MarkedPath path;
    path.text = query;
    path.Mark<true>();
    return path;
  }

  // Leaves its first `size` bytes.
  void Cut(size_t size) {
    text = text.substr(0, size);
    // What is not plain may have been cut off.
    if (!plain) *this = MarkedPath(text);
    if (size < 64) stops = (stops & ((uint64_t{1} << size) - 1)) | uint64_t{1} << size;
  }

  // Where the next '/' at or behind `at` stands, or the end. `at` is at most the end.
  size_t EndOfSegment(size_t at) const {
    const uint64_t left = at < 64 ? stops >> at : 0;
    return left != 0 ? at + static_cast<size_t>(__builtin_ctzll(left)) : EndOfFarSegment(at);
  }

 private:
  MarkedPath() = default;

  template <bool kCut>
  MESH_ROUTE_INLINE void Mark() {
    size_t at = 0;
    uint32_t others = 0;
    while (true) {
      const size_t left = text.size() - at;
      const ByteBlock block = ByteBlock::At(text.data() + at, left);
      uint32_t kept = left >= 16 ? 0xffff : (1u << left) - 1;
      const uint32_t ends = kCut ? block.Are('?') | block.Are('#') : 0;
      if (ends != 0) kept &= (ends & -ends) - 1;
      if (at < 64) stops |= static_cast<uint64_t>(block.Are('/') & kept) << at;
      others |= block.AreOther() & kept;
      if (ends != 0) {
        text = text.substr(0, at + static_cast<size_t>(__builtin_ctz(ends)));
        break;
      }
      if (left <= 16) break;
      // The last block reaches back, so that it is whole.
      at = left < 32 ? text.size() - 16 : at + 16;
    }
    if (text.size() < 64) stops |= uint64_t{1} << text.size();
    plain = others == 0;
  }

  size_t EndOfFarSegment(size_t at) const {
    // All before byte 64 is known.
    if (at < 64) at = 64;
    const void* slash = std::memchr(text.data() + at, '/', text.size() - at);
    return slash == nullptr ? text.size() : static_cast<const char*>(slash) - text.data();
  }
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_MARKED_PATH_H_
