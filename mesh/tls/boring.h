// For this folder's .cc files only: BoringSSL and what holds its objects.
#ifndef MESH_TLS_BORING_H_
#define MESH_TLS_BORING_H_

#include <openssl/base.h>
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/pem.h>
#include <openssl/pool.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/csr.h"
#include "mesh/tls/key.h"
#include "mesh/tls/san.h"
#include "mesh/tls/session.h"
#include "mesh/tls/verify.h"

#ifndef OPENSSL_IS_BORINGSSL
#error "these are not BoringSSL's headers"
#endif

namespace mesh::tls {

struct PublicKey::Rep {
  bssl::UniquePtr<EVP_PKEY> key;
  KeyType type;
  std::string der;
};

struct PrivateKey::Rep {
  bssl::UniquePtr<EVP_PKEY> key;
  PublicKey public_key;
};

struct Certificate::Rep {
  std::string der;
  PublicKey public_key{nullptr};
  absl::Time not_before, not_after;
  std::vector<SubjectAltName> sans;
  bool sans_critical = false;

  // Parsed at once for bytes that came from elsewhere; when first asked for where this process has
  // just made the certificate, since an authority that issues many looks at few of them.
  X509* x509() const;
  mutable std::once_flag once;
  mutable bssl::UniquePtr<X509> parsed;
};

struct TrustRoots::Rep {
  std::vector<Certificate> certificates;
  bssl::UniquePtr<X509_STORE> store;
};

namespace boring {

// What BoringSSL says went wrong last, in words; forgets it.
std::string LastError();

inline std::string_view View(const CBS& cbs) {
  return {reinterpret_cast<const char*>(CBS_data(&cbs)), CBS_len(&cbs)};
}
inline CBS Bytes(std::string_view s) {
  CBS cbs;
  CBS_init(&cbs, reinterpret_cast<const uint8_t*>(s.data()), s.size());
  return cbs;
}
inline const uint8_t* Data(std::string_view s) {
  return reinterpret_cast<const uint8_t*>(s.data());
}
// What was written; empty when a write had failed.
std::string Take(CBB* cbb);

struct PemBlock {
  std::string name;
  std::string der;
};
// All blocks of a PEM text. InvalidArgument where a block is broken or encrypted.
absl::StatusOr<std::vector<PemBlock>> ReadPem(std::string_view pem);
std::string WritePem(std::string_view name, std::string_view der);

absl::StatusOr<PublicKey> MakePublicKey(bssl::UniquePtr<EVP_PKEY> key);
absl::StatusOr<Certificate> MakeCertificate(bssl::UniquePtr<X509> x509);

// The AlgorithmIdentifier (DER) with which `key` signs certificates and requests, and its hash.
struct Signing {
  std::string algorithm;
  const EVP_MD* digest;  // null for Ed25519
};
absl::StatusOr<Signing> SigningFor(const PublicKey& key);
absl::StatusOr<std::string> SignDer(const PrivateKey& key, const Signing& with,
                                    std::string_view bytes);

// The value of a subjectAltName extension (GeneralNames).
absl::StatusOr<std::vector<SubjectAltName>> ParseSans(std::string_view der);
absl::StatusOr<std::string> EncodeSans(absl::Span<const SubjectAltName> sans);
// A Name with O= and CN=, each absent when empty.
bool AddName(CBB* out, std::string_view organization, std::string_view common_name);
// An Extension of a certificate or request.
bool AddExtension(CBB* out, std::string_view oid, bool critical, std::string_view value);

// The handshake's alert for what VerifyChain would answer, beside that answer.
struct Verdict {
  absl::Status status;
  uint8_t alert = 0;
  Refusal refusal = Refusal::kNone;
};
Verdict Verify(absl::Span<const Certificate> chain, const TrustRoots& roots,
               const VerifyOptions& options);

}  // namespace boring
}  // namespace mesh::tls

#endif  // MESH_TLS_BORING_H_
