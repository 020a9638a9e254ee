#include "mesh/ca/leaf.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/tls/sign.h"

namespace mesh::ca {

absl::Time SigningKey::not_after() const {
  absl::Time end = std::min(certificate.not_after(), root.not_after());
  for (const tls::Certificate& c : intermediates) end = std::min(end, c.not_after());
  return end;
}

absl::StatusOr<tls::Certificate> SignLeaf(const SigningKey& signer, const LeafPolicy& policy,
                                          const IssueRequest& request, absl::Time now) {
  const absl::Duration lifetime =
      request.lifetime <= absl::ZeroDuration() ? policy.default_lifetime : request.lifetime;
  if (lifetime > policy.max_lifetime) {
    return absl::InvalidArgumentError(
        absl::StrCat("a lifetime of ", absl::FormatDuration(request.lifetime), " was asked for; ",
                     absl::FormatDuration(policy.max_lifetime), " is the most that is granted"));
  }
  const absl::Time end = signer.not_after();
  if (end <= now) {
    return absl::FailedPreconditionError(absl::StrCat("the authority's certificate expired at ",
                                                      absl::FormatTime(end, absl::UTCTimeZone())));
  }
  tls::CertificateTemplate leaf;
  leaf.not_before = now - policy.backdate;
  leaf.not_after = std::min(now + lifetime, end);
  leaf.sans = {{tls::SanType::kUri, request.identity.ToString()}};
  for (const std::string& name : request.dns_names) {
    leaf.sans.push_back({tls::SanType::kDns, name});
  }
  leaf.sans_critical = true;  // the subject is empty (RFC 5280 §4.1.2.6)
  leaf.for_servers = leaf.for_clients = true;
  return tls::SignCertificate(leaf, request.key, signer.certificate, signer.key);
}

}  // namespace mesh::ca
