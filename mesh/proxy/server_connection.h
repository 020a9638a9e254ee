// A client's connection: requests in, responses out, one after another.
#ifndef MESH_PROXY_SERVER_CONNECTION_H_
#define MESH_PROXY_SERVER_CONNECTION_H_

#include <string>
#include <string_view>

#include "mesh/proxy/exchange.h"
#include "mesh/proxy/http1.h"
#include "mesh/proxy/listener_state.h"
#include "mesh/proxy/socket.h"

namespace mesh::proxy {

// A connection that a listener has taken, and what is known of it by then.
struct Accepted {
  int fd = -1;
  uint64_t id = 0;
  Address peer;
  Address local;            // where it was going to
  std::string first_bytes;  // read already
  std::string server_name;  // asked for by a TLS hello among them
};

// What a worker keeps a list of.
class TrackedConnection {
 public:
  virtual ~TrackedConnection() = default;
  // Ends as soon as it can without harm: with the present response, or after a while of silence.
  virtual void Drain() = 0;
  // True while something is under way on it.
  virtual bool busy() const = 0;
  // Ends now.
  virtual void Terminate() = 0;
  // Null before one has been chosen.
  virtual const ListenerState* listener() const = 0;
};

// How long a handshake with us may take.
Nanos HandshakeTimeout(const ListenerConfig& config);

class ConnectionTracker {
 public:
  virtual ~ConnectionTracker() = default;
  virtual void OnConnectionClosed(TrackedConnection* connection) = 0;
};

// HTTP/1 (RFC 9112) with persistent connections and pipelining, in plaintext or TLS. Deletes itself
// when it is closed.
class ServerConnection final : public Socket, public Downstream, public TrackedConnection {
 public:
  ServerConnection(ExchangeHost* host, ConnectionTracker* tracker, Ref<ListenerState> listener,
                   const Accepted& accepted);
  void Start(const Accepted& accepted);

  void Drain() override;
  bool busy() const override { return exchange_.active() || !reader_.idle(); }
  void Terminate() override { Close(); }
  const ListenerState* listener() const override { return listener_.get(); }

 private:
  // Socket.
  void OnConnected() override;
  void OnData(std::string_view bytes) override;
  void OnEnd() override;
  void OnError(int error) override;
  void OnDrained() override { exchange_.OnDownstreamDrained(); }
  void OnClosed() override;

  // Downstream.
  void SendContinue() override;
  void SendInterim(int status, HeaderMap* headers) override;
  void SendHead(int status, HeaderMap* headers, bool ends) override;
  void SendBody(std::string_view bytes) override;
  void SendEnd(const HeaderMap* trailers) override;
  void SendReset() override;
  void StartTunnel() override;
  bool full() const override { return Socket::full(); }
  void PauseRequest() override { PauseReads(); }
  void ResumeRequest() override { ResumeReads(); }
  void OnExchangeOver() override;

  void Process(std::string_view input);
  void BeginExchange();
  void RefuseRequest(int status, std::string_view details);
  void ArmIdleTimer();
  void OnTimer();
  const envoy::HttpConnectionManager& manager() const { return *listener_->config().http(); }

  ExchangeHost* const host_;
  ConnectionTracker* const tracker_;
  const Ref<ListenerState> listener_;
  ConnectionInfo info_;
  const Nanos created_;
  Arena arena_;
  Http1Reader reader_{Http1Reader::Kind::kRequest, &arena_};
  RequestParts parts_;
  Exchange exchange_;
  std::string held_;     // what came behind the present request
  bool between_ = true;  // no request is being read or answered
  bool request_complete_ = false;
  bool processing_ = false;
  bool draining_ = false;
  bool tunnel_ = false;
  bool close_after_ = false;  // with the present response
  bool reset_after_ = false;  // the present response cannot be finished
  bool chunked_ = false;      // the present response
  bool bodiless_ = false;     // the present response: HEAD
  uint32_t requests_ = 0;
  Timer next_timer_;  // goes on with what is held
  Timer timer_;       // idle, or waiting for the rest of a head
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_SERVER_CONNECTION_H_
