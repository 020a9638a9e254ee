#include "mesh/analysis/analyze.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/facts.h"

namespace mesh::analysis {
namespace {

// Levels as Istio 1.7.3's catalogue has them.
constexpr CodeInfo kCodes[] = {
    {"IST0002", Level::kWarning, "a deprecated field or kind is used"},
    {"IST0101", Level::kError, "a reference leads nowhere"},
    {"IST0102", Level::kWarning, "a namespace does not say whether it is in the mesh"},
    {"IST0103", Level::kWarning, "a pod of the mesh has no proxy"},
    {"IST0104", Level::kWarning, "a gateway's port is not reachable"},
    {"IST0106", Level::kError, "an object is invalid by itself"},
    {"IST0107", Level::kWarning, "an annotation is on an object of the wrong kind"},
    {"IST0108", Level::kWarning, "an annotation is not known"},
    {"IST0109", Level::kError, "two VirtualServices claim one host in the mesh"},
    {"IST0110", Level::kError, "two Sidecars select one workload"},
    {"IST0111", Level::kError, "two Sidecars are a namespace's default"},
    {"IST0112", Level::kError, "a destination must name its port"},
    {"IST0116", Level::kWarning, "a deployment's port is served under two protocols"},
    {"IST0117", Level::kWarning, "a deployment of the mesh has no service"},
    {"IST0118", Level::kInfo, "a port's name does not tell its protocol"},
    {"IST0122", Level::kWarning, "a regular expression is invalid"},
    {"IST0123", Level::kWarning, "a namespace has both labels for injection"},
    {"IST0125", Level::kWarning, "an annotation's value is invalid"},
    {"IST0127", Level::kWarning, "a policy applies to no workload"},
    {"IST0128", Level::kError, "TLS without verifying the server"},
    {"IST0129", Level::kError, "TLS to a port without verifying the server"},
};

Finding Make(std::string_view code, std::string message, std::string remedy) {
  Finding finding;
  finding.code = std::string(code);
  for (const CodeInfo& info : kCodes) {
    if (info.code == code) finding.level = info.level;
  }
  finding.message = std::move(message);
  finding.remedy = std::move(remedy);
  finding.documentation = "docs/findings/" + finding.code + ".md";
  return finding;
}

std::vector<config::Kind> IstioKinds() {
  std::vector<config::Kind> kinds;
  for (const config::KindInfo& info : config::AllKinds()) {
    if (info.istio && info.kind != config::Kind::kMeshConfig) kinds.push_back(info.kind);
  }
  return kinds;
}

auto Order(const Finding& f) {
  static const std::string* const kNoFile = new std::string;
  return std::tie(f.position.file == nullptr ? *kNoFile : *f.position.file, f.position.line, f.code,
                  f.position.column, f.kind, f.ns, f.name, f.field, f.message);
}

}  // namespace

absl::Span<const Check> AllChecks() {
  using config::Kind;
  static const auto* const kChecks = new std::vector<Check>{
      {"annotations",
       CheckAnnotations,
       Scope::kObject,
       {Kind::kNamespace, Kind::kService, Kind::kPod, Kind::kDeployment}},
      {"authorization_policies",
       CheckAuthorizationPolicies,
       Scope::kObject,
       {Kind::kAuthorizationPolicy}},
      {"ca_certificates", CheckCaCertificates, Scope::kObject, {Kind::kDestinationRule}},
      {"deployment_services",
       CheckDeploymentServices,
       Scope::kKinds,
       {Kind::kNamespace, Kind::kService, Kind::kPod, Kind::kDeployment}},
      {"deprecation", CheckDeprecation, Scope::kObject, {Kind::kVirtualService, Kind::kSidecar}},
      {"gateway_credentials", CheckGatewayCredentials, Scope::kObject, {Kind::kGateway}},
      {"gateway_ports", CheckGatewayPorts, Scope::kObject, {Kind::kGateway}},
      {"injection", CheckInjection, Scope::kKinds, {Kind::kNamespace, Kind::kPod}},
      {"mesh_gateway_hosts", CheckMeshGatewayHosts, Scope::kObject, {Kind::kVirtualService}},
      {"port_names", CheckPortNames, Scope::kObject, {Kind::kService}},
      {"regexes", CheckRegexes, Scope::kObject, {Kind::kVirtualService}},
      {"schema", CheckSchema, Scope::kObject, IstioKinds()},
      {"sidecar_defaults", CheckSidecarDefaults, Scope::kKinds, {Kind::kSidecar}},
      {"sidecar_selectors", CheckSidecarSelectors, Scope::kKinds, {Kind::kSidecar}},
      {"virtual_service_gateways",
       CheckVirtualServiceGateways,
       Scope::kObject,
       {Kind::kVirtualService}},
      {"virtual_service_hosts", CheckVirtualServiceHosts, Scope::kObject, {Kind::kVirtualService}},
      {"virtual_service_subsets",
       CheckVirtualServiceSubsets,
       Scope::kObject,
       {Kind::kVirtualService}},
  };
  return *kChecks;
}

void Finish(Findings* findings) {
  std::sort(findings->begin(), findings->end(),
            [](const Finding& a, const Finding& b) { return Order(a) < Order(b); });
  findings->erase(
      std::unique(findings->begin(), findings->end(),
                  [](const Finding& a, const Finding& b) { return Order(a) == Order(b); }),
      findings->end());
}

std::string_view LevelName(Level level) {
  return level == Level::kError ? "error" : level == Level::kWarning ? "warning" : "info";
}

void Report(std::string_view code, const config::Resource& object, std::string_view field,
            std::string message, std::string remedy, Findings* findings) {
  Finding finding = Make(code, std::move(message), std::move(remedy));
  finding.kind = std::string(config::KindName(object.kind()));
  finding.ns = object.ns();
  finding.name = object.name();
  finding.position = field.empty() ? object.position() : object.PositionOf(field);
  if (!finding.position.known()) finding.position = object.position();
  finding.field = std::string(field);
  findings->push_back(std::move(finding));
}

void Report(std::string_view code, const UnreadObject& object, const SourcePosition& position,
            std::string field, std::string message, std::string remedy, Findings* findings) {
  Finding finding = Make(code, std::move(message), std::move(remedy));
  finding.kind = object.kind;
  finding.ns = object.ns;
  finding.name = object.name;
  finding.position = position.known() ? position : object.position;
  finding.field = std::move(field);
  findings->push_back(std::move(finding));
}

std::vector<Finding> Analyze(const config::Snapshot& snapshot, const Options& options) {
  const Facts facts(snapshot, options);
  Findings findings;
  for (const Check& check : AllChecks()) {
    if (options.checks.empty() || std::find(options.checks.begin(), options.checks.end(),
                                            check.name) != options.checks.end()) {
      check.run(facts, &findings);
    }
  }
  Finish(&findings);
  return findings;
}

absl::Span<const CodeInfo> AllCodes() { return kCodes; }

std::vector<std::string> CheckNames() {
  std::vector<std::string> names;
  for (const Check& check : AllChecks()) names.emplace_back(check.name);
  return names;
}

}  // namespace mesh::analysis
