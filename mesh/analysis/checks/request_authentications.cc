// RequestAuthentications for workloads whose ports carry no HTTP: tokens are not looked at there.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/security/v1beta1/request_authentication.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/registry/protocol.h"

namespace mesh::analysis {
namespace {

using istio::security::v1beta1::RequestAuthentication;
using registry::Protocol;

Protocol ProtocolOf(const kubernetes::v1::ServicePort& port) {
  return registry::KubernetesProtocol(port.port(), port.name(), port.protocol(),
                                      port.app_protocol());
}

}  // namespace

void CheckRequestAuthentications(const Facts& facts, Findings* findings) {
  const std::string& root = facts.snapshot().mesh_config().root_namespace();
  for (const config::ResourcePtr& policy :
       facts.snapshot().List(config::Kind::kRequestAuthentication)) {
    const auto& spec = policy->As<RequestAuthentication>();
    const Labels selector = ToLabels(spec.selector().match_labels());
    // One for everybody is not about a port.
    if (spec.jwt_rules().empty() || selector.empty()) continue;
    std::set<const config::Resource*> services;
    for (size_t i : facts.Select(policy->ns() == root ? "*" : policy->ns(), selector)) {
      services.insert(facts.ServicesOf(i).begin(), facts.ServicesOf(i).end());
    }
    for (const config::Resource* service : services) {
      for (const auto& port : service->As<kubernetes::v1::Service>().spec().ports()) {
        const Protocol protocol = ProtocolOf(port);
        if (registry::IsHttp(protocol) || protocol == Protocol::kUdp) continue;
        Report("IST0119", *policy, "spec.selector.matchLabels",
               absl::StrCat("port ", port.port(), " (\"", port.name(), "\") of service ",
                            service->ns(), "/", service->name(),
                            " is not HTTP by its name: tokens are not checked there"),
               "name the port http-... or grpc-... where it carries HTTP", findings);
      }
    }
  }
}

}  // namespace mesh::analysis
