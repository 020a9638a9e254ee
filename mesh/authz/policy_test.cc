#include "mesh/authz/policy.h"

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/http/headers.h"

namespace mesh::authz {
namespace {

Policy Make(Action action, std::vector<PolicyRule> rules) {
  Policy policy;
  policy.ns = "foo";
  policy.name = "httpbin";
  policy.action = action;
  policy.rules = std::move(rules);
  return policy;
}
PolicyRule From(Source source) {
  PolicyRule rule;
  rule.from.push_back(std::move(source));
  return rule;
}
PolicyRule To(Operation operation) {
  PolicyRule rule;
  rule.to.push_back(std::move(operation));
  return rule;
}
PolicyRule If(std::string key, Values values) {
  PolicyRule rule;
  rule.when.push_back({std::move(key), std::move(values)});
  return rule;
}
Source Principals(Values values) {
  Source source;
  source.principals = std::move(values);
  return source;
}
Source Namespaces(Values values) {
  Source source;
  source.namespaces = std::move(values);
  return source;
}
bool Allowed(const Policy& policy, const Request& request, PolicyOptions options = {}) {
  options.tcp = !request.http;
  return Engine::Build(RulesOf(policy, options).value()).value()->Decide(request).allowed;
}

TEST(Policy, WithoutRulesAndWithoutConditions) {
  Request r;
  r.path = "/";
  EXPECT_FALSE(Allowed(Make(Action::kAllow, {}), r));
  EXPECT_TRUE(Allowed(Make(Action::kAllow, {PolicyRule()}), r));
  EXPECT_TRUE(Allowed(Make(Action::kDeny, {}), r));
  EXPECT_FALSE(Allowed(Make(Action::kDeny, {PolicyRule()}), r));
}

// CVE-2020-16844: every place of a star, HTTP and TCP, ALLOW and DENY.
TEST(Policy, EveryFormOfAPrincipal) {
  const struct {
    const char* pattern;
    const char* principal;
    bool matches;
  } kRows[] = {
      {"td/ns/a/sa/b", "spiffe://td/ns/a/sa/b", true},
      {"td/ns/a/sa/b", "spiffe://td/ns/a/sa/bc", false},
      {"td/ns/a/sa/b", "", false},
      {"*/ns/a/sa/b", "spiffe://td/ns/a/sa/b", true},
      {"*/ns/a/sa/b", "spiffe://other/ns/a/sa/b", true},
      {"*/ns/a/sa/b", "spiffe://td/ns/c/sa/b", false},
      {"*/sa/b", "spiffe://td/ns/a/sa/b", true},
      {"*b", "spiffe://td/ns/a/sa/b", true},
      {"td/*", "spiffe://td/ns/a/sa/b", true},
      {"td/*", "spiffe://td2/ns/a/sa/b", false},
      {"td/ns/a/*", "spiffe://td/ns/a/sa/b", true},
      {"td/ns/a/*", "spiffe://td/ns/ab/sa/b", false},
      {"td*", "spiffe://td2/ns/a/sa/b", true},
      {"*", "spiffe://td/ns/a/sa/b", true},
      {"*", "", false},
      {"t.d/ns/a/sa/b", "spiffe://tXd/ns/a/sa/b", false},
  };
  for (const auto& row : kRows) {
    for (bool http : {true, false}) {
      Request r;
      r.path = "/";
      r.http = http;
      r.principal = row.principal;
      const PolicyRule rule = From(Principals({{row.pattern}, {}}));
      EXPECT_EQ(Allowed(Make(Action::kAllow, {rule}), r), row.matches)
          << row.pattern << " " << row.principal;
      EXPECT_EQ(Allowed(Make(Action::kDeny, {rule}), r), !row.matches)
          << row.pattern << " " << row.principal;
    }
  }
}

// Istio's bulletin 2021-004: negated fields of identity, on plaintext, hold for nobody and for
// everybody.
TEST(Policy, NegatedIdentityOnPlaintextFailsClosed) {
  Request plain;
  plain.path = "/";
  Request mutual = plain;
  mutual.principal = "spiffe://td/ns/good/sa/b";
  Source trust_domains;
  trust_domains.trust_domains.not_in = {"evil"};
  for (const Source& source :
       {Namespaces({{}, {"evil"}}), Principals({{}, {"td/ns/evil/sa/x"}}), trust_domains}) {
    EXPECT_FALSE(Allowed(Make(Action::kAllow, {From(source)}), plain));
    EXPECT_TRUE(Allowed(Make(Action::kAllow, {From(source)}), mutual));
    EXPECT_FALSE(Allowed(Make(Action::kDeny, {From(source)}), plain));
    EXPECT_FALSE(Allowed(Make(Action::kDeny, {From(source)}), mutual));
  }
}

TEST(Policy, ATrustDomainAndItsAliases) {
  PolicyOptions options;
  options.trust_domain = "new-td";
  options.trust_domain_aliases = {"old-td"};
  const auto allowed = [&](const char* pattern, const char* principal) {
    Request r;
    r.path = "/";
    r.principal = principal;
    return Allowed(Make(Action::kAllow, {From(Principals({{pattern}, {}}))}), r, options);
  };
  for (const char* pattern : {"new-td/ns/a/sa/b", "old-td/ns/a/sa/b", "cluster.local/ns/a/sa/b"}) {
    EXPECT_TRUE(allowed(pattern, "spiffe://new-td/ns/a/sa/b")) << pattern;
    EXPECT_TRUE(allowed(pattern, "spiffe://old-td/ns/a/sa/b")) << pattern;
    EXPECT_FALSE(allowed(pattern, "spiffe://cluster.local/ns/a/sa/b")) << pattern;
    EXPECT_FALSE(allowed(pattern, "spiffe://third/ns/a/sa/b")) << pattern;
  }
  EXPECT_TRUE(allowed("third/ns/a/sa/b", "spiffe://third/ns/a/sa/b"));
  EXPECT_FALSE(allowed("third/ns/a/sa/b", "spiffe://new-td/ns/a/sa/b"));
}

// The cases of Istio's action-deny-HTTP-for-TCP-filter and action-allow-HTTP-for-TCP-filter.
TEST(Policy, FieldsOfHttpOnAConnectionThatIsNot) {
  Operation get, port;
  get.methods.in = {"GET"};
  port.ports.in = {"80"};
  Source token;
  token.request_principals.in = {"id-1"};
  const struct {
    const char* name;
    PolicyRule rule;
    bool holds_on_80, holds_on_90;  // of what remains, in DENY
    bool allows_on_80;
  } kRows[] = {
      {"a method", To(get), true, true, false},
      {"a token", From(token), true, true, false},
      {"a header", If("request.headers[:method]", {{"GET"}, {}}), true, true, false},
      {"a port", To(port), true, false, true},
      {"a port as a condition", If("destination.port", {{"80"}, {}}), true, false, true},
      {"a token and a port", {{token}, {port}, {}, {}}, true, false, false},
      {"a method or a port", {{}, {get, port}, {}, {}}, true, true, true},
      {"not a path", {{}, {{{}, {}, {}, {{}, {"/x"}}}}, {}, {}}, true, true, false},
  };
  for (const auto& row : kRows) {
    Request r;
    r.http = false;
    r.destination_port = 80;
    EXPECT_EQ(Allowed(Make(Action::kDeny, {row.rule}), r), !row.holds_on_80) << row.name;
    EXPECT_EQ(Allowed(Make(Action::kAllow, {row.rule}), r), row.allows_on_80) << row.name;
    r.destination_port = 90;
    EXPECT_EQ(Allowed(Make(Action::kDeny, {row.rule}), r), !row.holds_on_90) << row.name;
  }
}

TEST(Policy, WhatIsNotUnderstoodIsAnError) {
  const auto error = [](PolicyRule rule) {
    return std::string(RulesOf(Make(Action::kDeny, {std::move(rule)}), {}).status().message());
  };
  Operation ports;
  ports.ports.in = {"http"};
  Source blocks;
  blocks.ip_blocks.not_in = {"1.2.3"};
  EXPECT_EQ(error(To(ports)), "AuthorizationPolicy foo/httpbin: ports: \"http\" is no port");
  EXPECT_EQ(error(From(blocks)),
            "AuthorizationPolicy foo/httpbin: ipBlocks: \"1.2.3\" is no address or block");
  EXPECT_EQ(error(If("source.user", {{"x"}, {}})),
            "AuthorizationPolicy foo/httpbin: unknown key \"source.user\"");
  EXPECT_EQ(error(If("source.ip", {})), "AuthorizationPolicy foo/httpbin: source.ip: no values");
}

// CVE-2020-25017, CVE-2026-26308: of two values neither hides the other, whichever way a policy
// asks.
TEST(Policy, HeadersOfTwoValuesFailClosed) {
  for (const auto& values : std::vector<std::vector<std::string>>{
           {"good", "evil"}, {"evil", "good"}, {"good,evil"}, {"evil, good"}}) {
    http::HeaderList headers;
    for (const std::string& value : values) headers.Add("x-role", value);
    Request r;
    r.path = "/";
    r.headers = headers.view();
    EXPECT_FALSE(Allowed(Make(Action::kAllow, {If("request.headers[X-Role]", {{"good"}, {}})}), r));
    EXPECT_FALSE(Allowed(Make(Action::kAllow, {If("request.headers[X-Role]", {{}, {"evil"}})}), r));
    EXPECT_FALSE(Allowed(Make(Action::kDeny, {If("request.headers[X-Role]", {{"evil"}, {}})}), r));
    EXPECT_FALSE(Allowed(Make(Action::kDeny, {If("request.headers[X-Role]", {{}, {"good"}})}), r));
  }
}

// The slow, obvious twin: straight from the fields of a policy, no trees, no index.
bool Matches(const std::string& pattern, std::string_view text) {
  const absl::string_view t(text.data(), text.size());
  if (pattern == "*") return !text.empty();
  if (pattern.back() == '*') return absl::StartsWith(t, pattern.substr(0, pattern.size() - 1));
  if (pattern.front() == '*') return absl::EndsWith(t, pattern.substr(1));
  return pattern == text;
}
bool Field(const Values& values, std::string_view text, bool need_text = false) {
  const auto any = [&](const std::vector<std::string>& list) {
    for (const std::string& pattern : list) {
      if (!text.empty() && Matches(pattern, text)) return true;
    }
    return false;
  };
  if (!values.in.empty() && !any(values.in)) return false;
  if (!values.not_in.empty() && need_text && text.empty()) return false;
  return values.not_in.empty() || !any(values.not_in);
}
struct Facts {
  std::string principal, ns, method, path, host, port, header;
};
bool RuleMatches(const PolicyRule& rule, const Facts& facts, bool allow) {
  bool from = rule.from.empty(), to = rule.to.empty();
  const std::string bare = facts.principal.empty() ? "" : facts.principal.substr(9);
  for (const Source& source : rule.from) {
    from |= Field(source.principals, bare, allow) && Field(source.namespaces, facts.ns, allow);
  }
  for (const Operation& operation : rule.to) {
    to |= Field(operation.methods, facts.method) && Field(operation.paths, facts.path) &&
          Field(operation.hosts, facts.host) && Field(operation.ports, facts.port);
  }
  for (const When& when : rule.when) {
    if (!Field(when.values, facts.header)) return false;
  }
  return from && to;
}

TEST(Policy, RandomPoliciesAndTheirSlowTwin) {
  std::mt19937 random(20240601);
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  const auto values = [&](const std::vector<std::string>& from) {
    Values v;
    for (int i = random() % 3; i > 0; --i) v.in.push_back(pick(from));
    if (random() % 3 == 0) v.not_in.push_back(pick(from));
    return v;
  };
  const std::vector<std::string> kPrincipals = {"td/ns/a/sa/x", "td/ns/b/sa/y", "td/ns/*", "*/sa/x",
                                                "*"},
                                 kNamespaces = {"a", "b", "ab*", "*b", "*"},
                                 kMethods = {"GET", "POST", "P*", "*T", "*"},
                                 kPaths = {"/", "/a", "/a/b", "/a/*", "*/b", "/*", "*"},
                                 kHosts = {"a.com", "b.com", "*.com", "a.*", "*"},
                                 kPorts = {"80", "90"}, kHeaders = {"1", "2", "1*", "*2", "*"};
  int allowed = 0, denied = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<Policy> policies;
    std::vector<Rule> rules;
    for (int p = random() % 6; p >= 0; --p) {
      Policy policy = Make(random() % 2 ? Action::kAllow : Action::kDeny, {});
      for (int i = random() % 4; i > 0; --i) {
        PolicyRule rule;
        for (int k = random() % 3; k > 0; --k) {
          Source source;
          source.principals = values(kPrincipals);
          if (random() % 2) source.namespaces = values(kNamespaces);
          rule.from.push_back(source);
        }
        for (int k = random() % 3; k > 0; --k) {
          Operation operation;
          operation.methods = values(kMethods);
          operation.paths = values(kPaths);
          if (random() % 2) operation.hosts = values(kHosts);
          if (random() % 2) operation.ports = values(kPorts);
          rule.to.push_back(operation);
        }
        if (random() % 4 == 0) {
          Values v = values(kHeaders);
          if (v.in.empty()) v.in = {"*"};
          rule.when.push_back({"request.headers[X-H]", v});
        }
        policy.rules.push_back(rule);
      }
      std::vector<Rule> more = RulesOf(policy, {"td"}).value();
      for (Rule& rule : more) rules.push_back(std::move(rule));
      policies.push_back(std::move(policy));
    }
    const auto engine = Engine::Build(rules).value();
    for (int k = 0; k < 50; ++k) {
      Facts facts;
      facts.ns = pick({"a", "b", "abc", "cb", ""});
      if (!facts.ns.empty()) {
        facts.principal = absl::StrCat("spiffe://td/ns/", facts.ns, "/sa/", pick({"x", "y"}));
      }
      facts.method = pick({"GET", "POST", "PUT"});
      facts.path = pick({"/", "/a", "/a/b", "/a/b/c", "/c/b"});
      facts.host = pick({"a.com", "b.com", "a.org"});
      facts.port = pick({"80", "90", "443"});
      facts.header = pick({"1", "2", "12", ""});
      http::HeaderList headers;
      if (!facts.header.empty()) headers.Add("x-h", facts.header);
      Request r;
      r.principal = facts.principal;
      r.method = facts.method;
      r.path = facts.path;
      r.host = facts.host;
      r.destination_port = static_cast<uint16_t>(std::stoi(facts.port));
      r.headers = headers.view();

      bool deny = false, any_allow = false, allow = false;
      for (const Policy& policy : policies) {
        const bool is_allow = policy.action == Action::kAllow;
        any_allow |= is_allow;
        for (const PolicyRule& rule : policy.rules) {
          if (!RuleMatches(rule, facts, is_allow)) continue;
          (is_allow ? allow : deny) = true;
        }
      }
      const bool want = !deny && (!any_allow || allow);
      const Decision got = engine->Decide(r);
      const Explanation explained = engine->Explain(r);
      ASSERT_EQ(got.allowed, want) << explained.decision.ToString();
      ASSERT_EQ(got.rule, explained.decision.rule);
      (want ? allowed : denied) += 1;
    }
  }
  EXPECT_EQ(allowed + denied, 100000);
  EXPECT_GT(allowed, 10000);
  EXPECT_GT(denied, 10000);
}

}  // namespace
}  // namespace mesh::authz
