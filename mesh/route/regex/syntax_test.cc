#include "mesh/route/regex/syntax.h"

#include <string>

#include "gtest/gtest.h"

namespace mesh::route::regex {
namespace {

struct Row {
  const char* name;
  const char* regex;
  const char* want;  // ToString of the tree, or the message
};

TEST(Parse, Trees) {
  const Row rows[] = {
      {"text is one literal", "/shop/cart", "/shop/cart"},
      {"an escaped dot is text", "/a\\.json", "/a\\.json"},
      {"groups leave no trace", "/(a)(?:b)(?P<x>c)", "/abc"},
      {"a class of one is text", "[a]", "a"},
      {"classes are sorted and merged", "[c-fa-d]", "[a-f]"},
      {"a negated class runs to the last code point", "[^/]", "[\\x{0}-\\.0-\\x{10ffff}]"},
      {"no case, ASCII", "(?i)ab", "[Aa][Bb]"},
      {"no case reaches the Kelvin sign", "(?i)k", "[Kk\\x{212a}]"},
      {"flags end with their group", "((?i)a)b", "[Aa]b"},
      {"counts", "a{2,5}b{3}c{1,}", "(?:a){2,5}(?:b){3}(?:c)+"},
      {"what is no count is text", "a{,5}", "a\\{,5\\}"},
      {"lazy or greedy, the same texts", "a*?", "(?:a)*"},
      {"a repetition binds to the last of a quotation", "\\Qa.b\\E+", "a\\.(?:b)+"},
      {"$ is the end unless (?m)", "a$(?m)$", "a\\z(?m:$)"},
      {"\\C is any byte", "\\C", "\\C"},
      {"nothing at all", "", "(?:)"},
  };
  for (const Row& row : rows) {
    const absl::StatusOr<Node> tree = Parse(row.regex);
    ASSERT_TRUE(tree.ok()) << row.name << ": " << tree.status();
    EXPECT_EQ(ToString(*tree), row.want) << row.name;
  }
}

TEST(Parse, NotUnderstood) {
  const Row rows[] = {
      {"Unicode classes", "a\\pN", "at byte 1: not understood: a Unicode class"},
      {"no case beyond ASCII", "(?i)\xC3\xA9",
       "at byte 6: not understood: (?i) on characters beyond ASCII"},
      {"a group that never ends", "(a", "at byte 2: not understood: a group without an end"},
      {"a repetition of nothing", "a|*", "at byte 2: not understood: a repetition of nothing"},
      {"a repetition of a repetition", "a**",
       "at byte 2: not understood: a repetition of a repetition"},
      {"a back-reference", "(a)\\1", "at byte 5: not understood: a back-reference"},
      {"not UTF-8", "a\xFF", "at byte 1: not understood: malformed UTF-8"},
      {"unions that RE2 may widen", "a|[^\xC3\xA9]",
       "at byte 0: not understood: an alternation beside a class that ends with the last code "
       "point"},
  };
  for (const Row& row : rows) {
    const absl::StatusOr<Node> tree = Parse(row.regex);
    ASSERT_FALSE(tree.ok()) << row.name;
    EXPECT_EQ(tree.status().code(), absl::StatusCode::kUnimplemented) << row.name;
    EXPECT_EQ(tree.status().message(), row.want) << row.name;
  }
}

TEST(Parse, DeepNestingIsRefusedNotOverrun) {
  const std::string deep = std::string(5000, '(') + std::string(5000, ')');
  EXPECT_EQ(Parse(deep).status().message(),
            "at byte 101: not understood: groups nested too deeply");
}

}  // namespace
}  // namespace mesh::route::regex
