// Path templates: envoy.extensions.path.match.uri_template and its rewrite.
#ifndef MESH_ROUTE_PATH_TEMPLATE_H_
#define MESH_ROUTE_PATH_TEMPLATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mesh::route {

// "/users/{id}/files/{rest=**}" as an RE2 regex over the whole path, with one named group a
// variable. `*` is one segment (or a part of one that is not empty), `**` the rest of the path;
// {name} is {name=*}. At most five variables, names of 1 to 16 letters, digits and '_', nothing but
// text behind "**". InvalidArgument says what is wrong and where.
absl::StatusOr<std::string> TemplateRegex(std::string_view path_template);

// The names of its variables, in order; empty where the template is not valid.
std::vector<std::string> TemplateVariables(std::string_view path_template);

// "/archive/{rest}/{id}": literal text and variables.
struct TemplateRewrite {
  struct Part {
    std::string literal;
    std::string variable;  // one of the two
  };
  std::vector<Part> parts;
};
absl::StatusOr<TemplateRewrite> ParseTemplateRewrite(std::string_view rewrite);

}  // namespace mesh::route

#endif  // MESH_ROUTE_PATH_TEMPLATE_H_
