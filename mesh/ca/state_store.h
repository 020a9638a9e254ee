// Where an authority keeps what must survive it.
#ifndef MESH_CA_STATE_STORE_H_
#define MESH_CA_STATE_STORE_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mesh/base/mutex.h"

namespace mesh::ca {

// Plugged in: a directory, memory, or what a host brings. Thread-safe. Names are of a-z, 0-9, '.'
// and '-', and do not begin with a dot.
class StateStore {
 public:
  virtual ~StateStore() = default;
  // NotFound where nothing was written.
  virtual absl::StatusOr<std::string> Read(std::string_view name) const = 0;
  // All or nothing: after a crash at any point a reader finds the old bytes or the new ones. OK
  // means that they will survive a loss of power.
  virtual absl::Status Write(std::string_view name, std::string_view bytes) = 0;
};

// Files of mode 0600 in a directory of mode 0700, replaced by rename. One process at a time writes.
class DirectoryStore final : public StateStore {
 public:
  // Makes the directory (not its parents). PermissionDenied where it exists and others may enter.
  static absl::StatusOr<std::unique_ptr<DirectoryStore>> Open(std::string directory);

  absl::StatusOr<std::string> Read(std::string_view name) const override;
  absl::Status Write(std::string_view name, std::string_view bytes) override;

 private:
  explicit DirectoryStore(std::string directory) : directory_(std::move(directory)) {}

  const std::string directory_;
  Mutex mutex_;
};

// Forgets all when it goes; for tests and for meshes that live as long as one process.
class MemoryStore final : public StateStore {
 public:
  absl::StatusOr<std::string> Read(std::string_view name) const override;
  absl::Status Write(std::string_view name, std::string_view bytes) override;
  // Makes every later Write fail with `why`; OK lets them succeed again.
  void FailWrites(absl::Status why);

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::string, std::less<>> entries_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::ca

#endif  // MESH_CA_STATE_STORE_H_
