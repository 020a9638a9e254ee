// meshctl validate: each resource by itself; every error with file, line and column.
#ifndef MESH_CTL_VALIDATE_H_
#define MESH_CTL_VALIDATE_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `validate -f PATH… [-n NAMESPACE] [-o table|json|yaml]`. Exit 1 when an object is invalid, 65
// when a path cannot be read.
void AddValidate(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_VALIDATE_H_
