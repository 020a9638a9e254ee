// Domains to virtual hosts: exact, longest "*suffix", longest "prefix*", "*". Private to
// mesh/route.
#ifndef MESH_ROUTE_HOST_INDEX_H_
#define MESH_ROUTE_HOST_INDEX_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace mesh::route {

class HostIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  enum class How : uint8_t { kNone, kExact, kSuffix, kPrefix, kAny };
  struct Found {
    uint32_t virtual_host = kNone;
    How how = How::kNone;
    uint32_t length = 0;  // of the suffix or prefix, without its '*'
  };
  enum class Added : uint8_t { kAdded, kDuplicate, kSecondAny };

  // `domain` in lower case.
  Added Add(std::string_view domain, uint32_t virtual_host);
  // Call once, after the last Add.
  void Finish();

  // `host` as received; it is compared in lower case. One hash look-up for each distinct length of
  // a wildcard that is shorter than the host.
  Found Find(std::string_view host) const;

 private:
  struct Wildcards {
    size_t length;
    absl::flat_hash_map<std::string, uint32_t> parts;
  };
  static bool AddTo(std::vector<Wildcards>* wildcards, std::string_view part, uint32_t host);

  absl::flat_hash_map<std::string, uint32_t> exact_;
  size_t longest_exact_ = 0;
  std::vector<Wildcards> suffixes_;  // longest first
  std::vector<Wildcards> prefixes_;
  uint32_t any_ = kNone;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_HOST_INDEX_H_
