#include "mesh/route/regex/literals.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mesh::route::regex {
namespace {

TEST(FindLiterals, WhatEveryMatchHas) {
  struct Row {
    const char* name;
    const char* regex;
    const char* prefix;
    const char* suffix;
    const char* longest;
  };
  const Row rows[] = {
      {"a template", "/shelves/[^/]+/books", "/shelves/", "/books", "/shelves/"},
      {"anchors say nothing", "^/a/.*$", "/a/", "", "/a/"},
      {"a common beginning of alternatives", "/(ab|ac).*", "/a", "", "/a"},
      {"an optional part ends the prefix", "/a(/.*)?", "/a", "", "/a"},
      {"once or more begins and ends with it", "(?:ab)+", "ab", "ab", "ab"},
      {"the longest may stand in the middle", ".*/orders/.*", "", "", "/orders/"},
      {"no case, no text", "(?i)/abc", "/", "", "/"},
      {"an assertion inside is the empty text", "/a\\b/.*", "/a/", "", "/a/"},
      {"any text", ".*", "", "", ""},
      {"exact counts", "a{3}.*", "aaa", "", "aaa"},
  };
  for (const Row& row : rows) {
    const absl::StatusOr<Node> tree = Parse(row.regex);
    ASSERT_TRUE(tree.ok()) << row.name;
    const Literals literals = FindLiterals(*tree);
    EXPECT_EQ(literals.prefix, row.prefix) << row.name;
    EXPECT_EQ(literals.suffix, row.suffix) << row.name;
    EXPECT_EQ(literals.longest, row.longest) << row.name;
    EXPECT_EQ(LiteralPrefix(row.regex), row.prefix) << row.name;
  }
  EXPECT_EQ(LiteralPrefix("/a\\pN"), "") << "not understood: the empty prefix is always true";
}

TEST(FindLiterals, AFewTexts) {
  struct Row {
    const char* name;
    const char* regex;
    std::vector<std::string> want;
  };
  const Row rows[] = {
      {"text", "/a", {"/a"}},
      {"alternatives", "/(b|a)/c", {"/a/c", "/b/c"}},
      {"an optional slash", "/a/?", {"/a", "/a/"}},
      {"a small class", "/v[12]", {"/v1", "/v2"}},
      {"anchors at the ends", "^(?:a|b)$", {"a", "b"}},
      {"nothing", "[^\\x00-\\x{10ffff}]", {}},
  };
  for (const Row& row : rows) {
    const Literals literals = FindLiterals(*Parse(row.regex));
    EXPECT_TRUE(literals.finite) << row.name;
    EXPECT_EQ(literals.texts, row.want) << row.name;
  }
  for (const char* regex : {"a*", "[^/]", "a^b", "[a-z]", "(?:[ab][ab][ab][ab]){2}"}) {
    EXPECT_FALSE(FindLiterals(*Parse(regex)).finite) << regex;
  }
}

}  // namespace
}  // namespace mesh::route::regex
