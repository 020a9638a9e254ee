// Hashes, random bytes and comparisons that take the same time whatever they find.
#ifndef MESH_TLS_DIGEST_H_
#define MESH_TLS_DIGEST_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace mesh::tls {

// 32 bytes.
std::string Sha256(std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view message);
// From the operating system; never fails.
std::string RandomBytes(size_t count);
// For secrets: how long it takes depends on the lengths alone.
bool EqualSecrets(std::string_view a, std::string_view b);

}  // namespace mesh::tls

#endif  // MESH_TLS_DIGEST_H_
