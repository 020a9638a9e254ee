// A load assignment inside another resource.
#ifndef MESH_ENVOY_ENDPOINT_FIELDS_H_
#define MESH_ENVOY_ENDPOINT_FIELDS_H_

#include <map>
#include <string>

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "google/protobuf/struct.pb.h"
#include "mesh/envoy/endpoint.h"
#include "mesh/envoy/known_fields.h"

namespace mesh::envoy {

Endpoints LoadEndpointFields(const ::envoy::config::endpoint::v3::ClusterLoadAssignment& proto,
                             const std::string& path, bool dns_names, FieldErrors* errors);

// As Endpoint::transport_socket_match holds it.
std::map<std::string, std::string> LoadMatchFields(const google::protobuf::Struct& fields);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_ENDPOINT_FIELDS_H_
