// Ports of services whose name does not tell what they carry.
#include <string>

#include "absl/strings/str_cat.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"
#include "mesh/registry/protocol.h"

namespace mesh::analysis {
namespace {

// istiod, gateways and the like name their ports as they need.
bool IsControlPlane(const config::Resource& service) {
  const Labels& labels = service.metadata().labels;
  const auto release = labels.find("release");
  return labels.count("istio") > 0 || (release != labels.end() && release->second == "istio");
}

// Without addresses of its own, a TCP port of an ExternalName service takes every connection.
void CheckExternalPort(const config::Resource& service, int index, Findings* findings) {
  const auto& port = service.As<kubernetes::v1::Service>().spec().ports(index);
  const registry::Protocol protocol =
      registry::KubernetesProtocol(port.port(), port.name(), port.protocol(), port.app_protocol());
  if (protocol != registry::Protocol::kUnsupported && port.name() != "tcp") return;
  Report("IST0150", service, config::IndexPath("spec.ports", index) + ".name",
         absl::StrCat("port ", port.port(), " of an ExternalName service is ",
                      port.name().empty() ? std::string("without name")
                                          : absl::StrCat("named \"", port.name(), "\""),
                      ": as TCP it takes every connection to this port, wherever it goes"),
         "name it after a protocol that carries a name, such as https or tls", findings);
}

}  // namespace

void CheckPortNames(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(config::Kind::kService)) {
    if (IsControlPlane(*service)) continue;
    const auto& spec = service->As<kubernetes::v1::Service>().spec();
    for (int i = 0; i < spec.ports_size(); ++i) {
      const auto& port = spec.ports(i);
      if (spec.type() == "ExternalName") {
        CheckExternalPort(*service, i, findings);
        continue;
      }
      if (IsSystemNamespace(service->ns())) continue;
      if (registry::KubernetesProtocol(port.port(), port.name(), port.protocol(),
                                       port.app_protocol()) != registry::Protocol::kUnsupported) {
        continue;
      }
      Report("IST0118", *service, config::IndexPath("spec.ports", i) + ".name",
             port.name().empty()
                 ? absl::StrCat("port ", port.port(), " has no name: its protocol is guessed")
                 : absl::StrCat("the name \"", port.name(), "\" of port ", port.port(),
                                " does not begin with a protocol: it is guessed"),
             "name it after what it carries, such as http, http-web, grpc or tcp-db", findings);
    }
  }
}

}  // namespace mesh::analysis
