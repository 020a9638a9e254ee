// What the HTTP connection manager does to a request before it is routed and to a response before
// it goes back: pure functions over the head of a message.
#ifndef MESH_PROXY_REQUEST_RULES_H_
#define MESH_PROXY_REQUEST_RULES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/types/span.h"
#include "mesh/envoy/listener.h"
#include "mesh/proxy/headers.h"
#include "mesh/proxy/http1.h"
#include "mesh/proxy/random.h"
#include "mesh/proxy/tls_facts.h"

namespace mesh::proxy {

// What is known of the client's connection.
struct ConnectionInfo {
  uint64_t id = 0;
  std::string remote;     // "10.0.0.1:4000"
  std::string remote_ip;  // "10.0.0.1"
  std::string local;      // "10.0.0.9:80"
  std::string local_ip;   // "10.0.0.9"
  uint16_t local_port = 0;
  std::shared_ptr<const TlsFacts> tls;  // null: plaintext
  // What the client's first bytes asked for, where TLS passes through; with TLS ending here,
  // what the handshake did.
  std::string requested_server_name;

  // Who the client is, as authorization knows it: the first URI name of its verified certificate;
  // empty where it has shown none.
  std::string_view principal() const {
    if (tls == nullptr || tls->peer_uris.empty()) return {};
    return tls->peer_uris[0];
  }
  std::string_view server_name() const { return requested_server_name; }
};

// An answer of the proxy's own.
struct LocalReply {
  int status = 0;
  std::string_view body;
  std::string_view details;  // Envoy's %RESPONSE_CODE_DETAILS%
  uint32_t flags = 0;
  bool close = false;             // what follows on the connection is not to be trusted
  std::string_view content_type;  // "text/plain" where empty
  std::string location;
  bool overloaded = false;  // x-envoy-overloaded
  // What came is no HTTP: there is no request to speak of, and only status and details are set.
  bool malformed = false;
  absl::Span<const std::pair<std::string, std::string>> headers;
};

// The request in canonical form: what is routed, authorised and sent on.
struct RequestParts {
  std::string authority;
  std::string path;
  // Who asked, where another proxy in front of this one is believed about it: "10.0.0.1:0". Empty:
  // who connected.
  std::string remote;
  std::string_view scheme = "http";
  bool expects_continue = false;
  bool upgrade = false;  // one that the listener lets through
};

// Brings the head into canonical form, strips what is hop-by-hop or not the client's to say, and
// adds x-forwarded-for, x-forwarded-proto and x-request-id, as `manager` says. An answer means that
// the request goes no further. RFC 9110 §7.6.1, RFC 9112 §3.2; HttpConnectionManager's
// use_remote_address, generate_request_id, normalize_path, upgrade_configs and so on.
std::optional<LocalReply> PrepareRequest(const envoy::HttpConnectionManager& manager,
                                         const ConnectionInfo& connection, Random* random,
                                         MessageHead* head, RequestParts* parts);

// Strips what is hop-by-hop from a response and sets `server` and `date`. `upgraded`: a 101 keeps
// its Connection and Upgrade.
void PrepareResponse(const envoy::HttpConnectionManager& manager,
                     envoy::Listener::Direction direction, std::string_view date, bool upgraded,
                     HeaderMap* headers);

// The same for a 1xx response, which says nothing of a body.
void PrepareInterim(HeaderMap* headers);

// A random UUID (RFC 9562 version 4), 36 characters into `out`.
void WriteRequestId(Random* random, char* out);

}  // namespace mesh::proxy

#endif  // MESH_PROXY_REQUEST_RULES_H_
