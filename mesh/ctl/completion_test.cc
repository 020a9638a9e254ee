#include "mesh/ctl/completion.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "gtest/gtest.h"
#include "mesh/ctl/proxy_config.h"

namespace mesh::ctl {
namespace {

// Verbs with what real ones have: inputs, output, a file, words.
void AddVerb(CLI::App* root, const std::string& name) {
  CLI::App* command = root->add_subcommand(name, "A verb");
  auto input = std::make_shared<InputFlags>();
  auto output = std::make_shared<OutputFlags>();
  auto more = std::make_shared<std::string>();
  AddInputFlags(command, input.get());
  AddOutputFlags(command, output.get());
  command->add_option("--node", *more, "A file")->type_name("FILE");
  command->callback([input, output, more] {});
}
void AddValidate(CLI::App* root, Context*) { AddVerb(root, "validate"); }
void AddTranslate(CLI::App* root, Context*) {
  AddVerb(root, "translate");
  root->get_subcommand("translate")->add_flag("--type", "Only in this verb");
}

std::string Script(const std::string& shell) {
  std::istringstream in;
  std::ostringstream out, err;
  EXPECT_EQ(ctl::Run({AddValidate, AddTranslate, AddProxyConfig, AddCompletion},
                     {"completion", shell}, in, out, err),
            kFine);
  EXPECT_EQ(err.str(), "");
  return out.str();
}

std::string OutputOf(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string output;
  for (int c; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  pclose(pipe);
  return output;
}

// What bash offers for the last word of `line` (words separated by blanks), in one line.
std::string Offered(const std::string& script, const std::string& line) {
  const std::string file = testing::TempDir() + "/completion.bash";
  std::ofstream(file) << script << "\nread -ra COMP_WORDS <<< \"$1\"\n"
                      << "if [[ \"$1\" == *' ' ]]; then COMP_WORDS+=(''); fi\n"
                      << "COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))\n_meshctl\n"
                      << "echo \"${COMPREPLY[*]}\"\n";
  return OutputOf("cd " + testing::TempDir() + " && bash " + file + " '" + line + "'");
}

TEST(CompletionTest, Bash) {
  const std::string script = Script("bash");
  std::ofstream(testing::TempDir() + "/shop-of-tests.yaml") << "";
  const struct {
    const char* name;
    const char* line;
    const char* offered;
  } rows[] = {
      {"verbs", "meshctl ", "validate translate proxy-config completion\n"},
      {"a verb begun", "meshctl va", "validate\n"},
      {"flags of a verb", "meshctl validate --f", "--filename\n"},
      {"words that a flag takes", "meshctl validate -f x -o ", "table json yaml\n"},
      {"with an equals sign", "meshctl validate --output = j", "json\n"},
      {"files", "meshctl validate -f shop-of-t", "shop-of-tests.yaml\n"},
      {"files of --node", "meshctl translate --node shop-of-t", "shop-of-tests.yaml\n"},
      {"a flag's value that is a verb's name", "meshctl validate -n translate --ty", "\n"},
      {"the verb after that is the first", "meshctl translate -n validate --ty", "--type\n"},
      {"subcommands", "meshctl proxy-config ", "listeners clusters routes endpoints secrets\n"},
      {"below a subcommand", "meshctl proxy-config routes --s", "--server\n"},
      {"below its other name", "meshctl proxy-config route --s", "--server\n"},
      {"an argument's words", "meshctl completion z", "zsh\n"},
      {"a value nobody knows", "meshctl validate -n ", "\n"},
  };
  for (const auto& row : rows) EXPECT_EQ(Offered(script, row.line), row.offered) << row.name;
}

TEST(CompletionTest, ZshReadsItsScript) {
  const std::string script = Script("zsh");
  EXPECT_EQ(script.substr(0, 17), "#compdef meshctl\n");
  if (OutputOf("command -v zsh").empty()) {
    const char* required = std::getenv("REQUIRE_PEERS");
    ASSERT_FALSE(required != nullptr && std::string(required) == "1") << "zsh is not installed";
    GTEST_SKIP() << "zsh is not installed";
  }
  const std::string file = testing::TempDir() + "/completion.zsh";
  std::ofstream(file) << "compdef() { echo \"defined $*\" }\n"
                      << script << "_meshctl_choices validate -f x -o\necho $choices\n";
  EXPECT_EQ(OutputOf("zsh -f " + file), "defined _meshctl meshctl\ntable json yaml\n");
}

}  // namespace
}  // namespace mesh::ctl
