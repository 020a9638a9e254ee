#include "mesh/proxy/inspector.h"

#include <errno.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "mesh/tls/client_hello.h"

namespace mesh::proxy {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n";
// A request's first line is expected within so much.
constexpr size_t kMaxLine = 64 * 1024;
// A draining connection that says nothing for so long is closed.
constexpr Nanos kDrainIdle = 1000 * kMillisecond;

// RFC 9110 §5.6.2.
bool IsTokenChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

std::string_view InspectHttp(std::string_view bytes) {
  const size_t preface = std::min(bytes.size(), kHttp2Preface.size());
  if (bytes.substr(0, preface) == kHttp2Preface.substr(0, preface)) {
    return preface == kHttp2Preface.size() ? "h2c" : "?";
  }
  // An empty line before the first one is passed over (RFC 9112 §2.2).
  while (!bytes.empty() && (bytes[0] == '\r' || bytes[0] == '\n')) bytes.remove_prefix(1);
  size_t method = 0;
  while (method < bytes.size() && IsTokenChar(bytes[method])) ++method;
  if (method < bytes.size() && (method == 0 || bytes[method] != ' ')) return "";
  if (method > 64) return "";
  const size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return bytes.size() > kMaxLine ? "" : "?";
  std::string_view line = bytes.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (EndsWith(line, " HTTP/1.1")) return "http/1.1";
  if (EndsWith(line, " HTTP/1.0")) return "http/1.0";
  return "";
}

Inspector::Inspector(EventLoop* loop, ConnectionTracker* tracker, Ref<ListenerChains> listener,
                     Accepted accepted, Done done)
    : loop_(loop),
      tracker_(tracker),
      listener_(std::move(listener)),
      done_(std::move(done)),
      accepted_(std::move(accepted)),
      timer_(loop, [this] { OnTimeout(); }) {}

Inspector::~Inspector() {
  if (accepted_.fd >= 0) loop_->network().Close(accepted_.fd);
  loop_->Forget(this);
}

void Inspector::Start() {
  // Most have sent their first bytes by the time they are accepted.
  if (Read()) return;
  watched_ = true;
  loop_->network().Watch(accepted_.fd, this, {/*reads=*/true, /*writes=*/false});
  const absl::Duration limit = listener_->plan().inspection.timeout;
  if (limit > absl::ZeroDuration() && !drains_) timer_.Arm(ToNanos(limit));
}

void Inspector::OnReady(const ReadyEvent&) {
  if (accepted_.fd >= 0) Read();
}

bool Inspector::Read() {
  const ssize_t n = loop_->network().Read(accepted_.fd, loop_->scratch(), EventLoop::kScratchBytes);
  if (n == -EAGAIN || n == -EINTR) return false;
  if (n < 0) {
    Close();
    return true;
  }
  if (n > 0) accepted_.first_bytes.append(loop_->scratch(), n);
  if (n == 0 && accepted_.first_bytes.empty()) {
    Close();
    return true;
  }
  if (!Look(/*at_end=*/n == 0)) return false;
  HandOn();
  return true;
}

// True where enough is known.
bool Inspector::Look(bool at_end) {
  const envoy::Inspection& inspection = listener_->plan().inspection;
  const uint16_t port = accepted_.local.port();
  const std::string_view bytes = accepted_.first_bytes;
  if (inspection.LooksForTls(port)) {
    const tls::ClientHello hello = tls::InspectClientHello(bytes);
    if (hello.verdict == tls::ClientHello::Verdict::kNeedMore) return at_end;
    if (hello.verdict == tls::ClientHello::Verdict::kTls) {
      inspected_.transport_protocol = "tls";
      inspected_.application_protocols = hello.alpn;
      accepted_.server_name = hello.server_name;
      return true;
    }
  }
  if (!inspection.LooksForHttp(port)) return true;
  const std::string_view http = InspectHttp(bytes);
  if (http == "?") return at_end;
  if (!http.empty()) inspected_.application_protocols = {std::string(http)};
  return true;
}

void Inspector::OnTimeout() {
  if (drains_) return Close();
  ++listener_->stats().pre_cx_timeout;
  if (!listener_->plan().inspection.continue_on_timeout) return Close();
  HandOn();
}

void Inspector::HandOn() {
  if (watched_) loop_->network().Unwatch(accepted_.fd);
  Accepted accepted = std::move(accepted_);
  accepted_.fd = -1;
  Leave();
  done_(listener_, std::move(accepted), inspected_);
}

void Inspector::Close() {
  if (accepted_.fd < 0) return;
  loop_->network().Close(accepted_.fd);
  accepted_.fd = -1;
  Leave();
}

void Inspector::Leave() {
  timer_.Disarm();
  tracker_->OnConnectionClosed(this);
  loop_->DeleteLater(std::unique_ptr<EventHandler>(this));
}

void Inspector::Drain() {
  drains_ = true;
  if (accepted_.first_bytes.empty()) timer_.Arm(kDrainIdle);
}

}  // namespace mesh::proxy
