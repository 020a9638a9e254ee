// DestinationRules and endpoints as clusters.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/translate/testing.h"

namespace mesh::translate {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

TEST(Translate, DestinationRulesOfOneHostAddUp) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: a, namespace: default, creationTimestamp: "2020-01-01T00:00:00Z"}
spec:
  host: reviews
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: b, namespace: default, creationTimestamp: "2020-01-02T00:00:00Z"}
spec:
  host: reviews.default.svc.cluster.local
  trafficPolicy: {loadBalancer: {simple: LEAST_CONN}}
  subsets: [{name: v1, labels: {version: other}}, {name: v2, labels: {version: v2}}]
)");
  const Output output = mesh.For("ratings-0.default");
  const std::string host = "|reviews.default.svc.cluster.local";
  EXPECT_EQ(Get(output.clusters, "outbound|9080|" + host)["lbPolicy"], "RANDOM");
  EXPECT_EQ(Get(output.endpoints, "outbound|9080|v1" + host)["endpoints"].size(), 1);
  EXPECT_FALSE(Get(output.endpoints, "outbound|9080|v2" + host).contains("endpoints"));
  EXPECT_THAT(Findings(output),
              UnorderedElementsAre(
                  "MSH0105 DestinationRule default/b spec.subsets[0]: subset \"v1\" of "
                  "reviews.default.svc.cluster.local is already at DestinationRule default/a "
                  "spec.subsets[0], which stays in force; this one is left out",
                  "MSH0106 DestinationRule default/b spec.trafficPolicy: "
                  "reviews.default.svc.cluster.local has a traffic policy of DestinationRule "
                  "default/a already, which stays in force; this one is left out"));
}

TEST(Translate, TheClientsOwnDestinationRuleHidesTheServices) {
  const std::string rules = R"(
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: service, namespace: default}
spec: {host: reviews, trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v1}]}
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: root, namespace: istio-system}
spec: {host: '*.local', trafficPolicy: {loadBalancer: {simple: LEAST_CONN}}}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: other}
spec: {containers: [{name: c}]}
---
)";
  const std::string own = R"(
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: client, namespace: other}
spec: {host: '*.default.svc.cluster.local', trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}}
)";
  const std::string reviews = "outbound|9080||reviews.default.svc.cluster.local";
  const std::string ratings = "outbound|9080||ratings.default.svc.cluster.local";
  const Mesh without(rules), with(rules + own);
  EXPECT_EQ(Get(without.For("client.other").clusters, reviews)["lbPolicy"], "RANDOM");
  // Nobody has one for ratings but the root namespace.
  EXPECT_EQ(Get(without.For("client.other").clusters, ratings)["lbPolicy"], "LEAST_REQUEST");
  const Output output = with.For("client.other");
  const json cluster = Get(output.clusters, reviews);
  EXPECT_FALSE(cluster.contains("lbPolicy"));
  EXPECT_EQ(cluster["circuitBreakers"]["thresholds"][0]["maxConnections"], 7);
  EXPECT_THAT(Names(output.clusters),
              Not(Contains("outbound|9080|v1|reviews.default.svc.cluster.local")));
}

TEST(Translate, ConsistentHashingIsInClusterAndRoute) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec: {host: reviews, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}}
)");
  const Output output = mesh.For("ratings-0.default");
  const json cluster = Get(output.clusters, "outbound|9080||reviews.default.svc.cluster.local");
  EXPECT_EQ(cluster["lbPolicy"], "RING_HASH");
  EXPECT_EQ(cluster["ringHashLbConfig"]["minimumRingSize"], "1024");
  const json route =
      VirtualHost(output.routes, "9080", "reviews.default.svc.cluster.local:9080")["routes"][0];
  EXPECT_EQ(route["route"]["hashPolicy"][0]["header"]["headerName"], "x-user");
}

TEST(Translate, OutlierDetectionAndPoolsOfADestinationRule) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  trafficPolicy:
    connectionPool:
      tcp: {connectTimeout: 30ms, tcpKeepalive: {time: 7200s, interval: 75s, probes: 9}}
      http: {http1MaxPendingRequests: 1, http2MaxRequests: 2, maxRequestsPerConnection: 3, maxRetries: 4, idleTimeout: 5s, h2UpgradePolicy: UPGRADE}
    outlierDetection: {consecutive5xxErrors: 7, consecutiveGatewayErrors: 0, interval: 5m, maxEjectionPercent: 50, minHealthPercent: 30}
)");
  const json cluster = Get(mesh.For("ratings-0.default").clusters,
                           "outbound|9080||reviews.default.svc.cluster.local");
  EXPECT_EQ(cluster["connectTimeout"], "0.030s");
  EXPECT_EQ(cluster["upstreamConnectionOptions"]["tcpKeepalive"]["keepaliveTime"], 7200);
  const json http = cluster["typedExtensionProtocolOptions"]
                           ["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
  EXPECT_TRUE(http["explicitHttpConfig"].contains("http2ProtocolOptions"));
  EXPECT_EQ(http["commonHttpProtocolOptions"]["maxRequestsPerConnection"], 3);
  EXPECT_EQ(http["commonHttpProtocolOptions"]["idleTimeout"], "5s");
  const json thresholds = cluster["circuitBreakers"]["thresholds"][0];
  EXPECT_EQ(thresholds["maxPendingRequests"], 1);
  EXPECT_EQ(thresholds["maxRequests"], 2);
  EXPECT_EQ(thresholds["maxRetries"], 4);
  EXPECT_EQ(thresholds["maxConnections"], 4294967295u);
  const json outlier = cluster["outlierDetection"];
  EXPECT_EQ(outlier["consecutive5xx"], 7);
  EXPECT_EQ(outlier["enforcingConsecutive5xx"], 100);
  EXPECT_EQ(outlier["enforcingConsecutiveGatewayFailure"], 0);
  EXPECT_EQ(outlier["enforcingSuccessRate"], 0);
  EXPECT_EQ(outlier["interval"], "300s");
  EXPECT_EQ(cluster["commonLbConfig"]["healthyPanicThreshold"]["value"], 30);
}

TEST(Translate, TlsOfASubsetBesideAutomaticMutualTlsIsAFinding) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec: {host: reviews, subsets: [{name: v1, trafficPolicy: {tls: {mode: SIMPLE}}}]}
)");
  EXPECT_THAT(Findings(mesh.For("ratings-0.default")),
              ElementsAre("MSH0110 DestinationRule default/reviews spec.subsets[0]: does not reach "
                          "endpoints with a sidecar, which automatic mutual TLS keeps using, nor "
                          "others, which get plain text; set trafficPolicy.tls of the whole rule "
                          "as well"));
}

TEST(Translate, MutualTlsIsAsAPeerAuthenticationSays) {
  struct Row {
    const char* name;
    const char* spec;
    int tls_chains, plain_chains;  // of port 9080
    bool to_reviews;               // whether its clients use it by themselves
  };
  const Row rows[] = {
      {"permissive is the default", "{}", 1, 1, true},
      {"strict", "{mtls: {mode: STRICT}}", 1, 0, true},
      {"disabled", "{mtls: {mode: DISABLE}}", 0, 1, false},
      {"a workload's own", "{selector: {matchLabels: {app: reviews}}, mtls: {mode: STRICT}}", 1, 0,
       true},
      {"a workload's port",
       "{selector: {matchLabels: {app: reviews}}, mtls: {mode: STRICT}, portLevelMtls: {9080: "
       "{mode: DISABLE}}}",
       0, 1, true},
      {"another workload's", "{selector: {matchLabels: {app: x}}, mtls: {mode: STRICT}}", 1, 1,
       true},
  };
  for (const Row& row : rows) {
    const Mesh mesh(std::string(R"(
apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: )") + row.spec);
    int tls = 0, plain = 0;
    const json inbound = Get(mesh.For("reviews-0.default").listeners, "virtualInbound");
    for (const json& chain : inbound["filterChains"]) {
      if (chain["filterChainMatch"].value("destinationPort", 0) != 9080) continue;
      ++(chain.contains("transportSocket") ? tls : plain);
    }
    EXPECT_EQ(tls, row.tls_chains) << row.name;
    EXPECT_EQ(plain, row.plain_chains) << row.name;
    EXPECT_EQ(Get(mesh.For("ratings-0.default").clusters,
                  "outbound|9080||reviews.default.svc.cluster.local")
                  .contains("transportSocketMatches"),
              row.to_reviews)
        << row.name;
  }
}

TEST(Translate, EndpointsByLocalityWithWeights) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: db, namespace: default}
spec:
  hosts: [db.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints:
  - {address: 10.1.0.1, locality: us/west/1, weight: 3}
  - {address: 10.1.0.2, locality: us/west/1}
  - {address: 10.1.0.3, locality: eu}
)");
  const json groups =
      Get(mesh.For("ratings-0.default").endpoints, "outbound|80||db.example.com")["endpoints"];
  ASSERT_EQ(groups.size(), 2);
  EXPECT_EQ(groups[0]["locality"], (json{{"region", "eu"}}));
  EXPECT_EQ(groups[1]["locality"], (json{{"region", "us"}, {"zone", "west"}, {"subZone", "1"}}));
  EXPECT_EQ(groups[1]["loadBalancingWeight"], 4);
  EXPECT_EQ(groups[1]["lbEndpoints"][0]["loadBalancingWeight"], 3);
}

TEST(Translate, NearerEndpointsComeFirstWhereFailuresAreNoticed) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: db, namespace: default}
spec:
  hosts: [db.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 10.1.0.1, locality: us/west}, {address: 10.1.0.3, locality: eu}]
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: db, namespace: default}
spec: {host: db.example.com, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1}}}
---
apiVersion: v1
kind: Pod
metadata: {name: near, namespace: default, labels: {istio-locality: us.west.1}}
spec: {containers: [{name: c}]}
)");
  const json groups =
      Get(mesh.For("near.default").endpoints, "outbound|80||db.example.com")["endpoints"];
  EXPECT_EQ(groups[0]["locality"]["region"], "eu");
  EXPECT_EQ(groups[0]["priority"], 1);
  EXPECT_FALSE(groups[1].contains("priority"));
  // A proxy that does not know where it is prefers none.
  EXPECT_FALSE(
      Get(mesh.For("ratings-0.default").endpoints, "outbound|80||db.example.com")["endpoints"][0]
          .contains("priority"));
}

TEST(Translate, SharesOfLocalitiesAreWeights) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  trafficPolicy:
    loadBalancer:
      localityLbSetting: {distribute: [{from: us/*, to: {us/*: 80, eu/*: 20}}]}
)");
  EXPECT_TRUE(Get(mesh.For("ratings-0.default").clusters,
                  "outbound|9080||reviews.default.svc.cluster.local")["commonLbConfig"]
                  .contains("localityWeightedLbConfig"));
  EXPECT_FALSE(Get(mesh.For("ratings-0.default").clusters,
                   "outbound|9080||ratings.default.svc.cluster.local")
                   .contains("commonLbConfig"));
}

TEST(Translate, ANameThatCannotBeResolvedHasNoCluster) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: db, namespace: default}
spec:
  hosts: [db.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: DNS
  workloadSelector: {labels: {app: nothing}}
)");
  const Output output = mesh.For("ratings-0.default");
  EXPECT_THAT(Names(output.clusters), Not(Contains("outbound|80||db.example.com")));
  EXPECT_THAT(Findings(output),
              ElementsAre("MSH0111 ServiceEntry default/db spec: no endpoint to resolve for "
                          "db.example.com port 80; it gets no cluster"));
}

}  // namespace
}  // namespace mesh::translate
