// SPIFFE ids and subject alternative names.
#include "gtest/gtest.h"
#include "mesh/tls/san.h"
#include "mesh/tls/spiffe.h"
#include "mesh/tls/testing.h"

namespace mesh::tls {
namespace {

TEST(SpiffeId, AWorkloadsIdentityAndItsParts) {
  const auto id = SpiffeId::Workload("cluster.local", "default", "reviews");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->ToString(), "spiffe://cluster.local/ns/default/sa/reviews");
  EXPECT_EQ(id->ns(), "default");
  EXPECT_EQ(id->service_account(), "reviews");
  EXPECT_EQ(*SpiffeId::Parse(id->ToString()), *id);
  const auto other = SpiffeId::Parse("spiffe://example.org/billing/api");
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->ns(), "");
  EXPECT_EQ(other->service_account(), "");
  EXPECT_EQ(SpiffeId::Parse("spiffe://example.org")->path(), "");
}

TEST(SpiffeId, ReadingIsStrict) {
  const struct {
    const char* name;
    std::string uri;
  } kRows[] = {
      {"another scheme", "https://a/b"},
      {"a scheme in capitals", "SPIFFE://a/b"},
      {"no trust domain", "spiffe:///b"},
      {"a trust domain in capitals", "spiffe://A/b"},
      {"a port", "spiffe://a:80/b"},
      {"a user", "spiffe://u@a/b"},
      {"a query", "spiffe://a/b?c"},
      {"a fragment", "spiffe://a/b#c"},
      {"an escape", "spiffe://a/b%2fc"},
      {"a slash at the end", "spiffe://a/b/"},
      {"an empty segment", "spiffe://a//b"},
      {"one dot", "spiffe://a/./b"},
      {"two dots", "spiffe://a/../b"},
      {"a NUL", std::string("spiffe://a/b\0c", 14)},
      {"a NUL at the end", std::string("spiffe://a/b\0", 13)},
      {"a letter of no ASCII", "spiffe://a/\xc3\xbc"},
      {"a long trust domain", "spiffe://" + std::string(256, 'a')},
      {"a long path", "spiffe://a/" + std::string(2048, 'a')},
      {"nothing", ""},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(SpiffeId::Parse(row.uri).status().code(), absl::StatusCode::kInvalidArgument)
        << row.name;
  }
  EXPECT_EQ(SpiffeId::Parse("spiffe://a/b%2fc").status().message(),
            "\"spiffe://a/b%2fc\" is no SPIFFE id: a path segment is made of letters, digits, "
            "'.', '-' and '_'");
}

TEST(SpiffeId, NamesCannotSpellAnotherIdentity) {
  EXPECT_FALSE(SpiffeId::Workload("cluster.local", "a/sa/b", "c").ok());
  EXPECT_FALSE(SpiffeId::Workload("cluster.local/ns/x", "a", "c").ok());
  EXPECT_FALSE(SpiffeId::Workload("cluster.local", "", "c").ok());
  EXPECT_FALSE(SpiffeId::Workload("cluster.local", "a", "..").ok());
}

SanMatcher Exact(SanType type, std::string value) {
  return {type, SanMatcher::Kind::kExact, std::move(value)};
}

// CVE-2025-66220, CVE-2022-21656: the matrix of names that are not what they seem.
TEST(San, AMatcherAcceptsItsTypeAndItsBytes) {
  const std::string kId = "spiffe://a/ns/b/sa/c";
  const struct {
    const char* name;
    SanMatcher matcher;
    SubjectAltName san;
    bool want;
  } kRows[] = {
      {"the same URI", Exact(SanType::kUri, kId), Uri(kId), true},
      {"a URI with more behind it", Exact(SanType::kUri, kId), Uri(kId + "x"), false},
      {"a URI cut short", Exact(SanType::kUri, kId), Uri("spiffe://a/ns/b/sa/"), false},
      {"a URI that goes on behind a NUL", Exact(SanType::kUri, kId),
       Uri(kId + std::string("\0evil", 5)), false},
      {"a URI with a NUL at its end", Exact(SanType::kUri, kId), Uri(kId + std::string(1, '\0')),
       false},
      {"a URI in other case", Exact(SanType::kUri, kId), Uri("spiffe://a/ns/b/sa/C"), false},
      {"a DNS name that spells the URI", Exact(SanType::kUri, kId), Dns(kId), false},
      {"an e-mail address that spells the URI",
       Exact(SanType::kUri, kId),
       {SanType::kEmail, kId},
       false},
      {"a name of another kind", Exact(SanType::kOther, kId), {SanType::kOther, kId}, false},
      {"an empty URI for an empty matcher", Exact(SanType::kUri, ""), Uri(""), false},
      {"a DNS matcher and a URI", Exact(SanType::kDns, "a.example.com"), Uri("a.example.com"),
       false},
      {"the same DNS name", Exact(SanType::kDns, "a.example.com"), Dns("a.example.com"), true},
      {"a DNS name in other case", Exact(SanType::kDns, "a.Example.com"), Dns("A.example.COM"),
       true},
      {"a DNS name with a dot at the end", Exact(SanType::kDns, "a.example.com."),
       Dns("a.example.com"), true},
      {"a DNS name behind a NUL", Exact(SanType::kDns, "a.example.com"),
       Dns(std::string("a.example.com\0.evil.org", 23)), false},
      {"a star for one label", Exact(SanType::kDns, "a.example.com"), Dns("*.example.com"), true},
      {"a star for two labels", Exact(SanType::kDns, "a.b.example.com"), Dns("*.example.com"),
       false},
      {"a star for none", Exact(SanType::kDns, "example.com"), Dns("*.example.com"), false},
      {"a star for an empty label", Exact(SanType::kDns, ".example.com"), Dns("*.example.com"),
       false},
      {"a star within a label", Exact(SanType::kDns, "foo.example.com"), Dns("f*.example.com"),
       false},
      {"a star in the middle", Exact(SanType::kDns, "a.b.example.com"), Dns("a.*.example.com"),
       false},
      {"two stars", Exact(SanType::kDns, "a.b.example.com"), Dns("*.*.example.com"), false},
      {"a star before a top level", Exact(SanType::kDns, "example.com"), Dns("*.com"), false},
      {"a star alone", Exact(SanType::kDns, "com"), Dns("*"), false},
      {"a star asked for", Exact(SanType::kDns, "*.example.com"), Dns("*.example.com"), false},
      {"a star in a URI", Exact(SanType::kUri, "spiffe://a/b"), Uri("spiffe://a/*"), false},
      {"an address", Exact(SanType::kIp, "10.0.0.1"), {SanType::kIp, "\x0a\x01\x01\x01"}, false},
      {"the same address",
       Exact(SanType::kIp, "10.1.1.1"),
       {SanType::kIp, "\x0a\x01\x01\x01"},
       true},
      {"an address as a DNS name", Exact(SanType::kIp, "10.1.1.1"), Dns("10.1.1.1"), false},
      {"an IPv6 address written otherwise",
       Exact(SanType::kIp, "0:0::1"),
       {SanType::kIp, std::string(15, '\0') + "\1"},
       true},
      {"a prefix", {SanType::kUri, SanMatcher::Kind::kPrefix, "spiffe://a/"}, Uri(kId), true},
      {"a prefix of another domain",
       {SanType::kUri, SanMatcher::Kind::kPrefix, "spiffe://a/"},
       Uri("spiffe://ab/c"),
       false},
      {"a prefix before a NUL",
       {SanType::kUri, SanMatcher::Kind::kPrefix, "spiffe://a/"},
       Uri(std::string("spiffe://a/\0", 12)),
       false},
      {"a suffix", {SanType::kUri, SanMatcher::Kind::kSuffix, "/sa/c"}, Uri(kId), true},
      {"a suffix that is not there",
       {SanType::kUri, SanMatcher::Kind::kSuffix, "/sa/d"},
       Uri(kId),
       false},
      {"a part", {SanType::kUri, SanMatcher::Kind::kContains, "/ns/b/"}, Uri(kId), true},
      {"any case",
       {SanType::kUri, SanMatcher::Kind::kExact, "SPIFFE://A/ns/b/sa/c", true},
       Uri(kId),
       true},
      {"letters of no ASCII", Exact(SanType::kUri, "\xff"), Uri("\xff"), false},
      {"a line break",
       {SanType::kUri, SanMatcher::Kind::kPrefix, "spiffe://a"},
       Uri("spiffe://a\n"),
       false},
      {"a DNS suffix in other case",
       {SanType::kDns, SanMatcher::Kind::kSuffix, ".EXAMPLE.com"},
       Dns("a.example.com"),
       true},
  };
  EXPECT_GE(std::size(kRows), 40);
  for (const auto& row : kRows) {
    EXPECT_EQ(Matches(row.matcher, row.san), row.want) << row.name;
    EXPECT_EQ(AnyMatches({row.matcher}, {row.san}), row.want) << row.name;
  }
  EXPECT_FALSE(AnyMatches({}, {Uri(kId)}));
}

TEST(San, WhoMaySpeakForAHost) {
  const std::vector<SubjectAltName> names = {
      Dns("*.example.com"), {SanType::kIp, "\x7f\1\1\1"}, Uri("b.org")};
  EXPECT_TRUE(SpeaksFor(names, "a.example.com"));
  EXPECT_TRUE(SpeaksFor(names, "127.1.1.1"));
  EXPECT_FALSE(SpeaksFor(names, "b.org"));
  EXPECT_FALSE(SpeaksFor({Dns("127.1.1.1")}, "127.1.1.1"));
}

TEST(San, ForPeopleUnprintableBytesAreEscaped) {
  EXPECT_EQ(Uri(std::string("a\0\n\\", 4)).ToString(), "URI:a\\x00\\x0a\\x5c");
  EXPECT_EQ((SubjectAltName{SanType::kIp, "\x7f\1\1\1"}).ToString(), "IP:127.1.1.1");
}

}  // namespace
}  // namespace mesh::tls
