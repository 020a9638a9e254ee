// What -f names, read and validated once.
#ifndef MESH_CTL_INPUTS_H_
#define MESH_CTL_INPUTS_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "mesh/config/read.h"
#include "mesh/config/resource.h"
#include "mesh/ctl/command.h"

namespace mesh::ctl {

// One file that -f names, read and not yet checked.
struct InputFile {
  std::string name;  // "-" for standard input
  std::string text;
  config::ReadResult read;
};
struct InputFiles {
  std::vector<InputFile> files;  // in the order of the flags, each directory in path order
  // A path could not be opened or read; it has been said on `err`.
  bool unreadable = false;
};
// What cannot be read is said on `err`, and the rest is read nevertheless.
InputFiles ReadFiles(const std::vector<std::string>& paths, const config::ReadOptions& options,
                     std::istream& in, std::ostream& err);

struct Inputs {
  // One a file, in path order. Objects whose resource is null are invalid (their errors say why)
  // or were skipped.
  std::vector<config::ReadResult> files;
  // A path could not be opened or read; it has been said on `err`.
  bool unreadable = false;

  // The valid ones.
  std::vector<config::ResourcePtr> Resources() const;
  // Of all objects, in order.
  std::vector<FieldError> Errors() const;
};

// Reads every file of `flags.paths` ("-" is `in`), checks each object by itself and refuses the
// second of two of the same kind, namespace and name. What cannot be read is said on `err`, and the
// rest is read nevertheless.
Inputs ReadInputs(const InputFlags& flags, std::istream& in, std::ostream& err);

// What a world is built of: the valid objects that -f names, and the MeshConfig of --mesh.
struct WorldInputs {
  std::vector<config::ResourcePtr> resources;
  bool invalid = false;
  bool unreadable = false;

  // The exit code of a verb that would have ended with `code`.
  int ExitCode(int code) const;
};

// `mesh_file` may be "". What is wrong or cannot be read is said on `err`, and the rest is read
// nevertheless.
WorldInputs ReadWorldInputs(const InputFlags& flags, const std::string& mesh_file, std::istream& in,
                            std::ostream& err);

}  // namespace mesh::ctl

#endif  // MESH_CTL_INPUTS_H_
