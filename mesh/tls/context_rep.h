// For this folder's .cc files only: what context.cc and session.cc share.
#ifndef MESH_TLS_CONTEXT_REP_H_
#define MESH_TLS_CONTEXT_REP_H_

#include <map>
#include <string>
#include <vector>

#include "mesh/base/mutex.h"
#include "mesh/tls/boring.h"
#include "mesh/tls/context.h"

namespace mesh::tls {

struct Context::Rep {
  bool server = false;
  ContextOptions options;
  std::string alpn_wire;  // each protocol behind its length
  std::string validation_hash;
  bssl::UniquePtr<SSL_CTX> ssl_ctx;

  // Clients: sessions to resume, by server name; each is used once, the newest first.
  Mutex mutex;
  std::map<std::string, std::vector<bssl::UniquePtr<SSL_SESSION>>> sessions ABSL_GUARDED_BY(mutex);

  bssl::UniquePtr<SSL_SESSION> TakeSession(const std::string& server_name);
  void KeepSession(const std::string& server_name, bssl::UniquePtr<SSL_SESSION> session);
};

namespace boring {

// Verifies `chain` as `context` demands: to a root, by names, by fingerprints.
Verdict VerifyPeer(const Context::Rep& context, absl::Span<const Certificate> chain);

// BoringSSL's callbacks, in session.cc: they find the Session by the SSL.
ssl_verify_result_t OnVerify(SSL* ssl, uint8_t* alert);
int OnNewSession(SSL* ssl, SSL_SESSION* session);

}  // namespace boring
}  // namespace mesh::tls

#endif  // MESH_TLS_CONTEXT_REP_H_
