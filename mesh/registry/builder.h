// Reads a snapshot into a Registry. Private to this folder.
#ifndef MESH_REGISTRY_BUILDER_H_
#define MESH_REGISTRY_BUILDER_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mesh/config/resource.h"
#include "mesh/config/snapshot.h"
#include "mesh/registry/registry.h"

namespace mesh::registry {

// The endpoint that a workload is of a service's port; none where the port's name is not among the
// workload's ports.
std::optional<Endpoint> MakeEndpoint(const Workload& workload, const Service& service,
                                     const Port& port, const RegistryOptions& options);

// The workloads that the Pods and Deployments of a snapshot stand for, by namespace and name.
std::vector<WorkloadPtr> ReadPods(const config::Snapshot& snapshot, const RegistryOptions& options);

// What Gateways select: a pod that one of these selects is a gateway.
std::set<Labels> GatewaySelectors(const config::Snapshot& snapshot);

// A WorkloadEntry, named as its object is.
Workload ReadWorkloadEntry(const config::ResourcePtr& resource);

class Builder {
 public:
  Builder(const config::Snapshot& snapshot, const RegistryOptions& options)
      : snapshot_(snapshot), registry_(new Registry()) {
    registry_->options_ = options;
  }

  std::shared_ptr<const Registry> Build();

 private:
  struct Draft {
    std::shared_ptr<Service> service;
    std::vector<Endpoint> endpoints;
  };

  void IndexWorkloads();
  void ReadKubernetesService(const config::ResourcePtr& resource);
  void ReadServiceEntry(const config::ResourcePtr& resource);
  // False where neither Endpoints nor an EndpointSlice say anything about the service.
  bool ReadEndpointObjects(Draft& draft);
  // One address of an Endpoints object or a slice.
  void AddAddress(Draft& draft, const Port& port, const std::string& address, uint32_t number);
  void SelectWorkloads(Draft& draft);
  void AddEntryEndpoints(const config::Resource& resource, const std::string& host, Draft& draft);

  const config::Snapshot& snapshot_;
  std::shared_ptr<Registry> registry_;
  std::map<std::string, std::vector<WorkloadPtr>> by_namespace_;
  std::map<std::pair<std::string, std::string>, std::vector<config::ResourcePtr>> slices_;
  std::vector<Draft> drafts_;
};

}  // namespace mesh::registry

#endif  // MESH_REGISTRY_BUILDER_H_
