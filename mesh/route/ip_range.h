// Addresses and ranges of them in text form, for filter-state matchers and tools.
#ifndef MESH_ROUTE_IP_RANGE_H_
#define MESH_ROUTE_IP_RANGE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mesh::route {

// IPv4 as IPv6-mapped bytes; `bits` counts from the first of the 128.
struct IpRange {
  std::array<uint8_t, 16> address = {};
  int bits = 128;
  bool v4 = false;
};

// "10.0.0.0/8", "10.1.2.3", "2001:db8::/32"; nullopt where it is none.
std::optional<IpRange> ParseRange(std::string_view text);

// False where either is not what it should be. An IPv4 address is in no IPv6 range.
bool AddressInRange(std::string_view address, std::string_view range);

}  // namespace mesh::route

#endif  // MESH_ROUTE_IP_RANGE_H_
