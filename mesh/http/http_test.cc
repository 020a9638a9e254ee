#include <string>

#include "gtest/gtest.h"
#include "mesh/http/headers.h"
#include "mesh/http/host.h"
#include "mesh/http/path.h"

namespace mesh::http {
namespace {

struct OwnMap {
  std::string agent;
};
size_t FindHeader(const OwnMap& map, std::string_view name, std::string_view* values,
                  size_t capacity) {
  if (name != "user-agent") return 0;
  if (capacity > 0) values[0] = map.agent;
  return 1;
}

TEST(HeadersTest, ReadsSomebodyElsesMap) {
  const OwnMap map{"curl/8"};
  const Headers headers(map);
  EXPECT_EQ(headers.First("user-agent"), "curl/8");
  EXPECT_FALSE(headers.Has("accept"));
  EXPECT_FALSE(Headers().Has("accept"));
}

TEST(HeadersTest, SeveralValuesAreJoinedByCommas) {
  HeaderList list = {{"X-A", "1"}, {"x-b", "2"}, {"x-a", "3"}};
  EXPECT_EQ(JoinedHeader(list.view(), "x-a").value(), "1,3");
  EXPECT_EQ(JoinedHeader(list.view(), "x-b").value(), "2");
  EXPECT_FALSE(JoinedHeader(list.view(), "x-c").present());
  std::string expected;
  HeaderList many;
  for (int i = 0; i < 50; ++i) {
    many.Add("x", std::string(40, 'v'));
    expected += (i > 0 ? "," : "") + std::string(40, 'v');
  }
  EXPECT_EQ(JoinedHeader(many.view(), "x").value(), expected);
}

TEST(HeadersTest, ListIsEdited) {
  HeaderList list = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  list.Set("A", "4");
  list.Remove("b");
  list.Add("c", "5");
  const std::vector<std::pair<std::string, std::string>> expected = {{"a", "4"}, {"c", "5"}};
  EXPECT_EQ(list.entries(), expected);
}

TEST(HostTest, PortIsFoundBehindNamesAndAddresses) {
  EXPECT_EQ(WithoutPort("shop.example:8080"), "shop.example");
  EXPECT_EQ(WithoutPort("shop.example"), "shop.example");
  EXPECT_EQ(WithoutPort("[::1]"), "[::1]");
  EXPECT_EQ(WithoutPort("[::1]:80"), "[::1]");
  EXPECT_EQ(LowerCase(std::string_view("Shop.EXAMPLE")), "shop.example");
}

TEST(PathTest, QueryParameters) {
  EXPECT_EQ(QueryParameter("/p?a=1&b&a=2", "a"), "1");
  EXPECT_EQ(QueryParameter("/p?a=1&b&a=2", "b"), "");
  EXPECT_EQ(QueryParameter("/p?a=1", "c"), std::nullopt);
  EXPECT_EQ(QueryParameter("/p", "a"), std::nullopt);
  EXPECT_EQ(QueryParameter("/p?a=x=y", "a"), "x=y");
  EXPECT_EQ(WithoutQuery("/p?a#b"), "/p");
  EXPECT_EQ(WithoutQuery("/p#b?a"), "/p");
}

TEST(PathTest, Cookies) {
  EXPECT_EQ(Cookie("a=1; b=\"two\"; a=3", "a"), "1");
  EXPECT_EQ(Cookie("a=1; b=\"two\"", "b"), "two");
  EXPECT_EQ(Cookie("ab=1", "a"), std::nullopt);
  EXPECT_EQ(Cookie(" a= 1 ; b =2", "a"), " 1");
  EXPECT_EQ(Cookie(" a= 1 ; b =2", "b"), std::nullopt);
}

struct NormalizationCase {
  const char* name;
  PathNormalization options;
  std::string path;
  PathOutcome outcome;
  std::string expected;
};

TEST(PathTest, Normalization) {
  const PathNormalization normalize{true, false, EscapedSlashes::kKeep};
  const PathNormalization merge{false, true, EscapedSlashes::kKeep};
  const NormalizationCase kCases[] = {
      {"nothing to do", normalize, "/a/b?c=../d", PathOutcome::kUnchanged, "/a/b?c=../d"},
      {"dot segments go", normalize, "/a/./b/../c", PathOutcome::kChanged, "/a/c"},
      {"escaped dots are dots", normalize, "/a/%2e%2E/c", PathOutcome::kChanged, "/c"},
      {"not above the root", normalize, "/../../a", PathOutcome::kChanged, "/a"},
      {"a directory stays one", normalize, "/a/b/..", PathOutcome::kChanged, "/a/"},
      {"backslashes are slashes", normalize, "/a\\b", PathOutcome::kChanged, "/a/b"},
      {"slashes merge", merge, "//a///b?//", PathOutcome::kChanged, "/a/b?//"},
      {"escaped slash rejected",
       {false, false, EscapedSlashes::kReject},
       "/a%2Fb",
       PathOutcome::kReject,
       "/a%2Fb"},
      {"escaped slash redirected",
       {false, false, EscapedSlashes::kUnescapeAndRedirect},
       "/a%2fb",
       PathOutcome::kRedirect,
       "/a/b"},
      {"escaped slash forwarded, in the query left alone",
       {false, false, EscapedSlashes::kUnescapeAndForward},
       "/a%5cb?%2f",
       PathOutcome::kChanged,
       "/a\\b?%2f"},
  };
  for (const NormalizationCase& c : kCases) {
    std::string path = c.path;
    EXPECT_EQ(NormalizePath(c.options, &path), c.outcome) << c.name;
    EXPECT_EQ(path, c.expected) << c.name;
  }
}

}  // namespace
}  // namespace mesh::http
