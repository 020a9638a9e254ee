// The response's half of an exchange, and everything that can go wrong with it.

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"
#include "mesh/proxy/exchange.h"
#include "mesh/proxy/log_variables.h"

namespace mesh::proxy {

namespace action = ::mesh::route::action;
using telemetry::Bit;
using telemetry::ResponseFlag;

namespace {

constexpr Nanos kBaseBackOff = 25 * kMillisecond;
// A cluster's requests are told apart by who sends them as long as these are not too many.
constexpr size_t kMaxSeriesWithPrincipals = 256;

std::string_view FirstUri(const std::vector<std::string>* uris) {
  if (uris == nullptr || uris->empty()) return {};
  return (*uris)[0];
}

std::string_view Reason(UpstreamFailure failure) {
  switch (failure) {
    case UpstreamFailure::kConnect:
      return "remote connection failure";
    case UpstreamFailure::kConnectTimeout:
      return "connection timeout";
    case UpstreamFailure::kTermination:
      return "connection termination";
    case UpstreamFailure::kProtocol:
      return "protocol error";
  }
  return "";
}

// A log line's words are apart by blanks.
std::string Underscored(std::string text) {
  std::replace(text.begin(), text.end(), ' ', '_');
  return text;
}

ResponseFlag FlagOf(UpstreamFailure failure) {
  switch (failure) {
    case UpstreamFailure::kConnect:
    case UpstreamFailure::kConnectTimeout:
      return ResponseFlag::kUpstreamConnectionFailure;
    case UpstreamFailure::kTermination:
      return ResponseFlag::kUpstreamConnectionTermination;
    case UpstreamFailure::kProtocol:
      return ResponseFlag::kUpstreamProtocolError;
  }
  return ResponseFlag::kUpstreamConnectionTermination;
}

// gRPC's status of a response without body, which comes in its head.
uint32_t GrpcRetryKind(const HeaderMap& headers) {
  std::string_view value;
  const http::MutableHeaders& map = headers;
  if (map.Find("grpc-status", &value, 1) == 0) return 0;
  if (value == "1") return kRetryGrpcCancelled;
  if (value == "4") return kRetryGrpcDeadlineExceeded;
  if (value == "8") return kRetryGrpcResourceExhausted;
  if (value == "13") return kRetryGrpcInternal;
  if (value == "14") return kRetryGrpcUnavailable;
  return 0;
}

bool HasName(const HeaderMap& headers, std::string_view name) {
  const http::MutableHeaders& map = headers;
  return map.Find(name, nullptr, 0) > 0;
}

}  // namespace

bool Exchange::MayReplay() const { return replay_whole_ && !response_started_ && !tunnel_; }

// The kinds of retry_on that this response is one of.
uint32_t Exchange::RetryKindsOf(const MessageHead& head) const {
  if (HasName(head.headers, "x-envoy-overloaded")) return 0;
  if (HasName(head.headers, "x-envoy-ratelimited") &&
      (plan_->retry_on & kRetryEnvoyRateLimited) == 0) {
    return 0;
  }
  uint32_t kinds = GrpcRetryKind(head.headers);
  if (head.status >= 500) kinds |= kRetry5xx;
  if (head.status >= 502 && head.status <= 504) kinds |= kRetryGatewayError;
  if (head.status == 409) kinds |= kRetryRetriable4xx;
  const std::vector<uint32_t>& codes = forward_->retry.retriable_status_codes;
  if (std::find(codes.begin(), codes.end(), static_cast<uint32_t>(head.status)) != codes.end()) {
    kinds |= kRetryRetriableStatusCodes;
  }
  return kinds;
}

bool Exchange::WantsRetry(uint32_t kinds) const { return (plan_->retry_on & kinds) != 0; }

bool Exchange::Retry() {
  if (!MayReplay()) return false;
  if (retries_ >= forward_->retry.num_retries) {
    flags_ |= Bit(ResponseFlag::kUpstreamRetryLimitExceeded);
    ++cluster_->stats.rq_retry_limit_exceeded;
    return false;
  }
  if (!holds_retry_) {
    if (!cluster_->TryRetry(&retry_counted_)) {
      ++cluster_->stats.rq_retry_overflow;
      return false;
    }
    holds_retry_ = true;
  }
  ++retries_;
  ++cluster_->stats.rq_retry;
  DropUpstream(Drop::kAbort);
  // Full jitter: anything up to base * (2^n - 1), which stays below the maximum.
  const Nanos base = forward_->retry.base_interval.has_value()
                         ? ToNanos(*forward_->retry.base_interval)
                         : kBaseBackOff;
  const Nanos max =
      forward_->retry.max_interval.has_value() ? ToNanos(*forward_->retry.max_interval) : base * 10;
  const Nanos bound = std::min(max, base * ((Nanos{1} << std::min(retries_, 20u)) - 1));
  try_timer_for_ = TryTimer::kBackOff;
  try_timer_.Arm(static_cast<Nanos>(host_->random()->Below(std::max<Nanos>(bound, 1))));
  return true;
}

// Lets go of the present connection, or of the wait for one.
void Exchange::DropUpstream(Drop how) {
  try_timer_.Disarm();
  if (waiting_) {
    cluster_->StopWaiting(this);
    waiting_ = false;
  }
  if (holds_pending_) {
    --cluster_->stats.rq_pending_active;
    cluster_->ReleasePending(std::exchange(pending_counted_, false));
    holds_pending_ = false;
  }
  if (upstream_ == nullptr) return;
  ClientConnection* const upstream = std::exchange(upstream_, nullptr);
  --upstream_host_->active_requests;
  --upstream_host_->stats.rq_active;
  if (plan_->avoid_previous_hosts) tried_.push_back(upstream_host_);
  if (how == Drop::kAbort) {
    upstream->Abort();
  } else {
    upstream->Done(how == Drop::kReuse);
  }
}

void Exchange::OnUpstreamFailure(UpstreamFailure failure, int error, bool heard, bool sent) {
  const bool connected =
      failure == UpstreamFailure::kTermination || failure == UpstreamFailure::kProtocol;
  const bool reused = upstream_ != nullptr && upstream_->reused();
  ++upstream_host_->stats.rq_error;
  if (connected) ++cluster_->stats.rq_rx_reset;
  failure_reason_ = upstream_ == nullptr ? "" : upstream_->transport_failure();
  if (!connected && failure_reason_.empty() && failure != UpstreamFailure::kConnectTimeout) {
    failure_reason_ = absl::StrCat("delayed_connect_error: ", strerror(error));
  }
  std::replace(failure_reason_.begin(), failure_reason_.end(), ' ', '_');
  DropUpstream(Drop::kAbort);
  if (response_started_) {
    return FailResponse(Bit(FlagOf(failure)),
                        Underscored(absl::StrCat("upstream_reset_after_response_started{",
                                                 Absl(Reason(failure)), "}")));
  }
  // The connection had been idle and its end crossed our request: nobody has seen it, or nobody
  // minds seeing it twice. Not a retry in the policy's sense.
  if (failure == UpstreamFailure::kTermination && reused && !heard && MayReplay() &&
      (!sent || IsIdempotent(head_->method))) {
    ++cluster_->stats.rq_stale_retry;
    fresh_only_ = true;
    --attempts_;
    return StartAttempt();
  }
  uint32_t kinds = kRetryReset | kRetry5xx | kRetryGatewayError;
  if (!connected) kinds |= kRetryConnectFailure;
  if (!sent) kinds |= kRetryResetBeforeRequest;
  if (WantsRetry(kinds) && Retry()) return;
  const std::string_view reason = Reason(failure);
  std::string details = absl::StrCat("upstream_reset_before_response_started{", Absl(reason),
                                     failure_reason_.empty() ? "" : "|", failure_reason_, "}");
  ReplyUpstream(failure == UpstreamFailure::kProtocol ? 502 : 503, reason, Bit(FlagOf(failure)),
                Underscored(std::move(details)));
}

void Exchange::OnTryTimeout() {
  switch (try_timer_for_) {
    case TryTimer::kAsking:
      return OnAuthorization(AuthorizationAnswer());
    case TryTimer::kDelay:
      if (!InjectFault(*plan_->fault)) Forward();
      return;
    case TryTimer::kBackOff:
      return StartAttempt();
    case TryTimer::kPerTry:
      break;
  }
  if (response_started_) return;
  ++cluster_->stats.rq_per_try_timeout;
  ++upstream_host_->stats.rq_timeout;
  if (WantsRetry(kRetryReset | kRetry5xx | kRetryGatewayError) && Retry()) return;
  DropUpstream(Drop::kAbort);
  LocalReply reply;
  reply.status = 504;
  reply.body = "upstream request timeout";
  reply.details = "upstream_per_try_timeout";
  reply.flags = Bit(ResponseFlag::kUpstreamRequestTimeout);
  Reply(reply);
}

void Exchange::OnRouteTimeout() {
  if (!request_ended_) {
    ++listener_->stats.rq_timeout;
    LocalReply reply;
    reply.status = 408;
    reply.body = "request timeout";
    reply.details = "request_overall_timeout";
    reply.close = true;
    return response_started_ ? FailResponse(0, "request_overall_timeout") : Reply(reply);
  }
  if (cluster_) {
    ++cluster_->stats.rq_timeout;
    if (upstream_host_) ++upstream_host_->stats.rq_timeout;
  }
  if (response_started_) {
    return FailResponse(Bit(ResponseFlag::kUpstreamRequestTimeout), "response_timeout");
  }
  LocalReply reply;
  reply.status = 504;
  reply.body = "upstream request timeout";
  reply.details = "response_timeout";
  reply.flags = Bit(ResponseFlag::kUpstreamRequestTimeout);
  Reply(reply);
}

void Exchange::OnDurationTimeout() {
  if (response_started_) {
    return FailResponse(Bit(ResponseFlag::kDurationTimeout), "max_duration_timeout");
  }
  LocalReply reply;
  reply.status = 408;
  reply.body = "downstream duration timeout";
  reply.details = "max_duration_timeout";
  reply.flags = Bit(ResponseFlag::kDurationTimeout);
  reply.close = true;
  Reply(reply);
}

void Exchange::OnIdleTimeout() {
  ++listener_->stats.rq_idle_timeout;
  if (response_started_) {
    return FailResponse(Bit(ResponseFlag::kStreamIdleTimeout), "stream_idle_timeout");
  }
  LocalReply reply;
  reply.status = request_ended_ ? 504 : 408;
  reply.body = "stream timeout";
  reply.details = "stream_idle_timeout";
  reply.flags = Bit(ResponseFlag::kStreamIdleTimeout);
  reply.close = true;
  Reply(reply);
}

// Where it is not told otherwise the proxy has sent a 100 itself, and others stay here.
void Exchange::OnInterimHead(MessageHead* head) {
  Touch();
  if (!manager().proxy_100_continue) return;
  PrepareInterim(&head->headers);
  downstream_->SendInterim(head->status, &head->headers);
}

void Exchange::OnResponseHead(MessageHead* head) {
  Touch();
  const bool upgraded = head->status == 101;
  if (upgraded && !parts_->upgrade) {
    upstream_->Abort();
    return OnUpstreamFailure(UpstreamFailure::kProtocol, 0, true, true);
  }
  ++(head->status < 500 ? upstream_host_->stats.rq_success : upstream_host_->stats.rq_error);
  CountCode(head->status, &cluster_->stats.codes);
  if (WantsRetry(RetryKindsOf(*head)) && Retry()) return;
  if (retries_ > 0 && head->status < 500) ++cluster_->stats.rq_retry_success;
  try_timer_.Disarm();
  response_started_ = true;
  response_start_ = host_->loop()->now();
  status_ = head->status;
  details_ = "via_upstream";
  upstream_local_ = upstream_->local_address();
  upstream_tls_ = upstream_->tls_facts();
  upstream_answered_ = true;
  replay_.Release();
  replay_whole_ = false;

  PrepareResponse(manager(), listener_config_->direction, host_->date(), upgraded, &head->headers);
  if (!manager().suppress_envoy_headers && request_end_ > 0) {
    head->headers.SetView(
        HeaderId::kXEnvoyUpstreamServiceTime,
        head->headers.arena()->Decimal((response_start_ - request_end_) / kMillisecond));
  }
  const Routes& routes = *listener_config_->routes;
  if (routes.config->HostOf(match_)->include_attempt_count_in_response) {
    head->headers.SetView(HeaderId::kXEnvoyAttemptCount, head->headers.arena()->Decimal(attempts_));
  }
  if (manager().always_set_request_id_in_response) {
    const std::string_view* const id = head_->headers.Find(HeaderId::kXRequestId);
    if (id != nullptr)
      head->headers.SetView(HeaderId::kXRequestId, head->headers.arena()->Copy(*id));
  }
  response_headers_ = &head->headers;
  const telemetry::AccessLogEntry entry = LogEntry();
  const LogVariables variables(entry);
  action::ApplyResponse(*routes.config, match_, choice_, route_request_, &variables,
                        &head->headers);
  if (head->status == 204) head->headers.Remove(HeaderId::kContentLength);
  downstream_->SendHead(head->status, &head->headers, !upgraded && head->framing == Framing::kNone);
  if (upgraded) {
    tunnel_ = true;
    route_timer_.Disarm();
    upstream_->StartTunnel();
    downstream_->StartTunnel();
  }
}

void Exchange::OnResponseBody(std::string_view bytes) {
  Touch();
  bytes_sent_ += bytes.size();
  downstream_->SendBody(bytes);
  if (downstream_->full()) upstream_->PauseReads();
}

void Exchange::OnResponseEnd(const HeaderMap& trailers) {
  response_trailers_ = &trailers;
  downstream_->SendEnd(cluster_->cluster().enable_trailers ? &trailers : nullptr);
  ++cluster_->stats.rq_completed;
  const double ms = static_cast<double>(host_->loop()->now() - attempt_start_) / kMillisecond;
  cluster_->stats.rq_time.Add(ms);
  // A response before the end of its request: what is left of it must not reach the next one.
  const bool reusable = request_sent_ && !tunnel_ && upstream_->response_keeps_alive();
  DropUpstream(reusable ? Drop::kReuse : Drop::kClose);
  Finish();
}

void Exchange::ReplyUpstream(int status, std::string_view reason, uint32_t flags,
                             std::string_view details) {
  LocalReply reply;
  reply.status = status;
  reply.details = details;
  reply.flags = flags;
  const std::string body = absl::StrCat(
      "upstream connect error or disconnect/reset before headers. ",
      attempts_ > 1 ? "retried and the latest " : "", "reset reason: ", Absl(reason),
      absl::StartsWith(failure_reason_, "TLS_error") ? ", transport failure reason: " : "",
      absl::StartsWith(failure_reason_, "TLS_error") ? failure_reason_ : "");
  reply.body = body;
  reply.overloaded = (flags & Bit(ResponseFlag::kUpstreamOverflow)) != 0;
  Reply(reply);
}

void Exchange::Reply(const LocalReply& reply, bool edit) {
  DropUpstream(Drop::kAbort);
  flags_ |= reply.flags;
  status_ = reply.status;
  details_ = reply.details;
  response_started_ = true;
  response_start_ = host_->loop()->now();
  if (cluster_) CountCode(reply.status, &cluster_->stats.codes);

  reply_arena_.Clear();
  reply_headers_.Clear();
  if (!reply.location.empty()) reply_headers_.Add("location", reply.location);
  if (!reply.body.empty()) {
    reply_headers_.AddView(HeaderId::kContentLength, reply_arena_.Decimal(reply.body.size()));
    reply_headers_.AddView("content-type", reply.content_type.empty()
                                               ? std::string_view("text/plain")
                                               : reply_arena_.Copy(reply.content_type));
  }
  for (const auto& [name, value] : reply.headers) reply_headers_.Add(name, value);
  if (reply.overloaded) reply_headers_.AddView("x-envoy-overloaded", "true");
  if (edit) {
    const telemetry::AccessLogEntry entry = LogEntry();
    const LogVariables variables(entry);
    action::ApplyResponse(*listener_config_->routes->config, match_, choice_, route_request_,
                          &variables, &reply_headers_);
  }
  PrepareResponse(manager(), listener_config_->direction, host_->date(), false, &reply_headers_);
  // The rest of a request that is answered already is not waited for.
  const bool close = reply.close || (!request_ended_ && head_->framing != Framing::kNone);
  if (close) reply_headers_.AddView(HeaderId::kConnection, "close");
  response_headers_ = &reply_headers_;
  const bool bodiless = reply.body.empty() || head_->method == "HEAD";
  downstream_->SendHead(reply.status, &reply_headers_, bodiless);
  if (!bodiless) {
    bytes_sent_ += reply.body.size();
    downstream_->SendBody(reply.body);
  }
  downstream_->SendEnd(nullptr);
  Finish();
}

// The response has begun and cannot go on.
void Exchange::FailResponse(uint32_t flags, std::string_view details) {
  flags_ |= flags;
  details_ = details;
  DropUpstream(Drop::kAbort);
  downstream_->SendReset();
  Finish();
}

telemetry::AccessLogEntry Exchange::LogEntry() const {
  const auto since = [this](Nanos t) {
    return absl::Nanoseconds(t == 0 ? -1 : std::max<Nanos>(t - start_, 0));
  };
  telemetry::AccessLogEntry e;
  e.start = start_time_;
  e.duration = absl::Nanoseconds(host_->loop()->now() - start_);
  e.request_end = since(request_end_);
  e.upstream_request_end = since(upstream_request_end_);
  e.upstream_response_start = upstream_answered_ ? since(response_start_) : absl::Nanoseconds(-1);
  e.response_start = since(response_start_);
  e.method = head_->method;
  e.path = target_.path.empty() ? std::string_view(parts_->path) : std::string_view(target_.path);
  e.authority = target_.authority.empty() ? std::string_view(parts_->authority)
                                          : std::string_view(target_.authority);
  e.scheme = parts_->scheme;
  e.protocol = head_->minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
  e.request_headers = static_cast<const http::MutableHeaders&>(head_->headers).view();
  if (response_headers_ != nullptr) {
    e.response_headers = static_cast<const http::MutableHeaders&>(*response_headers_).view();
  }
  if (response_trailers_ != nullptr) {
    e.response_trailers = static_cast<const http::MutableHeaders&>(*response_trailers_).view();
  }
  e.response_code = status_;
  e.response_code_details = details_;
  e.response_flags = flags_;
  e.bytes_received = bytes_received_;
  e.bytes_sent = bytes_sent_;
  e.attempts = attempts_;
  e.connection_id = connection_->id;
  if (upstream_host_) e.upstream_host = upstream_host_->text;
  if (cluster_) {
    e.upstream_cluster = cluster_->name();
  } else if (forward_ != nullptr && host_->FindCluster(choice_.cluster) != nullptr) {
    e.upstream_cluster = choice_.cluster;  // a fault came first
  }
  e.upstream_local_address = upstream_local_;
  e.upstream_transport_failure_reason = failure_reason_;
  e.downstream_local_address = connection_->local;
  e.downstream_remote_address = parts_->remote.empty() ? std::string_view(connection_->remote)
                                                       : std::string_view(parts_->remote);
  e.downstream_direct_remote_address = connection_->remote;
  e.requested_server_name = connection_->server_name();
  if (connection_->tls != nullptr) e.downstream_tls = &connection_->tls->text;
  if (upstream_tls_ != nullptr) e.upstream_tls = &upstream_tls_->text;
  if (route_ != nullptr) e.route_name = route_->name;
  return e;
}

void Exchange::CountResponse(int status) {
  if (status > 0) CountCode(status, &listener_->stats.codes);
  if (!cluster_) return;
  const bool inbound = listener_config_->direction == envoy::Listener::Direction::kInbound;
  // Who is who: of our client at its destination, of our upstream at the source.
  const TlsFacts* const tls = inbound ? connection_->tls.get() : upstream_tls_.get();
  std::string_view peer = FirstUri(tls == nullptr ? nullptr : &tls->peer_uris);
  std::string_view own = FirstUri(tls == nullptr ? nullptr : &tls->local_uris);
  std::vector<RequestSeries>& all = cluster_->stats.series;
  const auto find = [&]() -> RequestSeries* {
    for (RequestSeries& s : all) {
      if (s.SameLabels(inbound, status, flags_, inbound ? peer : own, inbound ? own : peer)) {
        return &s;
      }
    }
    return nullptr;
  };
  RequestSeries* series = find();
  if (series == nullptr && all.size() >= kMaxSeriesWithPrincipals) {
    peer = own = std::string_view();
    series = find();
  }
  if (series == nullptr) {
    all.emplace_back();
    series = &all.back();
    series->inbound = inbound;
    series->code = status;
    series->flags = flags_;
    series->source_principal = inbound ? peer : own;
    series->destination_principal = inbound ? own : peer;
  }
  ++series->count;
  series->request_bytes += bytes_received_;
  series->response_bytes += bytes_sent_;
  series->duration.Add(static_cast<double>(host_->loop()->now() - start_) / kMillisecond);
}

void Exchange::Finish() {
  CountResponse(status_);
  if (!listener_config_->access_logs.empty()) host_->Log(*listener_config_, LogEntry());
  Release();
  downstream_->OnExchangeOver();
}

// Gives everything back and is ready for the next request.
void Exchange::Release() {
  if (forward_ != nullptr) DropUpstream(Drop::kAbort);
  route_timer_.Disarm();
  duration_timer_.Disarm();
  idle_timer_.Disarm();
  try_timer_.Disarm();
  if (cluster_) {
    if (holds_retry_) cluster_->ReleaseRetry(retry_counted_);
    if (holds_request_) {
      cluster_->ReleaseRequest(request_counted_);
      --cluster_->stats.rq_active;
    }
  }
  --listener_->stats.rq_active;
  if (asking_ != nullptr) std::exchange(asking_, nullptr)->exchange = nullptr;
  authorization_.Clear();
  holds_retry_ = retry_counted_ = holds_request_ = request_counted_ = false;
  active_ = request_ended_ = request_sent_ = tunnel_ = false;
  upstream_answered_ = false;
  response_started_ = downstream_paused_ = fresh_only_ = false;
  replay_.Clear();
  replay_whole_ = true;
  route_ = nullptr;
  forward_ = nullptr;
  plan_ = nullptr;
  match_ = route::Match();
  choice_ = action::ClusterChoice();
  target_.path.clear();
  target_.authority.clear();
  upstream_host_.reset();
  tried_.clear();
  cluster_.reset();
  attempts_ = retries_ = 0;
  status_ = 0;
  flags_ = 0;
  bytes_received_ = bytes_sent_ = 0;
  request_end_ = upstream_request_end_ = response_start_ = 0;
  details_.clear();
  failure_reason_.clear();
  upstream_local_.clear();
  upstream_tls_.reset();
  response_headers_ = nullptr;
  response_trailers_ = nullptr;
  request_trailers_ = nullptr;
  head_ = nullptr;
  listener_config_ = nullptr;
  pinned_.reset();
  listener_.reset();
}

}  // namespace mesh::proxy
