// Certificate signing requests (PKCS#10, RFC 2986).
#ifndef MESH_TLS_CSR_H_
#define MESH_TLS_CSR_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/tls/key.h"
#include "mesh/tls/san.h"

namespace mesh::tls {

// An X.509 extension in its raw form.
struct Extension {
  std::string oid;  // dotted decimal
  bool critical = false;
  std::string der;  // of the value
};

struct CsrOptions {
  std::string organization;  // O= of the subject; empty: the subject is empty
  std::vector<SubjectAltName> sans;
  std::vector<Extension> extensions;
};

// PEM. Signed with SHA-256 (SHA-384 for P-384; Ed25519 as it is).
absl::StatusOr<std::string> CreateCsr(const PrivateKey& key, const CsrOptions& options);

// What a request says. Only the public key is proven, and only that the requester holds its private
// half; all else is what the requester would like.
struct CertificateRequest {
  PublicKey public_key;
  std::vector<SubjectAltName> sans;
  bool wants_ca = false;                      // basic constraints CA:TRUE, or key usage keyCertSign
  std::vector<std::string> unknown_critical;  // OIDs of critical extensions that are not read here
};

// Reads DER, or PEM with exactly one block, and verifies the proof of possession. InvalidArgument
// where the request is not exactly one well-formed PKCS#10 structure of at most 64 KiB, where the
// signature is not the key's, or was made with SHA-1 or older.
// Cost: one signature verification and about 5 us.
absl::StatusOr<CertificateRequest> ReadCsr(std::string_view pem_or_der);

}  // namespace mesh::tls

#endif  // MESH_TLS_CSR_H_
