// What is wrong across the objects of one snapshot: references that lead nowhere, objects that
// contradict each other, workloads outside the mesh. Codes that begin with IST have the meaning
// that Istio's analyzers give them, those with MSH are ours; every code has a page in
// docs/findings/.
//
//   for (const Finding& finding : Analyze(*snapshot)) {
//     std::cout << finding.position.ToString() << ": " << finding.message << "\n";
//   }
#ifndef MESH_ANALYSIS_ANALYZE_H_
#define MESH_ANALYSIS_ANALYZE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "mesh/analysis/finding.h"
#include "mesh/base/field_error.h"
#include "mesh/base/source_position.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"

namespace mesh::analysis {

// An object that the input has and no snapshot can: of a kind that is not read (Secret), or with
// errors in its YAML.
struct UnreadObject {
  std::string kind;
  std::string api_version;
  std::string ns;
  std::string name;
  SourcePosition position;
  std::vector<FieldError> errors;
  // What it holds, where its kind is not read; may be null.
  std::shared_ptr<const config::Document> document;

  // Of a field of `document`.
  SourcePosition PositionOf(std::string_view field) const;
};

struct Options {
  std::vector<UnreadObject> unread;
  // Where no workload carries the label istio=ingressgateway, one in istio-system with Istio's
  // usual ports is taken for granted, as inputs seldom hold Istio's own objects.
  bool assume_ingress_gateway = true;
  // By which certificates in Secrets are judged; unless set, whatever their time is.
  absl::Time now = absl::InfinitePast();
  // Runs only the checks of these names; empty: all.
  std::vector<std::string> checks;
  // What only a proxy's translation shows is looked for in the proxies of as many namespaces as
  // make no more pairs of a proxy and a service than this.
  uint64_t translated_pairs = 4'000;
  // How many steps the proof about one rule may take, and twenty times as many those about all
  // rules of one host (see mesh/route/proof).
  int64_t proof_steps = 100'000;
};

// Sorted by file, line, code; no two alike. Objects whose annotation
// galley.istio.io/analyze-suppress names a code ("*": any) have no finding of that code. A pure
// function of its arguments; thread-safe. Nothing borrows from the snapshot. Cost: linear in the
// objects and the references between them, and what the two limits above allow.
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
// The page docs/findings/CODE.md; empty where there is none.
std::string_view PageOf(std::string_view code);

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_ANALYZE_H_
