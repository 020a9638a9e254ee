// A connection to a host of a cluster: one exchange after another.
#ifndef MESH_PROXY_CLIENT_CONNECTION_H_
#define MESH_PROXY_CLIENT_CONNECTION_H_

#include <string>
#include <string_view>

#include "mesh/proxy/headers.h"
#include "mesh/proxy/http1.h"
#include "mesh/proxy/local_ref.h"
#include "mesh/proxy/socket.h"
#include "mesh/proxy/tls_facts.h"
#include "mesh/proxy/upstream.h"

namespace mesh::proxy {

// Why an upstream gave no whole response.
enum class UpstreamFailure {
  kConnect,  // refused, unreachable, no handshake
  kConnectTimeout,
  kTermination,  // the connection ended
  kProtocol,     // what came was no HTTP
};

// Who uses a connection. After OnUpstreamFailure the connection is no longer its user's.
class ConnectionUser {
 public:
  virtual ~ConnectionUser() = default;
  // The connection is there: the request can be sent.
  virtual void OnUpstreamReady() = 0;
  // 100, 103 ...: the response itself follows.
  virtual void OnInterimHead(MessageHead* head) = 0;
  virtual void OnResponseHead(MessageHead* head) = 0;
  virtual void OnResponseBody(std::string_view bytes) = 0;
  virtual void OnResponseEnd(const HeaderMap& trailers) = 0;
  // `heard`: something of a response had come; `sent`: something of the request had gone.
  virtual void OnUpstreamFailure(UpstreamFailure failure, int error, bool heard, bool sent) = 0;
  // After a full() there is room again.
  virtual void OnUpstreamDrained() = 0;
};

// Deletes itself when it is closed. Not thread-safe.
class ClientConnection final : public Socket {
 public:
  // The connection limit's place, where one is held, passes to the connection.
  ClientConnection(EventLoop* loop, Ref<ClusterState> cluster, Ref<Host> host, bool counted);
  ~ClientConnection() override;

  // False: could not even begin; `*error` is errno and the connection is gone.
  bool Begin(int* error);
  // Takes the connection for one request. OnUpstreamReady follows once it is connected; where it is
  // already, the user goes on by itself.
  void Attach(ConnectionUser* user, bool head_request);
  bool reused() const { return requests_ > 1; }
  bool ready() const { return open() && !connecting(); }
  const Ref<Host>& host() const { return host_; }
  // Of the response being read.
  bool response_keeps_alive() { return reader_.head().keep_alive; }
  const std::string& local_address();
  // Null in plaintext and before the handshake.
  const std::shared_ptr<const TlsFacts>& tls_facts() const { return tls_facts_; }
  // In Envoy's form, where TLS failed; else empty.
  std::string transport_failure() const {
    return tls() == nullptr ? std::string() : TlsFailureReason(*tls());
  }

  void SendHead(std::string_view method, std::string_view target, std::string_view authority,
                const HeaderMap& headers, bool chunked);
  void SendBody(std::string_view bytes);
  void SendEnd(const HeaderMap* trailers);
  // From now on bytes are just bytes: a 101 has come.
  void StartTunnel() { tunnel_ = true; }

  // The user is done: kept for others where `reusable` and nothing speaks against it.
  void Done(bool reusable);
  // The user gives up: the connection closes, nothing more is called.
  void Abort();

 private:
  void OnConnected() override;
  void OnData(std::string_view bytes) override;
  void OnEnd() override;
  void OnCutOff() override;
  void OnError(int error) override;
  void OnDrained() override;
  void OnClosed() override;
  void OnTimer();
  bool CutOff() const;
  void Fail(UpstreamFailure failure, int error);
  bool Expired() const;

  const Ref<ClusterState> cluster_;
  const Ref<Host> host_;
  const bool counted_;
  const Nanos created_;
  ConnectionUser* user_ = nullptr;
  Arena arena_;
  Http1Reader reader_{Http1Reader::Kind::kResponse, &arena_};
  bool in_idle_ = false;
  bool was_connected_ = false;
  bool chunked_ = false;
  bool tunnel_ = false;
  bool heard_ = false;
  bool head_request_ = false;
  bool timed_out_ = false;
  uint32_t requests_ = 0;
  uint64_t written_before_ = 0;  // when the present request began
  std::string local_address_;
  std::shared_ptr<const TlsFacts> tls_facts_;
  Timer timer_;  // to connect, or idle
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_CLIENT_CONNECTION_H_
