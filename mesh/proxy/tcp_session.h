// A connection passed through as it is: tcp_proxy. TLS may end here on both sides.
#ifndef MESH_PROXY_TCP_SESSION_H_
#define MESH_PROXY_TCP_SESSION_H_

#include <string>
#include <string_view>

#include "mesh/proxy/exchange.h"
#include "mesh/proxy/listener_state.h"
#include "mesh/proxy/server_connection.h"
#include "mesh/proxy/socket.h"
#include "mesh/proxy/upstream.h"

namespace mesh::proxy {

// envoy.extensions.filters.network.tcp_proxy.v3. Deletes itself when both sides are closed.
class TcpSession final : public EventHandler, public TrackedConnection {
 public:
  TcpSession(ExchangeHost* host, ConnectionTracker* tracker, Ref<ListenerState> listener,
             const Accepted& accepted);
  ~TcpSession() override;
  void Start(const Accepted& accepted);

  // Bytes have no boundary to end at: it goes on until its ends say so or the drain time is over.
  void Drain() override {}
  bool busy() const override { return true; }
  void Terminate() override;
  const ListenerState* listener() const override { return listener_.get(); }

 private:
  // One of the two connections.
  class Side final : public Socket {
   public:
    Side(EventLoop* loop, TcpSession* session, bool upstream)
        : Socket(loop), session_(session), upstream_(upstream) {}

   private:
    void OnConnected() override {
      if (upstream_) {
        session_->OnConnected();
      } else {
        session_->OnClientSecured();
      }
    }
    void OnData(std::string_view bytes) override { session_->OnBytes(upstream_, bytes); }
    void OnEnd() override { session_->OnSideEnd(upstream_); }
    void OnError(int error) override { session_->OnSideError(upstream_, error); }
    void OnDrained() override { session_->OnSideDrained(upstream_); }
    void OnClosed() override { session_->OnSideClosed(); }
    TcpSession* const session_;
    const bool upstream_;
  };

  void OnReady(const ReadyEvent&) override {}
  void OnClientSecured();
  void ChooseCluster();
  void Connect();
  void OnConnected();
  void OnBytes(bool from_upstream, std::string_view bytes);
  void OnSideEnd(bool upstream);
  void OnSideError(bool upstream, int error);
  void OnSideDrained(bool upstream);
  void OnSideClosed();
  void OnConnectTimeout();
  void ReleaseUpstream();
  void CloseBoth();
  void WriteLog();
  const envoy::TcpProxy& settings() const { return *pinned_->config->tcp(); }
  Side& other(bool upstream) { return upstream ? client_ : server_; }

  ExchangeHost* const host_;
  ConnectionTracker* const tracker_;
  const Ref<ListenerState> listener_;
  const Ref<PinnedListener> pinned_;
  ConnectionInfo info_;
  Ref<ClusterState> cluster_;
  Ref<Host> upstream_host_;
  std::shared_ptr<const TlsFacts> upstream_tls_;
  bool connected_ = false;
  bool holds_connection_ = false;
  bool counted_ = false;
  bool client_ended_ = false;
  bool server_ended_ = false;
  bool over_ = false;
  uint32_t attempts_ = 0;
  uint32_t flags_ = 0;
  std::string early_;  // what the client said before its chain was chosen
  std::string failure_reason_;
  std::string client_failure_reason_;
  std::string details_;  // why it was refused
  std::string upstream_local_;
  Nanos start_;
  absl::Time start_time_;
  uint64_t received_ = 0;
  uint64_t sent_ = 0;
  Side client_;
  Side server_;
  Timer timer_;  // to connect, then idle
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_TCP_SESSION_H_
