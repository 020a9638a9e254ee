#include "mesh/authz/engine.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/authz/json.h"
#include "mesh/http/headers.h"
#include "mesh/http/path.h"

namespace mesh::authz {
namespace {

using Kind = Condition::Kind;
using Match = TextMatch::Kind;

Condition Text(Kind kind, std::string value, Match match = Match::kExact, bool any_case = false) {
  return Condition::Text(kind, {match, std::move(value), any_case});
}
Rule Make(Action action, Condition condition) {
  Rule rule;
  rule.policy = "default/p";
  rule.action = action;
  rule.condition = std::move(condition);
  return rule;
}
// Whether a DENY rule of this condition fires.
bool Fires(Condition condition, const Request& request) {
  const auto engine = Engine::Build({Make(Action::kDeny, std::move(condition))}).value();
  return !engine->Decide(request).allowed;
}

TEST(Engine, WhatPoliciesOfDifferentActionsDecideTogether) {
  const Condition admin = Text(Kind::kPath, "/admin"), all, never = Condition::Any({});
  const struct {
    const char* name;
    std::vector<Rule> rules;
    const char* path;
    bool allowed;
    Decision::Why why;
  } kRows[] = {
      {"no policy at all", {}, "/", true, Decision::Why::kNoPolicy},
      {"an ALLOW policy without rules denies all",
       {Make(Action::kAllow, never)},
       "/",
       false,
       Decision::Why::kNotAllowed},
      {"an ALLOW rule without conditions allows all",
       {Make(Action::kAllow, all)},
       "/",
       true,
       Decision::Why::kAllowed},
      {"DENY alone leaves the rest",
       {Make(Action::kDeny, admin)},
       "/",
       true,
       Decision::Why::kNoPolicy},
      {"DENY denies", {Make(Action::kDeny, admin)}, "/admin", false, Decision::Why::kDenied},
      {"DENY goes before ALLOW",
       {Make(Action::kAllow, all), Make(Action::kDeny, admin)},
       "/admin",
       false,
       Decision::Why::kDenied},
      {"what no ALLOW rule matches is denied",
       {Make(Action::kAllow, admin)},
       "/",
       false,
       Decision::Why::kNotAllowed},
      {"one of several ALLOW rules is enough",
       {Make(Action::kAllow, never), Make(Action::kAllow, admin)},
       "/admin",
       true,
       Decision::Why::kAllowed},
      {"AUDIT changes nothing", {Make(Action::kAudit, all)}, "/", true, Decision::Why::kNoPolicy},
      {"CUSTOM alone leaves it to its provider",
       {Make(Action::kCustom, all)},
       "/",
       true,
       Decision::Why::kNoPolicy},
  };
  for (const auto& row : kRows) {
    const auto engine = Engine::Build(row.rules).value();
    Request request;
    request.path = row.path;
    const Decision decision = engine->Decide(request);
    EXPECT_EQ(decision.allowed, row.allowed) << row.name;
    EXPECT_EQ(decision.why, row.why) << row.name;
    EXPECT_EQ(engine->Explain(request).decision.why, row.why) << row.name;
  }
}

TEST(Engine, ADryRunIsReportedAndNotEnforced) {
  Rule rule = Make(Action::kDeny, Condition());
  rule.dry_run = true;
  Rule audit = Make(Action::kAudit, Condition()), custom = Make(Action::kCustom, Condition());
  custom.provider = "ext";
  const auto engine = Engine::Build({rule, audit, custom}).value();
  Request request;
  request.path = "/";
  const Decision decision = engine->Decide(request);
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.dry_run, &engine->rules()[0]);
  EXPECT_EQ(decision.audit, &engine->rules()[1]);
  EXPECT_EQ(decision.ask, &engine->rules()[2]);
}

TEST(Engine, ADecisionNamesItsRule) {
  Rule rule = Make(Action::kDeny, Text(Kind::kPath, "/admin", Match::kPrefix));
  rule.policy = "default/deny-admin";
  rule.index = 2;
  rule.position = {std::make_shared<const std::string>("authz.yaml"), 12, 3};
  const auto engine = Engine::Build({rule}).value();
  Request request;
  request.path = "/admin/x";
  EXPECT_EQ(engine->Decide(request).ToString(),
            "denied by DENY policy default/deny-admin rule 2 (authz.yaml:12:3)");
  request.path = "/";
  EXPECT_EQ(engine->Decide(request).ToString(),
            "allowed: no policy denies it and none asks for more");
  const Explanation explanation = engine->Explain(request);
  ASSERT_EQ(explanation.rules.size(), 1);
  EXPECT_EQ(explanation.rules[0].failed, "path begins with \"/admin\"");
}

TEST(Engine, ConditionsInWords) {
  EXPECT_EQ(
      Condition::All(
          {Text(Kind::kMethod, "GET"),
           Condition::Not(Condition::Any({Condition::Ports(80, 80), Condition::Ports(90, 99)})),
           Condition::Block(Kind::kSourceIp, "10.0.0.0/8"),
           Condition::Header("x", {Match::kContains, "a\"b"})})
          .ToString(),
      "method is \"GET\" and not (port is 80 or port is 90 to 99) and source address is in "
      "10.0.0.0/8 and header x contains \"a\\\"b\"");
}

TEST(Engine, EveryConditionHoldsAndDoesNot) {
  http::HeaderList headers = {{"x-a", "1"}, {"x-two", "a"}, {"x-two", "b"}, {"x-pad", " v\t"}};
  Claims claims{
      *ParseJsonObject(
          R"({"iss":"i","sub":"s","aud":["a1","a2"],"azp":"p","groups":["g1","g2"],"deep":{"er":"v"},"scope":"read write","ok":true})"),
      ""};
  Request r;
  r.principal = "spiffe://td/ns/foo/sa/bar";
  r.source_ip = "10.1.2.3";
  r.remote_ip = "2001:db8::5";
  r.destination_ip = "::ffff:192.168.0.1";
  r.destination_port = 8080;
  r.server_name = "outbound.x";
  r.method = "GET";
  r.host = "Shop.Example.:8080";
  r.path = "/a/b?c=d";
  r.headers = headers.view();
  r.claims = &claims;
  const auto claim = [](std::vector<std::string> path, std::string value) {
    Condition c = Text(Kind::kClaim, std::move(value));
    c.path = std::move(path);
    return c;
  };
  const auto header = [](std::string name, std::string value,
                         HeaderValues values = HeaderValues::kJoined) {
    return Condition::Header(std::move(name), {Match::kExact, std::move(value)}, values);
  };
  const struct {
    const char* name;
    Condition condition;
    bool want;
  } kRows[] = {
      {"principal", Text(Kind::kPrincipal, "spiffe://td/ns/foo/sa/bar"), true},
      {"principal, another", Text(Kind::kPrincipal, "spiffe://td/ns/foo/sa/baz"), false},
      {"namespace", Text(Kind::kNamespace, "foo"), true},
      {"namespace, a part of it", Text(Kind::kNamespace, "fo"), false},
      {"namespace, its beginning", Text(Kind::kNamespace, "fo", Match::kPrefix), true},
      {"trust domain", Text(Kind::kTrustDomain, "td"), true},
      {"source address", Condition::Block(Kind::kSourceIp, "10.1.0.0/16"), true},
      {"source address, outside", Condition::Block(Kind::kSourceIp, "10.2.0.0/16"), false},
      {"source address, alone", Condition::Block(Kind::kSourceIp, "10.1.2.3"), true},
      {"source address, everything of IPv4", Condition::Block(Kind::kSourceIp, "0.0.0.0/0"), true},
      {"client address", Condition::Block(Kind::kRemoteIp, "2001:db8::/32"), true},
      {"client address, not IPv4", Condition::Block(Kind::kRemoteIp, "0.0.0.0/0"), false},
      {"destination, mapped", Condition::Block(Kind::kDestinationIp, "192.168.0.0/31"), true},
      {"port", Condition::Ports(8080, 8080), true},
      {"ports", Condition::Ports(8000, 9000), true},
      {"another port", Condition::Ports(80, 80), false},
      {"server name", Text(Kind::kServerName, ".x", Match::kSuffix), true},
      {"host in other case, without its port and dot", Text(Kind::kHost, "shop.example"), true},
      {"host written in other case", Text(Kind::kHost, "SHOP.EXAMPLE"), true},
      {"host written with a dot", Text(Kind::kHost, "shop.example."), true},
      {"host with the port", Text(Kind::kHost, "shop.example:8080"), true},
      {"host with another port", Text(Kind::kHost, "shop.example:80"), false},
      {"the end of a host", Text(Kind::kHost, ".example", Match::kSuffix), true},
      {"the beginning of a host", Text(Kind::kHost, "shop.", Match::kPrefix), true},
      {"method", Text(Kind::kMethod, "GET"), true},
      {"method in other case", Text(Kind::kMethod, "get"), false},
      {"path without its query", Text(Kind::kPath, "/a/b"), true},
      {"path with its query", Text(Kind::kPath, "/a/b?c=d"), false},
      {"the beginning of a path", Text(Kind::kPath, "/a/", Match::kPrefix), true},
      {"the end of a path", Text(Kind::kPath, "/b", Match::kSuffix), true},
      {"a regex over the whole path", Text(Kind::kPath, "/[a-c]/.", Match::kRegex), true},
      {"a regex over part of it", Text(Kind::kPath, "/[a-c]/", Match::kRegex), false},
      {"a path in any case", Text(Kind::kPath, "/A/B", Match::kExact, true), true},
      {"header", header("x-a", "1"), true},
      {"header that is absent", header("x-b", ""), false},
      {"header present", Condition::Header("x-a", {Match::kPresent, ""}), true},
      {"two values are one, joined", header("x-two", "a,b"), true},
      {"one of two values", header("x-two", "b"), false},
      {"one of two values, to forbid it", header("x-two", "b", HeaderValues::kAny), true},
      {"one of two values, as Envoy", header("x-two", "b", HeaderValues::kEach), true},
      {"two values joined, as Envoy", header("x-two", "a,b", HeaderValues::kEach), false},
      {"blanks around a value do not count", header("x-pad", "v"), true},
      {"pseudo header", header(":method", "GET"), true},
      {"authority, raw", header(":authority", "Shop.Example.:8080"), true},
      {"request principal", Text(Kind::kRequestPrincipal, "i/s"), true},
      {"audience", Text(Kind::kAudience, "a2"), true},
      {"another audience", Text(Kind::kAudience, "a3"), false},
      {"presenter", Text(Kind::kPresenter, "p"), true},
      {"a claim that is a list", claim({"groups"}, "g2"), true},
      {"a claim in a claim", claim({"deep", "er"}, "v"), true},
      {"a claim that is absent", claim({"deep", "est"}, "v"), false},
      {"a scope", claim({"scope"}, "write"), true},
      {"a truth", claim({"ok"}, "true"), true},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(Fires(row.condition, r), row.want) << row.name;
    EXPECT_EQ(Fires(Condition::Not(row.condition), r), !row.want) << row.name;
  }
  // On a connection that is not HTTP its conditions do not hold; nothing crashes for want of
  // claims.
  r.http = false;
  r.claims = nullptr;
  for (const auto& row : kRows) Fires(row.condition, r);
  EXPECT_FALSE(Fires(Text(Kind::kMethod, "GET"), r));
  EXPECT_TRUE(Fires(Condition::Ports(8080, 8080), r));
}

// CVE-2021-39155: a host is the same however it is spelt.
TEST(Engine, SpellingsOfAHost) {
  for (const char* host :
       {"secret.com", "SeCReT.com", "secret.com.", "secret.com:80", "SECRET.COM.:8443"}) {
    Request r;
    r.path = "/";
    r.host = host;
    EXPECT_TRUE(Fires(Text(Kind::kHost, "secret.com"), r)) << host;
  }
}

// CVE-2020-8595, CVE-2021-39156.
TEST(Engine, SpellingsOfAnExactPath) {
  for (const char* path : {"/p", "/p?", "/p?x", "/p#", "/p#x", "/p?x#y"}) {
    Request r;
    r.path = path;
    EXPECT_TRUE(Fires(Text(Kind::kPath, "/p"), r)) << path;
  }
}

// CVE-2020-25017 and its kin: a forbidden value does not hide beside another.
TEST(Engine, AForbiddenValueIsFoundAmongOthers) {
  const Condition forbidden =
      Condition::Header("x-role", {Match::kExact, "admin"}, HeaderValues::kAny);
  for (const auto& values : std::vector<std::vector<std::string>>{{"admin"},
                                                                  {"user", "admin"},
                                                                  {"admin", "user"},
                                                                  {"user,admin"},
                                                                  {"user, admin"},
                                                                  {"admin ,user"},
                                                                  {" admin"},
                                                                  {"admin\t"},
                                                                  {"a,b", "c,admin"}}) {
    http::HeaderList headers;
    for (const std::string& value : values) headers.Add("x-role", value);
    Request r;
    r.path = "/";
    r.headers = headers.view();
    EXPECT_TRUE(Fires(forbidden, r)) << values[0];
  }
  http::HeaderList many;
  for (int i = 0; i < 100; ++i) many.Add("x-role", "user");
  Request r;
  r.path = "/";
  r.headers = many.view();
  EXPECT_TRUE(Fires(forbidden, r));  // more than can be judged
}

// Fail closed: CVE-2026-33186, CVE-2024-23324.
TEST(Engine, WhatCannotBeJudgedIsDenied) {
  const auto engine = Engine::Build({Make(Action::kDeny, Condition::Any({}))}).value();
  const struct {
    const char* name;
    std::string method, host, path;
    bool allowed;
  } kRows[] = {
      {"a plain request", "GET", "a", "/", true},
      {"UTF-8", "GET", "a", "/\xc3\xbc", true},
      {"the server itself", "OPTIONS", "a", "*", true},
      {"a tunnel", "CONNECT", "a:443", "", true},
      {"a path without its slash", "POST", "a", "pkg.Svc/M", false},
      {"no path", "GET", "a", "", false},
      {"no method", "", "a", "/", false},
      {"bytes that are no UTF-8", "GET", "a", "/\xff", false},
      {"an overlong slash", "GET", "a", "/\xc0\xaf", false},
      {"half a surrogate", "GET", "a", "/\xed\xa0\x80", false},
      {"a NUL in the path", "GET", "a", std::string("/a\0b", 4), false},
      {"a line break in the host", "GET", "a\nb", "/", false},
      {"bytes in the host", "GET", "\x80", "/", false},
  };
  for (const auto& row : kRows) {
    Request r;
    r.method = row.method;
    r.host = row.host;
    r.path = row.path;
    EXPECT_EQ(engine->Decide(r).allowed, row.allowed) << row.name;
    // Without any policy, routing decides alone.
    EXPECT_TRUE((*Engine::Build({}))->Decide(r).allowed) << row.name;
  }
}

// CVE-2021-31920 and its kin: what is judged is the path in the form that is routed and forwarded.
// 64 spellings in four modes: whatever becomes /admin is denied.
TEST(Engine, SpellingsOfAPathAreJudgedInTheirCanonicalForm) {
  std::vector<std::string> spellings;
  for (const char* before : {"/", "//", "/./", "/x/../", "/%2e/", "/x/%2e%2e/", "/%2F", "/%5C"}) {
    for (const char* name : {"admin", "%61dmin", "admi%6e", "admin?q=1"}) {
      for (const char* after : {"", "#x"}) {
        spellings.push_back(absl::StrCat(before, name, after));
      }
    }
  }
  ASSERT_EQ(spellings.size(), 64);
  const auto engine = Engine::Build({Make(Action::kDeny, Text(Kind::kPath, "/admin"))}).value();
  const http::PathNormalization kModes[] = {
      {false, false, http::EscapedSlashes::kKeep},
      {true, false, http::EscapedSlashes::kKeep},
      {true, true, http::EscapedSlashes::kKeep},
      {true, true, http::EscapedSlashes::kUnescapeAndForward}};
  for (const auto& mode : kModes) {
    for (const std::string& spelling : spellings) {
      std::string path = spelling;
      const http::PathOutcome outcome = http::NormalizePath(mode, &path);
      if (outcome == http::PathOutcome::kReject || outcome == http::PathOutcome::kRedirect)
        continue;
      Request r;
      r.path = path;
      EXPECT_EQ(engine->Decide(r).allowed, http::WithoutQuery(path) != "/admin")
          << spelling << " -> " << path;
    }
  }
}

TEST(Engine, RulesThatCannotBeBuiltAreNotLeftOut) {
  EXPECT_EQ(Engine::Build({Make(Action::kDeny, Text(Kind::kPath, "(", Match::kRegex))})
                .status()
                .message(),
            "DENY policy default/p rule 0: regex \"(\": missing ): (");
  EXPECT_EQ(Engine::Build({Make(Action::kDeny, Condition::Block(Kind::kSourceIp, "10.0.0.0/33"))})
                .status()
                .message(),
            "DENY policy default/p rule 0: \"10.0.0.0/33\" is no address or block");
  EXPECT_FALSE(
      Engine::Build({Make(Action::kDeny, Text(Kind::kPath, "(a{1000}){1000}", Match::kRegex))})
          .ok());
}

// Decide goes through an index, Explain through all rules.
TEST(Engine, TheIndexFindsWhatEveryRuleInTurnFinds) {
  std::mt19937 random(3);
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  const std::vector<std::string> hosts = {"a",        "A.",  "a:80", "a.:80", "a:1:2", "[::1]",
                                          "[::1]:80", "a..", "[a",   "a:b]",  "[",     "[a]:b]",
                                          "b",        "a.b", ":",    ""};
  const std::vector<std::string> names = {
      "spiffe://d/ns/a/sa/b", "spiffe://d/ns/b/sa/ns/a/x", "x/ns/a/", "/ns/a",
      "spiffe://d/ns//sa/b",  "spiffe://d/ns/a/b/sa/c",    ""};
  const std::vector<std::string> paths = {"/", "/a", "/a/b", "/ab", "/b"};
  const auto leaf = [&]() -> Condition {
    const auto text = static_cast<TextMatch::Kind>(random() % 4);
    switch (random() % 8) {
      case 0:
        return Condition::Header(":authority", {text, pick(hosts), random() % 2 == 0},
                                 HeaderValues::kEach);
      case 1:
        return Condition::Header(":authority",
                                 {TextMatch::Kind::kPrefix, pick(hosts) + ":", random() % 2 == 0},
                                 HeaderValues::kEach);
      case 2:
        return Condition::Text(Kind::kHost, {text, pick(hosts)});
      case 3:
        return Condition::Text(Kind::kPrincipal, {text, pick(names)});
      case 4:
        return Condition::Text(Kind::kPrincipal, {TextMatch::Kind::kContains,
                                                  "/ns/" + pick({"a", "b", "", "a/b"}) + "/"});
      case 5:
        return Condition::Text(Kind::kNamespace, {text, pick({"a", "b"})});
      case 6:
        return Condition::Header(":method", {TextMatch::Kind::kExact, pick({"GET", "PUT"})},
                                 HeaderValues::kEach);
      default:
        return Condition::Text(Kind::kPath, {text, pick(paths)});
    }
  };
  int denied = 0;
  for (int set = 0; set < 300; ++set) {
    std::vector<Rule> rules;
    for (int i = 1 + random() % 6; i > 0; --i) {
      Rule rule;
      rule.policy = absl::StrCat("p", i);
      rule.action = random() % 2 == 0 ? Action::kDeny : Action::kAllow;
      rule.condition = random() % 2 == 0   ? leaf()
                       : random() % 2 == 0 ? Condition::Any({leaf(), leaf()})
                                           : Condition::All({leaf(), leaf()});
      rules.push_back(std::move(rule));
    }
    const auto engine = Engine::Build(std::move(rules)).value();
    for (int i = 0; i < 100; ++i) {
      const std::string host = pick(hosts), principal = pick(names), path = pick(paths),
                        method = pick({"GET", "PUT"});
      Request request;
      request.host = host;
      request.principal = principal;
      request.path = path;
      request.method = method;
      const Decision quick = engine->Decide(request), slow = engine->Explain(request).decision;
      ASSERT_EQ(quick.ToString(), slow.ToString()) << host << " " << principal << " " << path;
      denied += !quick.allowed;
    }
  }
  EXPECT_GT(denied, 1000);
  EXPECT_LT(denied, 29000);
}

}  // namespace
}  // namespace mesh::authz
