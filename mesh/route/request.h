// What the route engine is told about a request.
#ifndef MESH_ROUTE_REQUEST_H_
#define MESH_ROUTE_REQUEST_H_

#include <cstdint>
#include <string_view>

#include "mesh/http/headers.h"
#include "mesh/route/value.h"

namespace mesh::route {

// Views over what the caller has: nothing is copied, all of it must outlive the call it is given
// to.
//
//   route::Request request;
//   request.method = "GET";
//   request.authority = "shop.example";
//   request.path = "/cart?item=7";
//   request.headers = http::Headers(my_header_map);
struct Request {
  // Exactly as received (":method", ":scheme", ":authority", ":path" of HTTP/2). The path has its
  // query; a null one (not an empty one) is a CONNECT without a path.
  std::string_view method = "GET";
  std::string_view scheme = "http";
  std::string_view authority;
  std::string_view path;
  // All other headers; names are asked for in lower case. x-forwarded-proto says whether the client
  // came by TLS (`scheme` where it is absent; a request that has neither has no route, as in
  // Envoy), x-envoy-internal: true whether it is one of us.
  http::Headers headers;

  // The client's certificate on this connection.
  bool certificate_presented = false;
  bool certificate_validated = false;

  // Decides fractions of traffic and weighted clusters: the caller's, so that a decision can be
  // made again.
  uint64_t random = 0;

  // May be null.
  const Facts* facts = nullptr;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_REQUEST_H_
