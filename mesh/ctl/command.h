// meshctl as a library: the tree of commands, what they share, and how one command line is run.
//
//   // What meshctl's main does:
//   const std::vector<mesh::ctl::Verb> verbs = {mesh::ctl::AddValidate, mesh::ctl::AddVersion};
//   return mesh::ctl::Run(verbs, {argv + 1, argv + argc}, std::cin, std::cout, std::cerr);
//
//   // What a test does:
//   std::istringstream in(yaml);
//   std::ostringstream out, err;
//   EXPECT_EQ(mesh::ctl::Run({mesh::ctl::AddValidate}, {"validate", "-f", "-"}, in, out, err), 0);
//
// A verb is a function that puts one subcommand under the tree's root and leaves in its callback
// the work and the exit code. JSON goes to `out` and nothing else does; words go to `err`. Thread
// safety: Run has no state of its own; run as many at once as you like.
#ifndef MESH_CTL_COMMAND_H_
#define MESH_CTL_COMMAND_H_

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace mesh::ctl {

// Exit codes. The code never depends on the output format.
inline constexpr int kFine = 0;
inline constexpr int kFailed = 1;       // the operation or a test failed
inline constexpr int kUsage = 64;       // bad usage
inline constexpr int kUnreadable = 65;  // a path cannot be opened or read; beats the others
inline constexpr int kFindings = 79;    // findings at or above --fail-on

// What a verb reads and writes while it runs. Lives until Run returns.
struct Context {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  int exit_code = kFine;  // set by the verb's callback
};

// Puts a subcommand under `root`: flags, help, and a callback that sets `context->exit_code`.
// `context` and everything the callback needs outlive the callback; state of the verb's own is
// best kept in a shared_ptr that the callback captures.
using Verb = std::function<void(CLI::App* root, Context* context)>;

// Parses `args` (without the program's name), runs the subcommand they name and returns its exit
// code. Bad usage: says on `err` what is wrong and how to get help, returns kUsage. --help prints
// to `out` and returns kFine.
int Run(const std::vector<Verb>& verbs, const std::vector<std::string>& args, std::istream& in,
        std::ostream& out, std::ostream& err);

// -f PATH, -n NAMESPACE: where resources come from.
struct InputFlags {
  std::vector<std::string> paths;
  std::string default_namespace = "default";
};
void AddInputFlags(CLI::App* command, InputFlags* flags);

// -o table|json|yaml and --color auto|always|never.
struct OutputFlags {
  std::string format = "table";  // "table", "json", "yaml", or one of the verb's own
  std::string color = "auto";

  // Whether words on `stream` may carry terminal colours: "always" yes, "never" no, "auto" when
  // `stream` is std::cout or std::cerr on a terminal and NO_COLOR is not set (no-color.org).
  bool UseColor(const std::ostream& stream) const;
};
// `more`: formats that only this verb has.
void AddOutputFlags(CLI::App* command, OutputFlags* flags,
                    const std::vector<std::string>& more = {});

// "\nExamples:\n  ..." under a command's help; one example a line.
void AddExamples(CLI::App* command, const std::vector<std::string>& examples);

}  // namespace mesh::ctl

#endif  // MESH_CTL_COMMAND_H_
