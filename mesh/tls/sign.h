// Makes certificates. What may stand in one is decided by the caller: mesh/ca for workloads.
#ifndef MESH_TLS_SIGN_H_
#define MESH_TLS_SIGN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/csr.h"
#include "mesh/tls/key.h"
#include "mesh/tls/san.h"

namespace mesh::tls {

struct CertificateTemplate {
  // Big-endian, positive; empty: 128 random bits.
  std::string serial;
  // O= and CN= of the subject; both empty: an empty subject.
  std::string organization;
  std::string common_name;
  // Seconds count, fractions are dropped.
  absl::Time not_before;
  absl::Time not_after;
  std::vector<SubjectAltName> sans;
  bool sans_critical = false;
  // A certificate authority: basic constraints CA:TRUE, key usage keyCertSign and cRLSign. Else
  // CA:FALSE, digitalSignature, and keyEncipherment for RSA keys.
  bool is_ca = false;
  int max_path_length = -1;  // of an authority; negative: no limit
  // Extended key usages; neither: the extension is absent.
  bool for_servers = false;
  bool for_clients = false;
  std::vector<Extension> extensions;
};

// A certificate for `subject_key`, signed by `issuer` and its `issuer_key` (FailedPrecondition
// where the two do not belong together). Subject and authority key identifiers are always there.
// Cost: one signature and about 5 us.
absl::StatusOr<Certificate> SignCertificate(const CertificateTemplate& content,
                                            const PublicKey& subject_key, const Certificate& issuer,
                                            const PrivateKey& issuer_key);

// A root.
absl::StatusOr<Certificate> SelfSign(const CertificateTemplate& content, const PrivateKey& key);

}  // namespace mesh::tls

#endif  // MESH_TLS_SIGN_H_
