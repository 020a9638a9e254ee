// The HTTP connection manager inside a listener.
#ifndef MESH_ENVOY_HTTP_CONNECTION_MANAGER_H_
#define MESH_ENVOY_HTTP_CONNECTION_MANAGER_H_

#include <string>

#include "google/protobuf/any.pb.h"
#include "mesh/envoy/known_fields.h"
#include "mesh/envoy/listener.h"

namespace mesh::envoy {

HttpConnectionManager LoadHttpConnectionManager(const google::protobuf::Any& any,
                                                const std::string& path, FieldErrors* errors);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_HTTP_CONNECTION_MANAGER_H_
