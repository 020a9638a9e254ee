// Which files there are below some paths, and whether one has changed.
#ifndef MESH_SOURCE_FILE_TREE_H_
#define MESH_SOURCE_FILE_TREE_H_

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mesh::source {

// Two files with one stamp have, as far as the file system tells, the same content.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
};
bool operator==(const FileStamp& a, const FileStamp& b);
FileStamp StampOf(const struct stat& info);

struct FileTree {
  std::map<std::string, FileStamp> files;
  // Directories that were listed, paths among them.
  std::vector<std::string> directories;
  // Files that are symbolic links, with the directory of what they point to.
  std::map<std::string, std::string> link_targets;
  // What could not be looked at; nothing is known about what is below.
  std::map<std::string, absl::Status> unreadable;
};

// By its name: *.yaml, *.yml or *.json, and not hidden.
bool IsConfigFile(std::string_view name);
// The last part of a path.
std::string_view BaseName(std::string_view path);
// What stands before it; "." where there is nothing.
std::string DirectoryOf(std::string_view path);

// `before_listing` is told each directory before it is looked into: what changes later than that
// can be watched for.
FileTree ScanFiles(const std::vector<std::string>& paths,
                   const std::function<void(const std::string&)>& before_listing);

// ResourceExhausted where the file is larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);

}  // namespace mesh::source

#endif  // MESH_SOURCE_FILE_TREE_H_
