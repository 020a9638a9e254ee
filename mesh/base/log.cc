#include "mesh/base/log.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "mesh/base/strings.h"

namespace mesh {
namespace {

class NullLog final : public LogSink {
 public:
  void Log(LogLevel, std::string_view, std::string_view) override {}
};

}  // namespace

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

LogSink* LogSink::Null() {
  static NullLog* const sink = new NullLog();
  return sink;
}

void StderrLog::Log(LogLevel level, std::string_view component, std::string_view text) {
  if (level < at_least_) return;
  const std::string line =
      absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()), " ",
                   Absl(LogLevelName(level)), " ", Absl(component), ": ", Absl(text), "\n");
  // One write a line keeps lines of several threads apart; there is no one to tell of a failure.
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

void MemoryLog::Log(LogLevel level, std::string_view component, std::string_view text) {
  MutexLock lock(&mutex_);
  lines_.push_back(absl::StrCat(Absl(LogLevelName(level)), " ", Absl(component), ": ", Absl(text)));
}

std::vector<std::string> MemoryLog::lines() const {
  MutexLock lock(&mutex_);
  return lines_;
}

}  // namespace mesh
