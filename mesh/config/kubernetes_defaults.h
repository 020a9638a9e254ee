// What Kubernetes' API server would have filled in.
#ifndef MESH_CONFIG_KUBERNETES_DEFAULTS_H_
#define MESH_CONFIG_KUBERNETES_DEFAULTS_H_

#include "google/protobuf/message.h"
#include "mesh/config/kind.h"

namespace mesh::config {

// Sets, where they are absent: protocol TCP, targetPort port, type ClusterIP, replicas 1, the
// service account "default", the conditions of an EndpointSlice true. Nothing for other kinds.
// A Service without clusterIP gets none: no address of its own, and not headless either.
void ApplyKubernetesDefaults(Kind kind, google::protobuf::Message* object);

}  // namespace mesh::config

#endif  // MESH_CONFIG_KUBERNETES_DEFAULTS_H_
