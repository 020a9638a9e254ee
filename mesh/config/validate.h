// What is wrong with one object by itself.
#ifndef MESH_CONFIG_VALIDATE_H_
#define MESH_CONFIG_VALIDATE_H_

#include <vector>

#include "api/mesh/v1alpha1/network.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/config/resource.h"

namespace mesh::config {

struct ValidateOptions {
  // VirtualServices may delegate to others (Istio 1.7's PILOT_ENABLE_VIRTUAL_SERVICE_DELEGATE, off
  // there too): one without hosts is such another, and a rule may have `delegate` in place of an
  // action.
  bool delegates = false;
};

// All errors, in the order of the fields where that is natural; empty: the object may be used.
// Istio 1.7's verdicts (its pkg/config/validation), one file a kind in validation/; later fields by
// the rules of the versions that brought them. Kubernetes' objects are checked for what the mesh
// reads. Pure, thread-safe. Cost: about that of a walk through the object.
std::vector<FieldError> ValidateResource(const Resource& resource,
                                         const ValidateOptions& options = {});

// The same for the networks of a mesh, which are no resource. Errors have no position.
std::vector<FieldError> ValidateMeshNetworks(const istio::mesh::v1alpha1::MeshNetworks& networks);

}  // namespace mesh::config

#endif  // MESH_CONFIG_VALIDATE_H_
