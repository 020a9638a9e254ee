#include "mesh/base/content_hash.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace mesh {

std::string ContentHash(std::string_view bytes) {
  using Word = unsigned __int128;
  // http://www.isthe.com/chongo/tech/comp/fnv/: offset basis and prime for 128 bits.
  constexpr Word kBasis = (Word{0x6c62272e07bb0142} << 64) | 0x62b821756295c58d;
  constexpr Word kPrime = (Word{1} << 88) | 0x13b;
  Word hash = kBasis;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return absl::StrFormat("%016x%016x", static_cast<uint64_t>(hash >> 64),
                         static_cast<uint64_t>(hash));
}

}  // namespace mesh
