// A workload's own certificate, kept fresh: asked for, renewed in time, handed out by value.
//
//   mesh::ca::WorkloadCertificateOptions options;
//   options.request = [&](const std::string& csr) { return client.Request(csr); };
//   mesh::ca::WorkloadCertificate certificate(options);
//   absl::Time next = certificate.Poll();   // again at `next`, on a thread that may wait
//   auto held = certificate.current();      // null until the first one is there
#ifndef MESH_CA_WORKLOAD_CERTIFICATE_H_
#define MESH_CA_WORKLOAD_CERTIFICATE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/base/clock.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/lifetime.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/context.h"
#include "mesh/tls/key.h"

namespace mesh::ca {

// A chain as an authority answers: the leaf, intermediates, then all roots that are to be trusted.
struct ObtainedChain {
  std::vector<tls::Certificate> chain;  // without roots
  std::vector<tls::Certificate> roots;
};

struct WorkloadCertificateOptions {
  // Asks an authority; may block. Called from Poll() only.
  std::function<absl::StatusOr<ObtainedChain>(const std::string& csr_pem)> request;
  tls::KeyType key = tls::KeyType::kP256;
  // In [0, 1): spreads renewals of a fleet. Called from Poll() only; null: at random.
  std::function<double()> jitter;
  const Clock* clock = Clock::Real();  // must outlive the object
  LogSink* log = LogSink::Null();      // likewise
};

// Thread-safe but for Poll, which one thread calls. Each renewal makes a new key.
class WorkloadCertificate {
 public:
  // Frozen. Contexts are built from it; a connection that lives keeps the one it began with.
  struct Held {
    tls::Identity identity;
    std::vector<tls::Certificate> roots;
    uint64_t generation = 0;  // counts from 1
  };

  explicit WorkloadCertificate(WorkloadCertificateOptions options);

  // What an earlier process held: in force from now on, and renewed when it is time.
  // FailedPrecondition where it has expired or does not lead to its roots. Before the first Poll
  // only.
  absl::Status Adopt(tls::Identity identity, std::vector<tls::Certificate> roots);

  // Renews when it is time: at first, then between 40 and 50 % of the certificate's life; after a
  // failure again after a growing while (lifetime.h). A certificate that is not for the new key,
  // has no SPIFFE id or another one than before, or does not lead to the roots beside it, counts as
  // a failure: what was held stays. Returns when to call again.
  absl::Time Poll();
  // The roots to trust, as an authenticated source says between two renewals; nothing where they
  // are the same. Where the certificate held does not lead to the first of them, the next Poll
  // renews it. Poll's thread only, once there is a certificate.
  void SetRoots(std::vector<tls::Certificate> roots);

  std::shared_ptr<const Held> current() const;
  // OK, or why the last attempt failed.
  absl::Status last_error() const;
  // Runs on Poll's thread after each change.
  void OnChange(std::function<void(std::shared_ptr<const Held>)> listener);

 private:
  absl::StatusOr<Held> Obtain();
  void Become(std::shared_ptr<const Held> fresh);
  void RaiseAlarm(absl::Time now, const absl::Status& why);

  const WorkloadCertificateOptions options_;
  // Poll's thread only.
  absl::Time next_ = absl::InfinitePast();
  int failures_ = 0;
  Freshness announced_ = Freshness::kFresh;

  mutable Mutex mutex_;
  std::shared_ptr<const Held> held_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void(std::shared_ptr<const Held>)>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::ca

#endif  // MESH_CA_WORKLOAD_CERTIFICATE_H_
