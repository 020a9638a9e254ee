// Files that lines are appended to by one thread, for any number of threads that must not wait.
#ifndef MESH_TELEMETRY_LOG_WRITER_H_
#define MESH_TELEMETRY_LOG_WRITER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/base/mutex.h"

namespace mesh::telemetry {

// Starts one thread ("log-writer"), which ends with Stop or the destructor, after everything handed
// over has been written. Thread-safe.
class LogWriter {
 public:
  // One open file. Lives as long as its writer.
  class File;
  // Takes whole lines instead of the files of those paths, on the writer's thread.
  using Sink = std::function<void(std::string_view path, std::string_view lines)>;

  // With a sink no file is opened.
  explicit LogWriter(Sink sink = nullptr);
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Opens for appending, or finds it open; /dev/stdout and /dev/stderr are this process's own.
  absl::StatusOr<File*> Open(const std::string& path);
  // Hands whole lines over. Never waits for the disk: where more than 16 MiB are waiting the lines
  // are dropped and counted.
  void Write(File* file, std::string lines);
  uint64_t dropped_bytes() const;
  // Returns when all that was handed over before is written.
  void Flush();
  void Stop();

 private:
  struct Batch {
    File* file;
    std::string lines;
  };
  void Run();

  const Sink sink_;
  mutable Mutex mutex_;
  CondVar more_;
  CondVar written_;
  std::map<std::string, std::unique_ptr<File>> files_ ABSL_GUARDED_BY(mutex_);
  std::vector<Batch> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace mesh::telemetry

#endif  // MESH_TELEMETRY_LOG_WRITER_H_
