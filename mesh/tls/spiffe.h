// SPIFFE identities: spiffe://TRUST-DOMAIN/PATH (the SPIFFE-ID standard, §2).
//
//   auto id = mesh::tls::SpiffeId::Parse("spiffe://cluster.local/ns/default/sa/reviews");
//   id->ns();               // "default"
//   id->service_account();  // "reviews"
#ifndef MESH_TLS_SPIFFE_H_
#define MESH_TLS_SPIFFE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mesh::tls {

// A value. Ordinary comparisons, by bytes.
class SpiffeId {
 public:
  // Strict: lower-case scheme; trust domain of a-z, 0-9, '.', '-' and '_', 1 to 255 bytes; no
  // port, user, query, fragment or escape; path segments of letters, digits, '.', '-' and '_',
  // none empty, none "." or ".."; 2048 bytes in all. InvalidArgument says what is wrong.
  static absl::StatusOr<SpiffeId> Parse(std::string_view uri);
  // spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT, the identity of a workload.
  static absl::StatusOr<SpiffeId> Workload(std::string_view trust_domain, std::string_view ns,
                                           std::string_view service_account);

  const std::string& trust_domain() const { return trust_domain_; }
  // "/ns/default/sa/reviews"; empty for a trust domain's own identity.
  const std::string& path() const { return path_; }
  // The parts of a workload's identity; empty where the path is not /ns/N/sa/A.
  std::string_view ns() const;
  std::string_view service_account() const;

  std::string ToString() const { return "spiffe://" + trust_domain_ + path_; }

  friend bool operator==(const SpiffeId& a, const SpiffeId& b) {
    return a.trust_domain_ == b.trust_domain_ && a.path_ == b.path_;
  }
  friend bool operator!=(const SpiffeId& a, const SpiffeId& b) { return !(a == b); }

 private:
  SpiffeId(std::string trust_domain, std::string path)
      : trust_domain_(std::move(trust_domain)), path_(std::move(path)) {}

  std::string trust_domain_;
  std::string path_;
};

}  // namespace mesh::tls

#endif  // MESH_TLS_SPIFFE_H_
