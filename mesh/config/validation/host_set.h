// Hosts of one list, any of which may begin with *: which of them covers a host, found without
// trying all.
#ifndef MESH_CONFIG_VALIDATION_HOST_SET_H_
#define MESH_CONFIG_VALIDATION_HOST_SET_H_

#include <cstddef>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace mesh::config {

// Borrows the hosts it is given. Cost of all: the length of the host, whatever the size of the set.
class HostSet {
 public:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  // `number` is the caller's; of two equal hosts the first one's stays.
  void Add(std::string_view host, size_t number);

  // The number of a host that has every name of `host`; kNone: no host has.
  size_t FindCovering(std::string_view host) const;
  // The same among the hosts added with another number than `but`.
  size_t FindCovering(std::string_view host, size_t but) const;

 private:
  // By what follows the *.
  absl::flat_hash_map<std::string_view, size_t> wild_;
  absl::flat_hash_map<std::string_view, size_t> exact_;
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_VALIDATION_HOST_SET_H_
