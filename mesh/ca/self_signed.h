// An authority with roots of its own, kept in a store.
//
//   auto store = mesh::ca::DirectoryStore::Open("/var/lib/meshd/ca");
//   mesh::ca::SelfSignedOptions options;
//   options.store = store->get();
//   auto authority = mesh::ca::SelfSignedAuthority::Open(options);
//   (*authority)->Maintain();  // every hour
#ifndef MESH_CA_SELF_SIGNED_H_
#define MESH_CA_SELF_SIGNED_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "mesh/base/clock.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/issuer.h"
#include "mesh/ca/leaf.h"
#include "mesh/ca/rotation.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/key.h"

namespace mesh::ca {

struct SelfSignedOptions {
  std::string organization = "cluster.local";  // O= of the root's subject, as Istio has it
  tls::KeyType root_key = tls::KeyType::kP256;
  absl::Duration root_lifetime = absl::Hours(3650 * 24);
  LeafPolicy leaf;
  StateStore* store = nullptr;         // must outlive the authority
  const Clock* clock = Clock::Real();  // likewise
  LogSink* log = LogSink::Null();      // likewise
};

// Thread-safe. Issue() runs while another thread rotates: each answer is wholly of before or after.
class SelfSignedAuthority final : public Issuer {
 public:
  // Reads the roots from the store, or makes the first one and writes it there. DataLoss where the
  // store holds something that is not a whole state: it is not replaced, for roots that workloads
  // trust must not vanish unseen.
  static absl::StatusOr<std::unique_ptr<SelfSignedAuthority>> Open(
      const SelfSignedOptions& options);

  absl::StatusOr<Issued> Issue(const IssueRequest& request) override;
  std::shared_ptr<const TrustBundle> bundle() const override;

  // In the last fifth of a root's life, makes its successor: the same key, subject and extensions,
  // a new time. Both are trusted until the older one expires, so nobody has to hear of it in time.
  // True when something changed. Call it about every hour.
  absl::StatusOr<bool> Maintain();

  // A new root with another key, in phases (rotation.h). Each call is one step, written to the
  // store before it takes effect. FailedPrecondition says who is not ready, or that the step is not
  // the next one.
  RotationState rotation() const;
  absl::Status AnnounceNewRoot();
  absl::Status SwitchToNewRoot(absl::Span<const ProxyProof> proxies);
  absl::Status RetireOldRoot(absl::Span<const ProxyProof> proxies);
  // Back to the old root; not once it is retired. From kSwitched it goes back to kAnnounced, since
  // certificates of the new root are about; from there to kStable, when no connected proxy shows
  // one.
  absl::Status StepBack(absl::Span<const ProxyProof> proxies);

  // For this folder.
  struct State;

 private:
  SelfSignedAuthority(const SelfSignedOptions& options, std::shared_ptr<const State> state);
  std::shared_ptr<const State> state() const;
  absl::Status Become(State next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_);

  const SelfSignedOptions options_;
  Mutex change_;         // held over a whole change
  mutable Mutex mutex_;  // held to read or swap the pointer
  std::shared_ptr<const State> state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::ca

#endif  // MESH_CA_SELF_SIGNED_H_
