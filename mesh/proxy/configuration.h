// What the proxy is to do, as it stands: takes loaded resources, warms them, and hands finished
// values to the workers.
#ifndef MESH_PROXY_CONFIGURATION_H_
#define MESH_PROXY_CONFIGURATION_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mesh/base/log.h"
#include "mesh/envoy/cluster.h"
#include "mesh/envoy/endpoint.h"
#include "mesh/envoy/listener.h"
#include "mesh/proxy/config.h"
#include "mesh/proxy/event_loop.h"
#include "mesh/proxy/resolver.h"
#include "mesh/proxy/tls_contexts.h"
#include "mesh/proxy/worker.h"
#include "mesh/telemetry/log_writer.h"

namespace mesh::proxy {

// Resources that came together.
struct ConfigBatch {
  std::vector<envoy::Cluster> clusters;
  std::vector<std::string> removed_clusters;
  std::vector<envoy::Endpoints> endpoints;
  std::vector<envoy::Listener> listeners;
  std::vector<std::string> removed_listeners;
  std::vector<std::shared_ptr<const Routes>> routes;
  std::vector<Secret> secrets;
};

// Belongs to the configuration thread: all methods run on its loop.
//
// 1. A cluster is handed out once its endpoints are known (or their time is up), and keeps its last
//    ones until newer are.
// 2. A listener opens once the routes of all its chains are known (or their time is up); its
// sockets
//    are bound when it comes, so that an address in use is an error of the batch.
// 3. A new version of a listener keeps its sockets, and the connections of the chains it keeps.
// 4. Nothing is handed out whose secrets are not all there. When their time is up, a cluster is
//    without the endpoints that need them, and a listener turns away who asks for a chain that
//    does; one with no other chain stays closed.
// 5. Newer secrets are for connections that are made from then on.
class Configuration {
 public:
  Configuration(EventLoop* loop, Resolver* resolver, telemetry::LogWriter* log_writer,
                std::vector<Worker*> workers, LogSink* log);
  ~Configuration();

  // Takes what it can and publishes it; an error names, one a line, what it could not take, which
  // stays as it was.
  absl::Status Apply(const ConfigBatch& batch);

  // What has to be asked for.
  std::vector<std::string> EndpointNames() const;
  std::vector<std::string> RouteNames() const;
  // All secrets that are named, wherever they come from.
  std::vector<std::string> SecretNames() const;
  const TlsContexts& secrets() const { return tls_; }
  // Clusters and listeners that are not handed out yet.
  size_t warming() const;

  struct ListenerInfo {
    std::string name;
    Address address;  // as bound
    bool active = false;
  };
  std::vector<ListenerInfo> listeners() const;
  struct ClusterInfo {
    std::shared_ptr<const ClusterConfig> config;  // null while it warms
    std::string name;
  };
  std::vector<ClusterInfo> clusters() const;
  // Null where there is none of that name, or it warms.
  std::shared_ptr<const ClusterConfig> FindCluster(const std::string& name) const;

 private:
  struct ClusterEntry;
  struct ListenerEntry;

  absl::Status TakeCluster(const envoy::Cluster& cluster);
  // Hands the cluster out with the addresses that are known, once its secrets are.
  void TryCluster(ClusterEntry* entry);
  void ActivateCluster(ClusterEntry* entry);
  void TryEndpoints(ClusterEntry* entry);
  void Resolve(ClusterEntry* entry);
  void OnResolved(const std::string& name, uint64_t round, size_t index,
                  const absl::StatusOr<std::vector<Address>>& answer);
  absl::Status TakeListener(const envoy::Listener& listener);
  // One for each worker; an address with port 0 is given the port it got.
  absl::StatusOr<std::vector<AccessLog>> OpenAccessLogs(
      const std::vector<envoy::AccessLogFile>& files, const std::string& where);
  absl::StatusOr<std::vector<int>> OpenSockets(Address* address);
  // Whether the settings make a context, as far as that is known before their secrets are.
  absl::Status CheckTls(const envoy::TransportSocket& tls, TlsContexts::Use use,
                        const std::string& where);
  std::shared_ptr<const tls::Context> ContextOf(const envoy::TransportSocket& tls,
                                                TlsContexts::Use use);
  void TakeSecrets(const std::vector<Secret>& secrets);
  void TryListener(ListenerEntry* entry);
  void ActivateListener(ListenerEntry* entry);
  void Publish();

  EventLoop* const loop_;
  Resolver* const resolver_;
  telemetry::LogWriter* const log_writer_;
  const std::vector<Worker*> workers_;
  LogSink* const log_;
  std::map<std::string, std::unique_ptr<ClusterEntry>> clusters_;
  std::map<std::string, std::unique_ptr<ListenerEntry>> listeners_;
  std::map<std::string, envoy::Endpoints> endpoints_;
  std::map<std::string, std::shared_ptr<const Routes>> routes_;
  TlsContexts tls_;
  // What the next Publish says; sockets by worker.
  WorkerUpdate pending_;
  std::vector<std::vector<int>> pending_fds_;
  std::map<std::string, size_t> pending_clusters_;  // place in pending_.clusters
  // Listeners that this batch removes and whose address it gives to another one: their sockets pass
  // to it.
  struct Vacated {
    std::string name;
    envoy::HostPort address;
    Address bound;
  };
  std::vector<Vacated> vacated_;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_CONFIGURATION_H_
