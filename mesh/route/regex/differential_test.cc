// The same answers as RE2::FullMatch, from everything this folder makes of a regex.
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mesh/route/regex/comparison.h"
#include "mesh/route/regex/random_regex.h"

namespace mesh::route::regex {
namespace {

struct Counts {
  int refused = 0;  // by RE2
  int unknown = 0;  // to us
  int compared = 0;
  int templates = 0;
  int ascii_only = 0;  // understood for ASCII texts, not for all
  int64_t texts = 0;
  int64_t matches = 0;
};

void Compare(const std::string& regex, RandomRegex* random, Counts* counts) {
  std::vector<std::string> texts;
  for (int i = 0; i < 12; ++i) texts.push_back(random->Text());
  const Comparison result = CompareWithRe2(regex, std::move(texts), random);
  ASSERT_EQ(result.disagreement, "");
  counts->refused += result.outcome == Comparison::Outcome::kRefused ? 1 : 0;
  counts->unknown += result.outcome == Comparison::Outcome::kUnknown ? 1 : 0;
  counts->compared += result.outcome == Comparison::Outcome::kCompared ? 1 : 0;
  counts->templates += result.is_template ? 1 : 0;
  counts->ascii_only += result.ascii && result.outcome == Comparison::Outcome::kUnknown ? 1 : 0;
  counts->texts += result.texts;
  counts->matches += result.matches;
}

TEST(Differential, RandomRegexes) {
  RandomRegex random(1);
  Counts counts;
  for (int i = 0; i < 6000 && !testing::Test::HasFatalFailure(); ++i) {
    Compare(random.Regex(), &random, &counts);
  }
  // Most of what is made is compared, and both answers come often.
  EXPECT_GT(counts.compared, 3000)
      << counts.refused << " refused, " << counts.unknown << " unknown";
  EXPECT_GT(counts.ascii_only, 200);
  EXPECT_GT(counts.matches, counts.texts / 10);
  EXPECT_LT(counts.matches, counts.texts * 9 / 10);
}

TEST(Differential, PathRegexes) {
  RandomRegex random(2);
  Counts counts;
  for (int i = 0; i < 4000 && !testing::Test::HasFatalFailure(); ++i) {
    Compare(random.PathRegex(), &random, &counts);
  }
  EXPECT_GT(counts.compared, 3500);
  EXPECT_GT(counts.templates, 2000);
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
      "\\pL+",
      "\\p{Lu}\\p{^Lu}",
      "(?i)\\p{Lu}",
      "[^\\pP]",
      "\\p{Foo}",
      "\\p{",
      "\\p",
      "(?i)\\x{17f}",
      "(?i)[\\x{100}-\\x{3000}]",
      "(?i)[^\\x{17f}]",
      "\\pZ|[^\\x{e9}]",
      "\\pC",
  };
  RandomRegex random(3);
  Counts counts;
  for (const char* regex : regexes) {
    for (int i = 0; i < 20; ++i) Compare(regex, &random, &counts);
  }
}

}  // namespace
}  // namespace mesh::route::regex
