// X.509 certificates: read, looked into, written.
//
//   auto chain = mesh::tls::Certificate::ListFromPem(pem);
//   (*chain)[0].SpiffeIdentity();  // the one URI name, as a SPIFFE id
//
// Certificates are values: cheap to copy, immutable, safe to use from several threads at once.
#ifndef MESH_TLS_CERTIFICATE_H_
#define MESH_TLS_CERTIFICATE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "mesh/tls/key.h"
#include "mesh/tls/san.h"
#include "mesh/tls/spiffe.h"

namespace mesh::tls {

class Certificate {
 public:
  // Bytes behind the certificate are an error.
  static absl::StatusOr<Certificate> FromDer(std::string_view der);
  // Exactly one certificate.
  static absl::StatusOr<Certificate> FromPem(std::string_view pem);
  // All certificates of the text, in order, at least one. Text between blocks is allowed, blocks of
  // another kind are not.
  static absl::StatusOr<std::vector<Certificate>> ListFromPem(std::string_view pem);

  // RFC 2253 form; empty for an empty name.
  std::string subject() const;
  std::string issuer() const;
  // Lower-case hexadecimal.
  std::string serial() const;
  absl::Time not_before() const;
  absl::Time not_after() const;
  // Basic constraints CA:TRUE.
  bool is_ca() const;
  // Key usage (RFC 5280 §4.2.1.3); true where the extension is absent.
  bool may_sign_certificates() const;
  // Extended key usage (§4.2.1.12); true where the extension is absent.
  bool may_serve() const;
  bool may_be_client() const;
  bool self_signed() const;
  const std::vector<SubjectAltName>& sans() const;
  bool sans_critical() const;
  const PublicKey& public_key() const;
  // An X.509-SVID has exactly one URI name, a SPIFFE id (X509-SVID §2); InvalidArgument else.
  absl::StatusOr<SpiffeId> SpiffeIdentity() const;

  const std::string& der() const;
  std::string ToPem() const;
  // SHA-256 of the DER form, lower-case hexadecimal.
  std::string Fingerprint() const;

  friend bool operator==(const Certificate& a, const Certificate& b) { return a.der() == b.der(); }
  friend bool operator!=(const Certificate& a, const Certificate& b) { return !(a == b); }

  // For this folder.
  struct Rep;
  explicit Certificate(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  const Rep& rep() const { return *rep_; }

 private:
  std::shared_ptr<const Rep> rep_;
};

std::string ToPem(absl::Span<const Certificate> certificates);

}  // namespace mesh::tls

#endif  // MESH_TLS_CERTIFICATE_H_
