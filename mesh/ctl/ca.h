// meshctl ca: the mesh's certificate authority, looked at and looked after.
#ifndef MESH_CTL_CA_H_
#define MESH_CTL_CA_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `ca inspect [-f PEM] [--server HOST:15014] [-o table|json|yaml]`: the roots in force, who holds
// what and until when; with -f the certificates of a file. `ca rotate [--plan|--all] [--server
// HOST:15014]`: the next step towards another root, or all of them, each once every proxy has
// proven that it is ready for it; --plan only says who is not. `ca issue --ca-dir DIR --namespace
// NS --service-account SA --out DIR`: a certificate from an authority's directory, without a meshd.
// Exit 1 when meshd does not answer, when a step is refused, and when nothing could be issued.
void AddCa(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_CA_H_
