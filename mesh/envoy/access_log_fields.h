// Access logs inside another resource.
#ifndef MESH_ENVOY_ACCESS_LOG_FIELDS_H_
#define MESH_ENVOY_ACCESS_LOG_FIELDS_H_

#include <string>
#include <vector>

#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "mesh/envoy/known_fields.h"
#include "mesh/envoy/listener.h"

namespace mesh::envoy {

std::vector<AccessLogFile> LoadAccessLogs(
    const google::protobuf::RepeatedPtrField<::envoy::config::accesslog::v3::AccessLog>& logs,
    const std::string& path, FieldErrors* errors);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_ACCESS_LOG_FIELDS_H_
