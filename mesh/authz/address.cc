#include "mesh/authz/address.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/strings/numbers.h"
#include "mesh/base/strings.h"

namespace mesh::authz {

std::optional<Address> ParseAddress(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy || text.find('\0') != text.npos) return std::nullopt;
  memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  Address address = {};
  if (inet_pton(AF_INET, copy, address.data() + 12) == 1) {
    address[10] = address[11] = 0xff;
    return address;
  }
  if (inet_pton(AF_INET6, copy, address.data()) == 1) return address;
  return std::nullopt;
}

std::optional<AddressBlock> ParseBlock(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = ParseAddress(text.substr(0, slash));
  if (!address) return std::nullopt;
  const int size = text.find(':') == text.npos ? 32 : 128;
  int bits = size;
  if (slash != text.npos &&
      (!absl::SimpleAtoi(Absl(text.substr(slash + 1)), &bits) || bits < 0 || bits > size)) {
    return std::nullopt;
  }
  return AddressBlock{*address, bits + 128 - size};
}

bool Contains(const AddressBlock& block, const Address& address) {
  const int bytes = block.bits / 8, rest = block.bits % 8;
  if (memcmp(block.address.data(), address.data(), bytes) != 0) return false;
  return rest == 0 || ((block.address[bytes] ^ address[bytes]) >> (8 - rest)) == 0;
}

}  // namespace mesh::authz
