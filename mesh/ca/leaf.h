// The certificate of a workload: an X.509-SVID (SPIFFE, X509-SVID standard).
#ifndef MESH_CA_LEAF_H_
#define MESH_CA_LEAF_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/ca/issuer.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/key.h"

namespace mesh::ca {

struct LeafPolicy {
  absl::Duration default_lifetime = absl::Hours(24);
  absl::Duration max_lifetime = absl::Hours(90 * 24);
  // Certificates begin this much before now, for clocks that are behind.
  absl::Duration backdate = absl::Minutes(2);
};

// A key that signs leaves, and the way from its certificate to the root.
struct SigningKey {
  tls::Certificate certificate;
  tls::PrivateKey key;
  std::vector<tls::Certificate> intermediates;  // `certificate` first, unless it is the root itself
  tls::Certificate root;

  // When the first certificate of the way ends.
  absl::Time not_after() const;
};

// One URI name, critical, and an empty subject; for servers and clients; a random 128-bit serial.
// The leaf never outlives its issuer: it is cut to what is left. Errors as Issuer::Issue.
absl::StatusOr<tls::Certificate> SignLeaf(const SigningKey& signer, const LeafPolicy& policy,
                                          const IssueRequest& request, absl::Time now);

}  // namespace mesh::ca

#endif  // MESH_CA_LEAF_H_
