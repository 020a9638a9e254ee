// meshctl proxy-status: what each proxy acknowledged of what a running meshd sent.
#ifndef MESH_CTL_PROXY_STATUS_H_
#define MESH_CTL_PROXY_STATUS_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `proxy-status [POD.NAMESPACE] [--server HOST:15014] [-o table|json|yaml]`. Exit 1 when meshd does
// not answer, and when the proxy that was named is not connected (the connected ones on `err`).
void AddProxyStatus(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_PROXY_STATUS_H_
