// `analyze`: what is wrong across the objects, with the line it stands in.
#ifndef MESH_CTL_ANALYZE_H_
#define MESH_CTL_ANALYZE_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `analyze -f PATH… [-n NAMESPACE] [-o table|json|yaml] [--fail-on error|warning|info]
// [--suppress CODE=Kind/ns/name]…`. Exit 79 for findings at or above --fail-on that are not
// suppressed, 65 when a path cannot be read.
void AddAnalyze(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_ANALYZE_H_
