#include "mesh/ctl/command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>

namespace mesh::ctl {

int Run(const std::vector<Verb>& verbs, const std::vector<std::string>& args, std::istream& in,
        std::ostream& out, std::ostream& err) {
  Context context{in, out, err};
  CLI::App root("Shows and checks what a mesh does with its configuration.", "meshctl");
  root.require_subcommand(1);
  root.set_help_flag("-h,--help", "Print this help and exit");
  AddExamples(&root, {"meshctl validate -f bookinfo.yaml",
                      "meshctl translate -f bookinfo.yaml --proxy productpage-v1-0.default -o json",
                      "meshctl VERB --help"});
  for (const Verb& add : verbs) add(&root, &context);
  try {
    std::vector<std::string> reversed(args.rbegin(), args.rend());
    root.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    out << root.help();  // of the subcommand that was asked for
    return kFine;
  } catch (const CLI::ParseError& error) {
    const CLI::App* asked = &root;
    std::string path = "meshctl";
    while (!asked->get_subcommands().empty()) {
      asked = asked->get_subcommands().front();
      path += " " + asked->get_name();
    }
    err << path << ": " << error.what() << "\nRun `" << path << " --help` for usage.\n";
    return kUsage;
  }
  return context.exit_code;
}

void AddInputFlags(CLI::App* command, InputFlags* flags) {
  command
      ->add_option("-f,--filename", flags->paths,
                   "File, directory (read recursively for *.yaml, *.yml, *.json) or - for stdin; "
                   "may be repeated")
      ->type_name("PATH")
      ->required();
  command
      ->add_option("-n,--namespace", flags->default_namespace,
                   "Namespace of objects that name none")
      ->type_name("NAMESPACE")
      ->capture_default_str();
}

bool OutputFlags::UseColor(const std::ostream& stream) const {
  if (color == "always") return true;
  if (color == "never") return false;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  return (&stream == &std::cout && isatty(STDOUT_FILENO)) ||
         (&stream == &std::cerr && isatty(STDERR_FILENO));
}

void AddOutputFlags(CLI::App* command, OutputFlags* flags, const std::vector<std::string>& more) {
  std::vector<std::string> formats = {"table", "json", "yaml"};
  formats.insert(formats.end(), more.begin(), more.end());
  command->add_option("-o,--output", flags->format, "Output format")
      ->check(CLI::IsMember(formats))
      ->capture_default_str();
  command->add_option("--color", flags->color, "Colours in tables (NO_COLOR is honoured)")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
}

void AddExamples(CLI::App* command, const std::vector<std::string>& examples) {
  std::string text = "Examples:";
  for (const std::string& example : examples) text += "\n  " + example;
  command->footer(text);
}

}  // namespace mesh::ctl
