// Services, their ports, workloads and endpoints, out of Kubernetes objects, ServiceEntry and
// WorkloadEntry: what the translator knows about who can be called and where they are.
//
//   std::shared_ptr<const Registry> registry = Registry::Build(snapshot);
//   for (const ServicePtr& service : registry->services()) {
//     for (const Port& port : service->ports) {
//       for (const Endpoint* endpoint : registry->EndpointsOf(*service, port)) …
//     }
//   }
//
// A Registry never changes and may be used from any thread; everything it hands out by pointer or
// reference lives as long as it does. Building costs O(objects + endpoints).
#ifndef MESH_REGISTRY_REGISTRY_H_
#define MESH_REGISTRY_REGISTRY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "mesh/base/source_position.h"
#include "mesh/registry/label_index.h"
#include "mesh/registry/protocol.h"

namespace mesh::config {
class Snapshot;
class Resource;
}  // namespace mesh::config

namespace mesh::registry {

struct Port {
  std::string name;
  uint32_t number = 0;
  Protocol protocol = Protocol::kUnsupported;
  // The port of the workload: a number, or the name of a container port.
  uint32_t target_number = 0;
  std::string target_name;
};

// How a proxy finds a service's endpoints.
enum class Resolution {
  kClientSide,   // the control plane knows them (EDS)
  kDns,          // the proxy resolves their names
  kPassthrough,  // where the connection was going anyway (headless services, resolution NONE)
};

struct Service {
  std::string hostname;  // reviews.default.svc.cluster.local
  std::string name;      // reviews; for a ServiceEntry its first host
  std::string ns;
  // Its own addresses or prefixes; a Service has at most one, most ServiceEntries none.
  std::vector<std::string> addresses;
  std::vector<Port> ports;
  Labels selector;  // labels of the pods; for a ServiceEntry of its workloadSelector
  Resolution resolution = Resolution::kClientSide;
  bool kubernetes = false;     // out of a Service object
  bool headless = false;       // clusterIP: None
  bool mesh_external = false;  // ServiceEntry location MESH_EXTERNAL, or an ExternalName service
  std::vector<std::string> export_to;         // namespaces, "." or "*"; empty: everywhere
  std::vector<std::string> service_accounts;  // of its endpoints (SPIFFE ids), sorted
  Labels labels;
  std::optional<absl::Time> creation;
  std::shared_ptr<const config::Resource> source;  // what it was read from
  std::string source_name;                         // name of that object

  const Port* FindPort(uint32_t number) const;
  const Port* FindPort(std::string_view port_name) const;
};
using ServicePtr = std::shared_ptr<const Service>;

struct Endpoint {
  std::string address;  // an IP, a DNS name (Resolution::kDns) or unix:///path
  uint32_t port = 0;    // 0 for unix
  std::string service_port_name;
  uint32_t service_port = 0;
  Labels labels;
  std::string service_account;  // spiffe://…, empty where unknown
  bool mutual_tls = false;      // its proxy speaks Istio's mutual TLS (label tlsMode=istio)
  std::string locality;         // region/zone/sub-zone
  std::string network;
  uint32_t weight = 0;  // 0: not said
  std::string workload_name, workload_namespace;
};

// One instance of something that runs: a pod (given, or one of a Deployment's), or a WorkloadEntry.
struct Workload {
  std::string name;  // of the pod or entry
  std::string ns;
  std::string ip;
  Labels labels;
  std::string service_account;  // name, not SPIFFE id
  std::string locality;
  std::string network;
  uint32_t weight = 0;  // 0: not said
  bool ready = true;
  bool pod = true;  // false: a WorkloadEntry
  bool host_network = false;
  std::map<std::string, uint32_t> named_ports;  // container ports with a name
  std::vector<uint32_t> ports;                  // container ports, ascending
  std::string deployment;                       // its Deployment's name, "" where it has none
  bool router = false;                          // runs `proxy router`, or a Gateway selects it
  std::shared_ptr<const config::Resource> source;
};
using WorkloadPtr = std::shared_ptr<const Workload>;

// A service port that a workload serves.
struct Instance {
  ServicePtr service;
  const Port* service_port = nullptr;  // in `service`
  Endpoint endpoint;
};

struct RegistryOptions {
  std::string domain = "cluster.local";
  std::string trust_domain = "cluster.local";
  // Pods of Deployments get addresses in here, by a hash of namespace and name.
  std::string pod_range = "10.244.0.0/16";
  // False where every pod there is comes as a Pod object: a Deployment then stands for nothing.
  bool expand_deployments = true;
};
inline bool operator==(const RegistryOptions& a, const RegistryOptions& b) {
  return a.domain == b.domain && a.trust_domain == b.trust_domain && a.pod_range == b.pod_range &&
         a.expand_deployments == b.expand_deployments;
}

class Registry {
 public:
  static std::shared_ptr<const Registry> Build(const config::Snapshot& snapshot,
                                               const RegistryOptions& options = {});
  // Whether the same options give the same for both, as far as their lists tell. Cost: O(1), or
  // O(Gateways) where these differ.
  static bool ReadsTheSame(const config::Snapshot& a, const config::Snapshot& b);

  // By creation time, then name.namespace, as Istio orders them.
  const std::vector<ServicePtr>& services() const { return services_; }
  // All services of a hostname (one a namespace for ServiceEntries); empty where there is none.
  const std::vector<ServicePtr>& FindServices(std::string_view hostname) const;
  // The one that a proxy in namespace `ns` sees: its own namespace's, else the first.
  ServicePtr FindService(std::string_view hostname, std::string_view ns) const;

  // Ready endpoints of one port, sorted by address and port. Goes by hostname and namespace, so
  // that a copy of a service that holds fewer ports finds its own.
  std::vector<const Endpoint*> EndpointsOf(const Service& service, const Port& port) const;

  // Pods and WorkloadEntries by namespace and name.
  const std::vector<WorkloadPtr>& workloads() const { return workloads_; }
  WorkloadPtr FindWorkload(std::string_view ns, std::string_view name) const;
  WorkloadPtr FindWorkloadByIp(std::string_view ip) const;

  // What a proxy serves, ready or not: services whose selector selects the labels of the workload
  // with that address (or, where no workload has it, `labels` in `ns`), and those that name the
  // address itself. In the order of services(), ports as declared.
  std::vector<Instance> InstancesOf(std::string_view ip, std::string_view ns,
                                    const Labels& labels) const;

  const RegistryOptions& options() const { return options_; }

 private:
  friend class Builder;
  Registry() = default;

  RegistryOptions options_;
  std::vector<ServicePtr> services_;
  std::map<std::string, std::vector<ServicePtr>, std::less<>> by_hostname_;
  std::vector<WorkloadPtr> workloads_;
  std::map<std::string, WorkloadPtr, std::less<>> by_ip_;
  std::map<std::string, WorkloadPtr, std::less<>> by_name_;  // namespace/name
  std::map<std::pair<std::string, std::string>, std::vector<Endpoint>> endpoints_;  // hostname, ns
};

}  // namespace mesh::registry

#endif  // MESH_REGISTRY_REGISTRY_H_
