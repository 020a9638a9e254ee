// For this folder: addresses and blocks of them as bytes.
#ifndef MESH_AUTHZ_ADDRESS_H_
#define MESH_AUTHZ_ADDRESS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mesh::authz {

// IPv4 is mapped into IPv6 (::ffff:0:0/96), so that a client that came by either is the same.
using Address = std::array<uint8_t, 16>;
std::optional<Address> ParseAddress(std::string_view text);

struct AddressBlock {
  Address address = {};
  int bits = 0;  // of 128
};
std::optional<AddressBlock> ParseBlock(std::string_view text);
bool Contains(const AddressBlock& block, const Address& address);

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_ADDRESS_H_
