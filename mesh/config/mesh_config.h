// The settings of a mesh that nobody has configured.
#ifndef MESH_CONFIG_MESH_CONFIG_H_
#define MESH_CONFIG_MESH_CONFIG_H_

#include "api/mesh/v1alpha1/config.pb.h"

namespace mesh::config {

// Istio 1.7's defaults: automatic mutual TLS on, outbound traffic ALLOW_ANY, connect timeout 10s,
// root namespace istio-system, everything exported to *, and so on; its access log is /dev/stdout
// here. Lives forever.
const istio::mesh::v1alpha1::MeshConfig& DefaultMeshConfig();

}  // namespace mesh::config

#endif  // MESH_CONFIG_MESH_CONFIG_H_
