#include "mesh/route/regex/template.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mesh::route::regex {
namespace {

std::string Describe(const Template& pattern) {
  std::string out;
  for (const TemplatePart& part : pattern.parts) {
    switch (part.kind) {
      case TemplatePart::Kind::kLiteral:
        absl::StrAppend(&out, "'", part.literal, "'");
        break;
      case TemplatePart::Kind::kChoice:
        absl::StrAppend(&out, "<");
        for (const std::string& choice : part.choices) absl::StrAppend(&out, choice, "|");
        out.back() = '>';
        break;
      case TemplatePart::Kind::kSegment:
      case TemplatePart::Kind::kRest:
        absl::StrAppend(&out, part.kind == TemplatePart::Kind::kRest ? "rest" : "segment",
                        part.bytes.size(), "{", part.min, ",");
        if (part.max != TemplatePart::kUnbounded) absl::StrAppend(&out, part.max);
        absl::StrAppend(&out, "}");
        break;
    }
    absl::StrAppend(&out, " ");
  }
  absl::StrAppend(&out, pattern.deterministic ? "." : "?");
  return out;
}

TEST(AsTemplates, Shapes) {
  struct Row {
    const char* name;
    const char* regex;
    std::vector<std::string> want;  // '.' at the end: deterministic
  };
  const Row rows[] = {
      {"segments",
       "/shelves/[^/]+/r7/[^/]+",
       {"'/shelves/' segment255{1,} '/r7/' segment255{1,} ."}},
      {"the rest", "/static/.*", {"'/static/' rest255{0,} ."}},
      {"a word", "/u/\\w+/x", {"'/u/' segment63{1,} '/x' ."}},
      {"digits, counted", "/[0-9]{2,4}", {"'/' segment10{2,4} ."}},
      {"a choice of texts", "/(v1|v2)/[^/]+", {"'/' <v1|v2> '/' segment255{1,} ."}},
      {"an optional rest is two templates", "/api(/.*)?", {"'/api' .", "'/api/' rest255{0,} ."}},
      {"an optional slash at the end", "/a/[^/]+/?", {"'/a/' segment255{1,} <|/> ."}},
      {"anchors", "^/a/[^/]+$", {"'/a/' segment255{1,} ."}},
      {"a run that its successor continues", "/[a-z]+b", {"'/' segment26{1,} 'b' ?"}},
      {"a rest in the middle", "/a/.*/b", {"'/a/' rest255{0,} '/b' ?"}},
      {"text alone", "/a", {"'/a' ."}},
      {"a few texts", "/a|/b", {"</a|/b> ."}},
      {"side by side", ".*.*", {"rest255{0,} ."}},
  };
  for (const Row& row : rows) {
    std::vector<std::string> got;
    for (const Template& pattern : AsTemplates(row.regex)) got.push_back(Describe(pattern));
    EXPECT_EQ(got, row.want) << row.name;
  }
}

// The quick way for plain ones says what the tree says.
TEST(AsTemplates, PlainOnesAreWhatTheTreeSays) {
  constexpr const char* kPieces[] = {"/",   "a",  "-1", "[^/]+", "[^/]*", ".*",   ".+",
                                     "b/c", "%2", " ",  "x?",    "y+",    "z{2}", "[^/]"};
  uint64_t state = 1;
  for (int i = 0; i < 20000; ++i) {
    std::string regex;
    for (int j = 0; j < 1 + i % 6; ++j) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      regex += kPieces[(state >> 33) % std::size(kPieces)];
    }
    const absl::StatusOr<Node> tree = Parse(regex);
    ASSERT_TRUE(tree.ok()) << regex;
    const std::vector<Template> quick = AsTemplates(regex), whole = AsTemplates(*tree);
    ASSERT_EQ(quick.size(), whole.size()) << regex;
    for (size_t j = 0; j < quick.size(); ++j) {
      ASSERT_EQ(Describe(quick[j]), Describe(whole[j])) << regex;
      ASSERT_EQ(quick[j].deterministic, whole[j].deterministic) << regex;
      ASSERT_EQ(quick[j].parts.size(), whole[j].parts.size()) << regex;
      for (size_t k = 0; k < quick[j].parts.size(); ++k) {
        const TemplatePart &a = quick[j].parts[k], &b = whole[j].parts[k];
        ASSERT_TRUE(a.kind == b.kind && a.literal == b.literal && a.bytes == b.bytes &&
                    a.min == b.min && a.max == b.max)
            << regex;
      }
    }
  }
}

TEST(AsTemplates, WhatIsNoTemplate) {
  for (const char* regex : {"(ab)*", "/a\\b.*", "/[^/]{3}", "/\xC3\xA9+", "a\\pN", ".*^a", "\\C*",
                            "[^\\x00-\\x{10ffff}]", "(a.*|b.*|c.*)(a.*|b.*|c.*)"}) {
    EXPECT_TRUE(AsTemplates(regex).empty()) << regex;
  }
}

TEST(Matches, RunsOfCodePoints) {
  const std::vector<Template> templates = AsTemplates("/[^/]+");
  ASSERT_EQ(templates.size(), 1u);
  EXPECT_TRUE(Matches(templates[0], "/\xC3\xA9"));
  EXPECT_TRUE(Matches(templates[0], "/a\nb"));
  EXPECT_FALSE(Matches(templates[0], "/\xC3")) << "a broken sequence";
  EXPECT_FALSE(Matches(templates[0], "/"));
  EXPECT_FALSE(Matches(templates[0], "/a/"));
}

TEST(IsRuneSequence, AsRe2HasIt) {
  EXPECT_TRUE(IsRuneSequence(""));
  EXPECT_TRUE(IsRuneSequence("abc"));
  EXPECT_TRUE(IsRuneSequence("\xE2\x82\xAC"));
  EXPECT_TRUE(IsRuneSequence("\xE0\x80\x80")) << "overlong, but RE2's . takes it";
  EXPECT_FALSE(IsRuneSequence("\xE2\x82"));
  EXPECT_FALSE(IsRuneSequence("\x80"));
  EXPECT_FALSE(IsRuneSequence("\xC1\x80"));
}

}  // namespace
}  // namespace mesh::route::regex
