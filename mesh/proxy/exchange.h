// One request and its response, from the listener to the cluster and back.
#ifndef MESH_PROXY_EXCHANGE_H_
#define MESH_PROXY_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/proxy/authorization_client.h"
#include "mesh/proxy/client_connection.h"
#include "mesh/proxy/config.h"
#include "mesh/proxy/http1.h"
#include "mesh/proxy/listener_state.h"
#include "mesh/proxy/request_authorization.h"
#include "mesh/proxy/request_rules.h"
#include "mesh/proxy/upstream.h"
#include "mesh/route/action/apply.h"

namespace mesh::proxy {

// What an exchange needs of the worker it runs on.
class ExchangeHost {
 public:
  virtual ~ExchangeHost() = default;
  virtual EventLoop* loop() = 0;
  virtual Random* random() = 0;
  // Null where there is none of that name.
  virtual ClusterState* FindCluster(std::string_view name) = 0;
  // "Sun, 06 Nov 1994 08:49:37 GMT", of this second.
  virtual std::string_view date() = 0;
  virtual absl::Time wall_clock() = 0;
  // Who asks external authorization services; null: nobody can.
  virtual AuthorizationClient* authorization() = 0;
  // Whether answers tell a client which policy denied its request.
  virtual bool explain_denials() const = 0;
  virtual void Log(const ListenerConfig& listener, const telemetry::AccessLogEntry& entry) = 0;
};

// What an exchange needs of the connection (or, with HTTP/2, the stream) its request came by.
class Downstream {
 public:
  virtual ~Downstream() = default;
  virtual void SendContinue() = 0;
  // A 1xx response of the upstream's, as far as the client understands such.
  virtual void SendInterim(int status, HeaderMap* headers) = 0;
  // `ends`: there is no body. The map is the downstream's to change.
  virtual void SendHead(int status, HeaderMap* headers, bool ends) = 0;
  virtual void SendBody(std::string_view bytes) = 0;
  virtual void SendEnd(const HeaderMap* trailers) = 0;
  // The response cannot be finished.
  virtual void SendReset() = 0;
  // A 101 has been sent: bytes are just bytes in both directions.
  virtual void StartTunnel() = 0;
  virtual bool full() const = 0;
  virtual void PauseRequest() = 0;
  virtual void ResumeRequest() = 0;
  // The exchange is over and knows nothing of the request any more. The last call.
  virtual void OnExchangeOver() = 0;
};

// Lives in its downstream, for one request after another. Order of a request's way: Begin ->
// RouteRequest -> Authorize -> FollowRoute -> (fault) -> StartAttempt -> Acquire -> SendRequest ->
// OnResponseHead -> OnResponseBody -> OnResponseEnd -> Finish; a failed attempt goes back to
// StartAttempt.
class Exchange final : private ConnectionUser, private ConnectionWaiter {
 public:
  Exchange(ExchangeHost* host, Downstream* downstream);
  ~Exchange() override;

  bool active() const { return active_; }
  bool request_ended() const { return request_ended_; }
  bool tunnel() const { return tunnel_; }

  // From the downstream. The head and everything it refers to live until OnExchangeOver; the parts
  // are already in canonical form, unless `reply` says that the request is answered here.
  void Begin(const Ref<ListenerState>& listener, const ConnectionInfo* connection,
             MessageHead* head, RequestParts* parts, const std::optional<LocalReply>& reply);
  void OnRequestBody(std::string_view bytes);
  void OnRequestEnd(const HeaderMap* trailers);
  // The client has gone.
  void OnDownstreamGone();
  // What the client sends is no HTTP.
  void OnRequestError(int status, std::string_view details);
  void OnDownstreamDrained();

 private:
  // exchange.cc: the request.
  void RouteRequest();
  void FollowRoute();
  void Forward();
  bool InjectFault(const envoy::Fault& fault);
  void StartAttempt();
  void Acquire();
  void SendRequest();
  Nanos RouteTimeout() const;  // 0: none
  void ArmPerTryTimer();
  void Touch();

  // exchange_authorization.cc: whether it may go on.
  void Authorize();
  void TakeStep(RequestAuthorization::Step step);
  void OnAuthorization(const AuthorizationAnswer& answer);
  RequestAuthorization::Input AuthorizationInput();

  // exchange_response.cc: the response, and what can go wrong.
  void OnUpstreamReady() override;
  void OnInterimHead(MessageHead* head) override;
  void OnResponseHead(MessageHead* head) override;
  void OnResponseBody(std::string_view bytes) override;
  void OnResponseEnd(const HeaderMap& trailers) override;
  void OnUpstreamFailure(UpstreamFailure failure, int error, bool heard, bool sent) override;
  void OnUpstreamDrained() override;
  void OnConnectionFree() override;

  void OnRouteTimeout();
  void OnDurationTimeout();
  void OnTryTimeout();
  void OnIdleTimeout();
  bool MayReplay() const;
  bool WantsRetry(uint32_t kinds) const;
  uint32_t RetryKindsOf(const MessageHead& head) const;
  // True where another attempt has been scheduled.
  bool Retry();
  enum class Drop { kReuse, kClose, kAbort };
  void DropUpstream(Drop how);
  // Answers with what the proxy itself has to say; `edit` applies the route's header rules.
  void Reply(const LocalReply& reply, bool edit = false);
  void ReplyUpstream(int status, std::string_view reason, uint32_t flags, std::string_view details);
  void FailResponse(uint32_t flags, std::string_view details);
  void CountResponse(int status);
  void Finish();
  telemetry::AccessLogEntry LogEntry() const;
  void Release();

  bool Drawn(const envoy::Fault::Share& share);
  const envoy::HttpConnectionManager& manager() const { return *listener_config_->http(); }

  ExchangeHost* const host_;
  Downstream* const downstream_;

  // The request.
  bool active_ = false;
  Ref<ListenerState> listener_;
  Ref<PinnedListener> pinned_;
  const ListenerConfig* listener_config_ = nullptr;
  const ConnectionInfo* connection_ = nullptr;
  MessageHead* head_ = nullptr;
  RequestParts* parts_ = nullptr;
  bool request_ended_ = false;
  bool request_sent_ = false;  // to the present upstream, with its end
  bool tunnel_ = false;
  Buffer replay_;  // the body so far, as long as replay_whole_
  bool replay_whole_ = true;
  bool downstream_paused_ = false;
  const HeaderMap* request_trailers_ = nullptr;

  // Whether it may go on.
  RequestAuthorization authorization_;
  // Shared with whoever brings the service's answer; points nowhere once nobody waits for it.
  struct Asking {
    Exchange* exchange;
  };
  std::shared_ptr<Asking> asking_;

  // Its route.
  route::Request route_request_;
  route::Match match_;
  const route::action::Route* route_ = nullptr;
  const route::action::Forward* forward_ = nullptr;
  const RoutePlan* plan_ = nullptr;
  route::action::ClusterChoice choice_;
  route::action::RequestTarget target_;
  Ref<ClusterState> cluster_;
  bool request_counted_ = false;
  bool holds_request_ = false;

  // Attempts.
  ClientConnection* upstream_ = nullptr;
  Ref<Host> upstream_host_;
  bool waiting_ = false;
  bool holds_pending_ = false;
  bool pending_counted_ = false;
  bool holds_retry_ = false;
  bool retry_counted_ = false;
  bool fresh_only_ = false;
  uint32_t attempts_ = 0;
  uint32_t retries_ = 0;
  std::vector<Ref<Host>> tried_;
  Nanos attempt_start_ = 0;

  // The response.
  bool response_started_ = false;
  bool upstream_answered_ = false;  // the present upstream, with a head that was passed on
  Arena reply_arena_;
  HeaderMap reply_headers_{&reply_arena_};
  const HeaderMap* response_headers_ = nullptr;
  const HeaderMap* response_trailers_ = nullptr;
  int status_ = 0;

  // For the log.
  Nanos start_ = 0;
  absl::Time start_time_;
  Nanos request_end_ = 0;
  Nanos upstream_request_end_ = 0;
  Nanos response_start_ = 0;
  uint32_t flags_ = 0;
  uint64_t bytes_received_ = 0;
  uint64_t bytes_sent_ = 0;
  std::string details_;
  std::string failure_reason_;
  std::string upstream_local_;
  std::shared_ptr<const TlsFacts> upstream_tls_;

  Timer route_timer_;     // until the request has come, then until the response has
  Timer duration_timer_;  // of the whole
  Timer idle_timer_;
  // Of one attempt, of the wait for the next one or for a service's answer, or of an injected
  // delay.
  Timer try_timer_;
  enum class TryTimer { kPerTry, kBackOff, kDelay, kAsking } try_timer_for_ = TryTimer::kPerTry;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_EXCHANGE_H_
