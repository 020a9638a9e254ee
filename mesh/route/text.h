// Bytes compared and hashed without a call. Private to mesh/route.
#ifndef MESH_ROUTE_TEXT_H_
#define MESH_ROUTE_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mesh::route {

// For what is called once or twice on every way a request takes.
#define MESH_ROUTE_INLINE inline __attribute__((always_inline))

inline uint64_t Load64(const void* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}
inline uint32_t Load32(const void* at) {
  uint32_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// Of fewer than eight bytes all, and zeros.
MESH_ROUTE_INLINE uint64_t LoadUpTo8(const char* at, size_t size) {
  if (size >= 8) return Load64(at);
  if (size >= 4) {
    return Load32(at) | static_cast<uint64_t>(Load32(at + size - 4)) << (8 * (size - 4));
  }
  if (size == 0) return 0;
  const auto byte = [&](size_t i) {
    return static_cast<uint64_t>(static_cast<uint8_t>(at[i])) << (8 * i);
  };
  return byte(0) | byte(size / 2) | byte(size - 1);
}

MESH_ROUTE_INLINE bool SameBytes(const char* a, const char* b, size_t size) {
  if (size >= 8) {
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
      if (Load64(a + at) != Load64(b + at)) return false;
    }
    return Load64(a + size - 8) == Load64(b + size - 8);
  }
  if (size >= 4) return Load32(a) == Load32(b) && Load32(a + size - 4) == Load32(b + size - 4);
  if (size == 0) return true;
  return ((a[0] ^ b[0]) | (a[size / 2] ^ b[size / 2]) | (a[size - 1] ^ b[size - 1])) == 0;
}
inline bool SameText(std::string_view a, std::string_view b) {
  return a.size() == b.size() && SameBytes(a.data(), b.data(), a.size());
}

// Of an arena of words: how many hold so many bytes.
inline size_t WordsFor(size_t bytes) { return (bytes + 3) / 4; }

// Both halves of the product: every bit of either factor reaches every bit.
inline uint64_t MixBits(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Texts come from the configuration, so that nobody fills a table with texts of one hash from
// outside. Differs between machines of different byte order: not for anything that is stored.
MESH_ROUTE_INLINE uint64_t HashText(std::string_view text) {
  constexpr uint64_t kOne = 0xa0761d6478bd642fu, kTwo = 0xe7037ed1a0b428dbu;
  const char* at = text.data();
  const size_t size = text.size();
  uint64_t hash = 0x8ebc6af09c88c6e3u, first = 0, last = 0;
  if (size > 16) {
    size_t left = size;
    for (; left > 16; left -= 16, at += 16) {
      hash = MixBits(Load64(at) ^ kOne, Load64(at + 8) ^ hash);
    }
    first = Load64(at + left - 16);
    last = Load64(at + left - 8);
  } else if (size >= 8) {
    first = Load64(at);
    last = Load64(at + size - 8);
  } else if (size >= 4) {
    first = Load32(at);
    last = Load32(at + size - 4);
  } else if (size > 0) {
    first = static_cast<uint64_t>(static_cast<uint8_t>(at[0])) << 16 |
            static_cast<uint64_t>(static_cast<uint8_t>(at[size / 2])) << 8 |
            static_cast<uint8_t>(at[size - 1]);
  }
  return MixBits(kTwo ^ size, MixBits(first ^ kOne, last ^ hash));
}

// A hash's place among `size` places (below 2^32), and the half of it that the place leaves over.
inline size_t PlaceOf(uint64_t hash, size_t size) {
  return static_cast<size_t>((hash & 0xffffffffu) * size >> 32);
}
inline uint32_t TagOf(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

// Of a table of hashes, open addressing: `at` is 1 + where the rest stands, 0 where it is free.
struct HashSlot {
  uint32_t tag = 0;
  uint32_t at = 0;
};
// How many for so many entries: two of three are taken, so that a probe is short and ends.
inline size_t SlotsFor(size_t entries) { return entries + entries / 2 + 2; }

}  // namespace mesh::route

#endif  // MESH_ROUTE_TEXT_H_
