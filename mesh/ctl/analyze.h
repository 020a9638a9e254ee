// `analyze`: what is wrong across the objects, with the line it stands in.
#ifndef MESH_CTL_ANALYZE_H_
#define MESH_CTL_ANALYZE_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `analyze -f PATH… [-n NAMESPACE] [--mesh FILE] [--networks FILE]
// [-o table|json|yaml|sarif|junit] [--fail-on error|warning|info]
// [--suppress CODE=Kind/ns/name]…`, `analyze --explain CODE`. Exit 79 for findings at or above
// --fail-on that are not suppressed, 65 when a path cannot be read, 64 for a code that is not
// known.
void AddAnalyze(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_ANALYZE_H_
