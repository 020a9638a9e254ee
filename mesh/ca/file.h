// For this folder: files that are whole or not there.
#ifndef MESH_CA_FILE_H_
#define MESH_CA_FILE_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mesh::ca {

// NotFound where there is no such file.
absl::StatusOr<std::string> ReadFile(const std::string& path);
// Writes a file beside `path`, syncs it, renames it over `path`, syncs the directory.
absl::Status ReplaceFile(const std::string& path, std::string_view bytes, mode_t mode);

}  // namespace mesh::ca

#endif  // MESH_CA_FILE_H_
