#include "mesh/route/ip_range.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/strings/numbers.h"
#include "mesh/base/strings.h"

namespace mesh::route {

std::optional<IpRange> ParseRange(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  char buffer[INET6_ADDRSTRLEN];
  if (address.empty() || address.size() >= sizeof(buffer)) return std::nullopt;
  std::memcpy(buffer, address.data(), address.size());
  buffer[address.size()] = '\0';
  IpRange range;
  if (inet_pton(AF_INET, buffer, range.address.data() + 12) == 1) {
    range.v4 = true;
    range.address[10] = range.address[11] = 0xff;
  } else if (inet_pton(AF_INET6, buffer, range.address.data()) != 1) {
    return std::nullopt;
  }
  if (slash != std::string_view::npos) {
    int bits = 0;
    if (!absl::SimpleAtoi(Absl(text.substr(slash + 1)), &bits) || bits < 0 ||
        bits > (range.v4 ? 32 : 128)) {
      return std::nullopt;
    }
    range.bits = range.v4 ? 96 + bits : bits;
  }
  return range;
}

bool AddressInRange(std::string_view address, std::string_view range) {
  const std::optional<IpRange> a = ParseRange(address);
  const std::optional<IpRange> r = ParseRange(range);
  if (!a || !r || a->v4 != r->v4 || a->bits != 128) return false;
  const int bytes = r->bits / 8;
  if (std::memcmp(a->address.data(), r->address.data(), bytes) != 0) return false;
  const int rest = r->bits % 8;
  if (rest == 0) return true;
  const int mask = 0xff << (8 - rest) & 0xff;
  return (a->address[bytes] & mask) == (r->address[bytes] & mask);
}

}  // namespace mesh::route
