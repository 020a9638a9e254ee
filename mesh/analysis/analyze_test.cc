#include "mesh/analysis/analyze.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/analysis/input.h"
#include "mesh/config/read.h"

namespace mesh::analysis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<Finding> Messages(const std::string& yaml) {
  const Input input = ToInput({config::ReadYaml("mesh.yaml", yaml, ReadOptions())});
  return Analyze(*input.snapshot, input.options);
}

std::vector<std::string> Places(const std::string& yaml) {
  std::vector<std::string> places;
  for (const Finding& f : Messages(yaml)) {
    places.push_back(absl::StrCat(f.code, " ", f.position.ToString(), " ", f.kind, " ", f.ns, "/",
                                  f.name, " ", f.field));
  }
  return places;
}

constexpr char kReviews[] = R"(apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  ports:
  - {port: 80, name: http}
---
)";

std::string RouteTo(const std::string& destination) {
  return absl::StrCat(kReviews, R"(apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews.example.com]
  http:
  - route:
    - destination: )",
                      destination, "\n");
}

TEST(Analyze, SaysWhereWhatAndWhatToWriteInstead) {
  const std::vector<Finding> findings = Messages(RouteTo("{host: revews}"));
  ASSERT_EQ(findings.size(), 1);
  const Finding& f = findings[0];
  EXPECT_EQ(f.code, "IST0101");
  EXPECT_EQ(f.level, Level::kError);
  EXPECT_EQ(f.kind, "VirtualService");
  EXPECT_EQ(f.ns, "default");
  EXPECT_EQ(f.name, "reviews");
  EXPECT_EQ(f.position.ToString(), "mesh.yaml:15:21");
  EXPECT_EQ(f.field, "spec.http[0].route[0].destination.host");
  EXPECT_EQ(f.message,
            "the host \"revews\" is no service that namespace \"default\" can see: requests get "
            "503");
  EXPECT_EQ(f.remedy,
            "correct the name, or create the Service or ServiceEntry; a service of another "
            "namespace needs its full name");
  EXPECT_EQ(f.documentation, "docs/findings/IST0101.md");
}

TEST(Analyze, DestinationsThatLeadSomewhere) {
  EXPECT_THAT(Places(RouteTo("{host: reviews}")), IsEmpty());
  EXPECT_THAT(Places(RouteTo("{host: reviews.default.svc.cluster.local, port: {number: 80}}")),
              IsEmpty());
}

TEST(Analyze, APortThatTheServiceHasNot) {
  EXPECT_THAT(Places(RouteTo("{host: reviews, port: {number: 81}}")),
              ElementsAre("IST0101 mesh.yaml:15:43 VirtualService default/reviews "
                          "spec.http[0].route[0].destination.port.number"));
}

TEST(Analyze, ASubsetThatNoDestinationRuleHas) {
  EXPECT_THAT(Places(RouteTo("{host: reviews, subset: v1}")),
              ElementsAre("IST0101 mesh.yaml:15:36 VirtualService default/reviews "
                          "spec.http[0].route[0].destination.subset"));
}

TEST(Analyze, AServiceEntrysWildcardCoversItsNames) {
  const std::string entry = R"(
---
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: bookinfo, namespace: other}
spec:
  hosts: ["*.bookinfo.com"]
  exportTo: [SCOPE]
  ports: [{number: 80, name: http, protocol: HTTP}]
)";
  const auto with = [&](const std::string& scope) {
    std::string text = entry;
    text.replace(text.find("SCOPE"), 5, scope);
    return RouteTo("{host: eu.bookinfo.com}") + text;
  };
  EXPECT_THAT(Places(with("\"*\"")), IsEmpty());
  EXPECT_EQ(Places(with("\".\"")).size(), 1) << "it is seen in its own namespace only";
}

TEST(Analyze, AnObjectThatCannotBeReadIsAFinding) {
  EXPECT_THAT(Places("apiVersion: networking.istio.io/v1alpha3\nkind: Gateway\n"
                     "metadata: {name: g}\nspec: {selektor: {istio: ingressgateway}}\n"),
              ElementsAre("IST0106 mesh.yaml:4:8 Gateway default/g spec"));
}

TEST(Analyze, FindingsOfManyObjectsComeByLineThenCode) {
  const std::string yaml = R"(apiVersion: v1
kind: Service
metadata: {name: b, annotations: {sidecar.istio.io/injekt: "x"}}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: a}
)";
  EXPECT_THAT(Places(yaml),
              ElementsAre("IST0108 mesh.yaml:3:35 Service default/b "
                          "metadata.annotations[\"sidecar.istio.io/injekt\"]",
                          "IST0118 mesh.yaml:4:16 Service default/b spec.ports[0].name",
                          "IST0102 mesh.yaml:8:1 Namespace /a metadata.labels"));
}

TEST(Analyze, AnObjectSaysWhichCodesAreNotForIt) {
  const auto service = [](const std::string& codes) {
    return absl::StrCat(
        "apiVersion: v1\nkind: Service\nmetadata: {name: b, annotations: "
        "{galley.istio.io/analyze-suppress: \"",
        codes, "\"}}\nspec: {ports: [{port: 80}]}\n");
  };
  EXPECT_EQ(Places(service("IST0101")).size(), 1);
  EXPECT_THAT(Places(service("IST0101, IST0118")), IsEmpty());
  EXPECT_THAT(Places(service("*")), IsEmpty());
}

TEST(Analyze, ASubsetForWhatIsNotThereYetIsNoFindingUntilARouteNamesIt) {
  const std::string rule = absl::StrCat(kReviews, R"(apiVersion: v1
kind: Pod
metadata: {name: reviews-v1, labels: {app: reviews, version: v1}}
spec: {containers: [{name: app}]}
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
)");
  std::string yaml = rule;
  yaml.replace(yaml.find("  ports:"), 0, "  selector: {app: reviews}\n");
  EXPECT_THAT(Places(yaml), IsEmpty());
  EXPECT_THAT(Places(absl::StrCat(yaml, R"(apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v2}
)")),
              ElementsAre("IST0173 mesh.yaml:21:16 DestinationRule default/reviews "
                          "spec.subsets[1].labels"));
}

TEST(Analyze, SettingsOfTheMeshThatNothingActsOn) {
  const Input input = ToInput({config::ReadMeshConfig(
      "mesh.yaml", "connectTimeout: 5s\nenableTracing: true\nrootNamespace: istio-system\n")});
  const std::vector<Finding> findings = Analyze(*input.snapshot, input.options);
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].code, "MSH0129");
  EXPECT_EQ(findings[0].kind, "MeshConfig");
  EXPECT_EQ(findings[0].position.ToString(), "mesh.yaml:2:1");
  EXPECT_EQ(findings[0].message, "enableTracing is read, and nothing acts on it yet");
}

TEST(Analyze, TheMeshConfigOfIstiosConfigMap) {
  const std::string yaml = R"(apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    rootNamespace: MODE
---
apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata: {name: all, namespace: mesh}
spec: {}
)";
  const auto with = [&](const std::string& root) {
    std::string text = yaml;
    text.replace(text.find("MODE"), 4, root);
    return Places(text);
  };
  EXPECT_THAT(with("mesh"), IsEmpty()) << "it is for the whole mesh";
  EXPECT_THAT(with("istio-system"),
              ElementsAre("IST0127 mesh.yaml:8:1 AuthorizationPolicy mesh/all "));
  EXPECT_THAT(with("[]"), ElementsAre("IST0106 mesh.yaml:5:3 ConfigMap istio-system/istio "
                                      "data.mesh: rootNamespace",
                                      "IST0127 mesh.yaml:8:1 AuthorizationPolicy mesh/all "));
}

}  // namespace
}  // namespace mesh::analysis
