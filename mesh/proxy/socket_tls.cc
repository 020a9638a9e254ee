// The half of a socket that speaks TLS: what comes from the wire goes into a session and what is
// inside of it to the owner; what the owner writes waits in `out_`, is encrypted no sooner than it
// can be sent, and leaves from the session.

#include <errno.h>

#include "mesh/proxy/socket.h"

namespace mesh::proxy {
namespace {

// What is encrypted ahead of the kernel.
constexpr size_t kEncryptedAhead = 64 * 1024;

}  // namespace

void Socket::UseTls(std::shared_ptr<const tls::Context> context, const std::string& server_name) {
  secure_ = goodbye_ = read_tls_ = false;
  tls_.reset();
  if (context == nullptr) return;
  tls::SessionOptions options;
  options.server_name = server_name;
  options.max_outgoing_bytes = kEncryptedAhead;
  tls_ = std::make_unique<tls::Session>(std::move(context), std::move(options));
}

// The handshake as far as it goes, then what the session holds for the owner.
void Socket::AdvanceTls() {
  FlushSoon();  // any step may have something to say
  if (!secure_) {
    const tls::Progress progress = tls_->Handshake();
    if (progress == tls::Progress::kFailed) return FailTls();
    if (progress != tls::Progress::kDone) return;
    secure_ = true;
    OnConnected();
  }
  ReadTls();
}

void Socket::ReadTls() {
  char* const scratch = loop_->scratch();
  while (fd_ >= 0 && !paused_ && !ended_ && !closing_) {
    const tls::IoResult read = tls_->Read({scratch, EventLoop::kScratchBytes});
    switch (read.progress) {
      case tls::Progress::kDone:
        bytes_read_ += read.bytes;
        OnData(std::string_view(scratch, read.bytes));
        break;
      case tls::Progress::kClosed:
        ended_ = true;
        return OnEnd();
      case tls::Progress::kFailed:
        if (!wire_ended_ || tls_->error().code() != absl::StatusCode::kDataLoss) return FailTls();
        ended_ = true;
        return OnCutOff();
      case tls::Progress::kWantRead:
      case tls::Progress::kWantWrite:
        return;
    }
  }
}

// What the owner has written, encrypted, as much as is kept ready; at the end our close_notify.
std::string_view Socket::NextOutgoing() {
  if (tls_ == nullptr) return out_.view();
  while (secure_ && !out_.empty()) {
    const tls::IoResult written = tls_->Write(out_.view());
    if (written.progress == tls::Progress::kFailed) {
      FailTls();
      return {};
    }
    if (written.progress != tls::Progress::kDone) break;
    bytes_written_ += written.bytes;
    out_.Consume(written.bytes);
  }
  if (secure_ && (closing_ || finish_) && !goodbye_ && unsent() == 0) {
    goodbye_ = true;
    tls_->Close();
  }
  return tls_->outgoing();
}

void Socket::Sent(size_t bytes) {
  if (tls_ != nullptr) return tls_->Sent(bytes);
  bytes_written_ += bytes;
  out_.Consume(bytes);
}

// The alert that says why may still be read.
void Socket::FailTls() {
  const std::string_view alert = tls_->outgoing();
  if (!alert.empty() && !blocked_) loop_->network().Write(fd_, alert.data(), alert.size());
  Fail(EPROTO);
}

// An end that nobody waits for says so as far as the kernel takes it at once.
void Socket::SayGoodbye() {
  if (!secure_ || goodbye_ || !tls_->error().ok() || blocked_ || unsent() > 0) return;
  goodbye_ = true;
  tls_->Close();
  const std::string_view bytes = tls_->outgoing();
  if (!bytes.empty()) loop_->network().Write(fd_, bytes.data(), bytes.size());
}

}  // namespace mesh::proxy
