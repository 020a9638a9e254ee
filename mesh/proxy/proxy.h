// The data plane in one object: listens, routes, balances, forwards.
//
//   mesh::proxy::ProxyOptions options;
//   options.node.id = "sidecar~127.1.0.1~reviews-v1-0.default~default.svc.cluster.local";
//   options.xds_address = "127.0.0.1:15010";
//   options.admin_address = "127.0.0.1:15000";
//   absl::StatusOr<std::unique_ptr<mesh::proxy::Proxy>> proxy = mesh::proxy::Proxy::Start(options);
//   ...
//   (*proxy)->Drain();
//   (*proxy)->WaitDrained(absl::Seconds(5));
#ifndef MESH_PROXY_PROXY_H_
#define MESH_PROXY_PROXY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/base/log.h"
#include "mesh/envoy/cluster.h"
#include "mesh/envoy/endpoint.h"
#include "mesh/envoy/listener.h"
#include "mesh/proxy/secret.h"
#include "mesh/route/action/route_config.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace mesh::proxy {

class Network;

// Who this proxy is, as its control plane is told: envoy.config.core.v3.Node.
struct ProxyNode {
  std::string id;       // "sidecar~10.0.0.1~pod.namespace~namespace.svc.cluster.local"
  std::string cluster;  // "reviews.default"
  std::string metadata_json = "{}";
  std::string region, zone, sub_zone;
};

struct ProxyOptions {
  ProxyNode node;
  // Of the control plane's ADS ("127.0.0.1:15010"); empty: configured by Apply alone.
  std::string xds_address;
  // Asked at each attempt to connect there; null: plaintext. And the name that the control plane's
  // certificate must have; empty: the address.
  std::function<std::shared_ptr<grpc::ChannelCredentials>()> xds_credentials;
  std::string xds_server_name;
  // "127.0.0.1:15000", port 0 for any; empty: no admin. It is on loopback unless told otherwise:
  // who reaches it may stop the proxy.
  std::string admin_address;
  // Where a listener for all addresses (0.0.0.0 or ::) is bound instead; empty: on all of them.
  // With 127.0.0.1 a gateway on a laptop is its user's alone.
  std::string wildcard_address;
  int concurrency = 1;
  // Names of secrets that SetSecrets will give: they are never asked of the control plane, and what
  // it says of them is not listened to.
  std::vector<std::string> local_secrets;
  LogSink* log = LogSink::Null();  // components "proxy" and "xds-client"
  // Takes the access logs' lines in the files' place, with the path they would go to; some 200 ms
  // late, on the thread "log-writer". Empty: the files.
  std::function<void(std::string_view path, std::string_view lines)> access_log;
  // Whether an answer that RBAC denies says to the client, in x-mesh-denied-by, which policy it
  // was.
  bool explain_denials = false;
  // Called once, on the configuration thread, when POST /quitquitquit asks for an end. May be
  // empty.
  std::function<void()> on_quit;
  // The seam to the kernel, for tests; called once for each worker.
  std::function<std::unique_ptr<Network>()> make_network;
};

// Configuration by hand, in the form that xDS is read into. A resource of the same name is
// replaced, others stay.
struct ProxyConfig {
  std::vector<envoy::Cluster> clusters;
  std::vector<std::string> removed_clusters;
  std::vector<envoy::Endpoints> endpoints;
  std::vector<envoy::Listener> listeners;
  std::vector<std::string> removed_listeners;
  std::vector<std::shared_ptr<const route::action::RouteConfig>> routes;
};

// Threads: `concurrency` workers ("worker-N"), one for configuration and admin ("config"), one that
// writes access logs ("log-writer"), one that resolves names when there are any ("resolver"), and
// with xDS those of xds::Client. Installs no signal handler. Any number in one process. All methods
// are thread-safe, but none may be called on the proxy's own threads.
class Proxy {
 public:
  // Unavailable: the admin address cannot be bound. InvalidArgument: an option makes no sense.
  static absl::StatusOr<std::unique_ptr<Proxy>> Start(ProxyOptions options);
  ~Proxy();  // stops
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Requests sent after it returns meet the new configuration, requests under way finish with the
  // one they began with. InvalidArgument names, one a line, what was not taken; the rest was.
  absl::Status Apply(ProxyConfig config);

  // Connects to the control plane anew, with new credentials. Returns at once.
  void ReconnectXds();

  // Certificates, keys and roots that this process provides, replaced by name, all of one call at
  // once: no connection sees a new certificate with old roots. Connections made after it returns
  // use them, those that live go on. Clusters and listeners whose secrets are not there yet wait
  // for them. The names join ProxyOptions::local_secrets.
  void SetSecrets(std::vector<Secret> secrets);

  // The port a listener is bound to; 0 where there is none of that name, or not yet.
  uint16_t ListenerPort(const std::string& name) const;
  uint16_t admin_port() const;
  // All clusters and listeners have been received and are warm.
  bool Ready() const;
  // False when `timeout` has passed first.
  bool WaitReady(absl::Duration timeout) const;

  // No new connections; responses say "connection: close"; idle connections are closed after a
  // second of silence. Returns at once.
  void Drain();
  // True when no connection has anything under way any more, or none is left.
  bool WaitDrained(absl::Duration timeout) const;
  // Ends everything: all threads have ended when it returns.
  void Stop();

  // What the admin interface answers to GET `path`, for tests and embedders: "/stats/prometheus".
  std::string Admin(const std::string& path) const;

 private:
  class Core;
  explicit Proxy(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_PROXY_H_
