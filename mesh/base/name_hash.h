// Names as keys of hash maps that need not keep them.
#ifndef MESH_BASE_NAME_HASH_H_
#define MESH_BASE_NAME_HASH_H_

#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/hash/hash.h"

namespace mesh {

// A number so wide that no two names share one. Another one in each process.
using NameHash = std::pair<uint64_t, uint64_t>;

// Of a name's parts, all of them texts: HashName("default", "reviews") is not
// HashName("defaultreviews", ""). Cost: two hashes, no allocation.
template <class... Parts>
NameHash HashName(const Parts&... parts) {
  const auto salted = [&](int salt) {
    const std::tuple<int, decltype(std::string_view(parts))...> key(salt,
                                                                    std::string_view(parts)...);
    return static_cast<uint64_t>(absl::Hash<decltype(key)>()(key));
  };
  return {salted(1), salted(2)};
}

}  // namespace mesh

#endif  // MESH_BASE_NAME_HASH_H_
