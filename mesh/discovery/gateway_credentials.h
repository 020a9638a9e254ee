// Certificates and keys of gateways out of Kubernetes Secrets, as Envoy's secrets. Private to
// mesh/discovery.
#ifndef MESH_DISCOVERY_GATEWAY_CREDENTIALS_H_
#define MESH_DISCOVERY_GATEWAY_CREDENTIALS_H_

#include <string_view>
#include <vector>

#include "mesh/config/snapshot.h"
#include "mesh/translate/resource.h"
#include "mesh/xds/resource.h"

namespace mesh::discovery {

// What gateways of that namespace may ask for by name. A Secret NAME with a certificate and its key
// (tls.crt and tls.key, or cert and key) is "NAME"; one with roots (cacert or ca.crt) is
// "NAME-cacert"; each also under "kubernetes://". What is attached to each resource, and so may be
// shown, has "[redacted]" in place of the key. A Secret that does not hold together is left out,
// and a finding says why without repeating what it holds.
// Cost: O(Secrets of the mesh), and reading those of the namespace.
xds::ResourceListPtr GatewayCredentials(const config::Snapshot& snapshot, std::string_view ns,
                                        std::vector<translate::Finding>* findings);

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_GATEWAY_CREDENTIALS_H_
