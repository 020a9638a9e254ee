#include "mesh/translate/authorization.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/key_sets.h"
#include "mesh/translate/request_authentication.h"
#include "mesh/translate/workload_policies.h"
#include "nlohmann/json.hpp"

namespace mesh::translate {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Result {
  std::vector<json> filters;             // what is enforced
  std::vector<AuthorizationStep> steps;  // all of it
  std::vector<std::string> findings;
};

std::vector<config::ResourcePtr> ReadPolicies(const std::string& specs) {
  config::ReadResult read = config::ReadYaml("test.yaml", specs);
  for (const FieldError& error : read.errors) ADD_FAILURE() << error.ToString();
  return read.resources;
}

json ToJson(const google::protobuf::Message& message) {
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(message, &text);
  return json::parse(text);
}

// `specs` are whole policies in namespace foo.
Result Translate(const std::string& specs, bool tcp,
                 const std::vector<std::string>& trust_domains = {"cluster.local"},
                 bool positions = false) {
  const WorkloadPolicies policies(ReadPolicies(specs), "istio-system");
  istio::mesh::v1alpha1::MeshConfig mesh;
  std::vector<Finding> findings;
  Result result;
  // One provider whose service is there, one whose service is not, one that is not gRPC.
  (void)google::protobuf::util::JsonStringToMessage(
      R"({"extensionProviders":[
        {"name":"opa","envoyExtAuthzGrpc":{"service":"foo/opa.foo.svc.cluster.local","port":9000,
         "timeout":"0.500s","failOpen":true,"statusOnError":"503"}},
        {"name":"gone","envoyExtAuthzGrpc":{"service":"gone.foo.svc.cluster.local","port":9000}},
        {"name":"web","envoyExtAuthzHttp":{"service":"opa.foo.svc.cluster.local","port":80}}]})",
      &mesh);
  mesh.set_trust_domain(trust_domains[0]);
  for (size_t i = 1; i < trust_domains.size(); ++i) mesh.add_trust_domain_aliases(trust_domains[i]);
  const auto registry = registry::Registry::Build(*config::Snapshot::Of(
      ReadPolicies("apiVersion: v1\nkind: Service\nmetadata: {name: opa, namespace: foo}\n"
                   "spec: {selector: {app: opa}, ports: [{name: grpc, port: 9000}]}\n")));
  result.steps = TranslateAuthorization(policies.For("foo", {{"app", "a"}}), mesh, registry.get(),
                                        {tcp, positions}, &findings);
  for (const AuthorizationStep& step : result.steps) {
    if (step.rules.has_value()) result.filters.push_back(ToJson(*step.rules));
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
  ASSERT_EQ(both.filters.size(), 3);
  EXPECT_EQ(both.filters[0]["action"], "LOG");
  EXPECT_TRUE(both.filters[0]["policies"].contains("ns[foo]-policy[audit]-rule[0]"));
  EXPECT_EQ(both.filters[1]["action"], "DENY");
  EXPECT_TRUE(both.filters[1]["policies"].contains("ns[foo]-policy[deny]-rule[0]"));
  EXPECT_TRUE(both.filters[2]["policies"].contains("ns[foo]-policy[allow]-rule[0]"));
}

TEST(Authorization, ARulesNameSaysWhereItStandsToWhoAsks) {
  const std::string policy =
      Policy("p", "\n  rules:\n  - {}\n  - to: [{operation: {paths: [/a]}}]");
  const Result asked = Translate(policy, false, {"cluster.local"}, true);
  EXPECT_TRUE(asked.filters[0]["policies"].contains("ns[foo]-policy[p]-rule[0]@test.yaml:6:5"));
  EXPECT_TRUE(asked.filters[0]["policies"].contains("ns[foo]-policy[p]-rule[1]@test.yaml:7:5"));
  EXPECT_TRUE(Translate(policy, false).filters[0]["policies"].contains("ns[foo]-policy[p]-rule[1]"))
      << "a stock Envoy would replace its listener for a line that moves";
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
    {"orRules": {"rules": [{"header": {"name": ":authority",
      "stringMatch": {"safeRegex": {"regex": "(?i).*\\.a\\.com\\.?(:[0-9]+)?"}}}}]}},
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
    {"authenticated": {"principalName": {"safeRegex": {"regex": ".+"}}}},
    {"notId": {"orIds": {"ids": [
      {"authenticated": {"principalName": {"safeRegex": {"regex": ".*/ns/x/.*"}}}},
      {"authenticated": {"principalName": {"safeRegex": {"regex": ".*/ns/y.*/.*"}}}}]}}},
    {"orIds": {"ids": [{"directRemoteIp": {"addressPrefix": "1.2.3.4", "prefixLen": 32}},
                       {"directRemoteIp": {"addressPrefix": "5.6.0.0", "prefixLen": 16}}]}},
    {"orIds": {"ids": [{"remoteIp": {"addressPrefix": "9.0.0.0", "prefixLen": 8}}]}},
    {"orIds": {"ids": [{"header": {"name": "x-a", "presentMatch": true}}]}},
    {"notId": {"orIds": {"ids": [{"header": {"name": "x-a",
      "stringMatch": {"safeRegex": {"regex": "(.*,)?[ \t]*b[ \t]*(,.*)?"}}}}]}}}
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
      {"a token allows no TCP connection",
       "{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}",
       true,
       0,
       {}},
      {"a service account allows nobody",
       "{rules: [{from: [{source: {serviceAccounts: [a]}}]}]}",
       false,
       0,
       {"MSH0119 spec.rules[0]: serviceAccounts cannot be checked by the proxy; the rule allows "
        "nothing"}},
      {"a service account denies whatever it would be",
       "{action: DENY, rules: [{from: [{source: {serviceAccounts: [a]}}]}]}",
       false,
       1,
       {"MSH0119 spec.rules[0]: serviceAccounts cannot be checked by the proxy; the rule denies "
        "whatever it would be"}},
      {"a provider that nobody has defined denies",
       "{action: CUSTOM, provider: {name: nobody}, rules: [{}]}",
       false,
       1,
       {"MSH0118 spec.provider: no extension provider of the mesh is called \"nobody\"; what its "
        "rules match is denied"}},
      {"a provider whose service is not there denies",
       "{action: CUSTOM, provider: {name: gone}, rules: [{}]}",
       false,
       1,
       {"MSH0118 spec.provider: extension provider \"gone\": no service is called "
        "\"gone.foo.svc.cluster.local\"; what its rules match is denied"}},
      {"a provider that speaks HTTP denies",
       "{action: CUSTOM, provider: {name: web}, rules: [{}]}",
       false,
       1,
       {"MSH0118 spec.provider: extension provider \"web\" is not envoyExtAuthzGrpc, the only kind "
        "that can be asked; what its rules match is denied"}},
      {"a service is not asked about TCP connections",
       "{action: CUSTOM, provider: {name: opa}, rules: [{}]}",
       true,
       1,
       {}},
  };
  for (const Row& row : rows) {
    const Result result = Translate(Policy("p", row.spec), row.tcp);
    ASSERT_EQ(result.filters.size(), 1) << row.name;
    EXPECT_EQ(result.filters[0].value("policies", json::object()).size(), row.policies) << row.name;
    EXPECT_EQ(result.findings, row.findings) << row.name;
  }
}

TEST(Authorization, CustomAsksTheProviderWhereARuleMatches) {
  const Result result = Translate(Policy("ask",
                                         "{action: CUSTOM, provider: {name: opa}, "
                                         "rules: [{to: [{operation: {paths: ['/admin*']}}]}]}") +
                                      Policy("deny", "{action: DENY, rules: [{}]}"),
                                  false);
  EXPECT_THAT(result.findings, IsEmpty());
  ASSERT_EQ(result.steps.size(), 3);
  EXPECT_FALSE(result.steps[0].rules.has_value());
  EXPECT_EQ(result.steps[0].shadow_prefix, "istio_ext_authz_opa_");
  const json shadow = ToJson(*result.steps[0].shadow);
  EXPECT_EQ(shadow["action"], "DENY");
  EXPECT_TRUE(shadow["policies"].contains("ns[foo]-policy[ask]-rule[0]"));
  EXPECT_EQ(ToJson(*result.steps[1].service), json::parse(R"({
    "grpcService": {"envoyGrpc": {"clusterName": "outbound|9000||opa.foo.svc.cluster.local",
                                  "authority": "opa.foo.svc.cluster.local"}, "timeout": "0.500s"},
    "transportApiVersion": "V3", "failureModeAllow": true,
    "statusOnError": {"code": "ServiceUnavailable"},
    "filterEnabledMetadata": {"filter": "envoy.filters.http.rbac",
      "path": [{"key": "istio_ext_authz_opa_shadow_effective_policy_id"}],
      "value": {"stringMatch": {"prefix": "ns["}}}})"));
  EXPECT_EQ(result.steps[2].rules->action(), envoy::config::rbac::v3::RBAC::DENY);
}

TEST(Authorization, ADryRunIsJudgedBesideWhatIsEnforced) {
  const auto dry = [](const std::string& name, const std::string& spec) {
    return absl::StrCat("apiVersion: security.istio.io/v1beta1\nkind: AuthorizationPolicy\n",
                        "metadata: {name: ", name,
                        ", namespace: foo, annotations: {istio.io/dry-run: 'true'}}\nspec: ", spec,
                        "\n---\n");
  };
  const Result result = Translate(dry("never", "{action: DENY, rules: [{}]}") + dry("ever", "{}") +
                                      Policy("allow", "{rules: [{}]}"),
                                  false);
  ASSERT_EQ(result.steps.size(), 2);
  EXPECT_FALSE(result.steps[0].rules.has_value());
  EXPECT_TRUE(result.steps[0].shadow->policies().contains("ns[foo]-policy[never]-rule[0]"));
  EXPECT_EQ(result.steps[0].shadow_prefix, "istio_dry_run_deny_");
  EXPECT_TRUE(result.steps[1].rules->policies().contains("ns[foo]-policy[allow]-rule[0]"));
  EXPECT_TRUE(result.steps[1].shadow->policies().empty());
  EXPECT_EQ(result.steps[1].shadow_prefix, "istio_dry_run_allow_");
}

TEST(Authorization, LiteralsInRegexesAreQuoted) {
  const Result result =
      Translate(Policy("p",
                       "{action: DENY, rules: [{from: [{source: {namespaces: ['a.b*']}}], "
                       "when: [{key: 'request.headers[X-A]', values: ['a.b', '*(x', 'y|*']}]}]}"),
                false);
  const std::string text = result.filters[0].dump();
  for (const char* regex : {R"(.*/ns/a\\.b.*/.*)", R"((.*,)?[ \t]*a\\.b[ \t]*(,.*)?)",
                            R"(.*\\(x[ \t]*(,.*)?)", R"((.*,)?[ \t]*y\\|.*)"}) {
    EXPECT_NE(text.find(regex), std::string::npos) << regex << "\n" << text;
  }
}

TEST(RequestAuthentication, IssuersBecomeProviders) {
  const auto policies = ReadPolicies(
      "apiVersion: security.istio.io/v1beta1\nkind: RequestAuthentication\n"
      "metadata: {name: r, namespace: foo}\nspec: {jwtRules: [\n"
      "  {issuer: 'https://b', jwksUri: 'https://b/keys', fromHeaders: [{name: X-T, prefix: 'T "
      "'}],\n"
      "   fromParams: [t], forwardOriginalToken: true, outputPayloadToHeader: X-P, audiences: "
      "[z]},\n"
      "  {issuer: 'https://a', jwks: '{\"keys\":[{\"kty\":\"EC\"}]}'}]}\n");
  std::vector<Finding> findings;
  const KeySets keys = {{"https://b/keys", "{\"keys\":[1]}"}};
  const auto filter = TranslateRequestAuthentication(policies, &keys, &findings);
  ASSERT_TRUE(filter.has_value());
  EXPECT_TRUE(findings.empty());
  EXPECT_EQ(ToJson(*filter), json::parse(R"({
    "providers": {
      "origins-0": {"issuer": "https://a", "localJwks": {"inlineString": "{\"keys\":[{\"kty\":\"EC\"}]}"},
        "payloadInMetadata": "payload",
        "normalizePayloadInMetadata": {"spaceDelimitedClaims": ["scope", "permission"]}},
      "origins-1": {"issuer": "https://b", "localJwks": {"inlineString": "{\"keys\":[1]}"},
        "audiences": ["z"], "forward": true, "forwardPayloadHeader": "X-P",
        "fromHeaders": [{"name": "X-T", "valuePrefix": "T "}], "fromParams": ["t"],
        "payloadInMetadata": "payload",
        "normalizePayloadInMetadata": {"spaceDelimitedClaims": ["scope", "permission"]}}},
    "rules": [{"match": {"prefix": "/"}, "requires": {"requiresAny": {"requirements": [
      {"providerName": "origins-0"}, {"providerName": "origins-1"},
      {"requiresAll": {"requirements": [
        {"requiresAny": {"requirements": [{"providerName": "origins-0"}, {"allowMissing": {}}]}},
        {"requiresAny": {"requirements": [{"providerName": "origins-1"}, {"allowMissing": {}}]}}]}}]}}}],
    "bypassCorsPreflight": true})"));
}

TEST(RequestAuthentication, WhatIsNoKeySetRefusesItsIssuerAndNobodyElse) {
  for (const char* jwks : {"nonsense", "{}", "{\"keys\":[]}", "{\"keys\":[1]}", "{\"keys\":{}}"}) {
    const auto policies = ReadPolicies(
        absl::StrCat("apiVersion: security.istio.io/v1beta1\nkind: RequestAuthentication\n"
                     "metadata: {name: r, namespace: foo}\nspec: {jwtRules: [{issuer: i, jwks: '",
                     jwks, "'}]}\n"));
    std::vector<Finding> findings;
    const KeySets keys = {{"", "of nobody"}};
    const auto filter = TranslateRequestAuthentication(policies, &keys, &findings);
    EXPECT_EQ(filter->providers().at("origins-0").local_jwks().inline_string(), "of nobody")
        << jwks;
    ASSERT_EQ(findings.size(), 1) << jwks;
    EXPECT_EQ(findings[0].message, "is no key set: the tokens of issuer \"i\" are refused");
  }
}

TEST(RequestAuthentication, KeysThatWereNotFetchedRefuseTheIssuer) {
  const auto policies = ReadPolicies(
      "apiVersion: security.istio.io/v1beta1\nkind: RequestAuthentication\n"
      "metadata: {name: r, namespace: foo}\nspec: {jwtRules: [{issuer: 'https://a/'}]}\n");
  std::vector<Finding> findings;
  const auto filter = TranslateRequestAuthentication(policies, nullptr, &findings);
  EXPECT_TRUE(findings.empty());  // nobody has tried
  const KeySets none;
  (void)TranslateRequestAuthentication(policies, &none, &findings);
  EXPECT_EQ(filter->providers().at("origins-0").local_jwks().inline_string(), "{\"keys\":[]}");
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].ToString(),
            "test.yaml:4:19: RequestAuthentication foo/r spec.jwtRules[0]: the keys of issuer "
            "\"https://a/\" have not been fetched from "
            "https://a/.well-known/openid-configuration: its tokens are refused");
  EXPECT_THAT(KeySetUris(*config::Snapshot::Of(policies)),
              ElementsAre("https://a/.well-known/openid-configuration"));
}

}  // namespace
}  // namespace mesh::translate
