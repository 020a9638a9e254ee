// Domains to virtual hosts: exact, longest "*suffix", longest "prefix*", "*". Private to
// mesh/route.
#ifndef MESH_ROUTE_HOST_INDEX_H_
#define MESH_ROUTE_HOST_INDEX_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/route/text_table.h"

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

  // `host` as received; it is compared in lower case. One hash look-up, and where no exact domain
  // matches one for each distinct length of a wildcard that is shorter than the host.
  Found Find(std::string_view host) const {
    if (only_any_) return {any_, any_ == kNone ? How::kNone : How::kAny, 0};
    // Domains are in lower case: what equals one needs no copy.
    const uint32_t exact = exact_.empty() || host.empty() ? kNone : exact_.Find(host);
    return exact != kNone ? Found{exact, How::kExact, 0} : FindOther(host);
  }

 private:
  struct Wildcards {
    size_t length;
    TextTable parts;
  };
  static bool AddTo(std::vector<Wildcards>* wildcards, std::string_view part, uint32_t host);
  // `front` and `back` are what the longest domain could need of the host, in lower case.
  Found FindWildcard(std::string_view front, std::string_view back, size_t size) const;
  Found FindOther(std::string_view host) const;
  Found FindLower(std::string_view host) const;

  TextTable exact_;
  std::vector<Wildcards> suffixes_;  // longest first
  std::vector<Wildcards> prefixes_;
  size_t longest_ = 0;  // of all
  uint32_t any_ = kNone;
  bool only_any_ = true;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_HOST_INDEX_H_
