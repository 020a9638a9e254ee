#include "mesh/proxy/client_connection.h"

#include <errno.h>

#include <algorithm>
#include <utility>

namespace mesh::proxy {

ClientConnection::ClientConnection(EventLoop* loop, Ref<ClusterState> cluster, Ref<Host> host,
                                   bool counted)
    : Socket(loop),
      cluster_(std::move(cluster)),
      host_(std::move(host)),
      counted_(counted),
      created_(loop->now()),
      timer_(loop, [this] { OnTimer(); }) {
  ++cluster_->stats.cx_total;
  ++cluster_->stats.cx_active;
  ++host_->stats.cx_total;
  ++host_->stats.cx_active;
  set_limit(std::min<size_t>(cluster_->cluster().buffer_limit_bytes, kMaxBufferedBytes));
  Http1Reader::Limits limits;
  limits.head_bytes = size_t{cluster_->cluster().max_response_headers_kb} * 1024;
  limits.headers = cluster_->cluster().max_headers_count;
  reader_.set_limits(limits);
}

ClientConnection::~ClientConnection() = default;

bool ClientConnection::Begin(int* error) {
  Address from;
  const auto& source = cluster_->cluster().bind_source;
  if (source.has_value()) from = Address::Parse(source->host, source->port).value_or(Address());
  if (host_->tls != nullptr) UseTls(host_->tls->http, host_->tls->server_name);
  if (!Connect(host_->address, from.known() ? &from : nullptr, error)) {
    ++cluster_->stats.cx_connect_fail;
    ++host_->stats.cx_connect_fail;
    OnClosed();
    return false;
  }
  timer_.Arm(ToNanos(cluster_->cluster().connect_timeout));
  return true;
}

void ClientConnection::Attach(ConnectionUser* user, bool head_request) {
  if (in_idle_) {
    std::vector<ClientConnection*>& idle = host_->idle;
    idle.erase(std::remove(idle.begin(), idle.end(), this), idle.end());
    in_idle_ = false;
    timer_.Disarm();
  }
  user_ = user;
  ++requests_;
  heard_ = false;
  written_before_ = bytes_written();
  head_request_ = head_request;
  reader_.Begin();
  arena_.Clear();
  reader_.set_head_request(head_request);
}

const std::string& ClientConnection::local_address() {
  if (local_address_.empty() && open()) local_address_ = Address::LocalOf(fd()).ToString();
  return local_address_;
}

void ClientConnection::SendHead(std::string_view method, std::string_view target,
                                std::string_view authority, const HeaderMap& headers,
                                bool chunked) {
  chunked_ = chunked;
  AppendRequestHead(method, target, authority, headers, &out());
  FlushSoon();
}

void ClientConnection::SendBody(std::string_view bytes) {
  if (chunked_ && !tunnel_) {
    AppendChunk(bytes, &out());
  } else {
    out().Append(bytes);
  }
  FlushSoon();
}

void ClientConnection::SendEnd(const HeaderMap* trailers) {
  if (tunnel_) return FinishWrites();
  if (!chunked_) return;
  AppendLastChunk(cluster_->cluster().enable_trailers ? trailers : nullptr, &out());
  FlushSoon();
}

bool ClientConnection::Expired() const {
  const envoy::Cluster& cluster = cluster_->cluster();
  if (host_->removed || cluster_->removed()) return true;
  if (cluster.max_requests_per_connection != 0 &&
      requests_ >= cluster.max_requests_per_connection) {
    return true;
  }
  return cluster.max_connection_duration > absl::ZeroDuration() &&
         loop()->now() - created_ > ToNanos(cluster.max_connection_duration);
}

void ClientConnection::Done(bool reusable) {
  user_ = nullptr;
  if (!open()) return;
  if (!reusable || tunnel_ || unsent() > 0 || Expired()) {
    if (unsent() > 0) {
      CloseWhenFlushed();
    } else {
      Close();
    }
    return;
  }
  ResumeReads();
  in_idle_ = true;
  host_->idle.push_back(this);
  if (cluster_->cluster().idle_timeout > absl::ZeroDuration()) {
    timer_.Arm(ToNanos(cluster_->cluster().idle_timeout));
  }
  cluster_->WakeWaiting();
}

void ClientConnection::Abort() {
  user_ = nullptr;
  if (open()) Reset();
}

void ClientConnection::OnConnected() {
  was_connected_ = true;
  timer_.Disarm();
  if (tls() != nullptr) {
    tls_facts_ = TakeFacts(*tls());
    CountHandshake(*tls(), &cluster_->stats.tls);
  }
  if (user_ == nullptr) return Close();
  user_->OnUpstreamReady();
}

void ClientConnection::OnData(std::string_view bytes) {
  cluster_->stats.cx_rx_bytes += bytes.size();
  std::string_view input = bytes;
  // An answer to nothing: no more is to be believed on this connection.
  if (user_ == nullptr) return Close();
  heard_ = true;
  while (user_ != nullptr) {
    if (tunnel_) return user_->OnResponseBody(input);
    switch (reader_.Next(&input)) {
      case Http1Reader::Event::kNeedMore:
        return;
      case Http1Reader::Event::kHead:
        if (reader_.head().status < 200 && reader_.head().status != 101) {
          user_->OnInterimHead(&reader_.head());
          arena_.Clear();
          reader_.Begin();
          reader_.set_head_request(head_request_);
          break;
        }
        user_->OnResponseHead(&reader_.head());
        break;
      case Http1Reader::Event::kBody:
        user_->OnResponseBody(reader_.body());
        break;
      case Http1Reader::Event::kEnd:
        user_->OnResponseEnd(reader_.trailers());
        break;
      case Http1Reader::Event::kError:
        ++cluster_->stats.cx_protocol_error;
        return Fail(UpstreamFailure::kProtocol, 0);
    }
  }
  // More than was asked for.
  if (!input.empty() && open()) Close();
}

void ClientConnection::OnEnd() {
  if (user_ == nullptr) return Close();
  const bool cut_off = CutOff();
  if (tunnel_) {
    user_->OnResponseEnd(reader_.trailers());
  } else if (heard_ && reader_.NextAtEnd() == Http1Reader::Event::kEnd) {
    user_->OnResponseEnd(reader_.trailers());
  } else {
    return Fail(cut_off ? UpstreamFailure::kProtocol : UpstreamFailure::kTermination, 0);
  }
  if (open()) Close();
}

// An answer that only the end of its connection ends has been cut short.
void ClientConnection::OnCutOff() {
  if (user_ == nullptr || tunnel_) return OnEnd();
  Fail(UpstreamFailure::kTermination, 0);
}

// Within a message there is no way to end: what came is no HTTP.
bool ClientConnection::CutOff() const { return heard_ && !tunnel_ && !reader_.idle(); }

void ClientConnection::OnError(int error) {
  if (error == EPROTO && tls() != nullptr) CountFailure(*tls(), &cluster_->stats.tls);
  if (!was_connected_) {
    ++cluster_->stats.cx_connect_fail;
    ++host_->stats.cx_connect_fail;
    if (timed_out_) ++cluster_->stats.cx_connect_timeout;
  }
  Fail(was_connected_ ? (CutOff() ? UpstreamFailure::kProtocol : UpstreamFailure::kTermination)
                      : (timed_out_ ? UpstreamFailure::kConnectTimeout : UpstreamFailure::kConnect),
       error);
}

void ClientConnection::Fail(UpstreamFailure failure, int error) {
  ConnectionUser* const user = std::exchange(user_, nullptr);
  const bool sent = bytes_written() > written_before_;
  Close();
  if (user != nullptr) user->OnUpstreamFailure(failure, error, heard_, sent);
}

void ClientConnection::OnTimer() {
  if (connecting()) {
    timed_out_ = true;
    const int error = ETIMEDOUT;
    OnError(error);
    return;
  }
  Close();
}

void ClientConnection::OnDrained() {
  if (user_ != nullptr) user_->OnUpstreamDrained();
}

void ClientConnection::OnClosed() {
  timer_.Disarm();
  if (in_idle_) {
    in_idle_ = false;
    std::vector<ClientConnection*>& idle = host_->idle;
    idle.erase(std::remove(idle.begin(), idle.end(), this), idle.end());
  }
  cluster_->stats.cx_tx_bytes += bytes_written();
  --cluster_->stats.cx_active;
  --host_->stats.cx_active;
  cluster_->ReleaseConnection(counted_);
  loop()->DeleteLater(std::unique_ptr<EventHandler>(this));
}

}  // namespace mesh::proxy
