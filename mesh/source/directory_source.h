// Configuration out of files and directories, followed as they change.
#ifndef MESH_SOURCE_DIRECTORY_SOURCE_H_
#define MESH_SOURCE_DIRECTORY_SOURCE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "mesh/base/log.h"
#include "mesh/config/read.h"
#include "mesh/config/source.h"

namespace mesh::source {

struct DirectorySourceOptions {
  // Files, and directories that are read recursively for *.yaml, *.yml and *.json in path order;
  // hidden files and directories are passed over. Must be there at the start.
  std::vector<std::string> paths;
  // A file with one MeshConfig; empty: none.
  std::string mesh_config;
  config::ReadOptions read;
  // Changes are gathered until nothing has happened for so long, at most ten times as long.
  absl::Duration debounce = absl::Milliseconds(5);
  // Outlives the source. Null: nothing is logged.
  LogSink* log = nullptr;
};

// Every file is a unit (see config/source.h) named by its path, as `paths` spells its beginning.
// A change counts once it is complete: when a file that was written is closed, or renamed into
// place, or deleted; a file that somebody is writing is left alone till then. Directories that
// appear, vanish or are replaced are followed, and so are symbolic links to files and swaps of
// "..data" as Kubernetes mounts ConfigMaps. (Links to directories below a path are not.)
// A file that is not in its directory any more is gone, and so is what it held; a path of `paths`
// that is not there any more, and a directory that cannot be read, lose nothing and are reported.
//
// One thread, named "mesh-source": all callbacks but the first come on it.
//
//   DirectorySource source({.paths = {"/etc/mesh"}});
//   absl::Status status = source.Start([&](config::SourceUpdate update) {
//     Use(store.Apply(std::move(update)));
//   });
class DirectorySource final : public config::Source {
 public:
  explicit DirectorySource(DirectorySourceOptions options);
  ~DirectorySource() override;  // stops

  // NotFound or PermissionDenied where a path cannot be read; ResourceExhausted where the system
  // allows no more watches (fs.inotify.max_user_instances, max_user_watches).
  absl::Status Start(Callback callback) override;
  void Stop() override;

 private:
  class Follower;
  std::unique_ptr<Follower> follower_;
};

// The same files, read once and not followed: for tools. Every unit has its state and content.
config::SourceUpdate ReadFiles(const DirectorySourceOptions& options);

}  // namespace mesh::source

#endif  // MESH_SOURCE_DIRECTORY_SOURCE_H_
