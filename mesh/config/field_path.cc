#include "mesh/config/field_path.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::config {
namespace {

bool IsPlainKey(std::string_view key) {
  if (key.empty()) return false;
  for (char c : key) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') return false;
  }
  return true;
}

}  // namespace

std::string FieldPath(std::string_view parent, std::string_view name) {
  if (parent.empty()) return std::string(name);
  return absl::StrCat(Absl(parent), ".", Absl(name));
}

std::string IndexPath(std::string_view parent, size_t index) {
  return absl::StrCat(Absl(parent), "[", index, "]");
}

std::string KeyPath(std::string_view parent, std::string_view key) {
  if (IsPlainKey(key)) return FieldPath(parent, key);
  return absl::StrCat(Absl(parent), "[\"", Absl(key), "\"]");
}

PathPart TakePathPart(std::string_view* path) {
  PathPart part;
  std::string_view rest = *path;
  *path = std::string_view();
  if (rest.empty()) return part;
  if (rest[0] == '.') rest.remove_prefix(1);
  if (rest.size() >= 2 && rest[0] == '[' && rest[1] == '"') {
    const size_t end = rest.find("\"]", 2);
    if (end == std::string_view::npos) return part;
    part.type = PathPart::kName;
    part.name = rest.substr(2, end - 2);
    *path = rest.substr(end + 2);
    return part;
  }
  if (!rest.empty() && rest[0] == '[') {
    const size_t end = rest.find(']');
    if (end == std::string_view::npos || end == 1) return part;
    for (char c : rest.substr(1, end - 1)) {
      if (!absl::ascii_isdigit(static_cast<unsigned char>(c)) || part.index > 100000000) {
        return part;
      }
      part.index = part.index * 10 + (c - '0');
    }
    part.type = PathPart::kIndex;
    *path = rest.substr(end + 1);
    return part;
  }
  const size_t end = std::min(rest.find_first_of(".["), rest.size());
  if (end == 0) return part;
  part.type = PathPart::kName;
  part.name = rest.substr(0, end);
  *path = rest.substr(end);
  return part;
}

}  // namespace mesh::config
