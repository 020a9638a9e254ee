// What the mains share: how --help and --version answer.
#ifndef EXAMPLES_PROGRAM_USAGE_H_
#define EXAMPLES_PROGRAM_USAGE_H_

#include <string_view>

namespace examples {

// To be called once, before absl::ParseCommandLine. Then --help prints `message` and the flags of
// the program's own main.cc (not those of libraries), --version the version of this project.
void SetUsage(std::string_view message);

}  // namespace examples

#endif  // EXAMPLES_PROGRAM_USAGE_H_
