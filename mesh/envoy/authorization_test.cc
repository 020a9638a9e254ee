#include "mesh/envoy/authorization.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "mesh/authz/engine.h"
#include "mesh/http/headers.h"

namespace mesh::envoy {
namespace {

using authz::Request;
using ::testing::HasSubstr;

template <class Proto>
google::protobuf::Any AnyOf(const std::string& json) {
  Proto proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << json;
  google::protobuf::Any any;
  any.PackFrom(proto);
  return any;
}
using HttpRbac = ::envoy::extensions::filters::http::rbac::v3::RBAC;
using NetworkRbac = ::envoy::extensions::filters::network::rbac::v3::RBAC;
using Jwt = ::envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication;
using ExtAuthz = ::envoy::extensions::filters::http::ext_authz::v3::ExtAuthz;

// A filter with one policy "p".
std::string OnePolicy(const std::string& permission, const std::string& principal,
                      const std::string& action = "ALLOW") {
  return absl::StrCat(R"({"rules":{"action":")", action, R"(","policies":{"p":{"permissions":[)",
                      permission, R"(],"principals":[)", principal, "]}}}}");
}

RbacFilter Load(const std::string& json) {
  absl::StatusOr<RbacFilter> filter = LoadRbacFilter(AnyOf<HttpRbac>(json));
  EXPECT_TRUE(filter.ok()) << filter.status() << "\n" << json;
  return filter.ok() ? *std::move(filter) : RbacFilter();
}

std::string WhatIsWrong(const std::string& json) {
  const absl::StatusOr<RbacFilter> filter = LoadRbacFilter(AnyOf<HttpRbac>(json));
  return filter.ok() ? "nothing" : std::string(filter.status().message());
}

constexpr char kAny[] = R"({"any":true})";

TEST(LoadRbacFilter, EveryConditionThatIsDone) {
  http::HeaderList headers = {{"x-a", "1"}, {"x-a", "2"}};
  Request request;
  request.principal = "spiffe://cluster.local/ns/foo/sa/web";
  request.source_ip = "10.0.0.7";
  request.remote_ip = "192.0.2.1";
  request.destination_ip = "10.0.0.1";
  request.destination_port = 8080;
  request.server_name = "a.example";
  request.method = "GET";
  request.host = "a.example:8080";
  request.path = "/api/x?y";
  request.headers = headers.view();

  const struct {
    const char* permission;
    const char* principal;
    bool want;
  } kRows[] = {
      {R"({"header":{"name":":method","string_match":{"exact":"GET"}}})", kAny, true},
      {R"({"header":{"name":":method","string_match":{"exact":"POST"}}})", kAny, false},
      {R"({"header":{"name":":authority","string_match":{"exact":"A.EXAMPLE:8080","ignore_case":true}}})",
       kAny, true},
      {R"({"header":{"name":":authority","string_match":{"prefix":"a.example:"}}})", kAny, true},
      {R"({"header":{"name":":authority","string_match":{"prefix":"b.example:"}}})", kAny, false},
      {R"({"header":{"name":"x-a","string_match":{"exact":"2"}}})", kAny, true},
      {R"({"header":{"name":"x-a","string_match":{"exact":"1,2"}}})", kAny, false},
      {R"({"header":{"name":"x-b","present_match":true}})", kAny, false},
      {R"({"header":{"name":"x-b","present_match":false}})", kAny, true},
      {R"({"url_path":{"path":{"prefix":"/api/"}}})", kAny, true},
      {R"({"url_path":{"path":{"exact":"/api/x"}}})", kAny, true},
      {R"({"destination_ip":{"address_prefix":"10.0.0.0","prefix_len":24}})", kAny, true},
      {R"({"destination_port":8080})", kAny, true},
      {R"({"destination_port_range":{"start":8000,"end":8080}})", kAny, false},
      {R"({"destination_port_range":{"start":8000,"end":8081}})", kAny, true},
      {R"({"requested_server_name":{"suffix":".example"}})", kAny, true},
      {R"({"not_rule":{"destination_port":8080}})", kAny, false},
      {R"({"and_rules":{"rules":[{"any":true},{"destination_port":1}]}})", kAny, false},
      {R"({"or_rules":{"rules":[{"any":true},{"destination_port":1}]}})", kAny, true},
      {kAny,
       R"({"authenticated":{"principal_name":{"exact":"spiffe://cluster.local/ns/foo/sa/web"}}})",
       true},
      {kAny, R"({"authenticated":{"principal_name":{"safe_regex":{"regex":".*/ns/foo/.*"}}}})",
       true},
      {kAny, R"({"authenticated":{"principal_name":{"safe_regex":{"regex":".*/ns/fo/.*"}}}})",
       false},
      {kAny, R"({"authenticated":{"principal_name":{"safe_regex":{"regex":".*/ns/f.*/.*"}}}})",
       true},
      {kAny, R"({"direct_remote_ip":{"address_prefix":"10.0.0.7","prefix_len":32}})", true},
      {kAny, R"({"remote_ip":{"address_prefix":"192.0.2.0","prefix_len":24}})", true},
      {kAny, R"({"not_id":{"remote_ip":{"address_prefix":"192.0.2.0","prefix_len":24}}})", false},
      {kAny, R"({"header":{"name":"x-a","string_match":{"suffix":"1"}}})", true},
      {kAny, R"({"and_ids":{"ids":[{"any":true},{"header":{"name":"x-a","present_match":true}}]}})",
       true},
      {kAny, R"({"or_ids":{"ids":[{"header":{"name":"x-c","present_match":true}}]}})", false},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(absl::StrCat(row.permission, " ", row.principal));
    const RbacFilter allow = Load(OnePolicy(row.permission, row.principal));
    const authz::Decision allowed = allow.rules->Decide(request);
    EXPECT_EQ(allowed.allowed, row.want);
    EXPECT_EQ(DecidingPolicy(allowed), row.want ? "p" : "none");
    const RbacFilter deny = Load(OnePolicy(row.permission, row.principal, "DENY"));
    EXPECT_EQ(deny.rules->Decide(request).allowed, !row.want);
    const RbacFilter log = Load(OnePolicy(row.permission, row.principal, "LOG"));
    EXPECT_TRUE(log.rules->Decide(request).allowed);
    EXPECT_EQ(log.rules->Decide(request).audit != nullptr, row.want);
  }
}

TEST(LoadRbacFilter, MetadataOfAnEarlierFilter) {
  class Facts final : public route::Facts {
   public:
    const route::Value* Metadata(std::string_view filter) const override {
      return filter == "f" ? &value : nullptr;
    }
    route::Value value;
  } facts;
  facts.value.value = route::Value::Struct{{"text", {std::string("a")}},
                                           {"list", {route::Value::List{{std::string("a")}}}}};
  Request request;
  request.path = "/";
  request.facts = &facts;
  const auto allowed = [&](const char* key, const char* value) {
    const std::string metadata =
        absl::StrCat(R"({"filter":"f","path":[{"key":")", key, R"("}],"value":)", value, "}");
    const RbacFilter old = Load(OnePolicy(kAny, absl::StrCat(R"({"metadata":)", metadata, "}")));
    const RbacFilter sourced = Load(OnePolicy(
        kAny, absl::StrCat(R"({"sourced_metadata":{"metadata_matcher":)", metadata, "}}")));
    const bool result = old.rules->Decide(request).allowed;
    EXPECT_EQ(sourced.rules->Decide(request).allowed, result);
    return result;
  };
  const char kText[] = R"({"string_match":{"exact":"a"}})";
  const char kEntry[] = R"({"list_match":{"one_of":{"string_match":{"exact":"a"}}}})";
  const std::string both =
      absl::StrCat(R"({"or_match":{"value_matchers":[)", kText, ",", kEntry, "]}}");
  EXPECT_TRUE(allowed("text", kText));
  EXPECT_FALSE(allowed("text", kEntry));
  EXPECT_FALSE(allowed("list", kText));
  EXPECT_TRUE(allowed("list", kEntry));
  EXPECT_TRUE(allowed("text", both.c_str()));
  EXPECT_TRUE(allowed("list", both.c_str()));
  EXPECT_FALSE(allowed("none", both.c_str()));
}

TEST(LoadRbacFilter, RulesThatAllowNothingAndNoRules) {
  Request request;
  request.path = "/";
  EXPECT_FALSE(Load(R"({"rules":{}})").rules->Decide(request).allowed);
  EXPECT_TRUE(Load(R"({"rules":{"action":"DENY"}})").rules->Decide(request).allowed);
  EXPECT_EQ(Load("{}").rules, nullptr);
  const RbacFilter shadow = Load(R"({"shadow_rules":{},"shadow_rules_stat_prefix":"s_"})");
  EXPECT_EQ(shadow.rules, nullptr);
  EXPECT_FALSE(shadow.shadow->Decide(request).allowed);
  EXPECT_EQ(shadow.shadow_prefix, "s_");
}

TEST(LoadRbacFilter, NamesWhatIsNotDone) {
  EXPECT_EQ(WhatIsWrong(R"({"matcher":{}})"), "matcher: not supported");
  EXPECT_EQ(WhatIsWrong(OnePolicy(kAny, R"({"authenticated":{}})")),
            "rules.policies[\"p\"].principals[0].authenticated.principal_name: missing: any "
            "certificate is not supported");
  EXPECT_EQ(WhatIsWrong(OnePolicy(kAny, R"({"and_ids":{"ids":[{"filter_state":{"key":"a"}}]}})")),
            "rules.policies[\"p\"].principals[0].and_ids.ids[0].filter_state: not supported");
  EXPECT_EQ(WhatIsWrong(OnePolicy("{}", kAny)), "rules.policies[\"p\"].permissions[0]: missing");
  EXPECT_EQ(WhatIsWrong(OnePolicy(
                R"({"header":{"name":"a","range_match":{"start":"1","end":"2"}}})", kAny)),
            "rules.policies[\"p\"].permissions[0].header.range_match: not supported");
  EXPECT_THAT(WhatIsWrong(OnePolicy(R"({"url_path":{"path":{"safe_regex":{"regex":"("}}}})", kAny)),
              HasSubstr("missing )"));
  EXPECT_THAT(WhatIsWrong(R"({"rules":{"policies":{"p":{"permissions":[{"any":true}]}}}})"),
              HasSubstr("rules.policies[\"p\"].principals: missing"));
}

TEST(LoadRbacNetworkFilter, JudgesConnections) {
  const auto filter = LoadRbacNetworkFilter(AnyOf<NetworkRbac>(
      R"({"stat_prefix":"tcp.","rules":{"policies":{"p":{"permissions":[{"destination_port":80}],
          "principals":[{"any":true}]}}}})"));
  ASSERT_TRUE(filter.ok()) << filter.status();
  Request connection;
  connection.http = false;
  connection.destination_port = 80;
  EXPECT_TRUE(filter->rules->Decide(connection).allowed);
  connection.destination_port = 81;
  EXPECT_FALSE(filter->rules->Decide(connection).allowed);
  EXPECT_EQ(LoadRbacNetworkFilter(AnyOf<NetworkRbac>("{}")).status().message(),
            "stat_prefix: missing");
}

TEST(LoadJwtFilter, ProvidersAndRequirements) {
  const auto filter = LoadJwtFilter(AnyOf<Jwt>(R"({
    "providers":{"a":{"issuer":"https://a","local_jwks":{"inline_string":"{\"keys\":[]}"},
      "from_headers":[{"name":"X-Token","value_prefix":"T "}],"from_params":["t"],
      "forward_payload_header":"X-Claims","payload_in_metadata":"payload","forward":true,
      "normalize_payload_in_metadata":{"space_delimited_claims":["scope"]}}},
    "rules":[{"match":{"path":"/health"}},
             {"match":{"prefix":"/"},"requires":{"requires_any":{"requirements":[
                {"provider_name":"a"},{"allow_missing":{}}]}}}],
    "bypass_cors_preflight":true})"));
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_TRUE(filter->bypass_cors_preflight);
  const authz::TokenProvider& provider = filter->tokens->providers().at(0);
  EXPECT_EQ(provider.rule.issuer, "https://a");
  EXPECT_EQ(provider.rule.from_headers.at(0).name, "X-Token");
  EXPECT_TRUE(provider.rule.forward_original_token);
  EXPECT_EQ(provider.payload_key, "payload");
  EXPECT_EQ(provider.word_claims.at(0), "scope");
  const http::HeaderList none, bad = {{"x-token", "T a.b.c"}};
  EXPECT_TRUE(filter->tokens->Check(none.view(), "/", absl::Now()).allowed);
  EXPECT_FALSE(filter->tokens->Check(bad.view(), "/", absl::Now()).allowed);
  EXPECT_TRUE(filter->tokens->Check(bad.view(), "/health", absl::Now()).allowed);
}

TEST(LoadJwtFilter, NamesWhatIsNotDone) {
  const auto wrong = [](const std::string& json) {
    const auto filter = LoadJwtFilter(AnyOf<Jwt>(json));
    return filter.ok() ? "nothing" : std::string(filter.status().message());
  };
  EXPECT_EQ(wrong(R"({"providers":{"a":{"issuer":"a","remote_jwks":{"http_uri":{"uri":"x"}}}}})"),
            "providers[\"a\"].remote_jwks: not supported\n"
            "providers[\"a\"].local_jwks: missing: keys are not fetched here");
  EXPECT_EQ(wrong(R"({"rules":[{"match":{"prefix":"/"},"requires":{"provider_name":"b"}}]})"),
            "rules[0].requires.provider_name: no provider \"b\"");
  EXPECT_EQ(wrong(R"({"rules":[{"match":{"safe_regex":{"regex":"/"}}}]})"),
            "rules[0].match.safe_regex: not supported\n"
            "rules[0].match: only prefix and path are supported");
  EXPECT_EQ(wrong(R"({"rules":[{"match":{"prefix":"/"},"requirement_name":"r"}]})"),
            "rules[0].requirement_name: no requirement \"r\"");
}

TEST(LoadExtAuthzFilter, WhomToAskAndWhatIsNotDone) {
  const auto filter = LoadExtAuthzFilter(AnyOf<ExtAuthz>(R"({
    "grpc_service":{"envoy_grpc":{"cluster_name":"c"},"timeout":"0.600s"},
    "transport_api_version":"V3","failure_mode_allow":true,"status_on_error":{"code":"BadGateway"},
    "filter_enabled_metadata":{"filter":"envoy.filters.http.rbac","path":[{"key":"k"}],
       "value":{"string_match":{"prefix":"ext"}}}})"));
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ(filter->cluster, "c");
  EXPECT_EQ(filter->timeout, absl::Milliseconds(600));
  EXPECT_TRUE(filter->failure_mode_allow);
  EXPECT_EQ(filter->status_on_error, 502);
  ASSERT_NE(filter->only, nullptr);
  EXPECT_EQ(
      LoadExtAuthzFilter(
          AnyOf<ExtAuthz>(R"({"http_service":{},"with_request_body":{"max_request_bytes":1}})"))
          .status()
          .message(),
      "http_service: not supported\nwith_request_body: not supported\n"
      "transport_api_version: must be V3\n"
      "grpc_service.envoy_grpc.cluster_name: missing");
}

}  // namespace
}  // namespace mesh::envoy
