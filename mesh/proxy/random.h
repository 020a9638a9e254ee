// Numbers that are hard enough to guess for request ids and fair enough for balancing.
#ifndef MESH_PROXY_RANDOM_H_
#define MESH_PROXY_RANDOM_H_

#include <sys/random.h>

#include <cstdint>

namespace mesh::proxy {

// xoshiro256**, seeded by the kernel. Not thread-safe: one for each thread. About 1 ns a number.
class Random {
 public:
  Random() {
    if (getrandom(state_, sizeof(state_), 0) != sizeof(state_)) state_[0] = 1;
    state_[1] |= 1;  // never all zeros
  }
  uint64_t Next() {
    const uint64_t result = Rotate(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }
  // Below `n`, which is not 0. The bias is n / 2^64.
  uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(Next()) * n >> 64);
  }

 private:
  static uint64_t Rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
  uint64_t state_[4];
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_RANDOM_H_
