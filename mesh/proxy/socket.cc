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

void Socket::Open(int fd, std::string_view first) {
  fd_ = fd;
  blocked_ = wire_ended_ = ended_ = finish_ = closing_ = lingering_ = was_full_ = false;
  interest_.reads = !connecting_ && !paused_;
  interest_.writes = connecting_;
  loop_->network().Watch(fd, this, interest_);
  if (!first.empty()) Take(first);
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

void Socket::UpdateInterest() {
  if (fd_ < 0) return;
  Interest wanted;
  wanted.reads = !connecting_ && !paused_ && !ended_ && !wire_ended_;
  wanted.writes = connecting_ || blocked_;
  if (wanted.reads == interest_.reads && wanted.writes == interest_.writes) return;
  interest_ = wanted;
  loop_->network().ChangeInterest(fd_, this, wanted);
}

void Socket::OnReady(const ReadyEvent& event) {
  if (fd_ < 0) return;
  if (connecting_) {
    if (!event.writable && !event.hangup) return;
    const int result = loop_->network().ConnectResult(fd_);
    if (result != 0) return Fail(-result);
    connecting_ = false;
    if (tls_ != nullptr) {
      AdvanceTls();
    } else {
      OnConnected();
    }
    return UpdateInterest();
  }
  if (event.writable && blocked_) {
    blocked_ = false;
    FlushSoon();
  }
  if (event.broken && !interest_.reads && drop_when_broken_) return Fail(ECONNRESET);
  if ((event.readable || event.hangup) && !paused_ && !ended_ && !wire_ended_) ReadAll();
  UpdateInterest();
}

void Socket::ReadAll() {
  char* const scratch = loop_->scratch();
  for (size_t turns = 0; turns < kReadsPerTurn && !paused_; ++turns) {
    const ssize_t n = loop_->network().Read(fd_, scratch, EventLoop::kScratchBytes);
    if (n == -EINTR) continue;
    if (n == -EAGAIN) return;
    if (n < 0) return Fail(static_cast<int>(-n));
    if (n == 0) {
      if (lingering_) return Close();
      return TakeEnd();
    }
    if (!lingering_ && !closing_) Take(std::string_view(scratch, n));
    // Less than was asked for: what may still come is said by the next event.
    if (fd_ < 0 || static_cast<size_t>(n) < EventLoop::kScratchBytes) return;
  }
}

void Socket::Take(std::string_view bytes) {
  if (tls_ != nullptr) {
    tls_->Receive(bytes);
    return AdvanceTls();
  }
  bytes_read_ += bytes.size();
  OnData(bytes);
}

void Socket::TakeEnd() {
  wire_ended_ = true;
  if (tls_ != nullptr) {
    tls_->ReceiveEnd();
    return AdvanceTls();
  }
  ended_ = true;
  OnEnd();
}

void Socket::PauseReads() {
  paused_ = true;
  UpdateInterest();
}

void Socket::ResumeReads() {
  if (!paused_) return;
  paused_ = false;
  if (tls_ != nullptr) {
    read_tls_ = true;
    FlushSoon();
  }
  UpdateInterest();
}

void Socket::Flush() {
  if (fd_ < 0 || connecting_ || lingering_) return;
  if (read_tls_) {
    read_tls_ = false;
    if (!paused_ && !ended_ && !closing_) AdvanceTls();
    if (fd_ < 0) return;
  }
  while (!blocked_) {
    if (unsent() >= limit_) was_full_ = true;
    const std::string_view bytes = NextOutgoing();
    if (fd_ < 0) return;  // TLS failed
    if (bytes.empty()) break;
    const ssize_t n = loop_->network().Write(fd_, bytes.data(), bytes.size());
    if (n == -EINTR) continue;
    if (n == -EAGAIN || n == -ENOBUFS) {
      blocked_ = true;
      break;
    }
    if (n < 0) return FailAfterReading(static_cast<int>(-n));
    blocked_ = static_cast<size_t>(n) < bytes.size();
    Sent(n);
  }
  if (was_full_ && unsent() <= limit_ / 2) {
    was_full_ = false;
    OnDrained();
    if (fd_ < 0) return;
  }
  if (unsent() == 0 && closing_) {
    loop_->network().ShutdownWrites(fd_);
    if (wire_ended_) return Close();
    lingering_ = true;
    paused_ = false;
    linger_timer_.Arm(kLinger);
  } else if (unsent() == 0 && finish_ && !connecting()) {
    finish_ = false;
    loop_->network().ShutdownWrites(fd_);
  }
  UpdateInterest();
}

void Socket::FinishWrites() {
  finish_ = true;
  FlushSoon();
}

void Socket::CloseWhenFlushed() {
  if (fd_ < 0 || closing_) return;
  if (connecting()) return Close();
  closing_ = true;
  FlushSoon();
}

void Socket::Close() {
  if (fd_ < 0) return;
  if (tls_ != nullptr) SayGoodbye();
  Drop();
  OnClosed();
}

void Socket::Reset() {
  if (fd_ < 0) return;
  loop_->network().SetReset(fd_);
  goodbye_ = true;  // there is none
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
  blocked_ = true;
  if (!paused_ && !ended_ && !wire_ended_) ReadAll();
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
