// What is wrong with one object by itself.
#ifndef MESH_CONFIG_VALIDATE_H_
#define MESH_CONFIG_VALIDATE_H_

#include <vector>

#include "mesh/base/field_error.h"
#include "mesh/config/resource.h"

namespace mesh::config {

// All errors, in the order of the fields where that is natural; empty: the object may be used.
// Istio 1.7's verdicts (its pkg/config/validation), one file a kind here; later fields by the rules
// of the versions that brought them. Kubernetes' objects are checked for what the mesh reads.
// Pure, thread-safe. Cost: about that of a walk through the object.
std::vector<FieldError> ValidateResource(const Resource& resource);

}  // namespace mesh::config

#endif  // MESH_CONFIG_VALIDATE_H_
