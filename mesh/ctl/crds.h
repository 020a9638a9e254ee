// meshctl crds: the CustomResourceDefinitions that an API server needs for what we read.
#ifndef MESH_CTL_CRDS_H_
#define MESH_CTL_CRDS_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// YAML by default, one document a kind, for `kubectl apply -f -`; -o json gives one List.
void AddCrds(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_CRDS_H_
