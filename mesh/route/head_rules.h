// The first rules of a table that has rules without case among them: a scan would be done there
// before an index has found its way. Private to mesh/route.
#ifndef MESH_ROUTE_HEAD_RULES_H_
#define MESH_ROUTE_HEAD_RULES_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "mesh/route/conditions.h"
#include "mesh/route/rule.h"
#include "mesh/route/text.h"

namespace mesh::route {

// ASCII letters among eight bytes as lower case.
inline uint64_t LowerCaseWord(uint64_t bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u;
  const uint64_t low = bytes & ~kHighs;
  // The high bit of each byte: from 'A' on, but not behind 'Z', and ASCII.
  const uint64_t capitals =
      (low + kOnes * (0x80 - 'A')) & ~(low + kOnes * (0x80 - 'Z' - 1)) & ~bytes & kHighs;
  return bytes | capitals >> 2;
}

// Each is told from a request's path by eight bytes behind what all of them begin with; only those
// that agree there are asked.
class HeadRules {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  HeadRules() = default;
  // Of `rules` as many as are literals without conditions; none where all of them look at case.
  explicit HeadRules(const std::vector<Rule>& rules);

  bool empty() const { return few_.empty(); }
  // The first of them that accepts the request; kNone where none of them does.
  MESH_ROUTE_INLINE uint32_t Find(const Input& input, const Rule* rules,
                                  const RegexPool& pool) const {
    const std::string_view path = input.path;
    if (path.size() < at_ || !input.has_path()) return kNone;
    const uint64_t bytes = LoadUpTo8(path.data() + at_, path.size() - at_);
    const uint64_t seen[] = {bytes, LowerCaseWord(bytes)};
    uint32_t rule = 0;
    for (const Eight& eight : few_) {
      if (((seen[eight.ignore_case] ^ eight.bytes) & eight.mask) == 0 &&
          MatchesPath(rules[rule], pool, input)) {
        return rule;
      }
      ++rule;
    }
    return kNone;
  }

 private:
  static constexpr size_t kMost = 16;

  struct Eight {
    uint64_t bytes;
    uint64_t mask;  // a text may end before
    size_t ignore_case;
  };
  std::vector<Eight> few_;
  size_t at_ = 0;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_HEAD_RULES_H_
