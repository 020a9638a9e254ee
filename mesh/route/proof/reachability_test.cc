#include "mesh/route/proof/reachability.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace mesh::route::proof {
namespace {

using PathKind = PathMatch::Kind;
using StringKind = StringMatch::Kind;

Rule On(PathKind kind, std::string text, std::vector<Condition> conditions = {}) {
  Rule rule;
  rule.path = {kind, false, std::move(text)};
  rule.conditions = std::move(conditions);
  return rule;
}
Rule Prefix(std::string text, std::vector<Condition> conditions = {}) {
  return On(PathKind::kPrefix, std::move(text), std::move(conditions));
}
Rule Exact(std::string text) { return On(PathKind::kExact, std::move(text)); }
Rule Regex(std::string text, std::vector<Condition> conditions = {}) {
  return On(PathKind::kRegex, std::move(text), std::move(conditions));
}

HeaderMatch Header(std::string name, StringKind kind, std::string text) {
  HeaderMatch match;
  match.name = std::move(name);
  match.value = {kind, false, std::move(text)};
  return match;
}
HeaderMatch Not(HeaderMatch match) {
  match.invert = true;
  return match;
}
HeaderMatch Present(std::string name, bool present = true) {
  HeaderMatch match;
  match.name = std::move(name);
  match.kind = HeaderMatch::Kind::kPresent;
  match.present = present;
  return match;
}
HeaderMatch Range(std::string name, int64_t begin, int64_t end) {
  HeaderMatch match;
  match.name = std::move(name);
  match.kind = HeaderMatch::Kind::kRange;
  match.begin = begin;
  match.end = end;
  return match;
}
QueryMatch Query(std::string name, std::optional<StringMatch> value = std::nullopt) {
  QueryMatch match;
  match.name = std::move(name);
  match.value = std::move(value);
  return match;
}
FractionMatch Fraction(uint32_t numerator, std::string key = "") {
  FractionMatch match;
  match.numerator = numerator;
  match.runtime_key = std::move(key);
  return match;
}
MetadataMatch Metadata(bool invert = false) {
  MetadataMatch match;
  match.filter = "filter";
  match.path = {"key"};
  match.invert = invert;
  return match;
}

std::shared_ptr<const Table> TableOf(std::vector<VirtualHost> hosts, TableOptions options = {}) {
  std::vector<std::shared_ptr<const VirtualHost>> pointers;
  for (VirtualHost& host : hosts) {
    pointers.push_back(std::make_shared<VirtualHost>(std::move(host)));
  }
  Table::Built built = Table::Build(std::move(pointers), options);
  EXPECT_TRUE(built.errors.empty());
  return built.table;
}

VirtualHost Host(std::vector<Rule> rules, std::vector<std::string> domains = {"*"}) {
  VirtualHost host;
  host.name = domains[0];
  host.domains = std::move(domains);
  host.rules = std::move(rules);
  return host;
}

// "reachable GET http://www.a/b", "unreachable by 0,1: reason", "unknown: reason".
std::string Show(const RuleProof& proof) {
  switch (proof.verdict) {
    case Verdict::kReachable: {
      std::string text =
          absl::StrCat("reachable ", proof.witness->method, " ", proof.witness->Url());
      for (const auto& [name, value] : proof.witness->headers.entries()) {
        absl::StrAppend(&text, " ", name, "=", value);
      }
      if (proof.witness->random != 0) absl::StrAppend(&text, " random ", proof.witness->random);
      return text;
    }
    case Verdict::kUnreachable: {
      std::vector<uint32_t> by;
      for (const RuleReference& hider : proof.hidden_by) by.push_back(hider.index);
      return absl::StrCat("unreachable by [", absl::StrJoin(by, ","), "]: ", proof.reason);
    }
    case Verdict::kUnknown:
      return absl::StrCat("unknown: ", proof.reason);
  }
  return "";
}

std::vector<std::string> Prove(const Table& table, const Options& options = {}) {
  const auto proofs = ProveRules(table, options);
  EXPECT_TRUE(proofs.ok()) << proofs.status();
  std::vector<std::string> shown;
  for (const RuleProof& proof : *proofs) shown.push_back(Show(proof));
  return shown;
}

// The verdict over the last of the rules.
std::string ProveLast(std::vector<Rule> rules) {
  return Prove(*TableOf({Host(std::move(rules))})).back();
}

constexpr char kHidden[] = "]: an earlier rule takes all its requests";

TEST(ProveRules, OneRuleHidesAnother) {
  struct Row {
    const char* name;
    std::vector<Rule> rules;  // the first hides the last
  };
  const Row rows[] = {
      {"everything before anything", {Prefix("/"), Exact("/a")}},
      {"a shorter prefix", {Prefix("/shop"), Prefix("/shop/cart")}},
      {"a prefix before a regex below it", {Prefix("/shop/"), Regex("/shop/[^/]+/items")}},
      {"a regex before a prefix below it", {Regex("/shop.*"), Prefix("/shop/cart")}},
      {"a regex before a regex", {Regex("/v[0-9]+/.*"), Regex("/v1/users/[^/]+")}},
      {"a regex before an exact path", {Regex("/(a|b|c)"), Exact("/b")}},
      {"without case", {On(PathKind::kPrefix, "/shop"), On(PathKind::kExact, "/shop/x")}},
      {"a separated prefix", {On(PathKind::kSeparatedPrefix, "/a"), Prefix("/a/b")}},
      {"a template", {On(PathKind::kTemplate, "/users/{id}/**"), Exact("/users/7/cart")}},
      {"fewer conditions", {Prefix("/a"), Prefix("/a", {Header("x", StringKind::kExact, "1")})}},
      {"a wider header",
       {Prefix("/", {Header("x", StringKind::kPrefix, "ja")}),
        Prefix("/a", {Header("x", StringKind::kExact, "jason")})}},
      {"present before a value",
       {Prefix("/", {Present("x")}), Prefix("/", {Header("x", StringKind::kRegex, "[a-z]+")})}},
      {"not this before neither this nor that",
       {Prefix("/", {Not(Header("x", StringKind::kExact, "a"))}),
        Prefix("/", {Not(Header("x", StringKind::kRegex, "a|b"))})}},
      {"not this method before that",
       {Prefix("/", {Not(Header(":method", StringKind::kExact, "GET"))}),
        Prefix("/", {Header(":method", StringKind::kExact, "PUT")})}},
      {"a wider range", {Prefix("/", {Range("n", 0, 100)}), Prefix("/", {Range("n", 10, 20)})}},
      {"a range before one of its values",
       {Prefix("/", {Range("n", -5, 100)}), Prefix("/", {Header("n", StringKind::kExact, "-3")})}},
      {"a query parameter",
       {Prefix("/", {Query("q")}),
        Prefix("/", {Query("q", StringMatch{StringKind::kExact, false, "1"})})}},
      {"a larger fraction", {Prefix("/", {Fraction(50)}), Prefix("/", {Fraction(30)})}},
      {"a full fraction", {Prefix("/", {Fraction(100)}), Prefix("/")}},
      {"the same runtime key",
       {Prefix("/", {Fraction(50, "k")}), Prefix("/a", {Fraction(50, "k")})}},
      {"the same metadata", {Prefix("/", {Metadata()}), Prefix("/a", {Metadata()})}},
      {"the same regex that is not understood", {Regex("/\\p{Thai}+"), Regex("/\\p{Thai}+")}},
      {"Unicode classes, as far as ASCII goes", {Regex("/\\pL+"), Regex("/[a-c]+")}},
      {"grpc", {Prefix("/", {GrpcMatch()}), Prefix("/x", {GrpcMatch()})}},
      {"host is the authority",
       {Prefix("/", {Header("host", StringKind::kExact, "a")}),
        Prefix("/", {Header(":authority", StringKind::kExact, "a")})}},
      {"CONNECT by its method",
       {Prefix("/", {Header(":method", StringKind::kExact, "CONNECT")}),
        Regex("/.*", {Header(":method", StringKind::kRegex, "CONNECT")})}},
      {"the whole path in a header",
       {Prefix("/a"), Prefix("/", {Header(":path", StringKind::kPrefix, "/a?")})}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(ProveLast(row.rules), absl::StrCat("unreachable by [0", kHidden)) << row.name;
  }
}

TEST(ProveRules, SeveralRulesHideOneTogether) {
  struct Row {
    const char* name;
    std::vector<Rule> rules;
    const char* want;
  };
  const Row rows[] = {
      {"alternatives of a path",
       {Exact("/a"), Prefix("/c"), Exact("/b"), Regex("/(a|b)")},
       "unreachable by [0,2]: 2 earlier rules together take all its requests"},
      {"a header there or not",
       {Prefix("/", {Present("x")}), Prefix("/", {Present("x", false)}), Prefix("/a")},
       "unreachable by [0,1]: 2 earlier rules together take all its requests"},
      {"each value of a header",
       {Prefix("/", {Header("x", StringKind::kExact, "a")}),
        Prefix("/", {Header("x", StringKind::kExact, "b")}),
        Prefix("/", {Header("x", StringKind::kExact, "c")}),
        Prefix("/", {Header("x", StringKind::kRegex, "a|c")})},
       "unreachable by [0,2]: 2 earlier rules together take all its requests"},
      {"this and not this",
       {Prefix("/", {Metadata()}), Prefix("/", {Metadata(true)}), Prefix("/")},
       "unreachable by [0,1]: 2 earlier rules together take all its requests"},
      {"two parts of the path, two of a header",
       {Regex("/a.*", {Present("x")}), Regex("/[^a].*|/", {Present("x")}),
        Prefix("/", {Present("x", false)}), Regex("/.*")},
       "unreachable by [0,1,2]: 3 earlier rules together take all its requests"},
  };
  for (const Row& row : rows) EXPECT_EQ(ProveLast(row.rules), row.want) << row.name;
}

TEST(ProveRules, WitnessesAreRequests) {
  struct Row {
    const char* name;
    std::vector<Rule> rules;
    const char* want;
  };
  const Row rows[] = {
      {"the only rule", {Prefix("/")}, "reachable GET http://example.com/"},
      {"beside an exact path", {Exact("/"), Prefix("/")}, "reachable GET http://example.com/a"},
      {"what is left of a regex",
       {Regex("/v[0-8]/.*"), Regex("/v[0-9]/[^/]+")},
       "reachable GET http://example.com/v9/a"},
      {"bytes, not segments",
       {On(PathKind::kSeparatedPrefix, "/a"), Prefix("/a")},
       "reachable GET http://example.com/aa"},
      {"headers",
       {Prefix("/", {Header("x", StringKind::kRegex, "[a-y]+")}),
        Prefix("/", {Header("x", StringKind::kRegex, "[a-z]+")})},
       "reachable GET http://example.com/ x=z"},
      {"a header sent twice",
       {Prefix("/", {Header("x", StringKind::kExact, "a"), Header("x", StringKind::kExact, "b")})},
       "reachable GET http://example.com/ x=a x=b"},
      {"one of two values is excluded",
       {Prefix("/", {Not(Header("x", StringKind::kExact, "b"))}),
        Prefix("/", {Header("x", StringKind::kExact, "a")})},
       "reachable GET http://example.com/ x=a x=b"},
      {"a query",
       {Prefix("/", {Query("q", StringMatch{StringKind::kPrefix, false, "b"})})},
       "reachable GET http://example.com/?q=b"},
      {"a method",
       {Prefix("/", {Header(":method", StringKind::kExact, "GET")}), Prefix("/")},
       "reachable POST http://example.com/"},
      {"a number",
       {Prefix("/", {Range("n", 0, 42)}), Prefix("/", {Range("n", 0, 43)})},
       "reachable GET http://example.com/ n=42"},
      {"a share of the traffic",
       {Prefix("/", {Fraction(50)}), Prefix("/")},
       "reachable GET http://example.com/ random 50"},
      {"a share that a key may change",
       {Prefix("/", {Fraction(50, "key")}), Prefix("/")},
       "reachable GET http://example.com/ random 50"},
      {"CONNECT", {Prefix("/"), On(PathKind::kConnect, "")}, "reachable CONNECT example.com"},
      {"grpc",
       {Prefix("/", {GrpcMatch()})},
       "reachable GET http://example.com/ content-type=application/grpc"},
      {"a cookie",
       {Prefix("/", {CookieMatch{"user", {StringKind::kSuffix, false, "son"}, false}})},
       "reachable GET http://example.com/ cookie=user=son"},
  };
  for (const Row& row : rows) EXPECT_EQ(ProveLast(row.rules), row.want) << row.name;
}

TEST(ProveRules, RulesThatNothingCanReach) {
  struct Row {
    const char* name;
    Rule rule;
    const char* want;
  };
  const char kConditions[] = "unreachable by []: its conditions exclude each other";
  const Row rows[] = {
      {"paths begin with a slash", Prefix("shop"),
       "unreachable by []: no request has a path that it matches"},
      {"no query in a path", Exact("/a?b=c"),
       "unreachable by []: no request has a path that it matches"},
      {"one value and not that value",
       Prefix("/",
              {Header("x", StringKind::kExact, "a"), Not(Header("x", StringKind::kPrefix, "a"))}),
       kConditions},
      {"two methods",
       Prefix("/", {Header(":method", StringKind::kExact, "GET"),
                    Header(":method", StringKind::kExact, "POST")}),
       kConditions},
      {"there and not there", Prefix("/", {Present("x"), Present("x", false)}), kConditions},
      {"an empty range", Prefix("/", {Range("n", 5, 5)}), kConditions},
      {"no share at all", Prefix("/", {Fraction(0)}), kConditions},
  };
  for (const Row& row : rows) EXPECT_EQ(ProveLast({row.rule}), row.want) << row.name;
}

TEST(ProveRules, WhatItCannotTell) {
  EXPECT_EQ(ProveLast({Prefix("/", {Metadata()})}),
            "unknown: no request could be made up that the table gives to it");
  Options bytes;
  bytes.non_ascii = true;
  EXPECT_EQ(Prove(*TableOf({Host({Regex("/\\pL+")})}), bytes).back(),
            "unknown: no request could be made up that the table gives to it");
  EXPECT_EQ(ProveLast({Regex("/\\pL+")}), "reachable GET http://example.com/a");
  Options stingy;
  stingy.steps_per_rule = 60;
  std::vector<Rule> many;
  for (int i = 0; i < 100; ++i) many.push_back(Exact(absl::StrCat("/", i)));
  many.push_back(Prefix("/"));
  EXPECT_EQ(Prove(*TableOf({Host(many)}), stingy).back(), "unknown: the budget was spent");
  EXPECT_EQ(Prove(*TableOf({Host(many)})).back(), "reachable GET http://example.com/");
}

TEST(ProveRules, DomainsAndTls) {
  VirtualHost secure =
      Host({Prefix("/", {Header(":scheme", StringKind::kExact, "http")}), Prefix("/")},
           {"secure.example"});
  secure.require_tls = TlsRequirement::kAll;
  const auto table = TableOf(
      {secure,
       Host({Prefix("/", {Header(":authority", StringKind::kExact, "b.example")}),
             Prefix("/", {Header(":authority", StringKind::kExact, "a.example")}),
             Prefix("/", {Header(":authority", StringKind::kSuffix, ".example")}), Prefix("/")},
            {"*.example"}),
       Host({Prefix("/")}, {"a.example"})});
  EXPECT_EQ(Prove(*table),
            (std::vector<std::string>{
                "reachable GET http://secure.example/ x-forwarded-proto=https",
                "reachable GET https://secure.example/",
                "reachable GET http://b.example/",
                "unreachable by []: its conditions exclude what its virtual host demands (TLS, "
                "domains)",
                "reachable GET http://www.example/",
                "reachable GET http://b.examplE/",
                "reachable GET http://a.example/",
            }));
}

TEST(ProveRules, MatchTrees) {
  const auto single = [](std::string header, std::string value) {
    MatchTree::Predicate predicate;
    predicate.header = std::move(header);
    predicate.value.text = std::move(value);
    return predicate;
  };
  const auto action = [](std::vector<Rule> rules) {
    MatchTree::OnMatch on;
    on.rules = std::move(rules);
    return on;
  };
  auto tree = std::make_shared<MatchTree>();
  tree->list.push_back({single("x", "a"), action({Prefix("/one"), Exact("/one/two")})});
  tree->list.push_back({single("x", "a"), action({Prefix("/three")})});
  tree->otherwise = action({Prefix("/", {Header("x", StringKind::kExact, "a")}), Prefix("/")});
  VirtualHost host = Host({});
  host.tree = tree;
  EXPECT_EQ(Prove(*TableOf({host})),
            (std::vector<std::string>{
                "reachable GET http://example.com/one x=a",
                absl::StrCat("unreachable by [0", kHidden),
                "unreachable by []: an earlier action of the match tree takes all its requests",
                // The tree sees "a,another".
                "reachable GET http://example.com/ x=a x=another",
                "reachable GET http://example.com/",
            }));
}

TEST(ProveRules, BytesAboveAscii) {
  const auto table = TableOf({Host({Regex("/.*"), Prefix("/")})});
  EXPECT_EQ(Prove(*table).back(), absl::StrCat("unreachable by [0", kHidden));
  Options options;
  options.non_ascii = true;
  EXPECT_EQ(Prove(*table, options).back(), "reachable GET http://example.com/\x80")
      << "malformed UTF-8 is beyond /.*";
}

TEST(ProveRules, AThousandRulesAreAQuestionOfLittle) {
  std::vector<Rule> templates, users;
  for (int i = 0; i < 1000; ++i) {
    templates.push_back(Regex(absl::StrCat("/shelves/[^/]+/r", i, "/[^/]+")));
    users.push_back(Prefix("/", {Header("x-user", StringKind::kExact, absl::StrCat("u", i))}));
  }
  templates.push_back(Regex("/shelves/a/r[0-9]/[a-z]+"));
  users.push_back(Prefix("/", {Header("x-user", StringKind::kRegex, "u[1-3]")}));
  for (const std::vector<Rule>& rules : {templates, users}) {
    Options options;
    options.steps = 10'000'000;  // a tenth of a second or two
    const auto proofs = ProveRules(*TableOf({Host(rules)}), options);
    ASSERT_TRUE(proofs.ok());
    for (size_t i = 0; i < 1000; ++i) ASSERT_EQ((*proofs)[i].verdict, Verdict::kReachable) << i;
    EXPECT_EQ(proofs->back().verdict, Verdict::kUnreachable) << Show(proofs->back());
  }
}

TEST(ProveRules, TablesWithErrorsAreRefused) {
  std::vector<std::shared_ptr<const VirtualHost>> hosts = {
      std::make_shared<VirtualHost>(Host({Regex("(")}))};
  TableOptions options;
  options.isolate_errors = true;
  const Table::Built built = Table::Build(hosts, options);
  ASSERT_NE(built.table, nullptr);
  EXPECT_EQ(ProveRules(*built.table, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mesh::route::proof
