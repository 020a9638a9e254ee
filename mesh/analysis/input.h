// From what was read to what is analysed.
#ifndef MESH_ANALYSIS_INPUT_H_
#define MESH_ANALYSIS_INPUT_H_

#include <vector>

#include "mesh/analysis/analyze.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"

namespace mesh::analysis {

struct Input {
  config::SnapshotPtr snapshot;
  Options options;  // with the objects that could not be read
};

// Objects that are invalid by themselves stay in, so that all that is wrong with them is found at
// once. Of two objects with one key the first stays, the second is an error.
//
//   Input input = ToInput({config::ReadYaml("mesh.yaml", bytes)});
//   std::vector<Finding> findings = Analyze(*input.snapshot, input.options);
Input ToInput(std::vector<config::ReadResult> files);

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_INPUT_H_
