// Findings in the forms that other tools read.
#ifndef MESH_CTL_FINDING_FORMATS_H_
#define MESH_CTL_FINDING_FORMATS_H_

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "mesh/analysis/finding.h"

namespace mesh::ctl {

struct FindingReport {
  std::vector<analysis::Finding> findings;
  std::vector<analysis::Finding> suppressed;
  // From which level on a finding fails.
  analysis::Level fails_from = analysis::Level::kError;
  std::map<std::string, std::string> texts;  // of the files, by the name that positions carry

  bool Fails(const analysis::Finding& finding) const { return finding.level >= fails_from; }
};

// SARIF 2.1.0 (OASIS), one run: code hosts show it beside the lines. Columns count Unicode code
// points there; suppressed findings are listed as such.
void WriteSarif(const FindingReport& report, std::ostream& out);

// JUnit's XML: a suite for each file, a case for each finding, a failure for each that fails. A
// file without findings is a case that passes.
void WriteJunit(const FindingReport& report, std::ostream& out);

}  // namespace mesh::ctl

#endif  // MESH_CTL_FINDING_FORMATS_H_
