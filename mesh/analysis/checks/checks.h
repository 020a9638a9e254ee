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

// Leaves out what is said twice and sorts, as Analyze promises it.
void Finish(Findings* findings);

// Adds a finding at a field of an object; level and documentation are the code's.
void Report(std::string_view code, const config::Resource& object, std::string_view field,
            std::string message, std::string remedy, Findings* findings);
// The same for an object that is not in the snapshot.
void Report(std::string_view code, const UnreadObject& object, const SourcePosition& position,
            std::string field, std::string message, std::string remedy, Findings* findings);

void CheckAnnotations(const Facts& facts, Findings* findings);             // IST0107 0108 0125
void CheckAuthorizationPolicies(const Facts& facts, Findings* findings);   // IST0101 0127
void CheckCaCertificates(const Facts& facts, Findings* findings);          // IST0128 0129
void CheckDeploymentServices(const Facts& facts, Findings* findings);      // IST0116 0117
void CheckDeprecation(const Facts& facts, Findings* findings);             // IST0002
void CheckGatewayCredentials(const Facts& facts, Findings* findings);      // IST0101
void CheckGatewayPorts(const Facts& facts, Findings* findings);            // IST0101 0104
void CheckInjection(const Facts& facts, Findings* findings);               // IST0102 0103 0123
void CheckMeshGatewayHosts(const Facts& facts, Findings* findings);        // IST0109
void CheckPortNames(const Facts& facts, Findings* findings);               // IST0118
void CheckRegexes(const Facts& facts, Findings* findings);                 // IST0122
void CheckSchema(const Facts& facts, Findings* findings);                  // IST0106
void CheckSidecarDefaults(const Facts& facts, Findings* findings);         // IST0111
void CheckSidecarSelectors(const Facts& facts, Findings* findings);        // IST0101 0110
void CheckVirtualServiceGateways(const Facts& facts, Findings* findings);  // IST0101
void CheckVirtualServiceHosts(const Facts& facts, Findings* findings);     // IST0101 0112
void CheckVirtualServiceSubsets(const Facts& facts, Findings* findings);   // IST0101

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_CHECKS_CHECKS_H_
