#include "mesh/telemetry/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace mesh::telemetry {

namespace {
constexpr size_t kMaxWaitingBytes = 16 << 20;
}  // namespace

class LogWriter::File {
 public:
  File(int fd, bool own) : fd_(fd), own_(own) {}
  File(const Sink* sink, const std::string& path)
      : fd_(-1), own_(false), sink_(sink), path_(path) {}
  ~File() {
    if (own_) close(fd_);
  }
  // What cannot be written is lost: there is nobody to tell.
  void Write(const std::string& lines) {
    if (sink_ != nullptr) return (*sink_)(path_, lines);
    size_t at = 0;
    while (at < lines.size()) {
      const ssize_t n = write(fd_, lines.data() + at, lines.size() - at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;
      at += n;
    }
  }

 private:
  const int fd_;
  const bool own_;
  const Sink* const sink_ = nullptr;
  const std::string path_;
};

LogWriter::LogWriter(Sink sink) : sink_(std::move(sink)), thread_([this] { Run(); }) {
  pthread_setname_np(thread_.native_handle(), "log-writer");
}

LogWriter::~LogWriter() { Stop(); }

absl::StatusOr<LogWriter::File*> LogWriter::Open(const std::string& path) {
  MutexLock lock(&mutex_);
  std::unique_ptr<File>& file = files_[path];
  if (file != nullptr) return file.get();
  if (sink_) {
    file = std::make_unique<File>(&sink_, path);
  } else if (path == "/dev/stdout") {
    file = std::make_unique<File>(STDOUT_FILENO, false);
  } else if (path == "/dev/stderr") {
    file = std::make_unique<File>(STDERR_FILENO, false);
  } else {
    const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
      const int error = errno;
      files_.erase(path);
      return absl::UnavailableError(
          absl::StrCat("cannot open the access log \"", path, "\": ", strerror(error)));
    }
    file = std::make_unique<File>(fd, true);
  }
  return file.get();
}

void LogWriter::Write(File* file, std::string lines) {
  MutexLock lock(&mutex_);
  if (stop_ || waiting_bytes_ + lines.size() > kMaxWaitingBytes) {
    dropped_ += lines.size();
    return;
  }
  waiting_bytes_ += lines.size();
  waiting_.push_back({file, std::move(lines)});
  more_.NotifyOne();
}

uint64_t LogWriter::dropped_bytes() const {
  MutexLock lock(&mutex_);
  return dropped_;
}

void LogWriter::Flush() {
  MutexLock lock(&mutex_);
  while (busy_ || !waiting_.empty()) written_.Wait(&mutex_);
}

void LogWriter::Stop() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    more_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

void LogWriter::Run() {
  for (;;) {
    std::vector<Batch> batches;
    {
      MutexLock lock(&mutex_);
      busy_ = false;
      if (waiting_.empty()) written_.NotifyAll();
      while (waiting_.empty() && !stop_) more_.Wait(&mutex_);
      if (waiting_.empty()) return;
      batches.swap(waiting_);
      waiting_bytes_ = 0;
      busy_ = true;
    }
    for (const Batch& batch : batches) batch.file->Write(batch.lines);
  }
}

}  // namespace mesh::telemetry
