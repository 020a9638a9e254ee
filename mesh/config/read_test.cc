// Objects: what their fields mean, where they stand, and what is said of them.
#include "mesh/config/read.h"

#include <string>
#include <vector>

#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/envoy_filter.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "api/security/v1beta1/peer_authentication.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read_testing.h"

namespace mesh::config {
namespace {

using istio::networking::v1alpha3::DestinationRule;
using istio::networking::v1alpha3::VirtualService;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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
      {"a field of metadata that there is not",
       "labels:",
       "lables:",
       {"bookinfo.yaml:5:3" + object +
        "metadata: unknown field \"lables\", did you mean \"labels\"?"}},
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

TEST(ReadYaml, TakesWholeNumbersInQuotesAsProtobufWritesThem) {
  const auto errors = [](const std::string& port, const std::string& size) {
    return Texts(ReadYaml("x.yaml", R"(apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a}
spec:
  portLevelMtls:
    )" + port + R"(: {mode: STRICT}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: a
  trafficPolicy: {loadBalancer: {consistentHash: {minimumRingSize: )" +
                                        size + "}}}\n")
                     .errors);
  };
  EXPECT_THAT(errors("\"8080\"", "\"1024\""), IsEmpty());
  EXPECT_THAT(errors("0x1f90", "0x400"), IsEmpty()) << "bare, they are numbers of YAML";
  EXPECT_THAT(
      errors("\"0x1f90\"", "\"0x400\""),
      ElementsAre(
          "x.yaml:6:5: PeerAuthentication default/a spec.portLevelMtls.0x1f90: the keys "
          "here are whole numbers, this is \"0x1f90\"",
          "x.yaml:13:68: DestinationRule default/a "
          "spec.trafficPolicy.loadBalancer.consistentHash.minimumRingSize: a whole number, "
          "not below 0 is wanted, this is the string \"0x400\"; leave the quotes out: 0x400"));
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

}  // namespace
}  // namespace mesh::config
