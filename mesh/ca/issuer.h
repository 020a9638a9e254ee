// Whoever turns a proven public key and an authenticated identity into a certificate.
//
//   absl::StatusOr<mesh::ca::ProvenKey> proven = mesh::ca::ProveKey(csr_pem);
//   mesh::ca::IssueRequest request{proven->key, caller_identity, absl::Hours(24)};
//   absl::StatusOr<mesh::ca::Issued> issued = issuer->Issue(request);
#ifndef MESH_CA_ISSUER_H_
#define MESH_CA_ISSUER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/key.h"
#include "mesh/tls/spiffe.h"

namespace mesh::ca {

struct IssueRequest {
  tls::PublicKey key;       // proven: ProveKey()
  tls::SpiffeId identity;   // of the authenticated caller, never from the request
  absl::Duration lifetime;  // zero or less: the issuer's default
  // DNS names beside the identity, for the control plane's own servers ("istiod.istio-system.svc").
  // Never what a certificate request asks for.
  std::vector<std::string> dns_names = {};
};

// The roots that a mesh trusts at one time; several while one replaces another. Certificates that
// are issued now lead to the first, so that whoever holds one that does not knows to renew it.
// Frozen.
struct TrustBundle {
  std::vector<tls::Certificate> roots;
};

struct Issued {
  tls::Certificate leaf;
  std::vector<tls::Certificate> intermediates;  // from the leaf's issuer upwards, without the root
  tls::Certificate root;                        // where the chain ends
  std::shared_ptr<const TrustBundle> bundle;    // what the holder must trust, `root` among it
};

// Plugged in: ours are SelfSignedAuthority and PluggedInAuthority, a host may bring another.
// Implementations are thread-safe.
class Issuer {
 public:
  virtual ~Issuer() = default;
  // InvalidArgument: the request cannot be granted to anyone (it wants to live too long).
  // FailedPrecondition: the authority cannot sign now (it has expired).
  virtual absl::StatusOr<Issued> Issue(const IssueRequest& request) = 0;
  virtual std::shared_ptr<const TrustBundle> bundle() const = 0;
};

}  // namespace mesh::ca

#endif  // MESH_CA_ISSUER_H_
