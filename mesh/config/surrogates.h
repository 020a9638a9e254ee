// Characters that JSON writes as two escapes, such as \ud83d\ude00, which YAML does not know.
#ifndef MESH_CONFIG_SURROGATES_H_
#define MESH_CONFIG_SURROGATES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

// A YAML text in which such pairs are covered by escapes of as many bytes that stand for nothing
// and do not occur in it, so that a parser of YAML passes over them and all places stay; and the
// way back. Borrows the text. Not thread-safe. Cost: a search for backslashes where there is no
// pair.
class SurrogatePairs {
 public:
  explicit SurrogatePairs(std::string_view yaml);
  SurrogatePairs(const SurrogatePairs&) = delete;
  SurrogatePairs& operator=(const SurrogatePairs&) = delete;

  bool empty() const { return pairs_.empty(); }
  // The text itself where it has no pair.
  std::string_view covered() const { return pairs_.empty() ? yaml_ : std::string_view(covered_); }
  // What a parser made of the scalar at `offset` of covered(), with the characters in place, and
  // with the pairs as they were where they are no escapes. Lives until the next call.
  std::string_view Restore(std::string_view value, size_t offset);

  // The first or the second half of a pair, as \ud83d: -1 where `yaml` has none at `offset`.
  static int HalfAt(std::string_view yaml, size_t offset);

 private:
  struct Pair {
    size_t offset;
    uint32_t character;
  };

  const std::string_view yaml_;
  std::vector<Pair> pairs_;
  std::string covered_;
  std::string cover_;    // of a pair, in covered_
  std::string decoded_;  // what a parser makes of it
  std::string restored_;
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_SURROGATES_H_
