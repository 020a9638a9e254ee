// The checks: each looks at the facts of one snapshot and reports what it finds. Pure functions.
#ifndef MESH_ANALYSIS_CHECKS_CHECKS_H_
#define MESH_ANALYSIS_CHECKS_CHECKS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "mesh/analysis/facts.h"
#include "mesh/analysis/finding.h"

namespace mesh::analysis {

using Findings = std::vector<Finding>;

// What has to be looked at anew where some objects changed. For an Analyzer, that follows changes;
// a wrong answer here shows in analyzer_test, which holds it against analysing everything.
enum class Scope {
  // Everything, whatever changed: always right, and as slow as it is.
  kSnapshot,
  // Everything, where an object of the kinds `about` changed.
  kKinds,
  // A finding is about an object of the kinds `about`, and follows from that object, from the names
  // that it uses and who defines them (links.h), and from facts about workloads, services and
  // namespaces. It is not looked for in other objects of its own kind, but through links.
  kObject,
};

struct Check {
  std::string_view name;
  void (*run)(const Facts& facts, Findings* findings);
  Scope scope = Scope::kSnapshot;
  std::vector<config::Kind> about = {};
};
// All, in a fixed order. Live forever.
absl::Span<const Check> AllChecks();

// Leaves out what is said twice or is not to be said, and sorts, as Analyze promises it.
void Finish(const config::Snapshot& snapshot, Findings* findings);

// Adds a finding at a field of an object; level and documentation are the code's.
void Report(std::string_view code, const config::Resource& object, std::string_view field,
            std::string message, std::string remedy, Findings* findings);
// The same for an object that is not in the snapshot.
void Report(std::string_view code, const UnreadObject& object, const SourcePosition& position,
            std::string field, std::string message, std::string remedy, Findings* findings);

// IST0107 0108 0125 0135
void CheckAnnotations(const Facts& facts, Findings* findings);
// IST0144
void CheckApplicationUid(const Facts& facts, Findings* findings);
// MSH0128
void CheckApplyOrder(const Facts& facts, Findings* findings);
// IST0101 0127
void CheckAuthorizationPolicies(const Facts& facts, Findings* findings);
// IST0128 0129
void CheckCaCertificates(const Facts& facts, Findings* findings);
// IST0116 0117 0137 MSH0123
void CheckDeploymentServices(const Facts& facts, Findings* findings);
// IST0002 0120 0121
void CheckDeprecation(const Facts& facts, Findings* findings);
// IST0173 0174
void CheckDestinationRuleHosts(const Facts& facts, Findings* findings);
// IST0151 to 0155
void CheckEnvoyFilters(const Facts& facts, Findings* findings);
// IST0163 0164
void CheckExternalControlPlanes(const Facts& facts, Findings* findings);
// IST0138
void CheckGatewayCertificates(const Facts& facts, Findings* findings);
// IST0145
void CheckGatewayConflicts(const Facts& facts, Findings* findings);
// IST0101 0161
void CheckGatewayCredentials(const Facts& facts, Findings* findings);
// IST0132
void CheckGatewayHosts(const Facts& facts, Findings* findings);
// IST0101 0104 0162
void CheckGatewayPorts(const Facts& facts, Findings* findings);
// MSH0124
void CheckHiddenDestinationRules(const Facts& facts, Findings* findings);
// IST0146 0147
void CheckImageAuto(const Facts& facts, Findings* findings);
// IST0140
void CheckIngressSubsets(const Facts& facts, Findings* findings);
// IST0102 0103 0123 0148
void CheckInjection(const Facts& facts, Findings* findings);
// IST0149
void CheckJwtRoutes(const Facts& facts, Findings* findings);
// IST0109
void CheckMeshGatewayHosts(const Facts& facts, Findings* findings);
// IST0126
void CheckMeshNetworks(const Facts& facts, Findings* findings);
// IST0113 to 0115 MSH0125 0130
void CheckMutualTls(const Facts& facts, Findings* findings);
// IST0118 0150
void CheckPortNames(const Facts& facts, Findings* findings);
// IST0105 0158
void CheckProxyImages(const Facts& facts, Findings* findings);
// IST0122
void CheckRegexes(const Facts& facts, Findings* findings);
// IST0130 0131
void CheckRepeatedMatches(const Facts& facts, Findings* findings);
// IST0119
void CheckRequestAuthentications(const Facts& facts, Findings* findings);
// MSH0120 0121 0122
void CheckRuleProofs(const Facts& facts, Findings* findings);
// IST0106
void CheckSchema(const Facts& facts, Findings* findings);
// IST0133
void CheckSchemaWarnings(const Facts& facts, Findings* findings);
// IST0134
void CheckServiceEntryAddresses(const Facts& facts, Findings* findings);
// MSH0126
void CheckServiceEntryProtocols(const Facts& facts, Findings* findings);
// IST0111
void CheckSidecarDefaults(const Facts& facts, Findings* findings);
// IST0101 0110
void CheckSidecarSelectors(const Facts& facts, Findings* findings);
// IST0157
void CheckTelemetryProviders(const Facts& facts, Findings* findings);
// IST0101 0159 0160
void CheckTelemetrySelectors(const Facts& facts, Findings* findings);
// MSH0127
void CheckTlsVerification(const Facts& facts, Findings* findings);
// MSH0118 0119
void CheckAuthorizationTranslation(const Facts& facts, Findings* findings);
// MSH0101 to 0119
void CheckProxies(const Facts& facts, Findings* findings);
// MSH0101 to 0119
void CheckTranslation(const Facts& facts, Findings* findings);
// MSH0129
void CheckUnusedFields(const Facts& facts, Findings* findings);
// IST0101 0165
void CheckVirtualServiceGateways(const Facts& facts, Findings* findings);
// IST0101 0112
void CheckVirtualServiceHosts(const Facts& facts, Findings* findings);
// IST0101
void CheckVirtualServiceSubsets(const Facts& facts, Findings* findings);
// IST0139
void CheckWebhooks(const Facts& facts, Findings* findings);

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_CHECKS_CHECKS_H_
