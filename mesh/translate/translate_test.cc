// What every proxy is sent and what is said of it.
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
using ::testing::Not;
using ::testing::UnorderedElementsAre;

TEST(Translate, TheSameInputGivesTheSameBytes) {
  const std::string rules = R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{headers: {a: {exact: b}, c: {exact: d}, e: {prefix: f}}}]
    headers: {request: {set: {z: '1', 'y': '2', x: '3', w: '4'}}}
    fault: {delay: {percentage: {value: 1}, fixedDelay: 1s}}
    corsPolicy: {allowOrigins: [{exact: '*'}]}
    route: [{destination: {host: reviews}}]
)";
  const Mesh first(rules), second(rules);
  const Output a = first.For("reviews-0.default");
  const Output b = second.For("reviews-0.default");
  for (const auto list :
       {&Output::listeners, &Output::clusters, &Output::routes, &Output::endpoints}) {
    ASSERT_EQ(Names(a.*list), Names(b.*list));
    for (size_t i = 0; i < (a.*list).size(); ++i) {
      EXPECT_EQ((a.*list)[i]->bytes, (b.*list)[i]->bytes);
      EXPECT_EQ((a.*list)[i]->version, (b.*list)[i]->version);
    }
  }
  EXPECT_EQ(OutputToJson(a).value(), OutputToJson(b).value());
}

TEST(Translate, WhatDoesNotDifferIsShared) {
  const Mesh mesh("");
  const Output reviews = mesh.For("reviews-0.default");
  const Output ratings = mesh.For("ratings-0.default");
  EXPECT_EQ(Find(reviews.clusters, "PassthroughCluster"),
            Find(ratings.clusters, "PassthroughCluster"));
  EXPECT_EQ(Find(reviews.routes, "9080"), Find(ratings.routes, "9080"));
  EXPECT_EQ(Find(reviews.listeners, "0.0.0.0_9080"), Find(ratings.listeners, "0.0.0.0_9080"));
  // And in the next world, as long as the one before lends it.
  const Mesh next("", "", &mesh.world());
  const Output again = next.For("reviews-0.default");
  EXPECT_EQ(Find(reviews.routes, "9080"), Find(again.routes, "9080"));
}

TEST(Translate, EveryRouteKnowsWhereItComesFrom) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match:
    - uri: {prefix: /a}
    - uri: {prefix: /b}
    route: [{destination: {host: reviews}}]
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 90}
    - {destination: {host: ratings}, weight: 10}
)");
  const Output output = mesh.For("ratings-0.default");
  const Resource* routes = Find(output.routes, "9080");
  const json hosts = Get(output.routes, "9080")["virtualHosts"];
  ASSERT_EQ(hosts[1]["name"], "reviews.default.svc.cluster.local:9080");
  const Origin* second = routes->OriginOf("virtual_hosts[1].routes[1].match.prefix");
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->object, "VirtualService default/reviews");
  EXPECT_EQ(second->field, "spec.http[0].match[1]");
  EXPECT_TRUE(second->position.known());
  const Origin* weighted =
      routes->OriginOf("virtual_hosts[1].routes[2].route.weighted_clusters.clusters[1].weight");
  EXPECT_EQ(weighted->field, "spec.http[1].route[1]");
  EXPECT_EQ(routes->OriginOf("virtual_hosts[1].routes[2]")->field, "spec.http[1]");
  EXPECT_EQ(routes->OriginOf("virtual_hosts[0]")->object, "Service default/ratings");
}

TEST(Translate, WhatIstioSaysNothingAboutIsAFinding) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{queryParams: {q: {prefix: x}}}]
    fault: {delay: {fixedDelay: 1s}, abort: {httpStatus: 500}}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {regex: /v.}}]
    rewrite: {uri: /w}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /x}}]
    redirect: {uri: /y, redirectCode: 305}
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: b, namespace: default}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: ratings}}]}]
)");
  EXPECT_THAT(
      Findings(mesh.For("ratings-0.default")),
      UnorderedElementsAre(
          "MSH0102 VirtualService default/b spec.hosts: reviews.default.svc.cluster.local:9080 has "
          "routes of another VirtualService already; these are left out",
          "MSH0107 VirtualService default/a spec.http[0].match[0].queryParams.q: a prefix is not "
          "looked at: any value matches; write a regex",
          "MSH0108 VirtualService default/a spec.http[0].fault.delay: delays no request, as no "
          "percentage is given; write percentage: {value: 100}",
          "MSH0108 VirtualService default/a spec.http[0].fault.abort: aborts no request, as no "
          "percentage is given; write percentage: {value: 100}",
          "MSH0109 VirtualService default/a spec.http[2].redirect.redirectCode: 305 cannot be "
          "sent: want 301, 302, 303, 307 or 308; the rule is left out",
          "MSH0112 VirtualService default/a spec.http[1].rewrite.uri: of a regex match: Envoy puts "
          "it in front of the whole path; match a prefix instead"));
}

TEST(Translate, RegistryOnlyBlocksWhatNobodyDeclared) {
  const Mesh mesh("", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}");
  const Output output = mesh.For("ratings-0.default");
  const json block = VirtualHost(output.routes, "9080", "block_all");
  EXPECT_EQ(block["routes"][0]["directResponse"]["status"], 502);
  EXPECT_THAT(ChainClusters(Get(output.listeners, "0.0.0.0_9080")),
              ElementsAre("http", "BlackHoleCluster"));
  EXPECT_THAT(ChainClusters(Get(output.listeners, "virtualOutbound")),
              ElementsAre("BlackHoleCluster"));
}

TEST(Translate, ASidecarLimitsWhatItsProxiesSee) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: Sidecar
metadata: {name: narrow, namespace: default}
spec:
  workloadSelector: {labels: {app: ratings}}
  egress: [{hosts: [./reviews.default.svc.cluster.local]}]
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: v1
kind: Service
metadata: {name: details, namespace: default}
spec: {clusterIP: 10.96.0.5, ports: [{name: http, port: 9080}]}
)");
  const Output narrow = mesh.For("ratings-0.default");
  EXPECT_THAT(
      Names(narrow.clusters),
      ElementsAre("outbound|9080||reviews.default.svc.cluster.local", "BlackHoleCluster",
                  "PassthroughCluster", "inbound|9080|http|ratings.default.svc.cluster.local",
                  "InboundPassthroughClusterIpv4"));
  EXPECT_FALSE(VirtualHost(narrow.routes, "9080", "block_all").is_null());
  EXPECT_EQ(mesh.For("reviews-0.default").endpoints.size(), 3);
}

TEST(Translate, ExportToHidesFromOtherNamespaces) {
  const Mesh mesh(R"(
apiVersion: v1
kind: Service
metadata: {name: secret, namespace: other, annotations: {networking.istio.io/exportTo: .}}
spec: {clusterIP: 10.96.9.1, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: other}
spec:
  hosts: [reviews.default.svc.cluster.local]
  exportTo: [.]
  http: [{redirect: {uri: /hidden}}]
)");
  const Output output = mesh.For("ratings-0.default");
  EXPECT_THAT(Names(output.clusters),
              Not(Contains("outbound|9080||secret.other.svc.cluster.local")));
  EXPECT_TRUE(
      VirtualHost(output.routes, "9080", "reviews.default.svc.cluster.local:9080")["routes"][0]
          .contains("route"));
}

TEST(Translate, AccessLogsAsTheMeshSays) {
  const auto log = [](const Output& output) {
    return Get(output.listeners, "virtualOutbound")["filterChains"][0]["filters"][0]["typedConfig"];
  };
  EXPECT_FALSE(log(Mesh("", "accessLogFile: ''").For("ratings-0.default")).contains("accessLog"));
  const json as_json = log(Mesh("", "{accessLogFile: /dev/stderr, accessLogEncoding: JSON}")
                               .For("ratings-0.default"))["accessLog"][0]["typedConfig"];
  EXPECT_EQ(as_json["path"], "/dev/stderr");
  EXPECT_EQ(as_json["logFormat"]["jsonFormat"]["method"], "%REQ(:METHOD)%");
  const json text = log(Mesh("", "{accessLogFile: /dev/stdout, accessLogFormat: '%PROTOCOL%'}")
                            .For("ratings-0.default"))["accessLog"][0]["typedConfig"];
  EXPECT_EQ(text["logFormat"]["textFormatSource"]["inlineString"], "%PROTOCOL%");
}

TEST(World, KnowsItsPods) {
  const Mesh mesh("");
  EXPECT_EQ(std::string(mesh.world().NodeOf("nobody.default").status().message()),
            "no pod nobody.default; there are gateway-0.istio-system, ratings-0.default, "
            "reviews-0.default");
  const Node gateway = mesh.world().NodeOf("gateway-0.istio-system").value();
  EXPECT_EQ(gateway.type, NodeType::kRouter);
  EXPECT_EQ(gateway.ip, "10.0.0.9");
}

TEST(OutputToJson, HasAllFourKeysAlways) {
  const Output output = Mesh("").For("ratings-0.default");
  JsonOptions options;
  options.clusters = options.listeners = options.endpoints = false;
  const json value = json::parse(OutputToJson(output, options).value());
  EXPECT_THAT(value["clusters"], IsEmpty());
  EXPECT_THAT(value["listeners"], IsEmpty());
  EXPECT_THAT(value["endpoints"], IsEmpty());
  EXPECT_EQ(value["routes"].size(), 1);
  EXPECT_EQ(value["routes"][0]["name"], "9080");
}

}  // namespace
}  // namespace mesh::translate
