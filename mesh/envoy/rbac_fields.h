// For this folder: conditions out of Envoy's matchers.
#ifndef MESH_ENVOY_RBAC_FIELDS_H_
#define MESH_ENVOY_RBAC_FIELDS_H_

#include <string>

#include "envoy/type/matcher/v3/metadata.pb.h"
#include "mesh/authz/condition.h"
#include "mesh/envoy/known_fields.h"

namespace mesh::envoy {

// Texts, lists that have a text, and alternatives of these.
authz::Condition LoadMetadataCondition(const ::envoy::type::matcher::v3::MetadataMatcher& proto,
                                       const std::string& path, FieldErrors* errors);

// Both as one status, "ok" where there is nothing to say.
absl::Status ToFilterStatus(const FieldErrors& errors);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_RBAC_FIELDS_H_
