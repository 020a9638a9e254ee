#include "mesh/proxy/tcp_session.h"

#include <errno.h>
#include <string.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/proxy/request_authorization.h"

namespace mesh::proxy {

using telemetry::Bit;
using telemetry::ResponseFlag;

TcpSession::TcpSession(ExchangeHost* host, ConnectionTracker* tracker, Ref<ListenerState> listener,
                       const Accepted& accepted)
    : host_(host),
      tracker_(tracker),
      listener_(std::move(listener)),
      pinned_(listener_->current),
      start_(host->loop()->now()),
      start_time_(host->wall_clock()),
      client_(host->loop(), this, false),
      server_(host->loop(), this, true),
      timer_(host->loop(), [this] {
        if (client_.connecting()) {
          ++listener_->stats.handshake_timeout;
          CloseBoth();
        } else if (connected_) {
          CloseBoth();
        } else {
          OnConnectTimeout();
        }
      }) {
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

TcpSession::~TcpSession() = default;

void TcpSession::Start(const Accepted& accepted) {
  client_.set_drop_when_broken(true);
  if (pinned_->config->tls != nullptr) {
    // Nobody is connected to before the client has shown who it is.
    client_.UseTls(pinned_->config->tls, "");
    timer_.Arm(HandshakeTimeout(*pinned_->config));
    return client_.Open(accepted.fd, accepted.first_bytes);
  }
  // Nothing is read before there is somewhere to write it to.
  client_.PauseReads();
  client_.Open(accepted.fd);
  early_ = accepted.first_bytes;
  ChooseCluster();
}

void TcpSession::OnClientSecured() {
  info_.tls = TakeFacts(*client_.tls());
  info_.requested_server_name = info_.tls->server_name;
  CountHandshake(*client_.tls(), &listener_->stats.tls);
  client_.PauseReads();
  timer_.Disarm();
  ChooseCluster();
}

void TcpSession::ChooseCluster() {
  details_ = RefuseConnection(pinned_->config->chain.rules, info_, &listener_->stats);
  if (!details_.empty()) return CloseBoth();
  uint64_t total = 0;
  for (const envoy::TcpProxy::Target& target : settings().targets) total += target.weight;
  uint64_t drawn = total == 0 ? 0 : host_->random()->Below(total);
  for (const envoy::TcpProxy::Target& target : settings().targets) {
    if (drawn < target.weight || total == 0) {
      cluster_ = Ref<ClusterState>(host_->FindCluster(target.cluster));
      break;
    }
    drawn -= target.weight;
  }
  if (!cluster_) {
    ++listener_->stats.no_cluster;
    flags_ = Bit(ResponseFlag::kNoClusterFound);
    return CloseBoth();
  }
  Connect();
}

void TcpSession::Connect() {
  while (attempts_ < settings().max_connect_attempts) {
    ++attempts_;
    Host* const picked = cluster_->Pick({}, 1);
    if (picked == nullptr) {
      ++cluster_->stats.cx_none_healthy;
      flags_ |= Bit(ResponseFlag::kNoHealthyUpstream);
      return CloseBoth();
    }
    if (!cluster_->TryConnection(&counted_)) {
      ++cluster_->stats.cx_overflow;
      flags_ |= Bit(ResponseFlag::kUpstreamOverflow);
      return CloseBoth();
    }
    upstream_host_ = Ref<Host>(picked);
    holds_connection_ = true;
    ++cluster_->stats.cx_total;
    ++cluster_->stats.cx_active;
    ++picked->stats.cx_total;
    ++picked->stats.cx_active;
    ++picked->active_requests;
    int error = 0;
    if (picked->tls != nullptr) {
      server_.UseTls(picked->tls->tcp, picked->tls->server_name);
    } else {
      server_.UseTls(nullptr, "");
    }
    if (server_.Connect(picked->address, nullptr, &error)) {
      timer_.Arm(ToNanos(cluster_->cluster().connect_timeout));
      return;
    }
    ++cluster_->stats.cx_connect_fail;
    failure_reason_ = strerror(error);
    ReleaseUpstream();
  }
  flags_ |= Bit(ResponseFlag::kUpstreamConnectionFailure);
  CloseBoth();
}

void TcpSession::OnConnected() {
  connected_ = true;
  timer_.Disarm();
  upstream_local_ = Address::LocalOf(server_.fd()).ToString();
  if (server_.tls() != nullptr) {
    upstream_tls_ = TakeFacts(*server_.tls());
    CountHandshake(*server_.tls(), &cluster_->stats.tls);
  }
  if (settings().idle_timeout > absl::ZeroDuration()) timer_.Arm(ToNanos(settings().idle_timeout));
  if (!early_.empty()) OnBytes(false, std::exchange(early_, ""));
  client_.ResumeReads();
}

void TcpSession::OnConnectTimeout() {
  ++cluster_->stats.cx_connect_timeout;
  failure_reason_ = "connection timeout";
  OnSideError(true, ETIMEDOUT);
}

void TcpSession::OnBytes(bool from_upstream, std::string_view bytes) {
  (from_upstream ? sent_ : received_) += bytes.size();
  if (timer_.armed()) timer_.Arm(ToNanos(settings().idle_timeout));
  Side& to = other(from_upstream);
  if (!to.open()) return;
  to.Write(bytes);
  if (to.full()) (from_upstream ? server_ : client_).PauseReads();
}

void TcpSession::OnSideDrained(bool upstream) { other(upstream).ResumeReads(); }

void TcpSession::OnSideEnd(bool upstream) {
  (upstream ? server_ended_ : client_ended_) = true;
  Side& to = other(upstream);
  if (client_ended_ && server_ended_) {
    client_.CloseWhenFlushed();
    server_.CloseWhenFlushed();
  } else if (to.open()) {
    to.FinishWrites();
  }
}

void TcpSession::OnSideError(bool upstream, int error) {
  Side& side = upstream ? server_ : client_;
  if (error == EPROTO && side.tls() != nullptr) {
    CountFailure(*side.tls(), upstream ? &cluster_->stats.tls : &listener_->stats.tls);
    (upstream ? failure_reason_ : client_failure_reason_) = TlsFailureReason(*side.tls());
  }
  if (upstream && !connected_) {
    ++cluster_->stats.cx_connect_fail;
    ++upstream_host_->stats.cx_connect_fail;
    if (failure_reason_.empty()) failure_reason_ = strerror(error);
    server_.Close();
    ReleaseUpstream();
    return Connect();
  }
  CloseBoth();
}

void TcpSession::ReleaseUpstream() {
  if (!holds_connection_) return;
  holds_connection_ = false;
  --cluster_->stats.cx_active;
  --upstream_host_->stats.cx_active;
  --upstream_host_->active_requests;
  cluster_->ReleaseConnection(counted_);
}

void TcpSession::Terminate() { CloseBoth(); }

void TcpSession::CloseBoth() {
  over_ = true;
  if (client_.open()) client_.Close();
  if (server_.open()) server_.Close();
  OnSideClosed();
}

void TcpSession::OnSideClosed() {
  if (client_.open() && !over_) {
    // The client's side goes on only while another upstream is being tried.
    if (!connected_) return;
    client_.CloseWhenFlushed();
    return;
  }
  if (server_.open() && !over_) {
    server_.CloseWhenFlushed();
    return;
  }
  if (client_.open() || server_.open() || start_ == 0) return;
  ReleaseUpstream();
  timer_.Disarm();
  WriteLog();
  listener_->stats.cx_rx_bytes += received_;
  listener_->stats.cx_tx_bytes += sent_;
  --listener_->stats.cx_active;
  start_ = 0;  // once
  tracker_->OnConnectionClosed(this);
  host_->loop()->DeleteLater(std::unique_ptr<EventHandler>(this));
}

void TcpSession::WriteLog() {
  const ListenerConfig& config = *pinned_->config;
  if (config.access_logs.empty()) return;
  telemetry::AccessLogEntry e;
  e.start = start_time_;
  e.duration = absl::Nanoseconds(host_->loop()->now() - start_);
  e.response_flags = flags_;
  e.connection_termination_details = details_;
  e.bytes_received = received_;
  e.bytes_sent = sent_;
  e.attempts = attempts_;
  e.connection_id = info_.id;
  if (upstream_host_) e.upstream_host = upstream_host_->text;
  if (cluster_) e.upstream_cluster = cluster_->name();
  e.upstream_local_address = upstream_local_;
  e.upstream_transport_failure_reason = failure_reason_;
  e.downstream_local_address = info_.local;
  e.downstream_remote_address = info_.remote;
  e.downstream_direct_remote_address = info_.remote;
  e.requested_server_name = info_.server_name();
  if (info_.tls != nullptr) e.downstream_tls = &info_.tls->text;
  if (upstream_tls_ != nullptr) e.upstream_tls = &upstream_tls_->text;
  e.downstream_transport_failure_reason = client_failure_reason_;
  host_->Log(config, e);
}

}  // namespace mesh::proxy
