#include "mesh/ctl/completion.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace mesh::ctl {
namespace {

// What may follow a flag, or stand for an argument.
struct Values {
  std::vector<std::string> words;
  bool file = false;
};

// CLI11 tells what an option takes only in the words of its help: "PATH", "TEXT:{a,b}".
Values ValuesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  Values values;
  const size_t open = type.find('{'), close = type.find('}');
  if (open != std::string::npos && close != std::string::npos && open < close) {
    values.words = absl::StrSplit(type.substr(open + 1, close - open - 1), ',');
  }
  values.file = absl::StartsWith(type, "PATH") || absl::StartsWith(type, "FILE");
  return values;
}

// One command of the tree, by the words that lead to it.
struct Node {
  std::string path;                    // " route match"; "" is meshctl itself
  std::vector<std::string> spellings;  // of the path: its last word's aliases too
  std::vector<std::string> subcommands, flags;
  std::vector<std::pair<std::vector<std::string>, Values>> valued;  // flags with a value
  Values arguments;
};

std::vector<std::string> FlagNames(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

void Walk(const CLI::App& app, const std::string& path, std::vector<Node>* nodes) {
  Node node;
  node.path = path;
  node.spellings.push_back(path);
  const std::string parent = path.substr(0, std::min(path.size(), path.rfind(' ')));
  for (const std::string& alias : app.get_aliases()) {
    node.spellings.push_back(parent + " " + alias);
  }
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string> names = FlagNames(*option);
    const Values values = ValuesOf(*option);
    if (names.empty()) {
      node.arguments.words.insert(node.arguments.words.end(), values.words.begin(),
                                  values.words.end());
      node.arguments.file |= values.file;
      continue;
    }
    node.flags.insert(node.flags.end(), names.begin(), names.end());
    if (option->get_items_expected_max() > 0) node.valued.emplace_back(names, values);
  }
  const std::vector<const CLI::App*> children =
      app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) node.subcommands.push_back(child->get_name());
  nodes->push_back(std::move(node));
  for (const CLI::App* child : children) Walk(*child, path + " " + child->get_name(), nodes);
}

// 'a'|'b': the pattern of a case in both shells.
std::string Pattern(const std::vector<std::string>& words) {
  return absl::StrJoin(words, "|", [](std::string* out, const std::string& word) {
    absl::StrAppend(out, "'", word, "'");
  });
}

std::string Choice(const Values& values) {
  if (!values.words.empty())
    return absl::StrCat("choices='", absl::StrJoin(values.words, " "), "'");
  return values.file ? "files=1" : ":";
}

// The part that both shells read alike. In: `line`, the words between meshctl and the one that is
// completed (`cur`). Out: `choices` to choose from, or `files`.
std::string Body(const std::vector<Node>& nodes) {
  std::string deeper, valued, after, offers;
  for (const Node& node : nodes) {
    if (!node.path.empty()) {
      absl::StrAppend(&deeper, "      ", Pattern(node.spellings), ") command='", node.path,
                      "'; continue ;;\n");
    }
    for (const auto& [names, values] : node.valued) {
      std::vector<std::string> keys;
      for (const std::string& name : names) keys.push_back(absl::StrCat(node.path, "|", name));
      absl::StrAppend(&valued, "      ", Pattern(keys), ") flag=\"$command|$word\" ;;\n");
      absl::StrAppend(&after, "    ", Pattern(keys), ") ", Choice(values), "; return ;;\n");
    }
    Values rest = node.arguments;
    if (!node.subcommands.empty()) rest.words = node.subcommands;
    absl::StrAppend(&offers, "    '", node.path, "') if [[ \"$cur\" == -* ]]; then choices='",
                    absl::StrJoin(node.flags, " "), "'; else ", Choice(rest), "; fi ;;\n");
  }
  return absl::StrCat(
      R"(# Sets `choices` to choose from, or `files`. The arguments are the words so far.
_meshctl_choices() {
  local command='' flag='' word
  choices='' files=''
  for word in "$@"; do
    if [[ -n "$flag" ]]; then
      if [[ "$word" != '=' ]]; then flag=''; fi
      continue
    fi
    case "$command $word" in
)",
      deeper, R"(    esac
    case "$command|$word" in
)",
      valued, R"(    esac
  done
  case "$flag" in
)",
      after, R"(  esac
  case "$command" in
)",
      offers, R"(  esac
}
)");
}

std::string BashScript(const std::vector<Node>& nodes) {
  return absl::StrCat("# Completion of meshctl for bash:  source <(meshctl completion bash)\n",
                      Body(nodes), R"(_meshctl() {
  local cur="${COMP_WORDS[COMP_CWORD]}" choices files
  if [[ "$cur" == '=' ]]; then cur=''; fi
  _meshctl_choices "${COMP_WORDS[@]:1:COMP_CWORD-1}"
  COMPREPLY=()
  if [[ -n "$files" ]]; then
    compopt -o filenames 2>/dev/null
    local IFS=$'\n'
    COMPREPLY=($(compgen -f -- "$cur"))
  elif [[ -n "$choices" ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$cur"))
  fi
}
complete -F _meshctl meshctl
)");
}

std::string ZshScript(const std::vector<Node>& nodes) {
  return absl::StrCat(
      "#compdef meshctl\n# Completion of meshctl for zsh:  source <(meshctl "
      "completion zsh), after compinit\n",
      Body(nodes), R"(_meshctl() {
  local -a line
  line=("${(@)words[2,CURRENT-1]}")
  local cur="${words[CURRENT]}"
  () {
    local choices files
    _meshctl_choices "$@"
    if [[ -n "$files" ]]; then
      _files
    elif [[ -n "$choices" ]]; then
      compadd -- ${=choices}
    fi
  } "${(@)line}"
}
compdef _meshctl meshctl
)");
}

}  // namespace

void AddCompletion(CLI::App* root, Context* context) {
  CLI::App* command = root->add_subcommand(
      "completion", "Print a script with which bash or zsh completes meshctl's command lines");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "Whose script")
      ->check(CLI::IsMember({"bash", "zsh"}))
      ->required();
  AddExamples(command, {"source <(meshctl completion bash)", "source <(meshctl completion zsh)",
                        "meshctl completion bash > /etc/bash_completion.d/meshctl"});
  command->callback([root, context, shell] {
    std::vector<Node> nodes;
    Walk(*root, "", &nodes);
    context->out << (*shell == "bash" ? BashScript(nodes) : ZshScript(nodes));
  });
}

}  // namespace mesh::ctl
