// meshctl authz: who may do what, and why.
#ifndef MESH_CTL_AUTHZ_H_
#define MESH_CTL_AUTHZ_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `authz check POD.NAMESPACE METHOD PATH`: what one request meets on its way in, policy by policy,
// with file and line; exit 1 where it is denied. Without METHOD, or without POD: who reaches whom,
// under which TLS.
void AddAuthz(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_AUTHZ_H_
