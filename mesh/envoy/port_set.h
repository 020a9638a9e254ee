// Ports as ranges: what a listener filter is switched off for.
#ifndef MESH_ENVOY_PORT_SET_H_
#define MESH_ENVOY_PORT_SET_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace mesh::envoy {

// A value; of few ranges.
class PortSet {
 public:
  static constexpr uint32_t kEnd = 65536;

  PortSet() = default;  // no port
  // From `begin` up to but without `end`.
  PortSet(uint32_t begin, uint32_t end);
  static PortSet All() { return PortSet(0, kEnd); }

  bool Contains(uint16_t port) const;
  bool empty() const { return ranges_.empty(); }
  PortSet Union(const PortSet& other) const;
  PortSet Intersection(const PortSet& other) const;
  PortSet Complement() const;

 private:
  std::vector<std::pair<uint32_t, uint32_t>> ranges_;  // in order, apart, none empty
};

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_PORT_SET_H_
