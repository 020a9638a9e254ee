// What one side of TLS connections is and accepts, frozen: its own certificate, whom it trusts,
// which protocols it speaks. To change any of it, build another and use it for connections from
// then on; those that live keep theirs.
//
//   mesh::tls::ContextOptions options;
//   options.identity = mesh::tls::Identity::FromPem(chain_pem, key_pem).value();
//   options.validation.roots = mesh::tls::TrustRoots(roots);
//   options.alpn = {"istio-http/1.1", "http/1.1"};
//   auto context = mesh::tls::Context::Server(options);
//   mesh::tls::Session session(*context);
#ifndef MESH_TLS_CONTEXT_H_
#define MESH_TLS_CONTEXT_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/base/clock.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/key.h"
#include "mesh/tls/san.h"
#include "mesh/tls/verify.h"

namespace mesh::tls {

// A certificate chain, leaf first, and the leaf's private key.
struct Identity {
  std::vector<Certificate> chain;
  PrivateKey key;

  // InvalidArgument where one does not parse or the key is not the leaf's.
  static absl::StatusOr<Identity> FromPem(std::string_view chain_pem, std::string_view key_pem);
};

enum class Version { kTls12, kTls13 };

// Whom a context accepts.
struct Validation {
  enum class PeerCertificate {
    kRequired,  // servers: MUTUAL; clients: always send one, servers must
    kOptional,  // servers: ask for one, verify it if there is one
    kIgnored,   // servers: SIMPLE, none is asked for; clients: whatever comes is accepted,
                // unverified
  };

  PeerCertificate peer_certificate = PeerCertificate::kRequired;
  TrustRoots roots;
  // One of the peer's names must match one of these; empty: any name is fine.
  std::vector<SanMatcher> sans;
  // Clients: the certificate must speak for this DNS name or IP address (RFC 6125). Empty: not
  // asked.
  std::string host;
  // The leaf's SHA-256 fingerprint, or that of its public key (SubjectPublicKeyInfo), must be among
  // these, as lower-case hexadecimal. A match of either list suffices (Envoy's
  // verify_certificate_hash and verify_certificate_spki). Both empty: not asked.
  std::vector<std::string> certificate_sha256;
  std::vector<std::string> public_key_sha256;
};

struct ContextOptions {
  std::optional<Identity> identity;  // servers must have one
  Validation validation;
  // Protocols by preference (RFC 7301). A server picks its first that the client offers; when none
  // fits it goes on without one.
  std::vector<std::string> alpn;
  Version min_version = Version::kTls12;
  Version max_version = Version::kTls13;
  // TLS 1.2 suites in OpenSSL's names; empty: ECDHE with AES-GCM or ChaCha20 only.
  std::vector<std::string> cipher_suites;
  // Sessions may be resumed, with the same or an equal validation only: tickets are bound to a hash
  // of what is validated, and the peer's certificate is verified again on resumption.
  bool resumption = true;
  // Servers that share this secret (32 bytes) and an equal validation accept each other's tickets.
  // Empty: a ticket serves the context that made it.
  std::string ticket_secret;
  // For validity of certificates; must outlive the context.
  const Clock* clock = Clock::Real();
};

// Thread-safe. X25519MLKEM768, X25519, P-256 and P-384 are offered for key agreement.
class Context {
 public:
  static absl::StatusOr<std::shared_ptr<const Context>> Server(const ContextOptions& options);
  static absl::StatusOr<std::shared_ptr<const Context>> Client(const ContextOptions& options);
  ~Context();

  bool is_server() const;
  // The leaf's; nullopt where there is none.
  std::optional<Certificate> certificate() const;
  // Hexadecimal; equal for contexts that accept the same peers.
  const std::string& validation_hash() const;
  const std::vector<std::string>& alpn() const;

  // For this folder.
  struct Rep;
  explicit Context(std::unique_ptr<Rep> rep);
  Rep& rep() const { return *rep_; }

 private:
  const std::unique_ptr<Rep> rep_;
};

}  // namespace mesh::tls

#endif  // MESH_TLS_CONTEXT_H_
