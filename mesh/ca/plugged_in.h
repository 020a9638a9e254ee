// An authority whose certificate and key someone else made: four files in a directory, as Istio
// reads them from the secret `cacerts`.
//
//   ca-cert.pem     the certificate that signs workloads'
//   ca-key.pem      its private key
//   root-cert.pem   the roots to trust, one or several
//   cert-chain.pem  from ca-cert.pem up to the root, the root itself may be left out; the file may
//   be
//                   missing where a root signs directly
#ifndef MESH_CA_PLUGGED_IN_H_
#define MESH_CA_PLUGGED_IN_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mesh/base/clock.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/issuer.h"
#include "mesh/ca/leaf.h"

namespace mesh::ca {

struct PluggedInOptions {
  std::string directory;
  LeafPolicy leaf;
  const Clock* clock = Clock::Real();  // must outlive the authority
  LogSink* log = LogSink::Null();      // likewise
};

// Thread-safe.
class PluggedInAuthority final : public Issuer {
 public:
  // All four are verified as a whole: the key is the certificate's, the certificate may sign
  // certificates, the chain leads to one of the roots, nothing has expired. FailedPrecondition says
  // which file is wrong and how.
  static absl::StatusOr<std::unique_ptr<PluggedInAuthority>> Open(const PluggedInOptions& options);

  absl::StatusOr<Issued> Issue(const IssueRequest& request) override;
  std::shared_ptr<const TrustBundle> bundle() const override;

  // Reads the files again; true when they changed and are in force. On an error what was in force
  // stays so. Call it when the files change, or every few seconds: unchanged files are not parsed.
  absl::StatusOr<bool> Reload();

 private:
  struct Loaded;
  PluggedInAuthority(const PluggedInOptions& options, std::shared_ptr<const Loaded> loaded);
  static absl::StatusOr<std::shared_ptr<const Loaded>> Load(const PluggedInOptions& options);
  std::shared_ptr<const Loaded> loaded() const;

  const PluggedInOptions options_;
  mutable Mutex mutex_;
  std::shared_ptr<const Loaded> loaded_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::ca

#endif  // MESH_CA_PLUGGED_IN_H_
