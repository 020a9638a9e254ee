#include "mesh/route/action/xxhash64.h"

#include <cstring>

namespace mesh::route::action {
namespace {

constexpr uint64_t kPrime1 = 11400714785074694791u;
constexpr uint64_t kPrime2 = 14029467366897019727u;
constexpr uint64_t kPrime3 = 1609587929392839161u;
constexpr uint64_t kPrime4 = 9650029242287828579u;
constexpr uint64_t kPrime5 = 2870177450012600261u;

uint64_t Rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

template <class T>
T Load(const char* at) {  // the machine is little-endian, as the algorithm
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

uint64_t Round(uint64_t lane, uint64_t input) {
  return Rotate(lane + input * kPrime2, 31) * kPrime1;
}

uint64_t Merge(uint64_t hash, uint64_t lane) { return (hash ^ Round(0, lane)) * kPrime1 + kPrime4; }

}  // namespace

uint64_t XxHash64(std::string_view bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  uint64_t hash;
  if (bytes.size() >= 32) {
    uint64_t lanes[4] = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
    for (; end - at >= 32; at += 32) {
      for (int i = 0; i < 4; ++i) lanes[i] = Round(lanes[i], Load<uint64_t>(at + 8 * i));
    }
    hash = Rotate(lanes[0], 1) + Rotate(lanes[1], 7) + Rotate(lanes[2], 12) + Rotate(lanes[3], 18);
    for (const uint64_t lane : lanes) hash = Merge(hash, lane);
  } else {
    hash = kPrime5;
  }
  hash += bytes.size();
  for (; end - at >= 8; at += 8) {
    hash = Rotate(hash ^ Round(0, Load<uint64_t>(at)), 27) * kPrime1 + kPrime4;
  }
  if (end - at >= 4) {
    hash = Rotate(hash ^ Load<uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at < end; ++at) {
    hash = Rotate(hash ^ static_cast<uint8_t>(*at) * kPrime5, 11) * kPrime1;
  }
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace mesh::route::action
