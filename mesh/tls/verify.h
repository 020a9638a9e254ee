// Whether a chain of certificates leads to a root that is trusted (RFC 5280 §6).
#ifndef MESH_TLS_VERIFY_H_
#define MESH_TLS_VERIFY_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "mesh/tls/certificate.h"

namespace mesh::tls {

// The roots that are trusted. A value: cheap to copy, immutable, thread-safe.
class TrustRoots {
 public:
  TrustRoots() : TrustRoots(absl::Span<const Certificate>()) {}
  // Duplicates count once.
  explicit TrustRoots(absl::Span<const Certificate> roots);

  const std::vector<Certificate>& certificates() const;
  bool empty() const { return certificates().empty(); }

  // For this folder.
  struct Rep;
  const Rep& rep() const { return *rep_; }

 private:
  std::shared_ptr<const Rep> rep_;
};

// What the holder of the leaf is to us: decides which extended key usage it needs.
enum class PeerRole { kServer, kClient, kAny };

struct VerifyOptions {
  absl::Time now;
  PeerRole role = PeerRole::kAny;
};

// `chain` has the leaf first, then intermediates in any order. PermissionDenied says what is wrong:
// no way to a root, expired or not yet valid, wrong key usage, a leaf that is an authority.
absl::Status VerifyChain(absl::Span<const Certificate> chain, const TrustRoots& roots,
                         const VerifyOptions& options);

}  // namespace mesh::tls

#endif  // MESH_TLS_VERIFY_H_
