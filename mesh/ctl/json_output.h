// Structured results on stdout, as JSON or as YAML.
#ifndef MESH_CTL_JSON_OUTPUT_H_
#define MESH_CTL_JSON_OUTPUT_H_

#include <iosfwd>
#include <string>

#include "nlohmann/json.hpp"

namespace mesh::ctl {

// `format` is "json" (two spaces of indentation) or "yaml" (block style, YAML 1.2; strings that
// another type could be taken for are quoted). Ends with a newline. Bytes that are no UTF-8 come
// out as U+FFFD.
void WriteJson(const nlohmann::ordered_json& value, const std::string& format, std::ostream& out);

}  // namespace mesh::ctl

#endif  // MESH_CTL_JSON_OUTPUT_H_
