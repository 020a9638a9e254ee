// What the admin interface says: text made of copies of the workers' counts.
#ifndef MESH_PROXY_ADMIN_PAGES_H_
#define MESH_PROXY_ADMIN_PAGES_H_

#include <map>
#include <string>
#include <vector>

#include "mesh/proxy/configuration.h"
#include "mesh/proxy/worker.h"
#include "mesh/xds/client.h"

namespace mesh::proxy {

// What the node says of itself, for the labels of istio_requests_total.
struct NodeLabels {
  std::string workload = "unknown";
  std::string workload_namespace = "unknown";
  std::string app = "unknown";
  std::string version = "unknown";
  std::string principal = "unknown";
};

// All workers' counts added up.
struct ProxyStats {
  std::map<std::string, WorkerStats::Cluster> clusters;
  std::map<std::string, ListenerStats> listeners;
  size_t connections = 0;
  size_t busy = 0;

  void Add(const WorkerStats& worker);
};

// The xDS client's counts, where there is one.
using XdsStats = const xds::ClientStats*;

// /stats/prometheus: Envoy's and Istio's names and labels.
std::string PrometheusPage(const ProxyStats& stats, const Configuration& configuration,
                           const NodeLabels& node, XdsStats xds, bool live, double uptime_seconds);
// /stats: "cluster.NAME.upstream_rq_total: 7", sorted.
std::string StatsPage(const ProxyStats& stats, const Configuration& configuration, XdsStats xds,
                      bool live, double uptime_seconds);
// /clusters, as Envoy's text form.
std::string ClustersPage(const ProxyStats& stats, const Configuration& configuration);
// /listeners: "NAME::ADDRESS", and the same as JSON.
std::string ListenersPage(const Configuration& configuration, bool json);
// /certs: Envoy's JSON over the certificates of all secrets, never a key.
std::string CertificatesPage(const TlsContexts& secrets);

}  // namespace mesh::proxy

#endif  // MESH_PROXY_ADMIN_PAGES_H_
