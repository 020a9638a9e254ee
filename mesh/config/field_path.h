// Paths of fields as users read them: spec.http[0].match[1].headers["x.y"].exact
#ifndef MESH_CONFIG_FIELD_PATH_H_
#define MESH_CONFIG_FIELD_PATH_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace mesh::config {

// FieldPath("spec.http[0]", "match") is "spec.http[0].match"; below an empty path just the name.
std::string FieldPath(std::string_view parent, std::string_view name);
// IndexPath("spec.http", 0) is "spec.http[0]".
std::string IndexPath(std::string_view parent, size_t index);
// A key of a map: as FieldPath where the key is made of letters, digits, - and _, else quoted:
// metadata.labels["app.kubernetes.io/name"].
std::string KeyPath(std::string_view parent, std::string_view key);

// Takes the next part off the front of `path`: a name, or an index, or neither at the end. What
// does not read as a path counts as its end.
struct PathPart {
  enum Type { kEnd, kName, kIndex } type = kEnd;
  std::string_view name;
  size_t index = 0;
};
PathPart TakePathPart(std::string_view* path);

}  // namespace mesh::config

#endif  // MESH_CONFIG_FIELD_PATH_H_
