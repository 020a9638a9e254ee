// Random damage to bytes, the same for the same seed.
#ifndef TESTS_FUZZ_DAMAGE_H_
#define TESTS_FUZZ_DAMAGE_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace mesh::fuzz {

inline uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = getenv(name);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

class Damage {
 public:
  explicit Damage(uint64_t seed) : random_(seed) {}
  uint64_t Below(uint64_t n) { return random_() % n; }
  std::string Bytes(size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  // A few changes: a bit, a byte, a cut, a piece twice, a length.
  std::string Change(std::string bytes) {
    for (uint64_t i = Below(4) + 1; i > 0 && !bytes.empty(); --i) {
      const size_t at = Below(bytes.size());
      switch (Below(6)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
          break;
        case 1:
          bytes[at] = static_cast<char>(random_());
          break;
        case 2:
          bytes.resize(at);
          break;
        case 3:
          bytes.insert(at, bytes.substr(at, Below(200)));
          break;
        case 4:
          bytes.insert(at, Bytes(Below(40)));
          break;
        case 5:
          bytes[std::min<size_t>(at, 8)] = static_cast<char>(random_());
          break;
      }
    }
    return bytes;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace mesh::fuzz

#endif  // TESTS_FUZZ_DAMAGE_H_
