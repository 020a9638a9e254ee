// Where libraries log: into the sink their host gives them, nowhere else.
#ifndef MESH_BASE_LOG_H_
#define MESH_BASE_LOG_H_

#include <string>
#include <string_view>
#include <vector>

#include "mesh/base/mutex.h"

namespace mesh {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning", "error".
std::string_view LogLevelName(LogLevel level);

// Implementations are thread-safe and must not block for long.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // `component` is a short constant such as "xds"; `text` is one line without its newline.
  virtual void Log(LogLevel level, std::string_view component, std::string_view text) = 0;

  // Drops everything; lives forever. What a library uses when its host gives it no sink.
  static LogSink* Null();
};

// Writes "2026-01-31T12:00:00.000Z info xds: text" to stderr, one write a line.
class StderrLog final : public LogSink {
 public:
  explicit StderrLog(LogLevel at_least = LogLevel::kInfo) : at_least_(at_least) {}
  void Log(LogLevel level, std::string_view component, std::string_view text) override;

 private:
  const LogLevel at_least_;
};

// Keeps what was logged, for tests.
class MemoryLog final : public LogSink {
 public:
  void Log(LogLevel level, std::string_view component, std::string_view text) override;
  // "info xds: text", in order.
  std::vector<std::string> lines() const;

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh

#endif  // MESH_BASE_LOG_H_
