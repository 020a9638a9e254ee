// The same answers as RE2::FullMatch, from everything this folder makes of a regex.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "mesh/base/strings.h"
#include "mesh/route/regex/automaton.h"
#include "mesh/route/regex/literals.h"
#include "mesh/route/regex/random_regex.h"
#include "mesh/route/regex/syntax.h"
#include "mesh/route/regex/template.h"
#include "re2/re2.h"

namespace mesh::route::regex {
namespace {

struct Counts {
  int refused = 0;    // by RE2
  int unknown = 0;    // to us
  int compared = 0;   // regexes
  int templates = 0;  // regexes that are templates
  int64_t texts = 0;
  int64_t matches = 0;
};

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// Compares on random texts, on members of the automaton and on members of its complement.
void Compare(const std::string& regex, RandomRegex* random, Counts* counts) {
  SCOPED_TRACE(regex);
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 re2(regex, options);
  if (!re2.ok()) {
    ++counts->refused;
    return;
  }
  const absl::StatusOr<Node> tree = Parse(regex);
  if (!tree.ok()) {
    ASSERT_EQ(tree.status().code(), absl::StatusCode::kUnimplemented);
    ++counts->unknown;
    return;
  }
  Budget budget;
  const absl::StatusOr<Automaton> automaton = Automaton::FromTree(*tree, budget);
  if (!automaton.ok()) {
    ++counts->unknown;
    return;
  }
  ++counts->compared;
  const absl::StatusOr<Automaton> complement = Complement(*automaton, budget);
  ASSERT_TRUE(complement.ok());
  const Literals literals = FindLiterals(*tree);
  const std::vector<Template> templates = AsTemplates(*tree);
  if (!templates.empty()) ++counts->templates;

  std::vector<std::string> texts;
  for (int i = 0; i < 12; ++i) texts.push_back(random->Text());
  const auto below = [random](uint32_t n) { return random->Below(n); };
  if (!automaton->empty()) {
    texts.push_back(automaton->Shortest());
    for (int i = 0; i < 6; ++i) texts.push_back(automaton->Sample(below, random->Below(12)));
  }
  if (!complement->empty()) {
    texts.push_back(complement->Shortest());
    for (int i = 0; i < 4; ++i) texts.push_back(complement->Sample(below, random->Below(12)));
  }
  for (const std::string& text : literals.texts) texts.push_back(text);
  for (const std::string& text : texts) {
    SCOPED_TRACE(absl::CHexEscape(text));
    const bool want = RE2::FullMatch(text, re2);
    ++counts->texts;
    counts->matches += want ? 1 : 0;
    ASSERT_EQ(automaton->Accepts(text), want);
    ASSERT_EQ(complement->Accepts(text), !want);
    if (want) {
      ASSERT_TRUE(StartsWith(text, literals.prefix)) << literals.prefix;
      ASSERT_TRUE(StartsWith(text, automaton->CommonPrefix()));
      ASSERT_TRUE(text.size() >= literals.suffix.size() &&
                  text.substr(text.size() - literals.suffix.size()) == literals.suffix)
          << literals.suffix;
      ASSERT_NE(text.find(literals.longest), std::string::npos) << literals.longest;
    }
    if (literals.finite) {
      ASSERT_EQ(std::count(literals.texts.begin(), literals.texts.end(), text) > 0, want);
    }
    if (!templates.empty()) {
      bool any = false;
      for (const Template& pattern : templates) any = any || Matches(pattern, text);
      ASSERT_EQ(any, want);
    }
  }
  // The printed tree means the same, where RE2 takes it.
  const std::string printed = ToString(*tree);
  const absl::StatusOr<Automaton> again = Automaton::FromRegex(printed, budget);
  if (again.ok()) {
    ASSERT_EQ(*again, *automaton) << printed;
  }
}

TEST(Differential, RandomRegexes) {
  RandomRegex random(1);
  Counts counts;
  for (int i = 0; i < 12000 && !testing::Test::HasFatalFailure(); ++i) {
    Compare(random.Regex(), &random, &counts);
  }
  RecordProperty("compared", counts.compared);
  // Most of what is made is compared, and both answers come often.
  EXPECT_GT(counts.compared, 6000)
      << counts.refused << " refused, " << counts.unknown << " unknown";
  EXPECT_GT(counts.matches, counts.texts / 10);
  EXPECT_LT(counts.matches, counts.texts * 9 / 10);
}

TEST(Differential, PathRegexes) {
  RandomRegex random(2);
  Counts counts;
  for (int i = 0; i < 8000 && !testing::Test::HasFatalFailure(); ++i) {
    Compare(random.PathRegex(), &random, &counts);
  }
  EXPECT_GT(counts.compared, 7000);
  EXPECT_GT(counts.templates, 4000);
  EXPECT_EQ(counts.unknown, 0);
}

// What was once answered wrongly, or looks as if it could be.
TEST(Differential, CornersOfTheSyntax) {
  const char* const regexes[] = {
      "",
      "()",
      "a**",
      "a|",
      "|a",
      "(|a)*",
      "(a|b|)+",
      "^a$",
      "a^b",
      "a$b",
      "(^a|b$)+",
      "(?m)a$\\n^b",
      "(?m)^*a",
      "\\ba\\b",
      "a\\bb",
      "\\B",
      "\\b",
      "(?i)k",
      "(?i)[^k]",
      "(?i)[h-l]",
      "(?i)\\W",
      "(?i)[\\W]",
      "(?i)[^\\w]",
      "[^\\xe9]",
      "[^\xC3\xA9]",
      "a|[^\xC3\xA9]",
      "[\\s\\S]*",
      ".*",
      "(?s).*",
      "(?s).{2}",
      "[^/]{2}",
      "\\C",
      "\\C*",
      "[]a]",
      "[^]a]",
      "[a-]",
      "[-a]",
      "[a-b-c]",
      "[\\d-z]",
      "[[:alpha:]-z]",
      "[[:alpha]",
      "a{2}{3}",
      "a{,3}",
      "a{1",
      "a{01}",
      "a{1001}",
      "a{3,2}",
      "x{0}",
      "(x{0})*",
      "\\Qa|b\\E",
      "\\Qab\\E*",
      "\\Q\\E*",
      "\\Qab",
      "\\0",
      "\\01",
      "\\018",
      "\\18",
      "\\x41",
      "\\x{41}",
      "\\x4",
      "[\\x41-\\x{43}]",
      "(?P<n>a)",
      "(?i-i:a)",
      "(?i)a(?-i)b|C",
      "((?i)a)b",
      "a(?i)b|c",
      "(?U)a*",
      "(?s-m:.)",
      "(?-:a)",
      "(?:)",
      "(?i",
      "(",
      ")",
      "[",
      "[]",
      "[^]",
      "\\",
      "[z-a]",
      "[\\E]",
      "\\E",
      "\\8",
      "\\z\\A",
      "^^^a$$$",
      "(?:^|/)a",
      "[[:word:]]",
      "[[:^word:]]",
      "[[:foo:]]",
      "[[.a.]]",
      "\xFF",
      "a\xC3",
      "[\xFF]",
      "(?:a{10}){10}",
      "(?:a{40}){40}",
      "[^\\x00-\\x{10ffff}]",
      "[^\\x00-\\x{10ffff}]|a",
      "([^\\x00-\\x{10ffff}]a)*b",
      "\\pN",
      "[\\pN]",
      "(?i)\xC3\xA9",
      "\\d+\\.\\d+",
      "(?m)$^",
      "(?:$)+",
      "(?:^)*a",
      "(a*)*",
      "(a*)+b",
      "(?:a?){3}b",
      "\\_",
      "[\\_]",
      "\\-",
      "(?i)[a-\\x{10ffff}]",
      "(?i)[A-\\x{10ffff}]",
      "(?i)\\x{212a}",
      "(?i)[[:lower:]]+",
  };
  RandomRegex random(3);
  Counts counts;
  for (const char* regex : regexes) {
    for (int i = 0; i < 20; ++i) Compare(regex, &random, &counts);
  }
}

}  // namespace
}  // namespace mesh::route::regex
