// Gateways: the workload they select, the ports it offers, the secrets it needs.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

namespace kube = ::mesh::kubernetes::v1;
using istio::networking::v1alpha3::Gateway;

// Of Istio's own ingress gateway's service.
constexpr int kUsualPorts[] = {80, 443, 15020, 15021, 15029, 15030, 15031, 15032, 15443, 31400};

// Indices of the workloads a gateway selects; a finding where there is none.
std::vector<size_t> Workloads(const Facts& facts, const config::Resource& gateway,
                              Findings* findings) {
  const Labels selector = ToLabels(gateway.As<Gateway>().selector());
  std::vector<size_t> workloads = facts.Select("*", selector);
  if (workloads.empty()) {
    Report("IST0101", gateway, "spec.selector",
           absl::StrCat("no workload has the labels ", ToString(selector),
                        ": the gateway is configured nowhere"),
           "write the labels of the gateway's pods, such as istio: ingressgateway", findings);
  }
  return workloads;
}

}  // namespace

void CheckGatewayPorts(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& gateway : facts.snapshot().List(config::Kind::kGateway)) {
    const auto& spec = gateway->As<Gateway>();
    const std::vector<size_t> workloads = Workloads(facts, *gateway, findings);
    if (workloads.empty()) continue;
    std::set<int> offered;
    for (size_t i : workloads) {
      if (facts.workloads()[i].object == nullptr) {
        offered.insert(std::begin(kUsualPorts), std::end(kUsualPorts));
      }
      for (const config::Resource* service : facts.ServicesOf(i)) {
        for (const kube::ServicePort& port : service->As<kube::Service>().spec().ports()) {
          if (port.protocol() == "TCP") offered.insert(port.port());
        }
      }
    }
    for (int i = 0; i < spec.servers_size(); ++i) {
      if (!spec.servers(i).has_port()) continue;
      const int port = spec.servers(i).port().number();
      if (offered.count(port) > 0) continue;
      Report("IST0104", *gateway, config::IndexPath("spec.servers", i) + ".port.number",
             absl::StrCat("port ", port, " is offered by no service of the pods with the labels ",
                          ToString(ToLabels(spec.selector()))),
             "add the port to the gateway's service, or use one that the service has", findings);
    }
  }
}

void CheckGatewayCredentials(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& gateway : facts.snapshot().List(config::Kind::kGateway)) {
    const auto& spec = gateway->As<Gateway>();
    const std::vector<size_t> workloads = Workloads(facts, *gateway, findings);
    if (workloads.empty()) continue;
    const std::string& ns = facts.workloads()[workloads.front()].ns;
    for (int i = 0; i < spec.servers_size(); ++i) {
      const std::string& name = spec.servers(i).tls().credential_name();
      // One that is broken is reported as that.
      if (name.empty() || facts.HasUnread("Secret", ns, name) ||
          facts.snapshot().Find(config::Kind::kSecret, ns, name) != nullptr) {
        continue;
      }
      Report("IST0101", *gateway, config::IndexPath("spec.servers", i) + ".tls.credentialName",
             absl::StrCat("there is no secret \"", name, "\" in namespace \"", ns,
                          "\", where the gateway's pods are"),
             absl::StrCat("create it: kubectl create -n ", ns, " secret tls ", name,
                          " --key=KEY --cert=CERT"),
             findings);
    }
  }
}

}  // namespace mesh::analysis
