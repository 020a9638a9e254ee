// Headers of a VirtualService's match that stand for a claim of the request's token.
#ifndef MESH_CONFIG_TOKEN_CLAIM_H_
#define MESH_CONFIG_TOKEN_CLAIM_H_

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace mesh::config {

// "@request.auth.claims.group" and "@request.auth.claims[group]".
inline bool IsTokenClaim(const std::string& header) {
  constexpr absl::string_view kClaims = "@request.auth.claims";
  if (!absl::StartsWithIgnoreCase(header, kClaims)) return false;
  const std::string name = header.substr(kClaims.size());
  if (name.size() < 2) return false;
  return name.front() == '.' || (name.front() == '[' && name.back() == ']');
}

}  // namespace mesh::config

#endif  // MESH_CONFIG_TOKEN_CLAIM_H_
