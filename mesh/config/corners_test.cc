// Corners of YAML in which a file says something else than its writer means, and corners of Istio's
// verdicts.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"

namespace mesh::config {
namespace {

using istio::networking::v1alpha3::Sidecar;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A Sidecar with `labels` in its selector, one a line.
std::string WithLabels(const std::string& labels) {
  return absl::StrCat(
      "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: x}\nspec:\n"
      "  egress: [{hosts: [\"*/*\"]}]\n  workloadSelector:\n    labels:\n",
      labels);
}

std::string FirstError(const std::string& yaml) {
  const ReadResult read = ReadYaml("x", yaml);
  return read.errors.empty() ? "" : read.errors[0].ToString();
}

TEST(Corners, WhatYamlTakesForSomethingElseThanAString) {
  const std::string at =
      "x:8:10: Sidecar default/x spec.workloadSelector.labels.a: a string is "
      "wanted, this is ";
  const struct {
    const char* value;
    const char* what;
  } rows[] = {
      {"y", "the boolean y"},        {"n", "the boolean n"},      {"yes", "the boolean yes"},
      {"No", "the boolean No"},      {"on", "the boolean on"},    {"OFF", "the boolean OFF"},
      {"true", "the boolean true"},  {"010", "the number 010"},   {"0o17", "the number 0o17"},
      {"0x1F", "the number 0x1F"},   {"1.10", "the number 1.10"}, {"1e3", "the number 1e3"},
      {"1_000", "the number 1_000"}, {".inf", "the number .inf"}, {"-5", "the number -5"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(FirstError(WithLabels(absl::StrCat("      a: ", row.value, "\n"))),
              absl::StrCat(at, row.what, " to YAML; put it in quotes: \"", row.value, "\""));
    // In quotes, in a block, with a tag: a string.
    for (const std::string& quoted :
         {absl::StrCat("\"", row.value, "\""), absl::StrCat("'", row.value, "'"),
          absl::StrCat("!!str ", row.value), absl::StrCat("|-\n        ", row.value)}) {
      const ReadResult read = ReadYaml("x", WithLabels(absl::StrCat("      a: ", quoted, "\n")));
      ASSERT_THAT(read.errors, IsEmpty()) << quoted;
      EXPECT_EQ(read.resources[0]->As<Sidecar>().workload_selector().labels().at("a"), row.value);
    }
  }
  // Of these YAML 1.2 and Kubernetes both make strings.
  for (const char* value : {"2020-01-31", "12:30", "1.2.3", "v1", "0b2", "yess", "nan", "+"}) {
    const ReadResult read = ReadYaml("x", WithLabels(absl::StrCat("      a: ", value, "\n")));
    ASSERT_THAT(read.errors, IsEmpty()) << value;
    EXPECT_EQ(read.resources[0]->As<Sidecar>().workload_selector().labels().at("a"), value);
  }
}

// Kubernetes makes JSON of a file first: of the key `on` it makes "true", of 010 "8".
TEST(Corners, KeysThatYamlTakesForSomethingElse) {
  for (const std::string key : {"on", "y", "No", "~", "010", "1.50", "0x10"}) {
    const std::string error = FirstError(WithLabels(absl::StrCat("      ", key, ": a\n")));
    EXPECT_NE(error.find("a string is wanted, this is "), std::string::npos) << key << error;
    EXPECT_EQ(error.substr(0, 6), "x:8:7:") << error;
    EXPECT_EQ(FirstError(WithLabels(absl::StrCat("      \"", key, "\": a\n"))), "");
  }
  for (const char* key : {"true", "8080", "app.kubernetes.io/name", "2020-01-31"}) {
    EXPECT_EQ(FirstError(WithLabels(absl::StrCat("      ", key, ": a\n"))), "");
  }
}

TEST(Corners, WhatIsMergedIsOverridden) {
  const ReadResult read = ReadYaml("x", R"(apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: x
  annotations: &low {a: low, b: low, c: low}
  labels: &high {<<: *low, a: high}
spec:
  egress: [{hosts: ["*/*"]}]
  workloadSelector:
    labels:
      d: own
      <<: [*high, {b: later, e: later}]
      a: own
)");
  ASSERT_THAT(read.errors, IsEmpty()) << read.errors[0].ToString();
  const auto& labels = read.resources[0]->As<Sidecar>().workload_selector().labels();
  EXPECT_EQ(labels.at("a"), "own") << "what is written out beats what is merged";
  EXPECT_EQ(labels.at("b"), "low") << "an earlier merge, with its own, beats a later one";
  EXPECT_EQ(labels.at("c"), "low");
  EXPECT_EQ(labels.at("e"), "later");
  EXPECT_EQ(read.resources[0]->PositionOf("spec.workloadSelector.labels.c").ToString(), "x:5:38");
}

TEST(Corners, AKeyGivenTwiceNamesBothPlaces) {
  EXPECT_EQ(
      FirstError(WithLabels("      a: b\n      c: d\n      a: e\n")),
      "x:10:7: Sidecar default/x spec.workloadSelector.labels: key \"a\" is given twice, first "
      "at line 8; keep one");
}

TEST(Corners, DocumentsEndWhereYamlEndsThem) {
  const std::string ns = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ";
  const std::string text = absl::StrCat("\xEF\xBB\xBF# a mark in front\n%YAML 1.2\n---\n", ns,
                                        "a}\n...\n", ns, "b}\n--- # a comment\n", ns,
                                        "c}\n---\n{broken\n...\n", ns, "lost}\n---\n", ns, "d}\n");
  const ReadResult read = ReadYaml("x", text);
  std::vector<std::string> names;
  for (const ResourcePtr& resource : read.resources) {
    names.push_back(absl::StrCat(resource->name(), " ", resource->position().ToString()));
  }
  EXPECT_THAT(names, ElementsAre("a x:4:1", "c x:12:1", "d x:22:1"));
  // After "..." a document begins with "---".
  ASSERT_EQ(read.errors.size(), 2u);
  EXPECT_EQ(read.errors[0].ToString(), "x:8:1: did not find expected <document start>");
  EXPECT_EQ(read.errors[1].position.line, 17);
  EXPECT_TRUE(read.incomplete);
}

std::vector<std::string> Verdict(const std::string& kind, const std::string& spec,
                                 const std::string& name = "x") {
  const ReadResult read =
      ReadYaml("x", absl::StrCat("apiVersion: networking.istio.io/v1\nkind: ", kind,
                                 "\nmetadata: {name: ", name, "}\nspec: ", spec, "\n"));
  std::vector<std::string> texts;
  for (const FieldError& error : read.errors) texts.push_back(error.field + ": " + error.message);
  if (!texts.empty()) return texts;
  for (const FieldError& error : ValidateResource(*read.resources[0])) {
    texts.push_back(error.field + ": " + error.message);
  }
  return texts;
}

TEST(Corners, VerdictsOfIstio) {
  const std::string rest = "http: [{route: [{destination: {host: a}}]}]";
  const std::string http = "port: {number: 80, name: http, protocol: HTTP}";
  const struct {
    const char* name;
    const char* kind;
    std::string spec;
    std::string error;
    const char* object = "x";
  } rows[] = {
      {"a wildcard after what it covers", "VirtualService",
       "{hosts: [a.b.com, \"*.b.com\"], " + rest + "}",
       "spec.hosts[1]: \"*.b.com\" overlaps with \"a.b.com\" of the same list; keep one"},
      {"a wildcard within a wildcard", "VirtualService",
       "{hosts: [\"*.com\", \"*.b.com\"], " + rest + "}",
       "spec.hosts[1]: \"*.b.com\" overlaps with \"*.com\" of the same list; keep one"},
      {"the same wildcard twice", "VirtualService", "{hosts: [\"*.b\", \"*.b\"], " + rest + "}",
       "spec.hosts[1]: \"*.b\" overlaps with \"*.b\" of the same list; keep one"},
      {"hosts that only look alike", "VirtualService",
       "{hosts: [ab.com, b.com, \"*-b.com\"], " + rest + "}", ""},
      {"a name of a gateway with dots", "Gateway", "{servers: [{hosts: [\"*\"], " + http + "}]}",
       "metadata.name: \"a.b\" has dots: where a gateway is named, that would be a domain name; "
       "write - instead",
       "a.b"},
      {"no endpoints, written out, beside a selector", "ServiceEntry",
       "{hosts: [a.com], workloadSelector: {labels: {a: b}}, endpoints: []}",
       "spec.endpoints: the endpoints are those of workloadSelector; give one of the two"},
      {"a port with a space in front", "Sidecar",
       "{egress: [{hosts: [\"*/*\"]}], ingress: [{port: {number: 80, protocol: HTTP, name: a}, "
       "defaultEndpoint: \"127.0.0.1: 80\"}]}",
       "spec.ingress[0].defaultEndpoint: \"127.0.0.1: 80\" is not 127.0.0.1:PORT or unix:///PATH"},
      {"a status with a tab in front", "VirtualService",
       "{hosts: [a], http: [{retries: {attempts: 1, retryOn: \"5xx,\\t503\"}, route: "
       "[{destination: {host: a}}]}]}",
       "spec.http[0].retries.retryOn: \"\t503\" is neither a condition such as 5xx, "
       "connect-failure or unavailable nor a status"},
      {"all regions that fail over", "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: \"*\", to: "
       "b}]}}}}",
       ""},
      {"all regions that take over", "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: a, to: "
       "\"*\"}]}}}}",
       "spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0]: the region that takes over "
       "is one, without *"},
      {"an enum of Envoy's", "EnvoyFilter",
       "{configPatches: [{applyTo: CLUSTER, patch: {operation: MERGE, value: {lb_policy: FAST}}}]}",
       "spec.configPatches[0].patch.value.lb_policy: \"FAST\" is no value of this field; it is one "
       "of ROUND_ROBIN, LEAST_REQUEST, RING_HASH, RANDOM, MAGLEV, CLUSTER_PROVIDED, "
       "LOAD_BALANCING_POLICY_CONFIG"},
      {"a type of nobody's", "EnvoyFilter",
       "{configPatches: [{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {typed_config: "
       "{\"@type\": bogus}}}}]}",
       "spec.configPatches[0].patch.value.typed_config: \"bogus\" is no type of Envoy's; write one "
       "such as type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const std::vector<std::string> verdict = Verdict(row.kind, row.spec, row.object);
    if (row.error.empty()) {
      EXPECT_THAT(verdict, IsEmpty());
    } else {
      EXPECT_THAT(verdict, ElementsAre(row.error));
    }
  }
}

}  // namespace
}  // namespace mesh::config
