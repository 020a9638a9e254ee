// For this folder: where rules look for tokens.
#ifndef MESH_AUTHZ_TOKEN_LOCATIONS_H_
#define MESH_AUTHZ_TOKEN_LOCATIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "mesh/authz/request_authentication.h"
#include "mesh/http/headers.h"

namespace mesh::authz {

struct FoundToken {
  std::string token;
  std::string header;  // that holds it; empty for a parameter
  std::string param;
};

// Adds the tokens that stand where `rule` looks, each place once. False where there are more than
// anybody sends.
bool FindTokens(const TokenRule& rule, const http::Headers& headers, std::string_view path,
                std::vector<FoundToken>* all);

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_TOKEN_LOCATIONS_H_
