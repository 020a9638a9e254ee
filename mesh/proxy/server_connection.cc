#include "mesh/proxy/server_connection.h"

#include <errno.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "mesh/http/host.h"

namespace mesh::proxy {
namespace {

// A head must have come by then, where the listener sets no time.
constexpr Nanos kHeadTimeout = 60000 * kMillisecond;
// How much may be held of requests that came before their turn.
constexpr size_t kMaxHeldBytes = 64 * 1024;
// A connection that drains, or is as old as it may be, and says nothing for so long is closed.
constexpr Nanos kDrainIdle = 1000 * kMillisecond;
// Where the filter chain sets none.
constexpr Nanos kHandshakeTimeout = 15000 * kMillisecond;

}  // namespace

Nanos HandshakeTimeout(const ListenerConfig& config) {
  const absl::Duration limit = config.chain.handshake_timeout;
  return limit > absl::ZeroDuration() ? ToNanos(limit) : kHandshakeTimeout;
}

ServerConnection::ServerConnection(ExchangeHost* host, ConnectionTracker* tracker,
                                   Ref<ListenerState> listener, const Accepted& accepted)
    : Socket(host->loop()),
      host_(host),
      tracker_(tracker),
      listener_(std::move(listener)),
      created_(host->loop()->now()),
      exchange_(host, this),
      next_timer_(host->loop(), [this] { Process(std::string_view()); }),
      timer_(host->loop(), [this] { OnTimer(); }) {
  info_.id = accepted.id;
  info_.remote = accepted.peer.ToString();
  info_.remote_ip = accepted.peer.ip();
  info_.local = accepted.local.ToString();
  info_.local_ip = accepted.local.ip();
  info_.local_port = accepted.local.port();
  info_.requested_server_name = accepted.server_name;
  ++listener_->stats.cx_total;
  ++listener_->stats.cx_active;
}

void ServerConnection::Start(const Accepted& accepted) {
  const ListenerConfig& config = listener_->config();
  set_limit(std::min<size_t>(config.buffer_limit_bytes, kMaxBufferedBytes));
  set_drop_when_broken(true);
  Http1Reader::Limits limits;
  limits.head_bytes = size_t{manager().max_request_headers_kb} * 1024;
  limits.headers = manager().max_headers_count;
  reader_.set_limits(limits);
  reader_.Begin();
  if (config.tls != nullptr) {
    UseTls(config.tls, "");
    timer_.Arm(HandshakeTimeout(config));
  } else {
    ArmIdleTimer();
  }
  Open(accepted.fd, accepted.first_bytes);
}

void ServerConnection::OnConnected() {
  info_.tls = TakeFacts(*tls());
  info_.requested_server_name = info_.tls->server_name;
  CountHandshake(*tls(), &listener_->stats.tls);
  ArmIdleTimer();
}

void ServerConnection::ArmIdleTimer() {
  if (draining_) return timer_.Arm(kDrainIdle);
  Nanos wait = ToNanos(manager().connection_idle_timeout);
  if (manager().max_connection_duration > absl::ZeroDuration()) {
    const Nanos left =
        created_ + ToNanos(manager().max_connection_duration) + kDrainIdle - loop()->now();
    if (wait <= 0 || left < wait) wait = std::max<Nanos>(left, 1);
  }
  if (wait > 0) {
    timer_.Arm(wait);
  } else {
    timer_.Disarm();
  }
}

void ServerConnection::OnTimer() {
  if (exchange_.active()) return;
  if (connecting()) {
    ++listener_->stats.handshake_timeout;
    return Close();
  }
  if (between_ && reader_.idle()) return CloseWhenFlushed();
  // Half a head, and no more of it for too long.
  ++listener_->stats.rq_timeout;
  out().Append("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  CloseWhenFlushed();
}

void ServerConnection::OnData(std::string_view bytes) { Process(bytes); }

void ServerConnection::Process(std::string_view input) {
  if (!open()) return;
  if (!held_.empty()) {
    held_.append(input);
    // A copy: what is left over is put back into `held_`.
    std::string all;
    all.swap(held_);
    return Process(all);
  }
  processing_ = true;
  while (open() && !close_after_) {
    if (tunnel_) {
      if (!input.empty() && exchange_.active()) exchange_.OnRequestBody(input);
      break;
    }
    if (request_complete_ && exchange_.active()) {
      // The next request waits for its turn.
      held_.append(input);
      if (held_.size() >= kMaxHeldBytes) PauseReads();
      break;
    }
    switch (reader_.Next(&input)) {
      case Http1Reader::Event::kNeedMore:
        if (between_ && !reader_.idle()) {
          // The head has begun: from now on its rest is waited for, however slowly it comes.
          between_ = false;
          const absl::Duration limit = manager().request_headers_timeout;
          timer_.Arm(limit > absl::ZeroDuration() ? ToNanos(limit) : kHeadTimeout);
        }
        processing_ = false;
        return;
      case Http1Reader::Event::kHead:
        BeginExchange();
        break;
      case Http1Reader::Event::kBody:
        if (exchange_.active()) exchange_.OnRequestBody(reader_.body());
        break;
      case Http1Reader::Event::kEnd:
        request_complete_ = true;
        if (exchange_.active()) exchange_.OnRequestEnd(&reader_.trailers());
        break;
      case Http1Reader::Event::kError:
        RefuseRequest(reader_.error_status(), reader_.error_details());
        break;
    }
  }
  processing_ = false;
}

void ServerConnection::BeginExchange() {
  timer_.Disarm();
  between_ = false;
  request_complete_ = false;
  ++requests_;
  MessageHead& head = reader_.head();
  std::optional<LocalReply> reply =
      PrepareRequest(manager(), info_, host_->random(), &head, &parts_);
  if (reply.has_value() && reply->malformed) return RefuseRequest(reply->status, reply->details);
  close_after_ = false;
  bodiless_ = head.method == "HEAD";
  if (head.framing == Framing::kNone) {
    // It is whole already: whatever answers it may keep the connection.
    std::string_view nothing;
    reader_.Next(&nothing);
    request_complete_ = true;
  }
  exchange_.Begin(listener_, &info_, &head, &parts_, reply);
  if (request_complete_ && exchange_.active()) exchange_.OnRequestEnd(nullptr);
}

// What came is no HTTP: answered, and nothing more is read.
void ServerConnection::RefuseRequest(int status, std::string_view details) {
  ++listener_->stats.cx_protocol_error;
  if (exchange_.active()) {
    exchange_.OnRequestError(status, details);
    if (open()) CloseWhenFlushed();
    return;
  }
  // There is no request to speak of: an answer without one, logged as such.
  MessageHead& head = reader_.head();
  head.Clear();
  parts_ = RequestParts();
  LocalReply reply;
  reply.status = status;
  reply.body = ReasonPhrase(status);
  reply.details = details;
  reply.flags = telemetry::Bit(telemetry::ResponseFlag::kDownstreamProtocolError);
  reply.close = true;
  close_after_ = true;
  between_ = false;
  bodiless_ = false;
  exchange_.Begin(listener_, &info_, &head, &parts_, reply);
  if (open()) CloseWhenFlushed();
}

void ServerConnection::OnEnd() {
  if (tunnel_ && !held_.empty()) Process(std::string_view());
  if (exchange_.active()) {
    exchange_.OnDownstreamGone();
    if (open()) {
      if (tunnel_) {
        CloseWhenFlushed();
      } else {
        Close();
      }
    }
    return;
  }
  if (!open()) return;
  if (unsent() > 0) {
    CloseWhenFlushed();
  } else {
    Close();
  }
}

void ServerConnection::OnError(int error) {
  if (error == EPROTO && tls() != nullptr) CountFailure(*tls(), &listener_->stats.tls);
  if (exchange_.active()) exchange_.OnDownstreamGone();
}

void ServerConnection::OnClosed() {
  if (exchange_.active()) exchange_.OnDownstreamGone();
  timer_.Disarm();
  next_timer_.Disarm();
  listener_->stats.cx_rx_bytes += bytes_read();
  listener_->stats.cx_tx_bytes += bytes_written();
  --listener_->stats.cx_active;
  tracker_->OnConnectionClosed(this);
  loop()->DeleteLater(std::unique_ptr<EventHandler>(this));
}

void ServerConnection::SendContinue() {
  out().Append("HTTP/1.1 100 Continue\r\n\r\n");
  FlushSoon();
}

void ServerConnection::SendInterim(int status, HeaderMap* headers) {
  if (reader_.head().minor_version == 0) return;  // RFC 9110 §15.2
  AppendResponseHead(status, 1, *headers, &out());
  FlushSoon();
}

void ServerConnection::SendHead(int status, HeaderMap* headers, bool ends) {
  const MessageHead& head = reader_.head();
  const bool has_length = headers->Has(HeaderId::kContentLength);
  const envoy::HttpConnectionManager& settings = manager();
  if (draining_ || listener_->draining || !head.keep_alive ||
      (settings.max_requests_per_connection != 0 &&
       requests_ >= settings.max_requests_per_connection) ||
      (settings.max_connection_duration > absl::ZeroDuration() &&
       loop()->now() - created_ > ToNanos(settings.max_connection_duration))) {
    close_after_ = true;
  }
  for (const HeaderMap::Entry& entry : headers->entries()) {
    if (entry.id == HeaderId::kConnection && http::EqualsIgnoreCase(entry.value, "close")) {
      close_after_ = true;
    }
  }
  chunked_ = false;
  const bool may_have_body = status >= 200 && status != 204 && status != 304;
  if (status == 101) {
    // What follows is another protocol.
  } else if (may_have_body && !has_length && !bodiless_) {
    if (ends) {
      headers->AddView(HeaderId::kContentLength, "0");
    } else if (head.minor_version == 1) {
      headers->AddView(HeaderId::kTransferEncoding, "chunked");
      chunked_ = true;
    } else {
      close_after_ = true;  // HTTP/1.0: the end of the connection is the end of the body
    }
  }
  if (close_after_ && status != 101) {
    headers->SetView(HeaderId::kConnection, "close");
  } else if (head.minor_version == 0 && status != 101) {
    headers->SetView(HeaderId::kConnection, "keep-alive");
  }
  AppendResponseHead(status, head.minor_version, *headers, &out());
  FlushSoon();
}

void ServerConnection::SendBody(std::string_view bytes) {
  if (bodiless_ && !tunnel_) return;
  if (chunked_) {
    AppendChunk(bytes, &out());
  } else {
    out().Append(bytes);
  }
  FlushSoon();
}

void ServerConnection::SendEnd(const HeaderMap* trailers) {
  if (chunked_) {
    AppendLastChunk(manager().enable_trailers ? trailers : nullptr, &out());
    FlushSoon();
  }
  if (tunnel_) close_after_ = true;
}

void ServerConnection::SendReset() { reset_after_ = true; }

void ServerConnection::StartTunnel() {
  tunnel_ = true;
  // What the client said before it was told that it may.
  if (held_.empty()) return;
  if (paused()) ResumeReads();
  next_timer_.Arm(0);
}

void ServerConnection::OnExchangeOver() {
  if (!open()) return;
  // What was sent may still arrive; that it is not all must be seen.
  if (reset_after_) return Reset();
  // Answered early: the client may not even stop sending.
  if (!request_complete_) close_after_ = true;
  if (close_after_) return CloseWhenFlushed();
  arena_.Clear();
  reader_.Begin();
  request_complete_ = false;
  between_ = true;
  ArmIdleTimer();
  if (paused()) ResumeReads();
  if (!held_.empty() && !processing_) next_timer_.Arm(0);
}

void ServerConnection::Drain() {
  draining_ = true;
  if (connecting()) return;
  if (!exchange_.active() && between_ && reader_.idle()) ArmIdleTimer();
}

}  // namespace mesh::proxy
