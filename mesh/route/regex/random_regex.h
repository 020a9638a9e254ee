// Random regular expressions and texts for them, for tests that compare with RE2. Testonly.
#ifndef MESH_ROUTE_REGEX_RANDOM_REGEX_H_
#define MESH_ROUTE_REGEX_RANDOM_REGEX_H_

#include <cstdint>
#include <random>
#include <string>

namespace mesh::route::regex {

// The same seed gives the same sequence.
class RandomRegex {
 public:
  explicit RandomRegex(uint64_t seed) : random_(seed) {}

  // Anything of RE2's syntax that we know, and a little that we do not.
  std::string Regex();
  // Such as people write for paths.
  std::string PathRegex();
  // A text over the characters that the expressions use.
  std::string Text();
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

 private:
  std::string Alternation(int depth);
  std::string Concatenation(int depth);
  std::string Atom(int depth);
  std::string Class();
  std::string ClassItem();
  std::string Pick(std::initializer_list<const char*> from);

  std::mt19937_64 random_;
};

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_RANDOM_REGEX_H_
