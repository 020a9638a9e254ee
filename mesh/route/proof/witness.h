// A request made up to show something: that a rule is reached, or that two tables disagree.
#ifndef MESH_ROUTE_PROOF_WITNESS_H_
#define MESH_ROUTE_PROOF_WITNESS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "mesh/http/headers.h"
#include "mesh/route/request.h"

namespace mesh::route::proof {

// A plain value. Everything a rule can ask of a request but filter state and metadata, which
// witnesses never have.
struct Witness {
  std::string method = "GET";
  std::string scheme = "http";
  std::string authority;
  // With its query. Nothing: a CONNECT without a path.
  std::optional<std::string> path = "/";
  http::HeaderList headers;
  bool certificate_presented = false;
  bool certificate_validated = false;
  uint64_t random = 0;

  // "http://shop.example/cart?item=7"; the authority alone where there is no path.
  std::string Url() const;
  // Borrows from this value.
  Request AsRequest() const;
};

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_WITNESS_H_
