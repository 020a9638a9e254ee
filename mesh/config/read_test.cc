#include "mesh/config/read.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/envoy_filter.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "api/security/v1beta1/peer_authentication.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/mesh_config.h"

namespace mesh::config {
namespace {

using istio::networking::v1alpha3::DestinationRule;
using istio::networking::v1alpha3::VirtualService;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Texts(const std::vector<FieldError>& errors) {
  std::vector<std::string> texts;
  for (const FieldError& error : errors) texts.push_back(error.ToString());
  return texts;
}

std::vector<std::string> Names(const ReadResult& read) {
  std::vector<std::string> names;
  for (const ResourcePtr& resource : read.resources) names.push_back(resource->ObjectName());
  return names;
}

constexpr char kBookinfo[] = R"(apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: bookinfo
  labels:
    app.kubernetes.io/name: bookinfo
spec:
  hosts:
  - "*"
  http:
  - match:
    - uri:
        exact: /productpage
    - uri:
        prefix: /static
      headers:
        end-user:
          exact: jason
    route:
    - destination:
        host: productpage
        port:
          number: 9080
      weight: 100
    timeout: 1m30.5s
)";

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ReadYaml, FillsTheTypedMessage) {
  const ReadResult read = ReadYaml("bookinfo.yaml", kBookinfo);
  ASSERT_THAT(Texts(read.errors), IsEmpty());
  ASSERT_EQ(read.resources.size(), 1);
  const Resource& resource = *read.resources[0];
  EXPECT_EQ(resource.kind(), Kind::kVirtualService);
  EXPECT_EQ(resource.api_version(), "networking.istio.io/v1alpha3");
  EXPECT_EQ(resource.ObjectName(), "VirtualService default/bookinfo");
  EXPECT_EQ(resource.metadata().labels.at("app.kubernetes.io/name"), "bookinfo");
  const VirtualService& spec = resource.As<VirtualService>();
  EXPECT_EQ(spec.hosts(0), "*");
  EXPECT_EQ(spec.http(0).match(1).headers().at("end-user").exact(), "jason");
  EXPECT_EQ(spec.http(0).route(0).destination().port().number(), 9080);
  EXPECT_EQ(spec.http(0).timeout().seconds(), 90);
  EXPECT_EQ(spec.http(0).timeout().nanos(), 500000000);
}

TEST(ReadYaml, KnowsThePlaceOfEveryField) {
  const ReadResult read = ReadYaml("bookinfo.yaml", kBookinfo);
  ASSERT_EQ(read.resources.size(), 1);
  struct Row {
    const char* path;
    const char* position;
  };
  const Row rows[] = {
      {"", "bookinfo.yaml:1:1"},
      {"kind", "bookinfo.yaml:2:1"},
      {"metadata.name", "bookinfo.yaml:4:3"},
      {"metadata.labels[\"app.kubernetes.io/name\"]", "bookinfo.yaml:6:5"},
      {"spec", "bookinfo.yaml:7:1"},
      {"spec.hosts[0]", "bookinfo.yaml:9:5"},
      {"spec.http[0]", "bookinfo.yaml:11:5"},
      {"spec.http[0].match[1]", "bookinfo.yaml:14:7"},
      {"spec.http[0].match[1].uri.prefix", "bookinfo.yaml:15:9"},
      {"spec.http[0].match[1].headers.end-user.exact", "bookinfo.yaml:18:11"},
      {"spec.http[0].route[0].destination.port.number", "bookinfo.yaml:23:11"},
      {"spec.http[0].timeout", "bookinfo.yaml:25:5"},
      // The nearest ancestor of what is not there.
      {"spec.http[0].match[1].method.exact", "bookinfo.yaml:14:7"},
      {"spec.http[7].route", "bookinfo.yaml:10:3"},
      {"nothing.like.it", "bookinfo.yaml:1:1"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(read.resources[0]->PositionOf(row.path).ToString(), row.position) << row.path;
  }
}

struct ErrorRow {
  const char* name;
  const char* from;
  const char* to;
  std::vector<std::string> errors;
};

TEST(ReadYaml, SaysWhereWhatAndWhatToWrite) {
  const std::string object = ": VirtualService default/bookinfo ";
  const ErrorRow rows[] = {
      {"a field is misspelt",
       "prefix: /static",
       "prefx: /static",
       {"bookinfo.yaml:15:9" + object +
        "spec.http[0].match[1].uri: unknown field \"prefx\", did you mean \"prefix\"?"}},
      {"a field is like no other",
       "prefix: /static",
       "equals: /static",
       {"bookinfo.yaml:15:9" + object +
        "spec.http[0].match[1].uri: unknown field \"equals\"; there is exact, prefix, regex"}},
      {"spec is misspelt",
       "spec:",
       "sepc:",
       {"bookinfo.yaml:7:1: VirtualService default/bookinfo: unknown field \"sepc\", did you mean "
        "\"spec\"?"}},
      {"y is a boolean",
       "exact: jason",
       "exact: y",
       {"bookinfo.yaml:18:18" + object +
        "spec.http[0].match[1].headers.end-user.exact: a string is wanted, this is the boolean y "
        "to YAML; put it in quotes: \"y\""}},
      {"on is a boolean",
       "host: productpage",
       "host: on",
       {"bookinfo.yaml:21:15" + object +
        "spec.http[0].route[0].destination.host: a string is wanted, this is the boolean on to "
        "YAML; put it in quotes: \"on\""}},
      {"a number where a string is meant",
       "exact: jason",
       "exact: 42",
       {"bookinfo.yaml:18:18" + object +
        "spec.http[0].match[1].headers.end-user.exact: a string is wanted, this is the number 42 "
        "to YAML; put it in quotes: \"42\""}},
      {"a number in quotes",
       "number: 9080",
       "number: \"9080\"",
       {"bookinfo.yaml:23:19" + object +
        "spec.http[0].route[0].destination.port.number: a whole number, not below 0 is wanted, "
        "this is the string \"9080\"; leave the quotes out: 9080"}},
      {"a number that is not whole",
       "number: 9080",
       "number: 0.5",
       {"bookinfo.yaml:23:19" + object +
        "spec.http[0].route[0].destination.port.number: a whole number, not below 0 is wanted, "
        "this is the number 0.5"}},
      {"a negative port",
       "number: 9080",
       "number: -1",
       {"bookinfo.yaml:23:19" + object +
        "spec.http[0].route[0].destination.port.number: -1 is out of range: 0 to 4294967295"}},
      {"a duration without a unit",
       "timeout: 1m30.5s",
       "timeout: 5",
       {"bookinfo.yaml:25:14" + object +
        "spec.http[0].timeout: a duration is wanted, this is the number 5; give it a unit: 5s"}},
      {"a duration with a unit that there is not",
       "timeout: 1m30.5s",
       "timeout: 5sec",
       {"bookinfo.yaml:25:14" + object +
        "spec.http[0].timeout: \"5sec\" is not a duration: \"sec\" is no unit of time; write one "
        "such as 1.5s, 300ms or 1h30m"}},
      {"one value where a list is wanted",
       "hosts:\n  - \"*\"",
       "hosts: \"*\"",
       {"bookinfo.yaml:8:10" + object +
        "spec.hosts: a list is wanted, this is the string \"*\"; begin each item with \"- \""}},
      {"a list where one value is wanted",
       "host: productpage",
       "host: [productpage]",
       {"bookinfo.yaml:21:15" + object +
        "spec.http[0].route[0].destination.host: a string is wanted, this is a list"}},
      {"a string where a mapping is wanted",
       "uri:\n        prefix: /static",
       "uri: /static",
       {"bookinfo.yaml:14:12" + object +
        "spec.http[0].match[1].uri: a mapping is wanted, this is the string \"/static\""}},
      {"a key given twice",
       "weight: 100",
       "weight: 90\n      weight: 10",
       {"bookinfo.yaml:25:7" + object +
        "spec.http[0].route[0]: key \"weight\" is given twice, first at line 24; keep one"}},
      {"a key of a map given twice",
       "end-user:\n          exact: jason",
       "end-user:\n          exact: jason\n        end-user:\n          exact: joe",
       {"bookinfo.yaml:19:9" + object +
        "spec.http[0].match[1].headers: key \"end-user\" is given twice, first at line 17; keep "
        "one"}},
      {"both spellings of one field",
       "    timeout: 1m30.5s",
       "    corsPolicy: {}\n    cors_policy: {}",
       {"bookinfo.yaml:26:5" + object +
        "spec.http[0]: \"cors_policy\" and \"corsPolicy\" are the same field; keep one"}},
      {"two of what excludes each other",
       "prefix: /static",
       "prefix: /static\n        regex: /s.*",
       {"bookinfo.yaml:16:9" + object +
        "spec.http[0].match[1].uri: only one of prefix and regex may be given"}},
      {"the name is missing",
       "  name: bookinfo\n",
       "",
       {"bookinfo.yaml:3:1: VirtualService metadata: name is missing"}},
      {"a version that there is not",
       "v1alpha3",
       "v1alpha9",
       {"bookinfo.yaml:1:13" + object +
        "apiVersion: \"networking.istio.io/v1alpha9\" is no version of VirtualService; there is "
        "networking.istio.io/v1alpha3, networking.istio.io/v1beta1, networking.istio.io/v1"}},
      {"several errors at once",
       "host: productpage\n        port:\n          number: 9080",
       "hots: productpage\n        port:\n          number: x",
       {"bookinfo.yaml:21:9" + object +
            "spec.http[0].route[0].destination: unknown field \"hots\", did you mean \"host\"?",
        "bookinfo.yaml:23:19" + object +
            "spec.http[0].route[0].destination.port.number: a whole number, not below 0 is "
            "wanted, this is the string \"x\""}},
  };
  for (const ErrorRow& row : rows) {
    SCOPED_TRACE(row.name);
    const ReadResult read = ReadYaml("bookinfo.yaml", Replaced(kBookinfo, row.from, row.to));
    EXPECT_EQ(Texts(read.errors), row.errors);
    EXPECT_THAT(read.resources, IsEmpty());
    EXPECT_FALSE(read.incomplete);
    ASSERT_EQ(read.objects.size(), 1);
    EXPECT_EQ(read.objects[0].kind, "VirtualService");
  }
}

TEST(ReadYaml, ReadsWhatEveryVersionAndSpellingMeans) {
  struct Row {
    const char* name;
    const char* from;
    const char* to;
  };
  const Row rows[] = {
      {"v1beta1", "networking.istio.io/v1alpha3", "networking.istio.io/v1beta1"},
      {"v1", "networking.istio.io/v1alpha3", "networking.istio.io/v1"},
      {"a status is skipped", "spec:", "status:\n  whatever: [1]\nspec:"},
      {"fields of metadata that we do not read", "metadata:", "metadata:\n  managedFields: [{}]"},
      {"80.0 is whole", "number: 9080", "number: 9080.0"},
      {"hexadecimal", "number: 9080", "number: 0x2378"},
      {"null is absent", "weight: 100", "weight: ~"},
      {"an empty value is absent", "weight: 100", "weight:"},
      {"the end of the lines is CR LF", "spec:\n", "spec:\r\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const ReadResult read = ReadYaml("bookinfo.yaml", Replaced(kBookinfo, row.from, row.to));
    EXPECT_THAT(Texts(read.errors), IsEmpty());
    ASSERT_EQ(read.resources.size(), 1);
    EXPECT_EQ(
        read.resources[0]->As<VirtualService>().http(0).route(0).destination().port().number(),
        9080);
  }
}

TEST(ReadYaml, ReadsEnumsWrappersMapsAndStructs) {
  const ReadResult read = ReadYaml("x.yaml", R"(
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec:
  host: reviews
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
    loadBalancer: {simple: 2}
    outlierDetection: {consecutive5xxErrors: 7, baseEjectionTime: 500ms}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  portLevelMtls:
    8080: {mode: DISABLE}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: patch, namespace: shop}
spec:
  configPatches:
  - applyTo: CLUSTER
    patch:
      operation: MERGE
      value: {a: 1.5, b: [true, on, "on", ~], c: {d: 007}}
)");
  ASSERT_THAT(Texts(read.errors), IsEmpty());
  ASSERT_EQ(read.resources.size(), 3);
  const auto& policy = read.resources[0]->As<DestinationRule>().traffic_policy();
  EXPECT_EQ(policy.tls().mode(), istio::networking::v1alpha3::ClientTLSSettings::ISTIO_MUTUAL);
  EXPECT_EQ(policy.load_balancer().simple(),
            istio::networking::v1alpha3::LoadBalancerSettings::RANDOM);
  EXPECT_EQ(policy.outlier_detection().consecutive_5xx_errors().value(), 7);
  EXPECT_EQ(policy.outlier_detection().base_ejection_time().nanos(), 500000000);
  const auto& peer = read.resources[1]->As<istio::security::v1beta1::PeerAuthentication>();
  EXPECT_EQ(peer.port_level_mtls().at(8080).mode(),
            istio::security::v1beta1::PeerAuthentication::MutualTLS::DISABLE);
  const auto& value = read.resources[2]
                          ->As<istio::networking::v1alpha3::EnvoyFilter>()
                          .config_patches(0)
                          .patch()
                          .value();
  EXPECT_EQ(value.fields().at("a").number_value(), 1.5);
  EXPECT_TRUE(value.fields().at("b").list_value().values(1).bool_value());
  EXPECT_EQ(value.fields().at("b").list_value().values(2).string_value(), "on");
  EXPECT_EQ(value.fields().at("c").struct_value().fields().at("d").number_value(), 7);
  EXPECT_EQ(read.resources[2]->PositionOf("spec.configPatches[0].patch.value.b[2]").ToString(),
            "x.yaml:27:37");
}

TEST(ReadYaml, NamesTheValuesOfAnEnum) {
  const ReadResult read = ReadYaml("x.yaml", R"(apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy:
    tls: {mode: ISTIO_MUTAL}
    loadBalancer: {simple: BEST}
  subsets:
  - trafficPolicy:
      loadBalancer: {simple: 9}
)");
  EXPECT_THAT(
      Texts(read.errors),
      ElementsAre("x.yaml:7:17: DestinationRule default/reviews spec.trafficPolicy.tls.mode: "
                  "\"ISTIO_MUTAL\" is no value of this field; did you mean ISTIO_MUTUAL?",
                  "x.yaml:8:28: DestinationRule default/reviews "
                  "spec.trafficPolicy.loadBalancer.simple: \"BEST\" is no value of this field; it "
                  "is one of UNSPECIFIED, LEAST_CONN, RANDOM, PASSTHROUGH, ROUND_ROBIN, "
                  "LEAST_REQUEST",
                  "x.yaml:11:30: DestinationRule default/reviews "
                  "spec.subsets[0].trafficPolicy.loadBalancer.simple: 9 is no value of this field; "
                  "it is one of UNSPECIFIED, LEAST_CONN, RANDOM, PASSTHROUGH, ROUND_ROBIN, "
                  "LEAST_REQUEST"));
}

constexpr char kThree[] = R"(# three
apiVersion: v1
kind: Namespace
metadata: {name: one}
---
apiVersion: v1
kind: Namespace
metadata: {name: [two
---
# the last
apiVersion: v1
kind: Namespace
metadata: {name: three}
)";

TEST(ReadYaml, ABrokenDocumentTakesOnlyItselfDown) {
  const ReadResult read = ReadYaml("three.yaml", kThree);
  EXPECT_THAT(Names(read), ElementsAre("Namespace one", "Namespace three"));
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("three.yaml:9:1: did not find expected ',' or ']' while parsing a flow "
                          "sequence that begins at line 8"));
  EXPECT_TRUE(read.incomplete);
  ASSERT_EQ(read.objects.size(), 3);
  EXPECT_EQ(read.objects[1].kind, "");
  EXPECT_EQ(read.objects[2].position.ToString(), "three.yaml:11:1");
}

TEST(ReadYaml, CutsTheInputWhereYamlDoes) {
  struct Row {
    const char* name;
    const char* text;
    std::vector<std::string> names;
  };
  const char* const a = "{apiVersion: v1, kind: Namespace, metadata: {name: a}}";
  const std::string one = a;
  const Row rows[] = {
      {"nothing", "", {}},
      {"only comments", "# nothing\n---\n# here\n", {}},
      {"a document on its marker's line",
       "--- {apiVersion: v1, kind: Namespace, metadata: {name: a}}",
       {"Namespace a"}},
      {"a directive",
       "%YAML 1.1\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n",
       {"Namespace a"}},
      {"markers without anything between",
       "---\n---\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n---\n",
       {"Namespace a"}},
      {"an end marker",
       "{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n...\n---\n{apiVersion: v1, kind: "
       "Namespace, metadata: {name: b}}\n",
       {"Namespace a", "Namespace b"}},
      {"a byte order mark",
       "\xEF\xBB\xBF{apiVersion: v1, kind: Namespace, metadata: {name: a}}",
       {"Namespace a"}},
      {"dashes inside a block",
       "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  annotations:\n    text: |\n      "
       "---\n      --- no marker\n",
       {"Namespace a"}},
      {"JSON",
       "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"a\\u0062\\/\"}}",
       {"Namespace ab/"}},
      {"JSON with tabs",
       "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Namespace\",\n\t\"metadata\": {\"name\": "
       "\"a\"}\n}",
       {"Namespace a"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const ReadResult read = ReadYaml("x", row.text);
    EXPECT_THAT(Texts(read.errors), IsEmpty());
    EXPECT_EQ(Names(read), row.names);
  }
}

TEST(ReadYaml, OpensLists) {
  const ReadResult read = ReadYaml("list.yaml", R"(apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: one}
- apiVersion: networking.istio.io/v1
  kind: Sidecar
  metadata: {name: broken}
  spec: {ingres: []}
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: v1, kind: ServiceAccount, metadata: {name: two}}
---
apiVersion: v1
kind: NamespaceList
items:
- apiVersion: v1
  metadata: {name: three}
)");
  EXPECT_THAT(Names(read),
              ElementsAre("Namespace one", "ServiceAccount default/two", "Namespace three"));
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("list.yaml:10:10: Sidecar default/broken spec: unknown field \"ingres\", "
                          "did you mean \"ingress\"?"));
  EXPECT_EQ(read.objects.size(), 4);
  EXPECT_EQ(read.objects[1].position.ToString(), "list.yaml:7:3");
  // A broken item is known by name, so nothing is unknown about the list.
  EXPECT_FALSE(read.incomplete);
}

TEST(ReadYaml, FollowsAnchorsAndMerges) {
  const ReadResult read = ReadYaml("x.yaml", R"(apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: &hosts [a, b]
  gateways: *hosts
  http:
  - &first
    name: first
    timeout: 1s
    route: [{destination: &here {host: a, subset: v1}}]
  - <<: *first
    name: second
    mirror: {<<: [*here, {subset: v3, port: {number: 80}}], host: b}
)");
  ASSERT_THAT(Texts(read.errors), IsEmpty());
  const VirtualService& spec = read.resources[0]->As<VirtualService>();
  EXPECT_EQ(spec.gateways(1), "b");
  EXPECT_EQ(spec.http(1).name(), "second");
  EXPECT_EQ(spec.http(1).timeout().seconds(), 1);
  EXPECT_EQ(spec.http(1).mirror().host(), "b");
  EXPECT_EQ(spec.http(1).mirror().subset(), "v1");
  EXPECT_EQ(spec.http(1).mirror().port().number(), 80);
  EXPECT_EQ(read.resources[0]->PositionOf("spec.http[1].timeout").ToString(), "x.yaml:10:5");
}

TEST(ReadYaml, RefusesWhatCannotBeMeant) {
  std::string bomb =
      "apiVersion: networking.istio.io/v1\nkind: EnvoyFilter\nmetadata: {name: x}\nspec:\n"
      "  configPatches:\n  - patch:\n      value:\n        a0: &a0 [x, x, x, x, x, x, x, x, x, "
      "x]\n";
  for (int i = 1; i < 10; ++i) {
    absl::StrAppend(&bomb, "        a", i, ": &a", i, " [");
    for (int k = 0; k < 10; ++k) absl::StrAppend(&bomb, k > 0 ? ", " : "", "*a", i - 1);
    absl::StrAppend(&bomb, "]\n");
  }
  std::string chain =
      "apiVersion: networking.istio.io/v1\nkind: EnvoyFilter\nmetadata: {name: x}\nspec:\n"
      "  configPatches:\n  - patch:\n      value:\n        a0: &a0 [x]\n";
  for (int i = 1; i < 300; ++i) {
    absl::StrAppend(&chain, "        a", i, ": &a", i, " [*a", i - 1, "]\n");
  }
  struct Row {
    const char* name;
    std::string text;
    std::string error;
  };
  const std::string head = "apiVersion: v1\nkind: Namespace\nmetadata: ";
  const Row rows[] = {
      {"a bomb of aliases", bomb,
       "x.yaml:8:18: EnvoyFilter default/x "
       "spec.configPatches[0].patch.value.a4[7][9][3][7][0]: "
       "aliases expand to more than 100000 values; write them out where they are few"},
      {"aliases that nest deep", chain, "x.yaml:8:18: EnvoyFilter default/x "},
      {"101 levels", head + std::string(101, '[') + std::string(101, ']'),
       "x.yaml:3:110: nested deeper than 100"},
      {"very many levels", head + std::string(100000, '['), "x.yaml:3:110: nested deeper than 100"},
      {"an unknown anchor", head + "*nobody\n",
       "x.yaml:3:11: *nobody has no anchor &nobody before it in this document"},
      {"an anchor inside itself", head + "&a {name: *a}\n",
       "x.yaml:3:21: *a stands inside its own anchor"},
      {"not UTF-8", head + "{name: \xC3\xA4\xFF}\n",
       "x.yaml:3:20: this byte is not UTF-8; save the file as UTF-8"},
      {"a zero byte", head + std::string("{name: a\0b}\n", 12),
       "x.yaml:3:19: control characters are not allowed"},
      {"no object", "just text\n",
       "x.yaml:1:1: an object with apiVersion and kind is wanted, this is the string \"just "
       "text\""},
      {"no kind", "apiVersion: v1\n",
       "x.yaml:1:1: kind is missing: every object has apiVersion and kind"},
      {"the column counts bytes", head + "{name: \"\xC3\xA4\xC3\xB6\" :}\n", "x.yaml:3:"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const ReadResult read = ReadYaml("x.yaml", row.text);
    ASSERT_FALSE(read.errors.empty());
    EXPECT_EQ(read.errors[0].ToString().substr(0, row.error.size()), row.error);
    EXPECT_THAT(read.resources, IsEmpty());
  }
}

TEST(ReadYaml, RefusesAnInputThatIsTooLarge) {
  ReadOptions options;
  options.max_bytes = 100;
  const ReadResult read = ReadYaml("x.yaml", std::string(101, ' '), options);
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("x.yaml:1:1: the input has 101 bytes, at most 100 are read"));
  EXPECT_TRUE(read.incomplete);
}

TEST(ReadYaml, CountsColumnsInBytes) {
  const ReadResult read =
      ReadYaml("x.yaml",
               "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: x}\n"
               "spec: {workloadSelector: {labels: {\"\xC3\xA4\xE2\x82\xAC\": a, b: 5}}}\n");
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("x.yaml:4:51: Sidecar default/x spec.workloadSelector.labels.b: a string "
                          "is wanted, this is the number 5 to YAML; put it in quotes: \"5\""));
}

TEST(ReadYaml, SkipsKindsThatItDoesNotKnow) {
  const ReadResult read = ReadYaml("x.yaml", R"(
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {rules: [{host: y}]}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: web}
)");
  EXPECT_THAT(read.errors, IsEmpty());
  EXPECT_THAT(read.resources, IsEmpty());
  EXPECT_THAT(read.skipped, ElementsAre(0, 1));
  EXPECT_EQ(read.objects[0].kind, "Ingress");
  EXPECT_EQ(read.objects[0].ns, "shop");
  EXPECT_EQ(read.objects[0].name, "web");
  EXPECT_EQ(read.objects[0].skipped, "unknown kind");
}

TEST(ReadYaml, FillsInWhatKubernetesDoes) {
  namespace kube = ::mesh::kubernetes::v1;
  ReadOptions options;
  options.default_namespace = "shop";
  const ReadResult read = ReadYaml("x.yaml", R"(
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports:
  - {port: 80, name: http}
  - {port: 81, name: admin, targetPort: admin}
  - {port: 53, name: dns, protocol: UDP, targetPort: 5353}
  externalTrafficPolicy: Local
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:1", ports: [{containerPort: 80}], resources: {limits: {cpu: 1}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints:
- addresses: [10.0.0.1]
- addresses: [10.0.0.2]
  conditions: {ready: false}
ports: [{name: http, port: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, creationTimestamp: 2020-01-31T12:00:00Z}
spec: {serviceAccount: web}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
)",
                                   options);
  ASSERT_THAT(Texts(read.errors), IsEmpty());
  ASSERT_THAT(Names(read), ElementsAre("Service shop/web", "Deployment shop/web",
                                       "EndpointSlice shop/web-1", "Pod shop/web-0"));
  const auto& service = read.resources[0]->As<kube::Service>().spec();
  EXPECT_EQ(service.ports(0).protocol(), "TCP");
  EXPECT_EQ(service.ports(0).target_port().number(), 80);
  EXPECT_EQ(service.ports(1).target_port().name(), "admin");
  EXPECT_EQ(service.ports(2).protocol(), "UDP");
  EXPECT_EQ(service.ports(2).target_port().number(), 5353);
  EXPECT_EQ(service.cluster_ip(), "");
  EXPECT_EQ(service.type(), "ClusterIP");
  EXPECT_EQ(read.resources[0]->PositionOf("spec.ports[1].targetPort").ToString(), "x.yaml:8:29");
  const auto& deployment = read.resources[1]->As<kube::Deployment>().spec();
  EXPECT_EQ(deployment.replicas(), 1);
  EXPECT_EQ(deployment.template_().metadata().labels().at("app"), "web");
  EXPECT_EQ(deployment.template_().spec().service_account_name(), "default");
  EXPECT_EQ(deployment.template_().spec().containers(0).ports(0).protocol(), "TCP");
  const auto& slice = read.resources[2]->As<kube::EndpointSlice>();
  EXPECT_TRUE(slice.endpoints(0).conditions().ready());
  EXPECT_FALSE(slice.endpoints(1).conditions().ready());
  EXPECT_EQ(slice.ports(0).protocol(), "TCP");
  const auto& pod = read.resources[3]->As<kube::Pod>();
  EXPECT_EQ(pod.spec().service_account_name(), "web");
  EXPECT_EQ(pod.status().pod_ip(), "10.0.0.1");
  EXPECT_EQ(read.resources[3]->metadata().creation,
            absl::FromCivil(absl::CivilSecond(2020, 1, 31, 12), absl::UTCTimeZone()));
}

TEST(ReadYaml, ATypeErrorInAKubernetesObjectIsOne) {
  const ReadResult read = ReadYaml("x.yaml", R"(apiVersion: v1
kind: Service
metadata: {name: web, labels: {version: 1}}
spec: {ports: [{port: "80"}]}
)");
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("x.yaml:3:41: Service default/web metadata.labels.version: a string is "
                          "wanted, this is the number 1 to YAML; put it in quotes: \"1\"",
                          "x.yaml:4:23: Service default/web spec.ports[0].port: a whole number is "
                          "wanted, this is the string \"80\"; leave the quotes out: 80"));
}

TEST(ReadYaml, WhatIsWrongWithASecretIsSaidWithoutRepeatingIt) {
  const ReadResult read = ReadYaml("x.yaml", R"(apiVersion: v1
kind: Secret
metadata: {name: shop}
stringData: {password: 70462}
)");
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("x.yaml:4:24: Secret default/shop stringData.password: is no text: write "
                          "it in quotes (it is not repeated here)"));
}

TEST(ReadMeshConfig, StandsOnIstiosDefaults) {
  const ReadResult read = ReadMeshConfig("mesh.yaml", R"(
enableAutoMtls: false
connectTimeout: 3s
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
defaultServiceExportTo: ["."]
defaultConfig:
  concurrency: 4
  tracing: {sampling: 10}
)");
  ASSERT_THAT(Texts(read.errors), IsEmpty());
  ASSERT_EQ(read.resources.size(), 1);
  EXPECT_EQ(read.resources[0]->ObjectName(), "MeshConfig mesh");
  const auto& mesh = read.resources[0]->As<istio::mesh::v1alpha1::MeshConfig>();
  EXPECT_FALSE(mesh.enable_auto_mtls().value());
  EXPECT_EQ(mesh.connect_timeout().seconds(), 3);
  EXPECT_EQ(mesh.outbound_traffic_policy().mode(),
            istio::mesh::v1alpha1::MeshConfig::OutboundTrafficPolicy::REGISTRY_ONLY);
  ASSERT_EQ(mesh.default_service_export_to_size(), 1);
  EXPECT_EQ(mesh.default_service_export_to(0), ".");
  EXPECT_EQ(mesh.default_config().concurrency().value(), 4);
  // Said by nobody.
  EXPECT_EQ(mesh.default_config().discovery_address(), "istiod.istio-system.svc:15012");
  EXPECT_EQ(mesh.default_config().tracing().zipkin().address(), "zipkin.istio-system:9411");
  EXPECT_EQ(mesh.root_namespace(), "istio-system");
  EXPECT_EQ(mesh.access_log_file(), "/dev/stdout");
  EXPECT_EQ(read.resources[0]->PositionOf("defaultConfig.tracing.sampling").ToString(),
            "mesh.yaml:8:13");
}

TEST(ReadMeshConfig, SaysWhatIsWrong) {
  struct Row {
    const char* name;
    const char* text;
    std::vector<std::string> errors;
  };
  const Row rows[] = {
      {"nothing at all is all defaults", "", {}},
      {"a field is misspelt",
       "enableAutoMTLS: true\n",
       {"mesh.yaml:1:1: MeshConfig: unknown field \"enableAutoMTLS\", did you mean "
        "\"enableAutoMtls\"?"}},
      {"a duration is wrong",
       "defaultConfig: {drainDuration: 10}\n",
       {"mesh.yaml:1:32: MeshConfig defaultConfig.drainDuration: a duration is wanted, this is the "
        "number 10; give it a unit: 10s"}},
      {"two documents",
       "{}\n---\n{}\n",
       {"mesh.yaml:3:1: a mesh has one MeshConfig, this is a second document"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(Texts(ReadMeshConfig("mesh.yaml", row.text).errors), row.errors);
  }
}

TEST(RefuseDuplicates, KeepsTheFirstAndNamesBothPlaces) {
  std::vector<ReadResult> inputs;
  inputs.push_back(ReadYaml("a.yaml", kBookinfo));
  inputs.push_back(ReadYaml("b.yaml", "# second\n" + std::string(kBookinfo)));
  RefuseDuplicates(&inputs);
  EXPECT_EQ(inputs[0].resources.size(), 1);
  EXPECT_THAT(inputs[1].resources, IsEmpty());
  EXPECT_THAT(Texts(inputs[1].errors),
              ElementsAre("b.yaml:2:1: VirtualService default/bookinfo: is also at a.yaml:1:1, "
                          "which stays in force; keep one of the two or rename it"));
}

std::string FileBytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

TEST(ReadYaml, ReadsIstiosBookinfoWithoutAComplaint) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED names no folder with data/bookinfo";
  int files = 0;
  int resources = 0;
  std::vector<std::string> skipped;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(shared) + "/data/bookinfo")) {
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) {
    const std::string bytes = FileBytes(path);
    const ReadResult read = ReadYaml(path.filename().string(), bytes);
    EXPECT_THAT(Texts(read.errors), IsEmpty());
    ++files;
    resources += read.resources.size();
    for (size_t i : read.skipped) skipped.push_back(read.objects[i].kind);
  }
  EXPECT_GE(files, 30);
  EXPECT_GT(resources, 60);
  std::cout << files << " files, " << resources << " objects, skipped "
            << absl::StrJoin(skipped, " ") << "\n";
}

// Whatever is cut off or flipped, reading ends, and every error has a place.
TEST(ReadYaml, EveryPrefixAndManyFlipsOfAFileAreRead) {
  const std::string text = std::string(kBookinfo) + "---\n" + kThree;
  const auto check = [](const std::string& bytes) {
    const ReadResult read = ReadYaml("x.yaml", bytes);
    for (const FieldError& error : read.errors) {
      ASSERT_GT(error.position.line, 0) << error.ToString() << "\n" << bytes;
      ASSERT_GT(error.position.column, 0) << error.ToString() << "\n" << bytes;
    }
  };
  for (size_t n = 0; n <= text.size(); ++n) check(text.substr(0, n));
  uint64_t seed = 42;
  for (int i = 0; i < 3000; ++i) {
    std::string flipped = text;
    for (int k = 0; k < 3; ++k) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      flipped[(seed >> 33) % flipped.size()] = static_cast<char>(seed >> 24);
    }
    check(flipped);
  }
}

TEST(ReadYaml, OnlyALineFeedEndsALine) {
  // YAML 1.1 ends lines at more characters; editors do not.
  const std::string end = "kind: Namespace\nmetadata: {name: a}\nkind: Namespace\n";
  const std::string error =
      ":4:1: Namespace a: key \"kind\" is given twice, first at line 2; keep one";
  for (const char* first : {
           "apiVersion: v1 # \xE2\x80\xA8# \xE2\x80\xA9# \xC2\x85# separators of lines\n",
           "apiVersion: v1\r# a bare CR\n",
           "apiVersion: v1 # \xE2\x80\xA9\r\n",
       }) {
    EXPECT_THAT(Texts(ReadYaml("x", first + end).errors), ElementsAre("x" + error)) << first;
  }
}

TEST(ReadYaml, NothingIsBehindTheLastByte) {
  // libyaml's own marks would be at 2:1, in a line that is not there.
  EXPECT_THAT(Texts(ReadYaml("x", "a: b\nc").errors),
              ElementsAre("x:2:2: could not find expected ':' while scanning a simple key"));
  EXPECT_THAT(Texts(ReadYaml("x", "{a: [b").errors),
              ElementsAre("x:1:7: did not find expected ',' or ']' while parsing a flow sequence"));
}

TEST(ReadYaml, ACommentThatIsBrokenCostsNoDocumentBehindIt) {
  const std::string good = "\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: good}}\n";
  for (const std::string& comment : {
           std::string("# NUL \0 here", 12),
           std::string("# a bare CR \r{ and what it hides"),
           std::string("# no UTF-8 \xFF"),
           std::string("# NEL \xC2\x85[ and what it hides"),
           std::string("# LS \xE2\x80\xA8\"and what it hides"),
           std::string("# DEL \x7F"),
       }) {
    EXPECT_THAT(Names(ReadYaml("x", comment + good)), ElementsAre("Namespace good")) << comment;
  }
  // A directive and a comment in any language belong to their document.
  EXPECT_THAT(Names(ReadYaml("x", "%YAML 1.1\n# \xC3\xA4 \xE2\x82\xAC\r" + good)),
              ElementsAre("Namespace good"));
}

TEST(ReadYaml, UnknownKindsKeepWhatTheyHoldWhereThatIsWanted) {
  const std::string yaml =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata:\n  mesh: text\n";
  EXPECT_EQ(ReadYaml("f.yaml", yaml).objects[0].document, nullptr);
  ReadOptions options;
  options.keep_unknown = true;
  const ReadResult read = ReadYaml("f.yaml", yaml, options);
  ASSERT_EQ(read.objects.size(), 1);
  const ReadObject& object = read.objects[0];
  EXPECT_EQ(object.skipped, "unknown kind");
  ASSERT_NE(object.document, nullptr);
  EXPECT_EQ(object.document->content.fields()
                .at("data")
                .struct_value()
                .fields()
                .at("mesh")
                .string_value(),
            "text");
  EXPECT_EQ(object.document->positions.Find("data.mesh").line, 5);
}

TEST(ReadDocuments, TakesWhatHasNeitherKindNorName) {
  const ReadResult read = ReadDocuments("f.yaml", "networks: {a: {endpoints: []}}\n---\n- 1\n");
  ASSERT_EQ(read.objects.size(), 2);
  EXPECT_TRUE(read.objects[0].errors.empty());
  EXPECT_EQ(read.objects[0].document->content.fields_size(), 1);
  ASSERT_EQ(read.objects[1].errors.size(), 1);
  EXPECT_EQ(read.objects[1].errors[0].ToString(),
            "f.yaml:3:1: a mapping is wanted, this is a list");
}

}  // namespace
}  // namespace mesh::config
