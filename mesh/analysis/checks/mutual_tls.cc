// Mutual TLS between clients and servers, by pairs: what a DestinationRule makes clients send
// against what PeerAuthentication makes the server's proxy take.
//
//              | server plain | either | mutual | no proxy
//   plain      | meets        | meets  | IST0113| meets
//   mesh's TLS | IST0113      | meets  | meets  | IST0115
//   other TLS  | (the application's matter)   IST0113
//   automatic  | MSH0125 (*)  | meets  | meets  | meets
//   no proxy   | meets        | meets  | MSH0125 (as MSH0130) | meets
//
// (*) Where the whole namespace is plain, automatic mutual TLS is off for it.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/security/v1beta1/peer_authentication.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"
#include "mesh/translate/findings.h"

namespace mesh::analysis {
namespace {

namespace kube = ::mesh::kubernetes::v1;
namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;
using config::Kind;
using istio::security::v1beta1::PeerAuthentication;
using net::ClientTLSSettings;
using translate::ServerMode;

// The port of the workload behind a service's port; 0 where it cannot be told.
uint32_t TargetPort(const kube::ServicePort& port, const Workload& workload) {
  if (port.target_port().name().empty()) {
    return port.target_port().number() != 0 ? port.target_port().number() : port.port();
  }
  for (const auto& container : workload.pod->containers()) {
    for (const auto& own : container.ports()) {
      if (own.name() == port.target_port().name()) return own.container_port();
    }
  }
  return 0;
}

class Matrix {
 public:
  Matrix(const Facts& facts, Findings* findings)
      : facts_(facts), findings_(findings), servers_(facts.snapshot()) {}

  void CheckRule(const config::Resource& rule) {
    const auto& spec = rule.As<net::DestinationRule>();
    if (FullHost(rule.ns(), spec.host()).find('*') != std::string::npos) return;
    const Host* host = facts_.FindHost(rule.ns(), spec.host());
    if (host == nullptr || host->object->kind() != Kind::kService) return;
    CheckPolicy(rule, *host->object, spec.traffic_policy(), "spec.trafficPolicy", {});
    for (int i = 0; i < spec.subsets_size(); ++i) {
      if (!spec.subsets(i).has_traffic_policy()) continue;
      CheckPolicy(rule, *host->object, spec.subsets(i).traffic_policy(),
                  IndexPath("spec.subsets", i) + ".trafficPolicy",
                  ToLabels(spec.subsets(i).labels()));
    }
  }

 private:
  void CheckPolicy(const config::Resource& rule, const config::Resource& service,
                   const net::TrafficPolicy& policy, const std::string& path,
                   const Labels& subset) {
    std::set<uint32_t> special;
    for (int i = 0; i < policy.port_level_settings_size(); ++i) {
      const auto& port = policy.port_level_settings(i);
      special.insert(port.port().number());
      if (!port.has_tls()) continue;
      CheckTls(rule, service, port.tls(), IndexPath(path + ".portLevelSettings", i) + ".tls",
               subset, [&](uint32_t number) { return number == port.port().number(); });
    }
    if (!policy.has_tls()) return;
    CheckTls(rule, service, policy.tls(), path + ".tls", subset,
             [&](uint32_t number) { return special.count(number) == 0; });
  }

  template <class Applies>
  void CheckTls(const config::Resource& rule, const config::Resource& service,
                const ClientTLSSettings& tls, const std::string& path, const Labels& subset,
                Applies applies) {
    const auto& spec = service.As<kube::Service>().spec();
    if (spec.selector().empty()) return;
    Labels selector = ToLabels(spec.selector());
    for (const auto& [key, value] : subset) selector[key] = value;
    for (size_t i : facts_.Select(service.ns(), selector)) {
      const Workload& workload = facts_.workloads()[i];
      if (workload.pod == nullptr) continue;
      for (const kube::ServicePort& port : spec.ports()) {
        if (port.protocol() != "TCP" || !applies(port.port())) continue;
        if (Check(rule, tls, path, workload, port)) return;  // once for each place
      }
    }
  }

  // Whether a finding was made.
  bool Check(const config::Resource& rule, const ClientTLSSettings& tls, const std::string& path,
             const Workload& workload, const kube::ServicePort& port) {
    const std::string mode = ClientTLSSettings::TLSmode_Name(tls.mode());
    const std::string whom = absl::StrCat("port ", port.port(), " of workload \"", workload.name,
                                          "\" of namespace \"", workload.ns, "\"");
    if (!facts_.InMesh(workload, true)) {
      if (tls.mode() != ClientTLSSettings::ISTIO_MUTUAL) return false;
      Report("IST0115", rule, path + ".mode",
             absl::StrCat("clients send the mesh's mutual TLS, and ", whom,
                          " has no proxy to take it: connections fail"),
             "give the workload a sidecar, or write tls: {mode: DISABLE}", findings_);
      return true;
    }
    const ServerMode server = servers_.Of(workload.ns, workload.labels, TargetPort(port, workload));
    const bool mesh = tls.mode() == ClientTLSSettings::ISTIO_MUTUAL;
    if ((mesh && server == ServerMode::kPlain) || (!mesh && server == ServerMode::kMutual)) {
      Report("IST0113", rule, path + ".mode",
             absl::StrCat("clients send ", mesh ? "the mesh's mutual TLS" : Sent(tls.mode()), " (",
                          mode, "), and PeerAuthentication makes ", whom, " take ",
                          mesh ? "plain text only: DISABLE" : "nothing but mutual TLS: STRICT"),
             mesh
                 ? "write tls: {mode: DISABLE}, or let the server take mutual TLS (PERMISSIVE)"
                 : "write tls: {mode: ISTIO_MUTUAL}, or delete tls: automatic mutual TLS finds out",
             findings_);
      return true;
    }
    return false;
  }

  static const char* Sent(ClientTLSSettings::TLSmode mode) {
    return mode == ClientTLSSettings::DISABLE ? "plain text" : "TLS without the mesh's certificate";
  }

  const Facts& facts_;
  Findings* findings_;
  const translate::ServerModes servers_;
};

// Whether a DestinationRule says anything about TLS.
bool SaysTls(const net::TrafficPolicy& policy) {
  return policy.has_tls() ||
         std::any_of(policy.port_level_settings().begin(), policy.port_level_settings().end(),
                     [](const auto& port) { return port.has_tls(); });
}
bool SaysTls(const net::DestinationRule& rule) {
  return SaysTls(rule.traffic_policy()) ||
         std::any_of(rule.subsets().begin(), rule.subsets().end(),
                     [](const auto& subset) { return SaysTls(subset.traffic_policy()); });
}

std::vector<uint32_t> PortsOf(const Facts& facts, size_t index) {
  const Workload& workload = facts.workloads()[index];
  std::set<uint32_t> ports;
  for (const auto& container : workload.pod->containers()) {
    for (const auto& port : container.ports()) ports.insert(port.container_port());
  }
  for (const config::Resource* service : facts.ServicesOf(index)) {
    for (const auto& port : service->As<kube::Service>().spec().ports()) {
      if (const uint32_t target = TargetPort(port, workload)) ports.insert(target);
    }
  }
  return {ports.begin(), ports.end()};
}

// Workloads that are known to have no proxy.
std::vector<std::string> OutsideMesh(const Facts& facts) {
  std::vector<std::string> names;
  for (const Workload& workload : facts.workloads()) {
    if (workload.object == nullptr || IsSystemNamespace(workload.ns)) continue;
    if (!facts.InMesh(workload, true)) names.push_back(workload.ns + "/" + workload.name);
  }
  return names;
}

void CheckServer(const Facts& facts, const config::Resource& policy,
                 const std::vector<std::string>& outside, Findings* findings) {
  const auto& spec = policy.As<PeerAuthentication>();
  const bool whole = spec.selector().match_labels().empty();
  const bool root = policy.ns() == facts.snapshot().mesh_config().root_namespace();
  const std::vector<size_t> workloads =
      facts.Select(root && whole ? "*" : policy.ns(), ToLabels(spec.selector().match_labels()));
  const bool automatic = facts.snapshot().mesh_config().enable_auto_mtls().value();
  const std::map<uint32_t, PeerAuthentication::MutualTLS> by_port(spec.port_level_mtls().begin(),
                                                                  spec.port_level_mtls().end());
  for (const auto& [port, mtls] : by_port) {
    const std::string field = absl::StrCat("spec.portLevelMtls.", port);
    std::set<uint32_t> known;
    for (size_t i : workloads) {
      if (facts.workloads()[i].pod == nullptr) continue;
      for (uint32_t own : PortsOf(facts, i)) known.insert(own);
    }
    if (!known.empty() && known.count(port) == 0) {
      Report("IST0114", policy, field,
             absl::StrCat("no selected workload has port ", port, ": they have ",
                          absl::StrJoin(known, ", "), "; the setting applies to nothing"),
             "write the port of the container, not that of the service", findings);
    } else if (automatic && mtls.mode() == PeerAuthentication::MutualTLS::DISABLE) {
      Report("MSH0125", policy, field + ".mode",
             absl::StrCat("port ", port,
                          " takes plain text only, and automatic mutual TLS sends "
                          "mutual TLS to all ports of a workload with a proxy: connections fail"),
             "write a DestinationRule with tls: {mode: DISABLE} for this port, or PERMISSIVE here",
             findings);
    }
  }
  if (automatic && !whole && spec.mtls().mode() == PeerAuthentication::MutualTLS::DISABLE) {
    Report("MSH0125", policy, "spec.mtls.mode",
           "the selected workloads take plain text only, and automatic mutual TLS sends mutual TLS "
           "to workloads with a proxy, unless their whole namespace is plain: connections fail",
           "write a DestinationRule with tls: {mode: DISABLE} for their service, or PERMISSIVE "
           "here",
           findings);
  }
  if (spec.mtls().mode() != PeerAuthentication::MutualTLS::STRICT) return;
  if (!automatic) {
    Report("MSH0125", policy, "spec.mtls.mode",
           "workloads take mutual TLS only, and automatic mutual TLS is off: clients send plain "
           "text unless a DestinationRule says otherwise",
           "set enableAutoMtls in the MeshConfig, or write DestinationRules with ISTIO_MUTUAL",
           findings);
  }
  if (outside.empty()) return;
  std::vector<std::string> some(outside.begin(),
                                outside.begin() + std::min<size_t>(3, outside.size()));
  Report("MSH0130", policy, "spec.mtls.mode",
         absl::StrCat("workloads without a proxy can no longer call what this applies to: ",
                      absl::StrJoin(some, ", "),
                      some.size() < outside.size()
                          ? absl::StrCat(" and ", outside.size() - some.size(), " more")
                          : ""),
         "give them a sidecar first, or leave PERMISSIVE where they call", findings);
}

}  // namespace

void CheckMutualTls(const Facts& facts, Findings* findings) {
  Matrix matrix(facts, findings);
  for (const config::ResourcePtr& rule : facts.snapshot().List(Kind::kDestinationRule)) {
    if (SaysTls(rule->As<net::DestinationRule>())) matrix.CheckRule(*rule);
  }
  const auto policies = facts.snapshot().List(Kind::kPeerAuthentication);
  if (policies.empty()) return;
  const std::vector<std::string> outside = OutsideMesh(facts);
  for (const config::ResourcePtr& policy : policies) {
    CheckServer(facts, *policy, outside, findings);
  }
}

}  // namespace mesh::analysis
