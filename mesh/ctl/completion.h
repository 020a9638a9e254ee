// meshctl completion: scripts with which a shell completes meshctl's own command lines.
#ifndef MESH_CTL_COMPLETION_H_
#define MESH_CTL_COMPLETION_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `completion bash|zsh`: a script on stdout for the shell to source. It is made from the tree of
// commands, of those verbs that are in it: subcommands, flags, the words a flag or an argument is
// one of, and files where one is a PATH or a FILE.
void AddCompletion(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_COMPLETION_H_
