#include "mesh/proxy/socket.h"

#include <errno.h>

namespace mesh::proxy {
namespace {

// What one connection may read in one turn before others have theirs.
constexpr size_t kReadsPerTurn = 4;
constexpr Nanos kLinger = 1000 * kMillisecond;

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) loop_->network().Close(fd_);
  loop_->Forget(this);
}

void Socket::Open(int fd) {
  fd_ = fd;
  readable_ = writable_ = hangup_ = ended_ = false;
  finish_ = closing_ = lingering_ = was_full_ = false;
  loop_->network().Watch(fd, this);
}

bool Socket::Connect(const Address& to, const Address* from, int* error) {
  const int fd = loop_->network().Connect(to, from);
  if (fd < 0) {
    *error = -fd;
    return false;
  }
  connecting_ = true;
  Open(fd);
  return true;
}

void Socket::OnReady(const ReadyEvent& event) {
  if (fd_ < 0) return;
  if (event.readable) readable_ = true;
  if (event.hangup) hangup_ = readable_ = true;
  if (connecting_) {
    if (!event.writable && !event.hangup) return;
    const int result = loop_->network().ConnectResult(fd_);
    if (result != 0) return Fail(-result);
    connecting_ = false;
    writable_ = true;
    OnConnected();
    if (fd_ < 0) return;
  }
  if (event.writable) {
    writable_ = true;
    if (!out_.empty() || finish_ || closing_) FlushSoon();
  }
  if (event.broken && paused_ && drop_when_broken_) return Fail(ECONNRESET);
  if (readable_ && !paused_) ReadAll();
}

void Socket::ReadAll() {
  char* const scratch = loop_->scratch();
  for (size_t turns = 0; readable_ && !paused_; ++turns) {
    if (turns == kReadsPerTurn) return loop_->ReadyLater(this);
    const ssize_t n = loop_->network().Read(fd_, scratch, EventLoop::kScratchBytes);
    if (n == -EINTR) continue;
    if (n == -EAGAIN) {
      readable_ = false;
      return;
    }
    if (n < 0) return Fail(static_cast<int>(-n));
    if (n == 0) {
      readable_ = false;
      if (lingering_) return Close();
      if (ended_) return;
      ended_ = true;
      return OnEnd();
    }
    // Less than asked for means that no more is there, and the next byte will be an event; but an
    // end that has already been reported is not reported again.
    if (static_cast<size_t>(n) < EventLoop::kScratchBytes && !hangup_) readable_ = false;
    bytes_read_ += n;
    if (lingering_ || closing_) continue;
    OnData(std::string_view(scratch, n));
    if (fd_ < 0) return;
  }
}

void Socket::ResumeReads() {
  if (!paused_) return;
  paused_ = false;
  // Not from here: whoever resumes is in the middle of its own work.
  if (fd_ >= 0 && readable_) loop_->ReadyLater(this);
}

void Socket::Flush() {
  if (fd_ < 0 || connecting_ || lingering_) return;
  while (!out_.empty()) {
    if (!writable_) break;
    const std::string_view bytes = out_.view();
    const ssize_t n = loop_->network().Write(fd_, bytes.data(), bytes.size());
    if (n == -EINTR) continue;
    if (n == -EAGAIN || n == -ENOBUFS) {
      writable_ = false;
      break;
    }
    if (n < 0) return FailAfterReading(static_cast<int>(-n));
    bytes_written_ += n;
    if (out_.size() >= limit_) was_full_ = true;
    out_.Consume(n);
    if (static_cast<size_t>(n) < bytes.size()) writable_ = false;
  }
  if (was_full_ && out_.size() <= limit_ / 2) {
    was_full_ = false;
    OnDrained();
    if (fd_ < 0) return;
  }
  if (!out_.empty()) return;
  if (closing_) {
    loop_->network().ShutdownWrites(fd_);
    if (ended_) return Close();
    lingering_ = true;
    paused_ = false;
    linger_timer_.Arm(kLinger);
    if (readable_) loop_->ReadyLater(this);
  } else if (finish_) {
    finish_ = false;
    loop_->network().ShutdownWrites(fd_);
  }
}

void Socket::FinishWrites() {
  finish_ = true;
  FlushSoon();
}

void Socket::CloseWhenFlushed() {
  if (fd_ < 0 || closing_) return;
  closing_ = true;
  FlushSoon();
}

void Socket::Close() {
  if (fd_ < 0) return;
  Drop();
  OnClosed();
}

void Socket::Reset() {
  if (fd_ < 0) return;
  loop_->network().SetReset(fd_);
  Close();
}

void Socket::Fail(int error) {
  if (fd_ < 0) return;
  const bool quiet = closing_;  // the owner has finished with it
  Drop();
  if (!quiet) OnError(error);
  OnClosed();
}

// The peer takes no more, but what it said before may still wait to be read: an early answer to a
// long request.
void Socket::FailAfterReading(int error) {
  out_.Release();
  writable_ = false;
  if (!paused_ && !ended_) {
    readable_ = hangup_ = true;
    ReadAll();
  }
  Fail(error);
}

void Socket::Drop() {
  loop_->network().Close(fd_);
  fd_ = -1;
  connecting_ = false;
  linger_timer_.Disarm();
  out_.Release();
}

}  // namespace mesh::proxy
