#include "mesh/translate/authorization.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"
#include "nlohmann/json.hpp"

namespace mesh::translate {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Result {
  std::vector<json> filters;
  std::vector<std::string> findings;
};

std::vector<config::ResourcePtr> ReadPolicies(const std::string& specs) {
  config::ReadResult read = config::ReadYaml("test.yaml", specs);
  for (const FieldError& error : read.errors) ADD_FAILURE() << error.ToString();
  return read.resources;
}

// `specs` are whole policies in namespace foo.
Result Translate(const std::string& specs, bool tcp,
                 const std::vector<std::string>& trust_domains = {"cluster.local"}) {
  const AuthorizationPolicies policies(ReadPolicies(specs), "istio-system");
  istio::mesh::v1alpha1::MeshConfig mesh;
  mesh.set_trust_domain(trust_domains[0]);
  for (size_t i = 1; i < trust_domains.size(); ++i) mesh.add_trust_domain_aliases(trust_domains[i]);
  std::vector<Finding> findings;
  Result result;
  for (const auto& rbac :
       TranslateAuthorization(policies.For("foo", {{"app", "a"}}), mesh, tcp, &findings)) {
    std::string text;
    (void)google::protobuf::util::MessageToJsonString(rbac, &text);
    result.filters.push_back(json::parse(text));
  }
  for (const Finding& finding : findings) {
    result.findings.push_back(
        absl::StrCat(finding.code, " ", finding.origin.field, ": ", finding.message));
  }
  return result;
}

std::string Policy(const std::string& name, const std::string& spec,
                   const std::string& ns = "foo") {
  return absl::StrCat("apiVersion: security.istio.io/v1beta1\nkind: AuthorizationPolicy\n",
                      "metadata: {name: ", name, ", namespace: ", ns, "}\nspec: ", spec, "\n---\n");
}

TEST(Authorization, WithoutPoliciesNobodyIsAsked) {
  EXPECT_THAT(Translate("", false).filters, IsEmpty());
}

TEST(Authorization, AnEmptySpecAllowsNobodyAndAnEmptyRuleEverybody) {
  const Result none = Translate(Policy("p", "{}"), false);
  ASSERT_EQ(none.filters.size(), 1);
  EXPECT_EQ(none.filters[0], json::object());  // ALLOW, and no policy
  const Result all = Translate(Policy("p", "{rules: [{}]}"), false);
  EXPECT_EQ(all.filters[0]["policies"]["ns[foo]-policy[p]-rule[0]"],
            json::parse(R"({"permissions": [{"andRules": {"rules": [{"any": true}]}}],
                            "principals": [{"andIds": {"ids": [{"any": true}]}}]})"));
}

TEST(Authorization, DenyIsAskedBeforeAllow) {
  const Result both = Translate(
      Policy("allow", "{rules: [{}]}") + Policy("deny", "{action: DENY, rules: [{}]}") +
          Policy("none", "{action: DENY}") + Policy("audit", "{action: AUDIT, rules: [{}]}"),
      false);
  ASSERT_EQ(both.filters.size(), 2);
  EXPECT_EQ(both.filters[0]["action"], "DENY");
  EXPECT_TRUE(both.filters[0]["policies"].contains("ns[foo]-policy[deny]-rule[0]"));
  EXPECT_TRUE(both.filters[1]["policies"].contains("ns[foo]-policy[allow]-rule[0]"));
}

TEST(Authorization, PoliciesOfTheRootNamespaceAndOfTheWorkload) {
  const Result result =
      Translate(Policy("root", "{rules: [{}]}", "istio-system") +
                    Policy("mine", "{selector: {matchLabels: {app: a}}, rules: [{}]}") +
                    Policy("other", "{selector: {matchLabels: {app: b}}, rules: [{}]}") +
                    Policy("elsewhere", "{rules: [{}]}", "bar"),
                false);
  std::vector<std::string> names;
  for (const auto& [name, policy] : result.filters[0]["policies"].items()) names.push_back(name);
  EXPECT_THAT(names,
              ElementsAre("ns[foo]-policy[mine]-rule[0]", "ns[istio-system]-policy[root]-rule[0]"));
}

TEST(Authorization, EveryFieldThatTheProxyCanSee) {
  const Result result = Translate(Policy("p", R"(
  rules:
  - from:
    - source:
        principals: [td/ns/a/sa/b, 'td/*', '*/b', '*']
        notNamespaces: [x, 'y*']
        ipBlocks: [1.2.3.4, 5.6.0.0/16]
        remoteIpBlocks: [9.0.0.0/8]
    to:
    - operation: {hosts: ['*.a.com'], methods: [GET], paths: [/x*, '*'], notPorts: ['80']}
    when:
    - {key: 'request.headers[x-a]', values: ['*'], notValues: [b]}
    - {key: destination.ip, values: [10.0.0.0/8]}
    - {key: destination.port, values: ['81']}
    - {key: connection.sni, values: [a.com]}
    - {key: 'experimental.envoy.filters.a.b[c]', values: ['[d]']})"),
                                  false);
  EXPECT_THAT(result.findings, IsEmpty());
  const json policy = result.filters[0]["policies"]["ns[foo]-policy[p]-rule[0]"];
  EXPECT_EQ(policy["permissions"], json::parse(R"([{"andRules": {"rules": [
    {"orRules": {"rules": [{"header": {"name": ":authority", "stringMatch": {"suffix": ".a.com"}}}]}},
    {"orRules": {"rules": [{"header": {"name": ":method", "stringMatch": {"exact": "GET"}}}]}},
    {"orRules": {"rules": [{"urlPath": {"path": {"prefix": "/x"}}},
                           {"urlPath": {"path": {"safeRegex": {"regex": ".+"}}}}]}},
    {"notRule": {"orRules": {"rules": [{"destinationPort": 80}]}}},
    {"orRules": {"rules": [{"destinationIp": {"addressPrefix": "10.0.0.0", "prefixLen": 8}}]}},
    {"orRules": {"rules": [{"destinationPort": 81}]}},
    {"orRules": {"rules": [{"requestedServerName": {"exact": "a.com"}}]}},
    {"orRules": {"rules": [{"metadata": {"filter": "envoy.filters.a.b", "path": [{"key": "c"}],
      "value": {"listMatch": {"oneOf": {"stringMatch": {"exact": "d"}}}}}}]}}]}}])"));
  EXPECT_EQ(policy["principals"], json::parse(R"([{"andIds": {"ids": [
    {"orIds": {"ids": [
      {"authenticated": {"principalName": {"exact": "spiffe://td/ns/a/sa/b"}}},
      {"authenticated": {"principalName": {"prefix": "spiffe://td/"}}},
      {"authenticated": {"principalName": {"suffix": "/b"}}},
      {"authenticated": {"principalName": {"safeRegex": {"regex": ".+"}}}}]}},
    {"notId": {"orIds": {"ids": [
      {"authenticated": {"principalName": {"safeRegex": {"regex": ".*/ns/x/.*"}}}},
      {"authenticated": {"principalName": {"safeRegex": {"regex": ".*/ns/y.*/.*"}}}}]}}},
    {"orIds": {"ids": [{"directRemoteIp": {"addressPrefix": "1.2.3.4", "prefixLen": 32}},
                       {"directRemoteIp": {"addressPrefix": "5.6.0.0", "prefixLen": 16}}]}},
    {"orIds": {"ids": [{"remoteIp": {"addressPrefix": "9.0.0.0", "prefixLen": 8}}]}},
    {"orIds": {"ids": [{"header": {"name": "x-a", "presentMatch": true}}]}},
    {"notId": {"orIds": {"ids": [{"header": {"name": "x-a", "stringMatch": {"exact": "b"}}}]}}}
    ]}}])"));
}

TEST(Authorization, AnIdentityStandsForThoseOfAliases) {
  const Result result =
      Translate(Policy("p",
                       "{rules: [{from: [{source: {principals: ['cluster.local/ns/a/sa/b', "
                       "'*-td/ns/a/sa/c', other/ns/a/sa/d]}}]}]}"),
                false, {"new-td", "old-td", "third"});
  std::vector<std::string> names;
  const json policy = result.filters[0]["policies"]["ns[foo]-policy[p]-rule[0]"];
  for (const json& id : policy["principals"][0]["andIds"]["ids"][0]["orIds"]["ids"]) {
    const json& name = id["authenticated"]["principalName"];
    names.push_back(name.contains("exact") ? name["exact"] : name["suffix"]);
  }
  EXPECT_THAT(names, ElementsAre("spiffe://new-td/ns/a/sa/b", "spiffe://old-td/ns/a/sa/b",
                                 "spiffe://third/ns/a/sa/b", "-td/ns/a/sa/c",
                                 "spiffe://third/ns/a/sa/c", "spiffe://other/ns/a/sa/d"));
}

TEST(Authorization, WhatCannotBeSeenFailsClosed) {
  struct Row {
    const char* name;
    const char* spec;
    bool tcp;
    int policies;  // that are left
    std::vector<std::string> findings;
  };
  const Row rows[] = {
      {"HTTP's fields allow no TCP connection",
       "{rules: [{to: [{operation: {methods: [GET]}}]}]}",
       true,
       0,
       {}},
      {"HTTP's fields deny every TCP connection",
       "{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}",
       true,
       1,
       {}},
      {"ports are seen either way", "{rules: [{to: [{operation: {ports: ['80']}}]}]}", true, 1, {}},
      {"a token allows nobody",
       "{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}",
       false,
       0,
       {"MSH0119 spec.rules[0]: requestPrincipals cannot be checked by the proxy; the rule allows "
        "nothing"}},
      {"a claim denies whatever it would be",
       "{action: DENY, rules: [{when: [{key: 'request.auth.claims[iss]', values: [a]}]}]}",
       false,
       1,
       {"MSH0119 spec.rules[0]: request.auth.claims[iss] cannot be checked by the proxy; the rule "
        "denies whatever it would be"}},
  };
  for (const Row& row : rows) {
    const Result result = Translate(Policy("p", row.spec), row.tcp);
    ASSERT_EQ(result.filters.size(), 1) << row.name;
    EXPECT_EQ(result.filters[0].value("policies", json::object()).size(), row.policies) << row.name;
    EXPECT_EQ(result.findings, row.findings) << row.name;
  }
}

}  // namespace
}  // namespace mesh::translate
