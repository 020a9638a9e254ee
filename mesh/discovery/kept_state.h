// What is in force, over a restart: in one file, replaced as a whole.
#ifndef MESH_DISCOVERY_KEPT_STATE_H_
#define MESH_DISCOVERY_KEPT_STATE_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/state_store.h"
#include "mesh/config/store.h"

namespace mesh::discovery {

// As bytes, with a hash that tells whether they are whole. Of where an object's fields stood only
// the object's own place is kept.
std::string EncodeKept(const std::vector<config::KeptUnit>& units);
// DataLoss where the bytes are not what EncodeKept made. Objects of kinds that are not known here
// are passed over.
absl::StatusOr<std::vector<config::KeptUnit>> DecodeKept(std::string_view bytes);

// One thread, named "kept-state", on which all signals are blocked. Load before the first Save.
class KeptState {
 public:
  // More than this is not written down, which is reported.
  static constexpr size_t kMostBytes = 256 << 20;

  // `directory` is made where it is not there; PermissionDenied where others may look into it, as
  // Secrets are among the objects. `log` outlives this.
  static absl::StatusOr<std::unique_ptr<KeptState>> Open(const std::string& directory,
                                                         LogSink* log);
  ~KeptState();  // stops
  KeptState(const KeptState&) = delete;
  KeptState& operator=(const KeptState&) = delete;

  // What was saved last. Nothing where there is nothing, and where it is damaged, which is
  // reported.
  std::vector<config::KeptUnit> Load();

  // Writes soon; of several the last one. What cannot be written is reported once, and what was
  // written before stays.
  void Save(std::vector<config::KeptUnit> units);

  // Writes what waits. May be called twice.
  void Stop();

 private:
  KeptState(std::unique_ptr<ca::DirectoryStore> files, std::string directory, LogSink* log);
  void Work();
  void Write(const std::vector<config::KeptUnit>& units);

  const std::unique_ptr<ca::DirectoryStore> files_;
  const std::string directory_;
  LogSink* const log_;
  std::string said_;  // what is wrong with writing; of the thread
  std::thread thread_;

  Mutex mutex_;
  CondVar changed_;
  std::optional<std::vector<config::KeptUnit>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_KEPT_STATE_H_
