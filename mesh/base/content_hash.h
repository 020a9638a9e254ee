// A hash of bytes that is the same in every process and every version.
#ifndef MESH_BASE_CONTENT_HASH_H_
#define MESH_BASE_CONTENT_HASH_H_

#include <string>
#include <string_view>

namespace mesh {

// FNV-1a over 128 bits, as 32 hexadecimal digits. Not for secrets: collisions can be made on
// purpose. Resource versions are made of it, so that a restarted control plane names the same
// content alike. Cost: about 3 ns a byte.
std::string ContentHash(std::string_view bytes);

}  // namespace mesh

#endif  // MESH_BASE_CONTENT_HASH_H_
