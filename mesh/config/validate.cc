#include "mesh/config/validate.h"

namespace mesh::config {

std::vector<FieldError> ValidateResource(const Resource& resource) { return {}; }

}  // namespace mesh::config
