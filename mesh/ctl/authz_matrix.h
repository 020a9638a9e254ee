// Who reaches whom, under which TLS.
#ifndef MESH_CTL_AUTHZ_MATRIX_H_
#define MESH_CTL_AUTHZ_MATRIX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/ctl/authz_ports.h"
#include "mesh/translate/world.h"

namespace mesh::ctl {

struct MatrixRow {
  std::string from;       // "default/bookinfo-reviews", or "(outside the mesh)"
  std::string principal;  // as the workload sees it; empty on plaintext
  std::string to;         // "reviews-v1-0.default"
  uint32_t port = 0;
  bool http = false;
  std::string server;  // STRICT, PERMISSIVE, DISABLE
  std::string tls;     // "mTLS", "plaintext", "refused"
  ReachVerdict verdict;
};

// One row for each service account, and for a client without any, and each port of each workload:
// of a Deployment's pods the first stands for all. `only`: this pod alone, where not empty.
absl::StatusOr<std::vector<MatrixRow>> AuthorizationMatrix(const translate::World& world,
                                                           const std::string& only);

}  // namespace mesh::ctl

#endif  // MESH_CTL_AUTHZ_MATRIX_H_
