// Deployments of the mesh that no service selects, or that several select for one port with
// different protocols.
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "mesh/analysis/checks/checks.h"

namespace mesh::analysis {
namespace {

namespace kube = ::mesh::kubernetes::v1;

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
        const int number =
            port.target_port().number() != 0 ? port.target_port().number() : port.port();
        ports[number][port.protocol()].insert(service->ns() + "/" + service->name());
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
  }
}

}  // namespace mesh::analysis
