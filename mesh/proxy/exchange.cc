// The request's half of an exchange, in the order it runs.

#include "mesh/proxy/exchange.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <utility>

#include "mesh/http/host.h"
#include "mesh/proxy/log_variables.h"

namespace mesh::proxy {

namespace action = ::mesh::route::action;
using telemetry::Bit;
using telemetry::ResponseFlag;

namespace {

// What is kept of a body so that another attempt can send it again.
constexpr size_t kReplayBytes = 64 * 1024;

}  // namespace

Exchange::Exchange(ExchangeHost* host, Downstream* downstream)
    : host_(host),
      downstream_(downstream),
      route_timer_(host->loop(), [this] { OnRouteTimeout(); }),
      duration_timer_(host->loop(), [this] { OnDurationTimeout(); }),
      idle_timer_(host->loop(), [this] { OnIdleTimeout(); }),
      try_timer_(host->loop(), [this] { OnTryTimeout(); }) {}

Exchange::~Exchange() {
  if (active_) Release();
}

void Exchange::Begin(const Ref<ListenerState>& listener, const ConnectionInfo* connection,
                     MessageHead* head, RequestParts* parts,
                     const std::optional<LocalReply>& reply) {
  active_ = true;
  listener_ = listener;
  pinned_ = listener->current;
  listener_config_ = pinned_->config.get();
  connection_ = connection;
  head_ = head;
  parts_ = parts;
  start_ = host_->loop()->now();
  start_time_ = host_->wall_clock();
  ++listener_->stats.rq_total;
  ++listener_->stats.rq_active;
  if (manager().stream_idle_timeout > absl::ZeroDuration()) {
    idle_timer_.Arm(ToNanos(manager().stream_idle_timeout));
  }
  if (manager().request_timeout > absl::ZeroDuration()) {
    route_timer_.Arm(ToNanos(manager().request_timeout));
  }
  if (manager().max_stream_duration > absl::ZeroDuration()) {
    duration_timer_.Arm(ToNanos(manager().max_stream_duration));
  }
  if (reply.has_value()) return Reply(*reply);
  RouteRequest();
}

void Exchange::RouteRequest() {
  if (!manager().authorization.empty()) RemoveFilterHeaders(manager(), &head_->headers);
  route_request_.method = head_->method;
  route_request_.scheme = parts_->scheme;
  route_request_.authority = parts_->authority;
  route_request_.path = parts_->path;
  route_request_.headers = static_cast<const http::MutableHeaders&>(head_->headers).view();
  route_request_.random = host_->random()->Next();

  const Routes* const routes = listener_config_->routes.get();
  if (routes != nullptr) {
    match_ = routes->config->table->Find(route_request_);
    route_ = routes->config->RouteOf(match_);
  }
  if (!manager().authorization.empty()) return Authorize();
  FollowRoute();
}

void Exchange::FollowRoute() {
  const Routes* const routes = listener_config_->routes.get();
  LocalReply reply;
  if (match_.outcome == route::Match::Outcome::kTlsRequired) {
    reply.status = 301;
    reply.details = "ssl_required";
    reply.location = action::TlsRedirectLocation(route_request_);
    return Reply(reply);
  }
  if (route_ == nullptr) {
    ++listener_->stats.no_route;
    reply.status = 404;
    reply.details = "route_not_found";
    reply.flags = Bit(ResponseFlag::kNoRouteFound);
    return Reply(reply);
  }
  if (const auto* redirect = std::get_if<action::Redirect>(&route_->action)) {
    reply.status = redirect->status;
    reply.details = "direct_response";
    reply.location = action::RedirectLocation(*route_, route_request_);
    return Reply(reply, /*edit=*/true);
  }
  if (const auto* direct = std::get_if<action::DirectResponse>(&route_->action)) {
    reply.status = direct->status;
    reply.details = "direct_response";
    reply.body = direct->body;
    reply.content_type = direct->content_type;
    std::string formatted;
    if (direct->body_format.has_value()) {
      const telemetry::AccessLogEntry entry = LogEntry();
      const LogVariables variables(entry);
      formatted = action::Evaluate(*direct->body_format,
                                   {route_request_.headers, http::Headers(), &variables});
      reply.body = formatted;
    }
    return Reply(reply, /*edit=*/true);
  }
  forward_ = std::get_if<action::Forward>(&route_->action);
  plan_ = &routes->plans[match_.virtual_host][match_.rule];
  if (forward_->max_stream_duration.value_or(absl::ZeroDuration()) > absl::ZeroDuration()) {
    duration_timer_.Arm(ToNanos(*forward_->max_stream_duration));
  }
  if (forward_->idle_timeout.has_value()) {
    idle_timer_.Disarm();
    if (*forward_->idle_timeout > absl::ZeroDuration()) {
      idle_timer_.Arm(ToNanos(*forward_->idle_timeout));
    }
  }
  choice_ = action::PickCluster(*forward_, route_request_);
  if (const Nanos timeout = RouteTimeout(); request_ended_ && timeout > 0) {
    route_timer_.Arm(timeout);  // it ended while a service was being asked
  }
  if (manager().has_fault_filter && plan_->fault != nullptr && InjectFault(*plan_->fault)) return;
  Forward();
}

bool Exchange::Drawn(const envoy::Fault::Share& share) {
  return share.numerator > 0 && host_->random()->Below(share.of) < share.numerator;
}

// True where the request does not go on now. An abort comes after the delay, where both are drawn.
bool Exchange::InjectFault(const envoy::Fault& fault) {
  const bool delay = (flags_ & Bit(ResponseFlag::kDelayInjected)) == 0 &&
                     fault.delay > absl::ZeroDuration() && Drawn(fault.delay_share);
  if (delay) {
    flags_ |= Bit(ResponseFlag::kDelayInjected);
    try_timer_for_ = TryTimer::kDelay;
    try_timer_.Arm(ToNanos(fault.delay));
    return true;
  }
  if (fault.abort_status == 0 || !Drawn(fault.abort_share)) return false;
  LocalReply reply;
  reply.status = fault.abort_status;
  reply.body = "fault filter abort";
  reply.details = "fault_filter_abort";
  reply.flags = Bit(ResponseFlag::kFaultInjected);
  Reply(reply);
  return true;
}

void Exchange::Forward() {
  LocalReply reply;
  cluster_ = Ref<ClusterState>(host_->FindCluster(choice_.cluster));
  if (!cluster_) {
    ++listener_->stats.no_cluster;
    reply.status = forward_->cluster_not_found_status;
    reply.details = "cluster_not_found";
    reply.flags = Bit(ResponseFlag::kNoClusterFound);
    return Reply(reply);
  }
  ++cluster_->stats.rq_total;
  ++cluster_->stats.rq_active;
  holds_request_ = true;
  if (!cluster_->TryRequest(&request_counted_)) {
    ++cluster_->stats.rq_pending_overflow;
    return ReplyUpstream(503, "overflow", Bit(ResponseFlag::kUpstreamOverflow),
                         "upstream_reset_before_response_started{overflow}");
  }

  // What is routed is what is sent: all edits are made here, once, whatever the attempts.
  const telemetry::AccessLogEntry entry = LogEntry();
  const LogVariables variables(entry);
  target_.authority = parts_->authority;
  target_.path = parts_->path;
  action::ApplyRequest(*listener_config_->routes->config, match_, choice_, route_request_,
                       &variables, &target_, &head_->headers);
  const Nanos timeout = RouteTimeout();
  const Nanos per_try = ToNanos(forward_->retry.per_try_timeout);
  const Nanos expected = per_try > 0 ? per_try : timeout;
  if (expected > 0 && !manager().suppress_envoy_headers) {
    head_->headers.AddView("x-envoy-expected-rq-timeout-ms",
                           head_->headers.arena()->Decimal(expected / kMillisecond));
  }
  if (parts_->expects_continue && head_->framing != Framing::kNone) {
    if (manager().proxy_100_continue) {
      head_->headers.AddView(HeaderId::kExpect, "100-continue");
    } else {
      downstream_->SendContinue();
    }
  }
  StartAttempt();
}

void Exchange::StartAttempt() {
  ++attempts_;
  if (listener_config_->routes->config->HostOf(match_)->include_request_attempt_count) {
    head_->headers.SetView(HeaderId::kXEnvoyAttemptCount,
                           head_->headers.arena()->Decimal(attempts_));
  }
  failure_reason_.clear();
  upstream_local_.clear();
  Acquire();
}

// Finds a host and a connection to it: an idle one, a new one, or one that others have to free.
void Exchange::Acquire() {
  absl::Span<const Ref<Host>> avoid;
  if (plan_->avoid_previous_hosts) avoid = tried_;
  // The attempts of the policy are those after the first choice.
  Host* const picked = cluster_->Pick(avoid, forward_->retry.host_selection_attempts + 1);
  if (picked == nullptr) {
    ++cluster_->stats.cx_none_healthy;
    LocalReply reply;
    reply.status = 503;
    reply.body = "no healthy upstream";
    reply.details = "no_healthy_upstream";
    reply.flags = Bit(ResponseFlag::kNoHealthyUpstream);
    return Reply(reply);
  }
  upstream_host_ = Ref<Host>(picked);
  // Whether a request may be sent again without anyone noticing decides how much trust an idle
  // connection deserves: it may have been closed by the other side a moment ago.
  const bool careful = !IsIdempotent(head_->method) || head_->framing != Framing::kNone;
  while (!fresh_only_ && !picked->idle.empty()) {
    ClientConnection* const idle = picked->idle.back();
    if (careful && !host_->loop()->network().IsQuiet(idle->fd())) {
      idle->Close();
      continue;
    }
    upstream_ = idle;
    break;
  }
  if (upstream_ == nullptr) {
    bool counted = false;
    holds_pending_ = cluster_->TryPending(&pending_counted_);
    const bool may_connect = holds_pending_ && cluster_->TryConnection(&counted);
    if (!holds_pending_ || (!may_connect && fresh_only_)) {
      ++(holds_pending_ ? cluster_->stats.cx_overflow : cluster_->stats.rq_pending_overflow);
      return ReplyUpstream(503, "overflow", Bit(ResponseFlag::kUpstreamOverflow),
                           "upstream_reset_before_response_started{overflow}");
    }
    ++cluster_->stats.rq_pending_total;
    ++cluster_->stats.rq_pending_active;
    if (!may_connect) {
      ++cluster_->stats.cx_overflow;
      waiting_ = true;
      return cluster_->Wait(this);
    }
    upstream_ = new ClientConnection(host_->loop(), cluster_, upstream_host_, counted);
    int error = 0;
    ClientConnection* const connection = upstream_;
    if (!connection->Begin(&error)) {
      upstream_ = nullptr;
      ++upstream_host_->stats.rq_total;
      return OnUpstreamFailure(UpstreamFailure::kConnect, error, false, false);
    }
  }
  ++upstream_host_->stats.rq_total;
  ++upstream_host_->stats.rq_active;
  ++upstream_host_->active_requests;
  attempt_start_ = host_->loop()->now();
  request_sent_ = false;
  upstream_->Attach(this, head_->method == "HEAD");
  if (request_ended_) ArmPerTryTimer();
  if (upstream_->ready()) SendRequest();
}

void Exchange::OnConnectionFree() {
  waiting_ = false;
  --cluster_->stats.rq_pending_active;
  cluster_->ReleasePending(std::exchange(pending_counted_, false));
  holds_pending_ = false;
  Acquire();
}

void Exchange::OnUpstreamReady() { SendRequest(); }

void Exchange::SendRequest() {
  if (holds_pending_) {
    --cluster_->stats.rq_pending_active;
    cluster_->ReleasePending(std::exchange(pending_counted_, false));
    holds_pending_ = false;
  }
  upstream_local_ = upstream_->local_address();
  upstream_->SendHead(head_->method, target_.path, target_.authority, head_->headers,
                      head_->framing == Framing::kChunked);
  if (!replay_.empty()) upstream_->SendBody(replay_.view());
  if (!replay_whole_) replay_.Release();
  if (request_ended_) {
    upstream_->SendEnd(request_trailers_);
    request_sent_ = true;
    upstream_request_end_ = host_->loop()->now();
  } else if (downstream_paused_ && !upstream_->full()) {
    downstream_paused_ = false;
    downstream_->ResumeRequest();
  }
}

// As Envoy has it, a route that says anything of max_stream_duration has no other timeout.
Nanos Exchange::RouteTimeout() const {
  const bool of_the_stream = forward_->max_stream_duration.has_value() ||
                             forward_->grpc_timeout_header_max.has_value() ||
                             forward_->grpc_timeout_header_offset.has_value();
  return of_the_stream ? 0 : ToNanos(forward_->timeout);
}

void Exchange::ArmPerTryTimer() {
  if (forward_->retry.per_try_timeout <= absl::ZeroDuration()) return;
  try_timer_for_ = TryTimer::kPerTry;
  try_timer_.Arm(ToNanos(forward_->retry.per_try_timeout));
}

void Exchange::Touch() {
  if (idle_timer_.armed()) {
    const absl::Duration idle = forward_ != nullptr && forward_->idle_timeout.has_value()
                                    ? *forward_->idle_timeout
                                    : manager().stream_idle_timeout;
    idle_timer_.Arm(ToNanos(idle));
  }
}

void Exchange::OnRequestBody(std::string_view bytes) {
  bytes_received_ += bytes.size();
  Touch();
  const bool sent = upstream_ != nullptr && upstream_->ready() && !waiting_;
  if (tunnel_) {
    upstream_->SendBody(bytes);
  } else {
    if (replay_whole_ && replay_.size() + bytes.size() > kReplayBytes && sent) {
      // Too much to keep: from here on there is one attempt.
      replay_whole_ = false;
      replay_.Release();
    }
    if (replay_whole_ || !sent) replay_.Append(bytes);
    if (sent) upstream_->SendBody(bytes);
  }
  const bool full = sent ? upstream_->full() : replay_.size() >= kReplayBytes;
  if (full && !downstream_paused_) {
    downstream_paused_ = true;
    downstream_->PauseRequest();
  }
}

void Exchange::OnRequestEnd(const HeaderMap* trailers) {
  if (!active_) return;
  request_ended_ = true;
  request_end_ = host_->loop()->now();
  if (manager().enable_trailers) request_trailers_ = trailers;
  route_timer_.Disarm();
  if (forward_ == nullptr) return;  // not known yet whether it may go on
  if (const Nanos timeout = RouteTimeout(); timeout > 0) route_timer_.Arm(timeout);
  if (upstream_ == nullptr) return;
  if (attempts_ > 0 && !try_timer_.armed()) ArmPerTryTimer();
  if (!upstream_->ready()) return;
  upstream_->SendEnd(request_trailers_);
  request_sent_ = true;
  upstream_request_end_ = request_end_;
}

void Exchange::OnDownstreamGone() {
  if (!active_) return;
  ++listener_->stats.rq_rx_reset;
  if (!tunnel_) {  // where either side's end is the end
    flags_ |= Bit(ResponseFlag::kDownstreamConnectionTermination);
    details_ = "downstream_remote_disconnect";
  }
  DropUpstream(tunnel_ ? Drop::kClose : Drop::kAbort);
  Finish();
}

void Exchange::OnRequestError(int status, std::string_view details) {
  if (!active_) return;
  if (response_started_) {
    flags_ |= Bit(ResponseFlag::kDownstreamProtocolError);
    return FailResponse(Bit(ResponseFlag::kDownstreamProtocolError), details);
  }
  LocalReply reply;
  reply.status = status;
  reply.body = ReasonPhrase(status);
  reply.details = details;
  reply.flags = Bit(ResponseFlag::kDownstreamProtocolError);
  reply.close = true;
  Reply(reply);
}

void Exchange::OnDownstreamDrained() {
  if (upstream_ != nullptr) upstream_->ResumeReads();
}

void Exchange::OnUpstreamDrained() {
  if (!downstream_paused_) return;
  downstream_paused_ = false;
  downstream_->ResumeRequest();
}

}  // namespace mesh::proxy
