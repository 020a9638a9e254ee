#include "mesh/ca/request.h"

#include "absl/strings/str_cat.h"
#include "mesh/tls/csr.h"

namespace mesh::ca {
namespace {

bool Accepted(tls::KeyType type) {
  switch (type) {
    case tls::KeyType::kP256:
    case tls::KeyType::kP384:
    case tls::KeyType::kRsa2048:
    case tls::KeyType::kRsa3072:
    case tls::KeyType::kRsa4096:
    case tls::KeyType::kEd25519:
      return true;
    case tls::KeyType::kP521:
    case tls::KeyType::kOther:
      return false;
  }
  return false;
}

}  // namespace

absl::StatusOr<ProvenKey> ProveKey(std::string_view csr_pem_or_der) {
  auto request = tls::ReadCsr(csr_pem_or_der);
  if (!request.ok()) return request.status();
  if (!Accepted(request->public_key.type())) {
    return absl::InvalidArgumentError(
        absl::StrCat("the key is ", request->public_key.Description(),
                     "; use P-256, P-384, Ed25519 or RSA of 2048, 3072 or 4096 bits"));
  }
  if (request->wants_ca) {
    return absl::InvalidArgumentError(
        "the request wants to be a certificate authority, workloads are none");
  }
  if (!request->unknown_critical.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the request holds a critical extension, ",
                                                   request->unknown_critical[0],
                                                   ", that is not understood"));
  }
  ProvenKey proven{request->public_key, {}};
  for (const tls::SubjectAltName& name : request->sans) {
    proven.ignored_names.push_back(name.ToString());
  }
  return proven;
}

}  // namespace mesh::ca
