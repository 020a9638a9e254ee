// What the proxy's own tests stand on: a server whose every answer is scripted, a client that sees
// every byte, and proxies configured from JSON.
#ifndef MESH_PROXY_TESTING_H_
#define MESH_PROXY_TESTING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "mesh/base/mutex.h"
#include "mesh/proxy/proxy.h"
#include "mesh/tls/session.h"

namespace mesh::proxy::testing {

// A blocking connection; nothing waits longer than ten seconds.
class Peer {
 public:
  explicit Peer(int fd);
  ~Peer();
  Peer(Peer&& other) noexcept;
  Peer& operator=(Peer&& other) noexcept;
  Peer(const Peer&) = delete;

  // False where the other side has gone.
  bool Send(const std::string& bytes);
  // One message: start line and headers, then its body with the framing taken off. Nothing where
  // the connection ended before a whole one came.
  struct Message {
    std::string start;  // "GET / HTTP/1.1", "HTTP/1.1 200 OK"
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    bool until_close = false;
    // "" where there is none; several joined by '|'.
    std::string Header(const std::string& name) const;
    bool Has(const std::string& name) const;
    int status() const;
  };
  std::optional<Message> Read(bool to_head = false);
  // At most `n` bytes, at least one; "" at the end.
  std::string ReadSome(size_t n);
  // True where the other side ends, with nothing more said.
  bool AtEnd();
  // Whatever comes until the end.
  std::string ReadAll();
  void FinishWrites();
  void Reset();
  void Close();
  int fd() const { return fd_; }

  // From here on everything goes through TLS, on the side that the context is of. False where the
  // handshake fails. (A client of TLS 1.3 is done before the server has looked at its certificate.)
  bool StartTls(std::shared_ptr<const tls::Context> context, const std::string& server_name = "");
  // Null in plaintext.
  const tls::Session* tls() const { return tls_.get(); }
  // Says the close_notify, and reads on.
  void FinishTls();

 private:
  bool Fill();
  bool SendRaw(std::string_view bytes);
  bool SendTls();
  int fd_;
  std::string held_;
  std::unique_ptr<tls::Session> tls_;
};

Peer Connect(uint16_t port);

// A server on loopback: each connection has a thread that runs `serve`.
class Server {
 public:
  explicit Server(std::function<void(Peer&)> serve);
  ~Server();
  uint16_t port() const { return port_; }
  int connections() const;
  // Of them, those that `serve` is done with and that are closed.
  int closed() const;

  // Answers every request with what `answer` makes of it.
  static std::function<void(Peer&)> Answering(
      std::function<std::string(const Peer::Message&)> answer);

 private:
  void Run();
  const std::function<void(Peer&)> serve_;
  int listener_;
  uint16_t port_;
  mutable Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
  int closed_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> open_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

// "HTTP/1.1 200 OK", Content-Length and the body.
std::string Ok(const std::string& body, const std::string& headers = "");

// Envoy's JSON to plain values; a mistake in it fails the test.
envoy::Cluster ClusterFromJson(const std::string& json);
envoy::Listener ListenerFromJson(const std::string& json);
std::shared_ptr<const route::action::RouteConfig> RoutesFromJson(const std::string& json);
// A STATIC cluster with unlimited thresholds.
envoy::Cluster StaticCluster(const std::string& name, const std::vector<uint16_t>& ports,
                             const std::string& more = "");
// A listener "in" on any port of loopback whose HTTP connection manager has these virtual hosts
// (the inside of a JSON list) and more fields; `filters` (the same) stand before all others.
envoy::Listener HttpListener(const std::string& virtual_hosts, const std::string& more = "",
                             const std::string& name = "in", const std::string& filters = "");
// One virtual host for everything, one route for everything, to the cluster, with more in `route`.
std::string ToCluster(const std::string& cluster, const std::string& more = "");

struct Options {
  int concurrency = 1;
  std::vector<std::string> local_secrets = {};
  std::function<void(std::string_view path, std::string_view lines)> access_log = nullptr;
  std::function<std::unique_ptr<Network>()> make_network;
};
// A proxy without xDS, given secrets before all else. Fails the test where it does not take the
// configuration.
std::unique_ptr<Proxy> StartProxy(ProxyConfig config, const Options& options = {},
                                  std::vector<Secret> secrets = {});
// The value of a line of /stats, 0 where there is none.
uint64_t Stat(const Proxy& proxy, const std::string& name);
// Waits until a stat has the value.
bool WaitForStat(const Proxy& proxy, const std::string& name, uint64_t value);

}  // namespace mesh::proxy::testing

#endif  // MESH_PROXY_TESTING_H_
