// Hosts that domains of several virtual hosts accept, and who gets them.
#ifndef MESH_ROUTE_PROOF_HOST_OVERLAP_H_
#define MESH_ROUTE_PROOF_HOST_OVERLAP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mesh/route/rule.h"

namespace mesh::route::proof {

struct HostOverlap {
  // Indices of virtual hosts and of their domains; `winner` is the one that `host` goes to, by
  // Envoy's order (exact, longest "*suffix", longest "prefix*", "*").
  uint32_t winner = 0;
  uint32_t winner_domain = 0;
  uint32_t loser = 0;
  uint32_t loser_domain = 0;
  std::string host;        // a host that both accept
  bool duplicate = false;  // the same domain twice: such a table is rejected
};

// Pairs of domains of different virtual hosts (or the same domain twice) that share a host; "*" and
// its like, which share every host, are left out. Works on virtual hosts that do not build, too.
// Cost: O(domains x wildcards).
std::vector<HostOverlap> FindHostOverlaps(
    const std::vector<std::shared_ptr<const VirtualHost>>& virtual_hosts);

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_HOST_OVERLAP_H_
