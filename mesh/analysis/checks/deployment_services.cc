// Deployments of the mesh that no service selects, or that several select for one port with
// different protocols.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/registry/protocol.h"

namespace mesh::analysis {
namespace {

namespace kube = ::mesh::kubernetes::v1;

// One port of the pods that services offer as several.
void CheckTargets(const Facts& facts, size_t index, Findings* findings) {
  const Workload& workload = facts.workloads()[index];
  std::map<std::string, std::map<int, std::set<std::string>>> targets;
  std::map<std::string, std::set<bool>> protocols;
  for (const config::Resource* service : facts.ServicesOf(index)) {
    for (const kube::ServicePort& port : service->As<kube::Service>().spec().ports()) {
      const std::string target = !port.target_port().name().empty() ? port.target_port().name()
                                 : port.target_port().number() != 0
                                     ? absl::StrCat(port.target_port().number())
                                     : absl::StrCat(port.port());
      targets[target][port.port()].insert(service->ns() + "/" + service->name());
      const registry::Protocol protocol = registry::KubernetesProtocol(
          port.port(), port.name(), port.protocol(), port.app_protocol());
      if (protocol != registry::Protocol::kUnsupported && protocol != registry::Protocol::kUdp) {
        protocols[target].insert(registry::IsHttp(protocol));
      }
    }
  }
  for (const auto& [target, ports] : targets) {
    std::set<std::string> services;
    std::vector<int> numbers;
    for (const auto& [number, names] : ports) {
      services.insert(names.begin(), names.end());
      numbers.push_back(number);
    }
    if (numbers.size() > 1) {
      Report("IST0137", *workload.object, "",
             absl::StrCat("port ", target, " of deployment \"", workload.name,
                          "\" is offered as several ports (", absl::StrJoin(numbers, ", "), ") by ",
                          absl::StrJoin(services, ", ")),
             "let all services of the pods offer a port under one number", findings);
    }
    if (protocols[target].size() > 1) {
      Report("MSH0123", *workload.object, "",
             absl::StrCat("port ", target, " of deployment \"", workload.name,
                          "\" is served as HTTP and as TCP by ", absl::StrJoin(services, ", "),
                          ": the proxy can treat it as one only"),
             "name the port after one protocol in all services", findings);
    }
  }
}

}  // namespace

void CheckDeploymentServices(const Facts& facts, Findings* findings) {
  for (size_t i = 0; i < facts.workloads().size(); ++i) {
    const Workload& workload = facts.workloads()[i];
    if (workload.object == nullptr || workload.object->kind() != config::Kind::kDeployment ||
        IsSystemNamespace(workload.ns) || !facts.InMesh(workload, false)) {
      continue;
    }
    if (facts.ServicesOf(i).empty()) {
      Report("IST0117", *workload.object, "spec.template.metadata.labels",
             absl::StrCat("no service selects the pods of deployment \"", workload.name,
                          "\": the mesh needs one to know their ports and protocols"),
             "create a service whose selector matches the labels of spec.template", findings);
      continue;
    }
    std::map<int, std::map<std::string, std::set<std::string>>> ports;  // port, protocol, services
    for (const config::Resource* service : facts.ServicesOf(i)) {
      for (const kube::ServicePort& port : service->As<kube::Service>().spec().ports()) {
        ports[port.port()][port.protocol()].insert(service->ns() + "/" + service->name());
      }
    }
    for (const auto& [number, protocols] : ports) {
      if (protocols.size() < 2) continue;
      std::set<std::string> services;
      for (const auto& [protocol, names] : protocols) services.insert(names.begin(), names.end());
      Report(
          "IST0116", *workload.object, "",
          absl::StrCat("port ", number, " of deployment \"", workload.name,
                       "\" is served under different protocols by ", absl::StrJoin(services, ", ")),
          "give the port one protocol in all services", findings);
    }
    CheckTargets(facts, i, findings);
  }
}

}  // namespace mesh::analysis
