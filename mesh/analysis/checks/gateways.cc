// Gateways: the workload they select, the ports it offers, the secrets it needs.
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/document.h"
#include "mesh/config/field_path.h"
#include "mesh/tls/certificate.h"

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

// A value of a secret, decoded; null where it is not there.
std::optional<std::string> SecretValue(const kube::Secret& secret, const std::string& key) {
  if (const auto text = secret.string_data().find(key); text != secret.string_data().end()) {
    return text->second;
  }
  const auto encoded = secret.data().find(key);
  if (encoded == secret.data().end()) return std::nullopt;
  std::string bytes;
  return absl::Base64Unescape(encoded->second, &bytes) ? bytes : std::string();
}

// What is wrong with a secret that a gateway serves with; empty where nothing is. A name that ends
// with "-cacert" has an authority's certificate alone.
std::string ProblemOf(const kube::Secret& secret, const std::string& name, absl::Time now) {
  if (absl::EndsWith(name, "-cacert")) {
    const std::optional<std::string> authority = SecretValue(secret, "cacert");
    const std::optional<std::string> other = SecretValue(secret, "ca.crt");
    return authority.has_value() || other.has_value() ? "" : "has neither ca.crt nor cacert";
  }
  std::optional<std::string> certificate = SecretValue(secret, "tls.crt");
  std::optional<std::string> key = SecretValue(secret, "tls.key");
  if (!certificate.has_value() || !key.has_value()) {
    certificate = SecretValue(secret, "cert");
    key = SecretValue(secret, "key");
  }
  if (!certificate.has_value() || !key.has_value()) {
    return "has neither tls.crt and tls.key nor cert and key";
  }
  const auto chain = tls::Certificate::ListFromPem(*certificate);
  if (!chain.ok()) {
    return absl::StrCat("holds no certificate in PEM: ", std::string(chain.status().message()));
  }
  if (key->empty()) return "holds no private key";
  if (now == absl::InfinitePast()) return "";
  const tls::Certificate& served = chain->front();
  const auto day = [](absl::Time time) {
    return absl::FormatTime("%Y-%m-%d %H:%M", time, absl::UTCTimeZone());
  };
  if (now > served.not_after()) {
    return absl::StrCat("holds a certificate that has expired at ", day(served.not_after()));
  }
  if (now < served.not_before()) {
    return absl::StrCat("holds a certificate that is not valid before ", day(served.not_before()));
  }
  return "";
}

}  // namespace

void CheckGatewayPorts(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& gateway : facts.snapshot().List(config::Kind::kGateway)) {
    const auto& spec = gateway->As<Gateway>();
    const std::vector<size_t> workloads = Workloads(facts, *gateway, findings);
    if (workloads.empty()) continue;
    std::set<int> offered, targets;
    for (size_t i : workloads) {
      if (facts.workloads()[i].object == nullptr) {
        offered.insert(std::begin(kUsualPorts), std::end(kUsualPorts));
        targets.insert(std::begin(kUsualPorts), std::end(kUsualPorts));
      }
      for (const config::Resource* service : facts.ServicesOf(i)) {
        for (const kube::ServicePort& port : service->As<kube::Service>().spec().ports()) {
          if (port.protocol() != "TCP") continue;
          offered.insert(port.port());
          targets.insert(port.target_port().number() != 0 ? port.target_port().number()
                                                          : port.port());
        }
      }
    }
    for (int i = 0; i < spec.servers_size(); ++i) {
      if (!spec.servers(i).has_port()) continue;
      const int port = spec.servers(i).port().number();
      if (offered.count(port) > 0) continue;
      if (targets.count(port) == 0) {
        Report("IST0162", *gateway, config::IndexPath("spec.servers", i) + ".port.number",
               absl::StrCat("port ", port,
                            " is no target port of a service of the pods with the "
                            "labels ",
                            ToString(ToLabels(spec.selector())),
                            ": nothing from outside gets there through the service"),
               "add a port with this targetPort to the gateway's service", findings);
      }
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
      if (name.empty()) continue;
      if (const auto secret = facts.snapshot().Find(config::Kind::kSecret, ns, name)) {
        const std::string problem =
            ProblemOf(secret->As<kube::Secret>(), name, facts.options().now);
        if (problem.empty()) continue;
        Report("IST0161", *gateway, config::IndexPath("spec.servers", i) + ".tls.credentialName",
               absl::StrCat("the secret \"", name, "\" of namespace \"", ns, "\" ", problem),
               absl::StrCat("create it anew: kubectl create -n ", ns, " secret tls ", name,
                            " --key=KEY --cert=CERT"),
               findings);
        continue;
      }
      // One that is broken is reported as that.
      if (facts.FindUnread("Secret", ns, name) != nullptr) continue;
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
