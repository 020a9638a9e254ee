// CustomResourceDefinitions of Istio's kinds, made out of the messages that we read them into.
#ifndef MESH_CTL_CRD_SCHEMA_H_
#define MESH_CTL_CRD_SCHEMA_H_

#include <vector>

#include "google/protobuf/descriptor.h"
#include "mesh/config/kind.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {

// A structural schema (apiextensions.k8s.io/v1) of a message in protobuf's JSON form: types, names
// of enums, fields of which only one may be given, fields without which an object is refused. What
// takes more than one look, validation says.
nlohmann::ordered_json SchemaOfMessage(const google::protobuf::Descriptor* message);

// The whole definition: all versions served with one schema, the newest one stored.
nlohmann::ordered_json DefinitionOf(const config::KindInfo& kind);

// The kinds that an API server has to be told of, by name.
std::vector<config::Kind> CustomKinds();

}  // namespace mesh::ctl

#endif  // MESH_CTL_CRD_SCHEMA_H_
