#include "mesh/route/regex/automaton.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mesh::route::regex {
namespace {

Automaton Regex(std::string_view regex) {
  Budget budget;
  absl::StatusOr<Automaton> automaton = Automaton::FromRegex(regex, budget);
  EXPECT_TRUE(automaton.ok()) << regex << ": " << automaton.status();
  return automaton.ok() ? *automaton : Automaton();
}

TEST(Automaton, EqualSetsAreEqual) {
  EXPECT_EQ(Regex("a|b|c"), Regex("[a-c]"));
  EXPECT_EQ(Regex("(a*)*"), Regex("a*"));
  EXPECT_EQ(Regex("/a\\C*"), Automaton::Prefix("/a"));
  EXPECT_EQ(Regex("\\C*"), Automaton::Everything());
  EXPECT_EQ(Regex("(?:[Aa])/1"), Automaton::LiteralIgnoringCase("a/1"));
  EXPECT_EQ(Regex("[aA]/\\C*"), Automaton::PrefixIgnoringCase("A/"));
  EXPECT_EQ(Regex("a^b"), Automaton());
  EXPECT_EQ(Regex("[ab]{2,3}"), Automaton::Run(ByteSet::Range('a', 'b'), 2, 3));
  EXPECT_EQ(Regex("[ab]+"), Automaton::Run(ByteSet::Range('a', 'b'), 1, Node::kUnbounded));
  EXPECT_FALSE(Regex("a") == Regex("b"));
}

TEST(Automaton, Operations) {
  Budget budget;
  const Automaton segment = Regex("/a/[^/]+");
  const Automaton prefix = Automaton::Prefix("/a/");
  EXPECT_EQ(*Intersection(segment, prefix, budget), segment);
  EXPECT_EQ(*Union(segment, prefix, budget), prefix);
  EXPECT_TRUE(Difference(segment, prefix, budget)->empty());
  EXPECT_EQ(Difference(prefix, segment, budget)->Shortest(), "/a/");
  EXPECT_EQ(*Complement(*Complement(segment, budget), budget), segment);
  EXPECT_EQ(*Complement(Automaton(), budget), Automaton::Everything());
  EXPECT_EQ(*Concatenation(Regex("a*"), Regex("ab|c"), budget), Regex("a*(ab|c)"));
  EXPECT_EQ(*Concatenation(Automaton::Literal("/a"), Regex("(/.*)?"), budget), Regex("/a(/.*)?"));
  EXPECT_TRUE(*Includes(prefix, segment, budget));
  EXPECT_FALSE(*Includes(segment, prefix, budget));
  EXPECT_TRUE(*Disjoint(segment, Regex("/a/b/.*"), budget));
  EXPECT_FALSE(*Disjoint(segment, Regex(".*c"), budget));
}

TEST(Automaton, Members) {
  EXPECT_EQ(Regex("/[^/]+/x").Shortest(), "/a/x");
  EXPECT_EQ(Regex("[0-9A-Z]{2}").Shortest(), "00");
  EXPECT_EQ(Regex("/abc/.*").CommonPrefix(), "/abc/");
  EXPECT_EQ(Regex("/abc?").CommonPrefix(), "/ab");
  EXPECT_EQ(Regex("/ab|/ac").CommonPrefix(), "/a");
  EXPECT_EQ(Automaton().CommonPrefix(), "");
}

TEST(FindUncovered, UnionsThatNoSingleOneIs) {
  struct Row {
    const char* name;
    const char* regex;
    std::vector<const char*> others;
    std::optional<std::string> want;
  };
  const Row rows[] = {
      {"two halves", "/[ab]", {"/a", "/b.*"}, std::nullopt},
      {"a gap between two", "/[abc]", {"/a", "/c"}, "/b"},
      {"the empty rest", "/a/.*", {"/a/.+"}, "/a/"},
      {"by length", "a*", {"a{0,3}", "a{4,}"}, std::nullopt},
      {"by length, one missing", "a*", {"a{0,3}", "a{5,}"}, "aaaa"},
      {"none", "a", {}, "a"},
      {"even and odd", "(a|b)*", {"((a|b)(a|b))*", "(a|b)((a|b)(a|b))*"}, std::nullopt},
  };
  for (const Row& row : rows) {
    Budget budget;
    std::vector<Automaton> others;
    for (const char* other : row.others) others.push_back(Regex(other));
    const auto got = FindUncovered(Regex(row.regex), others, budget);
    ASSERT_TRUE(got.ok()) << row.name;
    EXPECT_EQ(*got, row.want) << row.name;
  }
}

TEST(Budget, EndsAndStaysEnded) {
  Budget budget(2000);
  const absl::StatusOr<Automaton> wide = Automaton::FromRegex("(a|b)*a(a|b){16}", budget);
  ASSERT_FALSE(wide.ok());
  EXPECT_EQ(wide.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(wide.status().message(), "the regex's automaton needs too many steps");
  EXPECT_FALSE(budget.Spend(0));
  EXPECT_EQ(budget.left(), 0);
  Budget late(1'000'000, absl::InfinitePast());
  EXPECT_EQ(Automaton::FromRegex("a", late).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace mesh::route::regex
