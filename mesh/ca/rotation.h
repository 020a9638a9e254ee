// Replacing a root by one with another key, without a moment in which two workloads disagree.
//
//   kStable     one root; leaves are issued from it
//   kAnnounced  everyone is told of both roots; leaves still come from the old one
//   kSwitched   leaves come from the new root; both are still trusted
//   kStable     the old root is gone
//
// A phase is entered only when every connected proxy has proven that it holds what the phase needs.
// Pure decisions: nothing here has state, a clock or a lock.
#ifndef MESH_CA_ROTATION_H_
#define MESH_CA_ROTATION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace mesh::ca {

enum class RotationPhase { kStable, kAnnounced, kSwitched };
std::string_view RotationPhaseName(RotationPhase phase);  // "stable", "announced", "switched"

// What one connected proxy has acknowledged. Roots are named by Certificate::Fingerprint().
struct ProxyProof {
  std::string proxy;
  std::vector<std::string> trusted_roots;
  std::string leaf_root;  // the root that its own certificate leads to
};

// Where a rotation stands.
struct RotationState {
  RotationPhase phase = RotationPhase::kStable;
  std::string root;      // kStable: the one; else the old one
  std::string new_root;  // empty when kStable
};

struct NotReady {
  std::string proxy;
  std::string why;  // "does not trust the new root yet"
};

// Who keeps the next phase from being entered; empty: it may be.
std::vector<NotReady> BlockersOfNextPhase(const RotationState& state,
                                          absl::Span<const ProxyProof> proxies);

// FailedPrecondition names the first proxies that are not ready.
absl::Status MayEnterNextPhase(const RotationState& state, absl::Span<const ProxyProof> proxies);

// What `meshctl ca rotate --plan` prints: the phase, the next one, and who is not ready for it.
std::string RotationPlan(const RotationState& state, absl::Span<const ProxyProof> proxies);

}  // namespace mesh::ca

#endif  // MESH_CA_ROTATION_H_
