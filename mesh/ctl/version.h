// meshctl version: which meshctl this is.
#ifndef MESH_CTL_VERSION_H_
#define MESH_CTL_VERSION_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `version [-o table|json|yaml]`: "meshctl 0.1.0", or {"meshctl":"0.1.0","istio":"1.7.3"}.
void AddVersion(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_VERSION_H_
