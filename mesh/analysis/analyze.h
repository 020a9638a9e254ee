// What is wrong across the objects of one snapshot: references that lead nowhere, objects that
// contradict each other, workloads outside the mesh. Codes and verdicts are those of Istio 1.7.3's
// analyzers (IST0002 to IST0129); every code has a page in docs/findings/.
//
//   for (const Finding& finding : Analyze(*snapshot)) {
//     std::cout << finding.position.ToString() << ": " << finding.message << "\n";
//   }
#ifndef MESH_ANALYSIS_ANALYZE_H_
#define MESH_ANALYSIS_ANALYZE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "mesh/analysis/finding.h"
#include "mesh/base/field_error.h"
#include "mesh/base/source_position.h"
#include "mesh/config/snapshot.h"

namespace mesh::analysis {

// An object that the input has and no snapshot can: of a kind that is not read (Secret), or with
// errors in its YAML.
struct UnreadObject {
  std::string kind;
  std::string ns;
  std::string name;
  SourcePosition position;
  std::vector<FieldError> errors;
};

struct Options {
  std::vector<UnreadObject> unread;
  // Where no workload carries the label istio=ingressgateway, one in istio-system with Istio's
  // usual ports is taken for granted, as inputs seldom hold Istio's own objects.
  bool assume_ingress_gateway = true;
  // Runs only the checks of these names; empty: all.
  std::vector<std::string> checks;
};

// Sorted by file, line, code; no two alike. A pure function of its arguments; thread-safe. Nothing
// borrows from the snapshot. Cost: linear in the objects and the references between them.
std::vector<Finding> Analyze(const config::Snapshot& snapshot, const Options& options = {});

// What is known of a code. Lives forever.
struct CodeInfo {
  std::string_view code;
  Level level;
  std::string_view title;  // "a reference leads nowhere"
};
// All codes that Analyze can report, in order.
absl::Span<const CodeInfo> AllCodes();
// The names of all checks, such as "virtual_service_hosts".
std::vector<std::string> CheckNames();

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_ANALYZE_H_
