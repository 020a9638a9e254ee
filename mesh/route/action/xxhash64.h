// xxHash64 with seed 0, the hash Envoy's consistent balancers use; the published algorithm.
#ifndef MESH_ROUTE_ACTION_XXHASH64_H_
#define MESH_ROUTE_ACTION_XXHASH64_H_

#include <cstdint>
#include <string_view>

namespace mesh::route::action {

uint64_t XxHash64(std::string_view bytes);

}  // namespace mesh::route::action

#endif  // MESH_ROUTE_ACTION_XXHASH64_H_
