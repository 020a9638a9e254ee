// What the authorization engine is told about a request or a connection.
#ifndef MESH_AUTHZ_REQUEST_H_
#define MESH_AUTHZ_REQUEST_H_

#include <cstdint>
#include <string_view>

#include "mesh/authz/jwt.h"
#include "mesh/http/headers.h"
#include "mesh/route/value.h"

namespace mesh::authz {

// Views over what the caller has; all of it must outlive the call it is given to. Path, host and
// headers are those that routing sees, in the same canonical form (mesh/http).
struct Request {
  // The connection. `principal` is the URI name of the peer's verified certificate; empty on
  // plaintext.
  std::string_view principal;
  std::string_view source_ip, remote_ip, destination_ip;  // "10.0.0.1", "::1"
  uint16_t destination_port = 0;
  std::string_view server_name;

  // HTTP; false for a TCP connection, where nothing below counts.
  bool http = true;
  std::string_view method = "GET";
  std::string_view scheme = "http";
  std::string_view host;  // the authority, as received
  std::string_view path;  // with its query
  http::Headers headers;
  const Claims* claims = nullptr;  // of the token that was verified; null: there is none
  const route::Facts* facts = nullptr;
};

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_REQUEST_H_
