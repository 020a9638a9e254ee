// For this folder and for who reads tokens: JSON text as plain values.
#ifndef MESH_AUTHZ_JSON_H_
#define MESH_AUTHZ_JSON_H_

#include <optional>
#include <string_view>

#include "mesh/route/value.h"

namespace mesh::authz {

// A JSON object of valid UTF-8, nested at most 100 deep, no name twice in one object; nullopt where
// `text` is anything else. Numbers are doubles, as google.protobuf.Value has them.
std::optional<route::Value::Struct> ParseJsonObject(std::string_view text);

// A member by name; null where there is none.
const route::Value* Member(const route::Value::Struct& object, std::string_view name);
// A member that is a string; nullopt where it is absent or another kind.
std::optional<std::string_view> StringMember(const route::Value::Struct& object,
                                             std::string_view name);

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_JSON_H_
