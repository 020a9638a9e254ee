#include "mesh/ctl/command.h"

#include <sstream>

#include "gtest/gtest.h"
#include "mesh/ctl/json_output.h"
#include "mesh/ctl/version.h"

namespace mesh::ctl {
namespace {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome RunWith(const std::vector<Verb>& verbs, const std::vector<std::string>& args) {
  std::istringstream in;
  std::ostringstream out, err;
  const int code = Run(verbs, args, in, out, err);
  return {code, out.str(), err.str()};
}

TEST(CommandTest, VersionInWordsAndAsJsonAndYaml) {
  EXPECT_EQ(RunWith({AddVersion}, {"version"}).out, "meshctl 0.1.0 (Istio 1.7.3 semantics)\n");
  EXPECT_EQ(RunWith({AddVersion}, {"version", "-o", "json"}).out,
            "{\n  \"meshctl\": \"0.1.0\",\n  \"istio\": \"1.7.3\"\n}\n");
  EXPECT_EQ(RunWith({AddVersion}, {"version", "-o", "yaml"}).out,
            "meshctl: \"0.1.0\"\nistio: \"1.7.3\"\n");
}

TEST(CommandTest, BadUsageIs64AndSaysWhereHelpIs) {
  const Outcome unknown_flag = RunWith({AddVersion}, {"version", "--colour"});
  EXPECT_EQ(unknown_flag.code, kUsage);
  EXPECT_EQ(unknown_flag.out, "");
  EXPECT_EQ(unknown_flag.err,
            "meshctl version: The following argument was not expected: --colour\n"
            "Run `meshctl version --help` for usage.\n");
  EXPECT_EQ(RunWith({AddVersion}, {}).code, kUsage);
  EXPECT_EQ(RunWith({AddVersion}, {"verzion"}).code, kUsage);
  EXPECT_EQ(RunWith({AddVersion}, {"version", "-o", "xml"}).code, kUsage);
}

TEST(CommandTest, HelpGoesToStdoutWithExamples) {
  const Outcome help = RunWith({AddVersion}, {"version", "--help"});
  EXPECT_EQ(help.code, kFine);
  EXPECT_EQ(help.err, "");
  EXPECT_NE(help.out.find("Examples:\n  meshctl version\n"), std::string::npos) << help.out;
  EXPECT_NE(help.out.find("Usage: meshctl version [OPTIONS]\n"), std::string::npos) << help.out;
  const Outcome root = RunWith({AddVersion}, {"--help"});
  EXPECT_EQ(root.code, kFine);
  EXPECT_NE(root.out.find("Print the version of meshctl"), std::string::npos) << root.out;
}

TEST(CommandTest, VerbSetsTheExitCode) {
  const Verb fails = [](CLI::App* root, Context* context) {
    root->add_subcommand("fails", "Fails")->callback([context] {
      context->err << "no\n";
      context->exit_code = kFailed;
    });
  };
  EXPECT_EQ(RunWith({fails}, {"fails"}).code, kFailed);
  EXPECT_EQ(RunWith({fails}, {"fails"}).err, "no\n");
}

TEST(CommandTest, ColourOnlyWhenAskedForOrOnATerminal) {
  std::ostringstream stream;
  OutputFlags flags;
  EXPECT_FALSE(flags.UseColor(stream));
  flags.color = "always";
  EXPECT_TRUE(flags.UseColor(stream));
  flags.color = "never";
  EXPECT_FALSE(flags.UseColor(stream));
}

TEST(JsonOutputTest, Yaml) {
  const struct {
    const char* name;
    const char* json;
    const char* yaml;
  } rows[] = {
      {"nothing", "[]", "[]\n"},
      {"a list of objects", R"([{"a":1,"b":"x"},{"a":2}])", "- a: 1\n  b: x\n- a: 2\n"},
      {"a list in an object", R"({"errors":[{"line":3}],"none":[]})",
       "errors:\n- line: 3\nnone: []\n"},
      {"an object in an object", R"({"a":{"b":{"c":null}}})", "a:\n  b:\n    c: null\n"},
      {"words that YAML reads as something else", R"(["true","on","1","a: b","","-","x"])",
       "- \"true\"\n- \"on\"\n- \"1\"\n- \"a: b\"\n- \"\"\n- \"-\"\n- x\n"},
      {"a list of lists", "[[1,2],[3]]", "- - 1\n  - 2\n- - 3\n"},
      {"a line break", R"(["a\nb"])", "- \"a\\nb\"\n"},
  };
  for (const auto& row : rows) {
    std::ostringstream out;
    WriteJson(nlohmann::ordered_json::parse(row.json), "yaml", out);
    EXPECT_EQ(out.str(), row.yaml) << row.name;
  }
}

}  // namespace
}  // namespace mesh::ctl
