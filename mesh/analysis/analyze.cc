#include "mesh/analysis/analyze.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/facts.h"
#include "mesh/analysis/pages.h"

namespace mesh::analysis {
namespace {

// Levels as Istio 1.7.3 has them, for later codes as the version that brought them.
constexpr CodeInfo kCodes[] = {
    {"IST0002", Level::kWarning, "a deprecated field or kind is used"},
    {"IST0101", Level::kError, "a reference leads nowhere"},
    {"IST0102", Level::kWarning, "a namespace does not say whether it is in the mesh"},
    {"IST0103", Level::kWarning, "a pod of the mesh has no proxy"},
    {"IST0104", Level::kWarning, "a gateway's port is not reachable"},
    {"IST0105", Level::kWarning, "a pod's proxy is not of the injector's image"},
    {"IST0106", Level::kError, "an object is invalid by itself"},
    {"IST0107", Level::kWarning, "an annotation is on an object of the wrong kind"},
    {"IST0108", Level::kWarning, "an annotation is not known"},
    {"IST0109", Level::kError, "two VirtualServices claim one host in the mesh"},
    {"IST0110", Level::kError, "two Sidecars select one workload"},
    {"IST0111", Level::kError, "two Sidecars are a namespace's default"},
    {"IST0112", Level::kError, "a destination must name its port"},
    {"IST0113", Level::kError, "client and server disagree about mutual TLS"},
    {"IST0114", Level::kWarning, "a port's policy is for a port that is not there"},
    {"IST0115", Level::kError, "mutual TLS to a workload without a proxy"},
    {"IST0116", Level::kWarning, "a deployment's port is served under two protocols"},
    {"IST0117", Level::kWarning, "a deployment of the mesh has no service"},
    {"IST0118", Level::kInfo, "a port's name does not tell its protocol"},
    {"IST0119", Level::kWarning, "tokens are not checked on a port that is not HTTP"},
    {"IST0120", Level::kInfo, "a Policy is ignored"},
    {"IST0121", Level::kInfo, "a MeshPolicy is ignored"},
    {"IST0122", Level::kWarning, "a regular expression is invalid"},
    {"IST0123", Level::kWarning, "a namespace has both labels for injection"},
    {"IST0125", Level::kWarning, "an annotation's value is invalid"},
    {"IST0126", Level::kError, "a network's registry is not known"},
    {"IST0127", Level::kWarning, "a policy applies to no workload"},
    {"IST0128", Level::kError, "TLS without verifying the server"},
    {"IST0129", Level::kError, "TLS to a port without verifying the server"},
    {"IST0130", Level::kWarning, "a rule repeats earlier ones"},
    {"IST0131", Level::kInfo, "a match repeats an earlier one"},
    {"IST0132", Level::kWarning, "a gateway has none of a VirtualService's hosts"},
    {"IST0133", Level::kWarning, "a field is valid and not meant so"},
    {"IST0134", Level::kWarning, "a TCP port of a ServiceEntry has no address"},
    {"IST0135", Level::kInfo, "an annotation is deprecated"},
    {"IST0137", Level::kWarning, "services offer one port of a deployment as several"},
    {"IST0138", Level::kWarning, "two Gateways serve with one certificate"},
    {"IST0139", Level::kError, "a webhook overlaps with another or asks nobody"},
    {"IST0140", Level::kWarning, "rules of the mesh do not apply at a gateway"},
    {"IST0144", Level::kWarning, "an application runs as the proxy's user"},
    {"IST0145", Level::kError, "two Gateways have the same port and host"},
    {"IST0146", Level::kWarning, "a deployment's proxy waits for an injection"},
    {"IST0147", Level::kError, "a pod's proxy was not injected"},
    {"IST0148", Level::kInfo, "a namespace is in the mesh without saying so"},
    {"IST0149", Level::kError, "a route looks at tokens that nobody checks"},
    {"IST0150", Level::kWarning, "a TCP port of an ExternalName service"},
    {"IST0151", Level::kWarning, "a patch depends on the order of EnvoyFilters"},
    {"IST0152", Level::kError, "REPLACE where it is ignored"},
    {"IST0153", Level::kError, "ADD where it is ignored"},
    {"IST0154", Level::kError, "REMOVE where it is ignored"},
    {"IST0155", Level::kWarning, "a patch depends on one for other proxy versions"},
    {"IST0157", Level::kWarning, "access logs that go nowhere"},
    {"IST0158", Level::kWarning, "pods of a namespace have another proxy"},
    {"IST0159", Level::kError, "two Telemetry objects select one workload"},
    {"IST0160", Level::kError, "two Telemetry objects are a namespace's default"},
    {"IST0161", Level::kError, "a gateway's secret holds no certificate"},
    {"IST0162", Level::kWarning, "a gateway's port is no target of its service"},
    {"IST0163", Level::kWarning, "a webhook has no URL of the control plane"},
    {"IST0164", Level::kInfo, "a webhook asks an address instead of a name"},
    {"IST0165", Level::kWarning, "a VirtualService is bound to a generated gateway"},
    {"IST0173", Level::kError, "a subset selects nothing"},
    {"IST0174", Level::kWarning, "a DestinationRule's host is not there"},
    {"MSH0101", Level::kWarning, "a rule behind one that takes everything is left out"},
    {"MSH0102", Level::kWarning, "a host has routes of another VirtualService already"},
    {"MSH0103", Level::kError, "a delegate is not there"},
    {"MSH0104", Level::kWarning, "a delegate's rule matches nothing of its root's"},
    {"MSH0105", Level::kWarning, "a subset is there already in another DestinationRule"},
    {"MSH0106", Level::kWarning, "a traffic policy loses against another DestinationRule's"},
    {"MSH0107", Level::kWarning, "a query parameter's prefix is not looked at"},
    {"MSH0108", Level::kWarning, "a fault without percentage touches no request"},
    {"MSH0109", Level::kWarning, "a redirect's code cannot be sent"},
    {"MSH0110", Level::kWarning, "a subset's TLS does not reach its endpoints"},
    {"MSH0111", Level::kWarning, "a service has no endpoint to resolve"},
    {"MSH0112", Level::kWarning, "a rewrite of a regular expression's match"},
    {"MSH0113", Level::kWarning, "a server name belongs to an earlier rule"},
    {"MSH0114", Level::kWarning, "a service's port gets no listener"},
    {"MSH0115", Level::kWarning, "a gateway's server gets no listener"},
    {"MSH0116", Level::kWarning, "a gateway's server is left out"},
    {"MSH0117", Level::kError, "a rule leads nowhere"},
    {"MSH0118", Level::kWarning, "a CUSTOM policy asks nobody"},
    {"MSH0119", Level::kWarning, "a policy asks for what is not checked"},
    {"MSH0120", Level::kWarning, "a rule is hidden by another VirtualService of its gateway"},
    {"MSH0121", Level::kWarning, "no request can reach a rule"},
    {"MSH0122", Level::kInfo, "several VirtualServices share a host of a gateway"},
    {"MSH0123", Level::kWarning, "a port is served as HTTP and as TCP"},
    {"MSH0124", Level::kWarning, "a DestinationRule hides another whole"},
    {"MSH0125", Level::kWarning, "mutual TLS that cannot meet"},
    {"MSH0126", Level::kWarning, "a ServiceEntry's port has two protocols"},
    {"MSH0127", Level::kWarning, "TLS that believes too many servers"},
    {"MSH0128", Level::kInfo, "an order of changes that breaks requests"},
    {"MSH0129", Level::kWarning, "a field that nothing acts on"},
    {"MSH0130", Level::kInfo, "mutual TLS keeps out workloads without a proxy"},
    {"MSH0131", Level::kError, "a token's keys are no key set"},
    {"MSH0132", Level::kError, "a token's keys have not been fetched"},
    {"MSH0133", Level::kError, "a Secret is no credential"},
};

Finding Make(std::string_view code, std::string message, std::string remedy) {
  Finding finding;
  finding.code = std::string(code);
  const auto info =
      std::lower_bound(std::begin(kCodes), std::end(kCodes), code,
                       [](const CodeInfo& a, std::string_view b) { return a.code < b; });
  if (info != std::end(kCodes) && info->code == code) finding.level = info->level;
  finding.message = std::move(message);
  finding.remedy = std::move(remedy);
  finding.documentation = "docs/findings/" + finding.code + ".md";
  return finding;
}

auto Order(const Finding& f) {
  static const std::string* const kNoFile = new std::string;
  return std::tie(f.position.file == nullptr ? *kNoFile : *f.position.file, f.position.line, f.code,
                  f.position.column, f.kind, f.ns, f.name, f.field, f.message);
}

// A rule that is never used is said once: Istio's code before ours, what is left out before what is
// proven.
void RemoveSaidOtherwise(Findings* findings) {
  const auto rank = [](const Finding& f) {
    return f.code == "IST0130" ? 1 : f.code == "MSH0101" ? 2 : f.code == "MSH0121" ? 3 : 0;
  };
  const auto place = [](const Finding& f) {
    return f.kind + "\n" + f.ns + "\n" + f.name + "\n" + f.field;
  };
  std::unordered_map<std::string, int> best;
  for (const Finding& f : *findings) {
    if (rank(f) == 0) continue;
    const auto [at, first] = best.emplace(place(f), rank(f));
    if (!first) at->second = std::min(at->second, rank(f));
  }
  findings->erase(
      std::remove_if(findings->begin(), findings->end(),
                     [&](const Finding& f) { return rank(f) > 0 && rank(f) > best[place(f)]; }),
      findings->end());
}

// Objects say themselves which codes are not for them.
void RemoveSuppressed(const config::Snapshot& snapshot, Findings* findings) {
  if (findings->empty()) return;
  std::map<std::tuple<std::string, std::string, std::string>, std::string> codes;
  for (const config::KindInfo& kind : config::AllKinds()) {
    for (const config::ResourcePtr& object : snapshot.List(kind.kind)) {
      const auto& annotations = object->metadata().annotations;
      if (annotations.empty()) continue;
      const auto found = annotations.find("galley.istio.io/analyze-suppress");
      if (found == annotations.end()) continue;
      codes.emplace(std::make_tuple(std::string(kind.name), object->ns(), object->name()),
                    found->second);
    }
  }
  if (codes.empty()) return;
  findings->erase(std::remove_if(findings->begin(), findings->end(),
                                 [&](const Finding& f) {
                                   const auto own = codes.find({f.kind, f.ns, f.name});
                                   if (own == codes.end()) return false;
                                   for (absl::string_view code : absl::StrSplit(own->second, ',')) {
                                     code = absl::StripAsciiWhitespace(code);
                                     if (code == "*" || code == f.code) return true;
                                   }
                                   return false;
                                 }),
                  findings->end());
}

std::vector<config::Kind> IstioKinds() {
  std::vector<config::Kind> kinds;
  for (const config::KindInfo& info : config::AllKinds()) {
    if (info.istio && info.kind != config::Kind::kMeshConfig) kinds.push_back(info.kind);
  }
  return kinds;
}

}  // namespace

absl::Span<const Check> AllChecks() {
  using config::Kind;
  static const auto* const kChecks = new std::vector<Check>{
      {"annotations",
       CheckAnnotations,
       Scope::kObject,
       {Kind::kNamespace, Kind::kService, Kind::kPod, Kind::kDeployment}},
      {"application_uid", CheckApplicationUid, Scope::kObject, {Kind::kPod, Kind::kDeployment}},
      {"apply_order", CheckApplyOrder, Scope::kObject, {Kind::kVirtualService}},
      {"authorization_policies",
       CheckAuthorizationPolicies,
       Scope::kObject,
       {Kind::kAuthorizationPolicy}},
      {"authorization_translation",
       CheckAuthorizationTranslation,
       Scope::kObject,
       {Kind::kAuthorizationPolicy}},
      {"ca_certificates", CheckCaCertificates, Scope::kObject, {Kind::kDestinationRule}},
      {"deployment_services",
       CheckDeploymentServices,
       Scope::kKinds,
       {Kind::kNamespace, Kind::kService, Kind::kPod, Kind::kDeployment}},
      {"deprecation", CheckDeprecation, Scope::kObject, {Kind::kVirtualService, Kind::kSidecar}},
      {"destination_rule_hosts",
       CheckDestinationRuleHosts,
       Scope::kObject,
       {Kind::kDestinationRule, Kind::kVirtualService}},
      {"envoy_filters", CheckEnvoyFilters, Scope::kKinds, {Kind::kEnvoyFilter}},
      {"external_control_planes", CheckExternalControlPlanes, Scope::kKinds, {}},
      {"gateway_certificates", CheckGatewayCertificates, Scope::kKinds, {Kind::kGateway}},
      {"gateway_conflicts", CheckGatewayConflicts, Scope::kKinds, {Kind::kGateway}},
      {"gateway_credentials", CheckGatewayCredentials, Scope::kObject, {Kind::kGateway}},
      {"gateway_hosts", CheckGatewayHosts, Scope::kObject, {Kind::kVirtualService}},
      {"gateway_ports", CheckGatewayPorts, Scope::kObject, {Kind::kGateway}},
      {"hidden_destination_rules",
       CheckHiddenDestinationRules,
       Scope::kObject,
       {Kind::kDestinationRule}},
      {"image_auto",
       CheckImageAuto,
       Scope::kKinds,
       {Kind::kNamespace, Kind::kPod, Kind::kDeployment}},
      {"ingress_subsets", CheckIngressSubsets, Scope::kObject, {Kind::kVirtualService}},
      {"injection", CheckInjection, Scope::kKinds, {Kind::kNamespace, Kind::kPod}},
      {"jwt_routes",
       CheckJwtRoutes,
       Scope::kKinds,
       {Kind::kVirtualService, Kind::kGateway, Kind::kRequestAuthentication}},
      {"mesh_gateway_hosts", CheckMeshGatewayHosts, Scope::kObject, {Kind::kVirtualService}},
      {"mesh_networks", CheckMeshNetworks, Scope::kKinds, {}},
      {"mutual_tls",
       CheckMutualTls,
       Scope::kKinds,
       {Kind::kDestinationRule, Kind::kPeerAuthentication}},
      {"port_names", CheckPortNames, Scope::kObject, {Kind::kService}},
      {"proxies", CheckProxies, Scope::kSnapshot, {}},
      {"proxy_images",
       CheckProxyImages,
       Scope::kKinds,
       {Kind::kNamespace, Kind::kPod, Kind::kProxyConfig}},
      {"regexes", CheckRegexes, Scope::kObject, {Kind::kVirtualService}},
      {"repeated_matches", CheckRepeatedMatches, Scope::kObject, {Kind::kVirtualService}},
      {"request_authentications",
       CheckRequestAuthentications,
       Scope::kObject,
       {Kind::kRequestAuthentication}},
      {"rule_proofs", CheckRuleProofs, Scope::kObject, {Kind::kVirtualService}},
      {"schema", CheckSchema, Scope::kObject, IstioKinds()},
      {"schema_warnings",
       CheckSchemaWarnings,
       Scope::kObject,
       {Kind::kVirtualService, Kind::kDestinationRule, Kind::kGateway, Kind::kServiceEntry,
        Kind::kSidecar, Kind::kEnvoyFilter, Kind::kAuthorizationPolicy, Kind::kPeerAuthentication,
        Kind::kRequestAuthentication, Kind::kTelemetry, Kind::kProxyConfig}},
      {"service_entry_addresses",
       CheckServiceEntryAddresses,
       Scope::kObject,
       {Kind::kServiceEntry}},
      {"service_entry_protocols", CheckServiceEntryProtocols, Scope::kKinds, {Kind::kServiceEntry}},
      {"sidecar_defaults", CheckSidecarDefaults, Scope::kKinds, {Kind::kSidecar}},
      {"sidecar_selectors", CheckSidecarSelectors, Scope::kKinds, {Kind::kSidecar}},
      {"telemetry_providers", CheckTelemetryProviders, Scope::kObject, {Kind::kTelemetry}},
      {"telemetry_selectors", CheckTelemetrySelectors, Scope::kKinds, {Kind::kTelemetry}},
      {"tls_verification", CheckTlsVerification, Scope::kObject, {Kind::kDestinationRule}},
      {"translation",
       CheckTranslation,
       Scope::kObject,
       {Kind::kVirtualService, Kind::kDestinationRule}},
      {"unused_fields", CheckUnusedFields, Scope::kObject, IstioKinds()},
      {"virtual_service_gateways",
       CheckVirtualServiceGateways,
       Scope::kObject,
       {Kind::kVirtualService}},
      {"virtual_service_hosts", CheckVirtualServiceHosts, Scope::kObject, {Kind::kVirtualService}},
      {"virtual_service_subsets",
       CheckVirtualServiceSubsets,
       Scope::kObject,
       {Kind::kVirtualService}},
      {"webhooks", CheckWebhooks, Scope::kKinds, {Kind::kService}},
  };
  return *kChecks;
}

void Finish(const config::Snapshot& snapshot, Findings* findings) {
  RemoveSaidOtherwise(findings);
  RemoveSuppressed(snapshot, findings);
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
  // The facts go before the snapshot does.
  const Facts facts(config::SnapshotPtr(config::SnapshotPtr(), &snapshot), options);
  Findings findings;
  for (const Check& check : AllChecks()) {
    if (options.checks.empty() || std::find(options.checks.begin(), options.checks.end(),
                                            check.name) != options.checks.end()) {
      check.run(facts, &findings);
    }
  }
  Finish(snapshot, &findings);
  return findings;
}

absl::Span<const CodeInfo> AllCodes() { return kCodes; }

std::string_view PageOf(std::string_view code) {
  for (const Page& page : AllPages()) {
    if (page.code == code) return page.text;
  }
  return {};
}

std::vector<std::string> CheckNames() {
  std::vector<std::string> names;
  for (const Check& check : AllChecks()) names.emplace_back(check.name);
  return names;
}

}  // namespace mesh::analysis
