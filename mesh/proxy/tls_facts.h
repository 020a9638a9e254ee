// What a TLS connection said of itself and of the other side.
#ifndef MESH_PROXY_TLS_FACTS_H_
#define MESH_PROXY_TLS_FACTS_H_

#include <memory>
#include <string>
#include <vector>

#include "mesh/proxy/stats.h"
#include "mesh/telemetry/access_log.h"
#include "mesh/tls/session.h"

namespace mesh::proxy {

// Taken once, when the handshake is done. What it says of the peer is of a certificate that was
// verified, or of none.
struct TlsFacts {
  // As the access log writes it.
  telemetry::TlsText text;
  std::string server_name;
  std::string alpn;
  bool peer_certificate = false;  // the peer has shown one
  std::vector<std::string> peer_uris, peer_dns_names;
  std::vector<std::string> local_uris;
};

std::shared_ptr<const TlsFacts> TakeFacts(const tls::Session& session);

// Counts a handshake that is done, and one that failed.
void CountHandshake(const tls::Session& session, TlsStats* stats);
void CountFailure(const tls::Session& session, TlsStats* stats);

// Why TLS failed, in Envoy's form, for %UPSTREAM_TRANSPORT_FAILURE_REASON% and answers:
//   TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:the peer's
//   certificate is refused: ...:TLS_error_end
// Empty where it did not.
std::string TlsFailureReason(const tls::Session& session);

}  // namespace mesh::proxy

#endif  // MESH_PROXY_TLS_FACTS_H_
