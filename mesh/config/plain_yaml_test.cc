#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/config/fuzz/whole_file.h"
#include "mesh/config/yaml_tree.h"

namespace mesh::config {
namespace {

struct Row {
  const char* name;
  const char* yaml;
};

// What is taken is the same as libyaml's, node by node, and so is what is left to it.
bool Takes(const Row& row) {
  EXPECT_EQ(ProblemOfPlain(row.yaml), "") << row.name;
  YamlTree tree;
  return tree.ReadPlain(row.yaml, 1);
}

TEST(PlainYamlTest, TakesWhatConfigurationIsMadeOf) {
  const Row rows[] = {
      {"a mapping", "a: 1\nb: two words\n"},
      {"no line feed at the end", "a: 1"},
      {"mappings in mappings", "a:\n  b:\n    c: d\n  e: f\ng: h\n"},
      {"a list below its key", "a:\n  - b\n  - c\nd: e\n"},
      {"a list at the column of its key", "a:\n- b\n- c\nd: e\n"},
      {"mappings in a list", "a:\n- b: 1\n  c:\n  - d: 2\n    e: 3\n  f: 4\n- b: 5\n"},
      {"a list in a list", "- - a\n  - b\n- - c\n"},
      {"an item on the line behind its dash", "-\n  a: b\n-\n  - c\n"},
      {"a dash and many spaces", "-    a: 1\n     b: 2\n"},
      {"comments and empty lines", "# x\n\na: 1 # y\n  # z\nb: # w\n\n  c: '#' # v\n"},
      {"the line that begins a document", "--- # x\na: 1\n"},
      {"a comment before that line", "# x\n---\na: 1\n"},
      {"quotes", "\"a b\": 'c: d'\n'e' : \"f # g\"\n"},
      {"empty quotes", "a: ''\nb: \"\"\n"},
      {"empty collections", "a: {}\nb: [] # c\n"},
      {"colons in strings", "a: b:c\nd: ::e\nf:g: h\n"},
      {"dashes in strings", "a: -b\n-c: d - e\n"},
      {"marks inside of strings", "a: b#c, [d] {e} & * ! | > % @ `\n"},
      {"a document that is indented", "  a: 1\n  b: 2\n"},
      {"spaces at the ends of lines", "a:   \n  b: c   \n"},
      {"three dashes that begin no document", "a: ---\n"},
  };
  for (const Row& row : rows) EXPECT_TRUE(Takes(row)) << row.name;
}

TEST(PlainYamlTest, LeavesTheRestToLibyaml) {
  const Row rows[] = {
      {"nothing", ""},
      {"only a comment", "# a\n"},
      {"a string", "a\n"},
      {"a flow mapping", "a: {b: c}\n"},
      {"a flow list", "a: [b]\n"},
      {"JSON", "{\"a\": 1}\n"},
      {"a key without value", "a:\nb: 1\n"},
      {"the last key without value", "a: 1\nb:\n"},
      {"a dash without item", "-\n- a\n"},
      {"a string of two lines", "a: b\n  c\nd: e\n"},
      {"a string of two lines that ends as a key would", "a: b\n  c: d\n"},
      {"an item of two lines", "- a\n  - b\n"},
      {"a quoted string of two lines", "a: 'b\n  c'\n"},
      {"a string on the line behind its key", "a:\n  b\n"},
      {"a block", "a: |\n  b\n"},
      {"a folded block", "a: >-\n  b\n"},
      {"an anchor", "a: &b c\n"},
      {"an alias", "a: &b c\nd: *b\n"},
      {"a host with a star and without quotes", "a: *.b\n"},
      {"a tag", "a: !!str 1\n"},
      {"an escape", "a: \"\\n\"\n"},
      {"a quote in quotes", "a: 'it''s'\n"},
      {"words behind quotes", "a: 'b' c\n"},
      {"a mark that is no comment behind quotes", "a: 'b'#c\n"},
      {"a key with a question mark", "? a\n: b\n"},
      {"two values on a line", "a: b: c\n"},
      {"a list behind a key on its line", "a: - b\n"},
      {"two documents", "a: 1\n---\nb: 2\n"},
      {"an end of the document", "a: 1\n...\n"},
      {"a directive", "%YAML 1.2\n---\na: 1\n"},
      {"a key that looks like a beginning", "a: 1\n---b: c\n"},
      {"a tab", "a:\tb\n"},
      {"a carriage return", "a: 1\r\nb: 2\r\n"},
      {"a letter that is not in ASCII", "a: \xC3\xA9\n"},
      {"a key too far right", "a: 1\n  b: 2\n"},
      {"a key too far left", "  a: 1\nb: 2\n"},
      {"a key between", "a:\n    b: 1\n  c: 2\n"},
      {"a list and a key in one place", "- a\nb: c\n"},
      {"a key and a list in one place", "a: b\n- c\n"},
      {"a list further left than its items", "a:\n  - b\n - c\n"},
      {"a comma at the start", "a: ,b\n"},
  };
  for (const Row& row : rows) EXPECT_FALSE(Takes(row)) << row.name;
  EXPECT_FALSE(Takes({"a key that is too long", std::string(1200, 'a').append(": b\n").c_str()}));
  std::string deep;
  for (int i = 0; i < 120; ++i) absl::StrAppend(&deep, std::string(i, ' '), "a:\n");
  EXPECT_FALSE(
      Takes({"nested too deep", absl::StrCat(deep, std::string(120, ' '), "b: c\n").c_str()}));
}

// Files by chance, of pieces that mean something where they stand.
TEST(PlainYamlTest, TakesNothingOtherwiseThanLibyaml) {
  const std::string_view pieces[] = {"a",    "b c", ": ", ":",   "- ",   "-",   "\n",    "\n",
                                     "\n  ", "\n",  "'",  "\"",  "#",    " # ", "{}",    "[]",
                                     "x:",   " ",   "?",  "---", "\n- ", "d:",  "\n  - "};
  SmallRandom random(1);
  int taken = 0;
  for (int i = 0; i < 1000000; ++i) {
    std::string yaml;
    for (size_t n = 1 + random.Below(14); n > 0; --n) {
      absl::StrAppend(&yaml, std::string(pieces[random.Below(std::size(pieces))]));
    }
    const std::string problem = ProblemOfPlain(yaml);
    ASSERT_EQ(problem, "") << yaml;
    YamlTree tree;
    taken += tree.ReadPlain(yaml, 1) ? 1 : 0;
  }
  EXPECT_GT(taken, 10000);
}

}  // namespace
}  // namespace mesh::config
