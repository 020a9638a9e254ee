// Secrets for one use that a local runner hands to the processes it starts, so that an authority
// knows who they are: a file for each in a directory that only their user may enter. They outlive
// the runner and the authority.
//
//   auto token = mesh::ca::CreateJoinToken("/run/mesh/tokens", identity, absl::Now() +
//   absl::Hours(1));
//   ...                                                        // elsewhere, once
//   auto identity = mesh::ca::UseJoinToken("/run/mesh/tokens", *token, absl::Now());
#ifndef MESH_CA_JOIN_TOKEN_H_
#define MESH_CA_JOIN_TOKEN_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/tls/spiffe.h"

namespace mesh::ca {

// 256 random bits, of which the directory holds a hash. Makes the directory with mode 0700 where it
// is missing; PermissionDenied where others may enter it.
absl::StatusOr<std::string> CreateJoinToken(const std::string& directory,
                                            const tls::SpiffeId& identity, absl::Time expires);

// Whose it is; from then on it is used up. Unauthenticated says why not.
absl::StatusOr<tls::SpiffeId> UseJoinToken(const std::string& directory, std::string_view token,
                                           absl::Time now);

}  // namespace mesh::ca

#endif  // MESH_CA_JOIN_TOKEN_H_
