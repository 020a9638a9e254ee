#include "mesh/registry/registry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/config/list_changes.h"
#include "mesh/registry/builder.h"

namespace mesh::registry {

using config::Kind;

const Port* Service::FindPort(uint32_t number) const {
  for (const Port& port : ports) {
    if (port.number == number) return &port;
  }
  return nullptr;
}

const Port* Service::FindPort(std::string_view port_name) const {
  for (const Port& port : ports) {
    if (port.name == port_name) return &port;
  }
  return nullptr;
}

std::shared_ptr<const Registry> Registry::Build(const config::Snapshot& snapshot,
                                                const RegistryOptions& options) {
  return Builder(snapshot, options).Build();
}

bool Registry::ReadsTheSame(const config::Snapshot& a, const config::Snapshot& b) {
  for (const Kind kind : {Kind::kService, Kind::kEndpoints, Kind::kEndpointSlice, Kind::kPod,
                          Kind::kDeployment, Kind::kServiceEntry, Kind::kWorkloadEntry}) {
    if (!config::SharesList(a, b, kind)) return false;
  }
  return config::SharesList(a, b, Kind::kGateway) || GatewaySelectors(a) == GatewaySelectors(b);
}

const std::vector<ServicePtr>& Registry::FindServices(std::string_view hostname) const {
  static const auto* const kNone = new std::vector<ServicePtr>();
  const auto it = by_hostname_.find(hostname);
  return it == by_hostname_.end() ? *kNone : it->second;
}

ServicePtr Registry::FindService(std::string_view hostname, std::string_view ns) const {
  const std::vector<ServicePtr>& found = FindServices(hostname);
  for (const ServicePtr& service : found) {
    if (service->ns == ns) return service;
  }
  return found.empty() ? nullptr : found.front();
}

std::vector<const Endpoint*> Registry::EndpointsOf(const Service& service, const Port& port) const {
  std::vector<const Endpoint*> found;
  const auto it = endpoints_.find({service.hostname, service.ns});
  if (it == endpoints_.end()) return found;
  for (const Endpoint& endpoint : it->second) {
    if (endpoint.service_port == port.number) found.push_back(&endpoint);
  }
  return found;
}

WorkloadPtr Registry::FindWorkload(std::string_view ns, std::string_view name) const {
  const auto it = by_name_.find(absl::StrCat(Absl(ns), "/", Absl(name)));
  return it == by_name_.end() ? nullptr : it->second;
}

WorkloadPtr Registry::FindWorkloadByIp(std::string_view ip) const {
  const auto it = by_ip_.find(ip);
  return it == by_ip_.end() ? nullptr : it->second;
}

std::vector<Instance> Registry::InstancesOf(std::string_view ip, std::string_view ns,
                                            const Labels& labels) const {
  const WorkloadPtr known = FindWorkloadByIp(ip);
  Workload unknown;
  if (known == nullptr) {
    unknown.ip = std::string(ip);
    unknown.ns = std::string(ns);
    unknown.labels = labels;
  }
  const Workload& workload = known != nullptr ? *known : unknown;
  std::vector<Instance> instances;
  for (const ServicePtr& service : services_) {
    const bool selected = !service->selector.empty() && service->ns == workload.ns &&
                          Selects(service->selector, workload.labels);
    for (const Port& port : service->ports) {
      Instance instance{service, &port, {}};
      bool found = false;
      for (const Endpoint* endpoint : EndpointsOf(*service, port)) {
        if (endpoint->address != workload.ip) continue;
        instance.endpoint = *endpoint;
        found = true;
        break;
      }
      if (!found) {
        if (!selected) continue;
        std::optional<Endpoint> endpoint = MakeEndpoint(workload, *service, port, options_);
        if (!endpoint.has_value()) continue;
        instance.endpoint = *std::move(endpoint);
      }
      instances.push_back(std::move(instance));
    }
  }
  return instances;
}

}  // namespace mesh::registry
