// YAML files as a user names them: a file, or a directory and all that is in it.
#ifndef MESH_LOCAL_FILES_H_
#define MESH_LOCAL_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mesh::local {

// `path` itself when it is a file; of a directory all *.yaml, *.yml and *.json under it, sorted by
// path. Hidden files and directories (".git") are left out. NotFound or PermissionDenied with the
// reason.
absl::StatusOr<std::vector<std::string>> ListYamlFiles(const std::string& path);

// The whole file. NotFound, PermissionDenied … with the reason: "cannot read a.yaml: Is a
// directory".
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Writes `text` so that a reader sees the old file or the new one, nothing between. Internal with
// the reason when it cannot.
absl::Status WriteAtomically(const std::string& path, const std::string& text);

}  // namespace mesh::local

#endif  // MESH_LOCAL_FILES_H_
