// make demo CHECK=1: what a person would look at, looked at without one.
#ifndef EXAMPLES_DEMO_CHECK_H_
#define EXAMPLES_DEMO_CHECK_H_

#include <iosfwd>

#include "mesh/local/local_mesh.h"

namespace demo {

// Runs a mesh of its own from a copy of `options.files` (they are edited on the way), on free ports
// and addresses, and prints a line for each check to `out`; the last one is
// "N passed, N failed, N skipped". Returns 0, or 1 when a check failed; then its files and logs
// stay (in options.run_directory, or a new directory that is named in the log).
int Check(mesh::local::LocalMeshOptions options, std::ostream& out);

}  // namespace demo

#endif  // EXAMPLES_DEMO_CHECK_H_
