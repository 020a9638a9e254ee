// From what was read to what is analysed.
#ifndef MESH_ANALYSIS_INPUT_H_
#define MESH_ANALYSIS_INPUT_H_

#include <string_view>
#include <vector>

#include "mesh/analysis/analyze.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"

namespace mesh::analysis {

struct Input {
  config::SnapshotPtr snapshot;
  Options options;  // with the objects that could not be read
};

// How to read what is to be analysed: kinds that only the analysis looks at are kept.
config::ReadOptions ReadOptions(std::string_view default_namespace = "default");

// Objects that are invalid by themselves stay in, so that all that is wrong with them is found at
// once. Of two objects with one key the first stays, the second is an error. Istio's ConfigMap
// "istio" gives the MeshConfig where no other is among the files, and the networks.
//
//   Input input = ToInput({config::ReadYaml("mesh.yaml", bytes, ReadOptions())});
//   std::vector<Finding> findings = Analyze(*input.snapshot, input.options);
Input ToInput(std::vector<config::ReadResult> files,
              std::string_view default_namespace = "default");

// A file with MeshNetworks: a document with the key `networks`.
void AddMeshNetworks(std::string_view file, std::string_view bytes, Input* input);

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_INPUT_H_
