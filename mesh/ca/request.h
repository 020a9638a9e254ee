// What of a certificate request is believed: its public key, because its private half signed it.
#ifndef MESH_CA_REQUEST_H_
#define MESH_CA_REQUEST_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/tls/key.h"

namespace mesh::ca {

struct ProvenKey {
  tls::PublicKey key;
  // Names that the request asked for and will not get by asking, for the audit: "URI:spiffe://...".
  std::vector<std::string> ignored_names;
};

// Names in the request are ignored: identity comes from the authenticated caller. InvalidArgument
// where the request
//  - is no single well-formed PKCS#10 structure of at most 64 KiB (bytes behind it, two blocks),
//  - is not signed by the key it names, or with SHA-1,
//  - names a key that is not P-256, P-384, RSA of 2048, 3072 or 4096 bits, or Ed25519,
//  - wants to be an authority (CA:TRUE, keyCertSign),
//  - holds a critical extension that is not understood.
// Cost: one signature verification.
absl::StatusOr<ProvenKey> ProveKey(std::string_view csr_pem_or_der);

}  // namespace mesh::ca

#endif  // MESH_CA_REQUEST_H_
