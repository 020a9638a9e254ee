// Rules of VirtualServices as routes.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/translate/testing.h"

namespace mesh::translate {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Translate, RulesThatNoRequestReachesAreLeftOutAloud) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /}}]
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /never}}]
    route: [{destination: {host: ratings}}]
)");
  const Output output = mesh.For("ratings-0.default");
  EXPECT_EQ(
      VirtualHost(output.routes, "9080", "reviews.default.svc.cluster.local:9080")["routes"].size(),
      1);
  EXPECT_THAT(Findings(output),
              ElementsAre("MSH0101 VirtualService default/reviews spec.http[1]: is left out: "
                          "VirtualService default/reviews spec.http[0].match[0] before it takes "
                          "every request"));
  EXPECT_EQ(output.findings[0].ToString().substr(0, 10), "test.yaml:");
}

TEST(Translate, AMethodIsAConditionToo) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /}, method: {exact: POST}}]
    route: [{destination: {host: reviews}}]
  - route: [{destination: {host: ratings}}]
)");
  const Output output = mesh.For("ratings-0.default");
  EXPECT_EQ(
      VirtualHost(output.routes, "9080", "reviews.default.svc.cluster.local:9080")["routes"].size(),
      2);
  EXPECT_THAT(output.findings, IsEmpty());
}

TEST(Translate, ConditionsOfTheClientAreDecidedForTheProxy) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{sourceLabels: {app: ratings}}]
    name: of-ratings
    route: [{destination: {host: reviews}}]
  - match: [{port: 1234}]
    name: of-another-port
    route: [{destination: {host: reviews}}]
  - match: [{sourceNamespace: other}]
    name: of-another-namespace
    route: [{destination: {host: reviews}}]
  - name: of-all
    route: [{destination: {host: reviews}}]
)");
  const auto names = [&](const char* pod) {
    std::vector<std::string> names;
    const json host =
        VirtualHost(mesh.For(pod).routes, "9080", "reviews.default.svc.cluster.local:9080");
    for (const json& route : host["routes"]) {
      names.push_back(route["name"]);
    }
    return names;
  };
  EXPECT_THAT(names("ratings-0.default"), ElementsAre("of-ratings"));
  EXPECT_THAT(names("reviews-0.default"), ElementsAre("of-all"));
  // That the rest is of no use to one proxy is no mistake.
  EXPECT_THAT(mesh.For("ratings-0.default").findings, IsEmpty());
}

TEST(Translate, HeadersThatSetTheHostRewriteIt) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - headers: {request: {set: {Host: other.example, x-a: '1'}}}
    route: [{destination: {host: reviews}}]
)");
  const json route = VirtualHost(mesh.For("ratings-0.default").routes, "9080",
                                 "reviews.default.svc.cluster.local:9080")["routes"][0];
  EXPECT_EQ(route["route"]["hostRewriteLiteral"], "other.example");
  EXPECT_EQ(route["requestHeadersToAdd"].size(), 1);
}

TEST(Translate, ATimeoutIsSaidSoThatEnvoyObeysIt) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /slow}}]
    timeout: 3s
    route: [{destination: {host: reviews}}]
  - route: [{destination: {host: reviews}}]
)");
  const json routes = VirtualHost(mesh.For("ratings-0.default").routes, "9080",
                                  "reviews.default.svc.cluster.local:9080")["routes"];
  ASSERT_EQ(routes.size(), 2);
  // Beside maxStreamDuration, whatever is in it, Envoy ignores `timeout`.
  EXPECT_EQ(routes[0]["route"]["timeout"], "3s");
  EXPECT_EQ(routes[0]["route"]["maxGrpcTimeout"], "3s");
  EXPECT_FALSE(routes[0]["route"].contains("maxStreamDuration"));
  EXPECT_EQ(routes[1]["route"]["timeout"], "0s");
  EXPECT_FALSE(routes[1]["route"].contains("maxGrpcTimeout"));
}

TEST(Translate, ARuleMayAnswerItself) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /down}}]
    directResponse: {status: 503, body: {string: later}}
  - match: [{uri: {prefix: /nowhere}}]
    route: [{destination: {host: a}, weight: 0}, {destination: {host: b}, weight: 0}]
)");
  const Output output = mesh.For("ratings-0.default");
  const json routes =
      VirtualHost(output.routes, "9080", "reviews.default.svc.cluster.local:9080")["routes"];
  ASSERT_EQ(routes.size(), 1);
  EXPECT_EQ(routes[0]["directResponse"]["status"], 503);
  EXPECT_EQ(routes[0]["directResponse"]["body"]["inlineString"], "later");
  EXPECT_THAT(Findings(output),
              ElementsAre("MSH0117 VirtualService default/reviews spec.http[1]: has no destination "
                          "with a weight, no redirect and no directResponse; the rule is left "
                          "out"));
}

TEST(Translate, DelegatesThatDoNotFitAreNamed) {
  const Mesh mesh(std::string(kGateway) + R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: root, namespace: default}
spec:
  hosts: [a.com]
  gateways: [gw]
  http:
  - match: [{uri: {prefix: /reviews}}]
    delegate: {name: leaf}
  - delegate: {name: nobody}
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: leaf, namespace: default}
spec:
  http:
  - match: [{uri: {prefix: /reviews/v1}}]
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /other}}]
    route: [{destination: {host: ratings}}]
)");
  const Output output = mesh.For("gateway-0.istio-system");
  const json routes = VirtualHost(output.routes, "http.80", "a.com:80")["routes"];
  ASSERT_EQ(routes.size(), 1);
  EXPECT_EQ(routes[0]["match"]["prefix"], "/reviews/v1");
  EXPECT_EQ(Find(output.routes, "http.80")->OriginOf("virtual_hosts[0].routes[0]")->object,
            "VirtualService default/leaf");
  EXPECT_THAT(Findings(output),
              Contains("MSH0103 VirtualService default/root spec.http[1].delegate: there is no "
                       "VirtualService default/nobody without hosts to delegate to; the rule is "
                       "left out"));
  EXPECT_THAT(Findings(output),
              Contains("MSH0104 VirtualService default/leaf spec.http[1]: its match does not go "
                       "with that of VirtualService default/root spec.http[0], which delegates to "
                       "it; the rule is left out there"));
}

}  // namespace
}  // namespace mesh::translate
