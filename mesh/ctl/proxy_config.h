// meshctl proxy-config: what a running meshd last sent to a proxy, type by type.
#ifndef MESH_CTL_PROXY_CONFIG_H_
#define MESH_CTL_PROXY_CONFIG_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `proxy-config listeners|clusters|routes|endpoints|secret POD.NAMESPACE [--server HOST:15014]
// [-o table|json|yaml]`. Secrets are certificates and when they expire, never keys. Tables have
// istioctl's columns; JSON and YAML are the list of the Envoy resources themselves (for endpoints:
// ClusterLoadAssignments, those inside of clusters as well). meshd knows what it sent, not what a
// proxy found out: STATUS is the health that was sent, and OUTLIER CHECK is "-". Exit 1 when meshd
// does not answer, and when the proxy is not connected (the connected ones on `err`).
void AddProxyConfig(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_PROXY_CONFIG_H_
