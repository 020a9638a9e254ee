// The constraints that Envoy's API writes beside its fields (validate.rules), checked by
// reflection: what Envoy's generated validators reject, without generated validators.
#ifndef MESH_ENVOY_CONSTRAINTS_H_
#define MESH_ENVOY_CONSTRAINTS_H_

#include <functional>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "mesh/base/field_error.h"

namespace mesh::envoy {

// One error for each constraint that `message`, or a message below it, breaks:
// field "virtual_hosts[0].routes[1].match", message "value is required". `path` is put before.
// Messages inside an Any are not looked at. Cost: one visit of each field that is set, and of each
// field of the messages that are.
std::vector<FieldError> CheckConstraints(const google::protobuf::Message& message,
                                         const std::string& path = "");

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_CONSTRAINTS_H_
