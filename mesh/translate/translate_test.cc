#include "mesh/translate/translate.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"
#include "nlohmann/json.hpp"

namespace mesh::translate {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// Two services with a pod each and a gateway.
constexpr char kBase[] = R"(
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.96.0.3, selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: default}
spec: {clusterIP: 10.96.0.4, selector: {app: ratings}, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-0, namespace: default, labels: {app: reviews, version: v1}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.3, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: ratings-0, namespace: default, labels: {app: ratings, version: v1, security.istio.io/tlsMode: istio}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.4, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: gateway-0, namespace: istio-system, labels: {istio: gateway}}
spec: {containers: [{name: c, args: [proxy, router]}]}
status: {podIP: 10.0.0.9, phase: Running}
---
)";

class Mesh {
 public:
  explicit Mesh(const std::string& yaml, const std::string& mesh_config = "",
                const World* previous = nullptr) {
    config::ReadResult read = config::ReadYaml("test.yaml", kBase + yaml);
    for (const FieldError& error : read.errors) ADD_FAILURE() << error.ToString();
    if (!mesh_config.empty()) {
      config::ReadResult mesh = config::ReadMeshConfig("mesh.yaml", mesh_config);
      for (const FieldError& error : mesh.errors) ADD_FAILURE() << error.ToString();
      read.resources.push_back(mesh.resources.front());
    }
    world_ = World::Build(config::Snapshot::Of(read.resources), {}, previous);
  }

  const World& world() const { return *world_; }
  Output For(const std::string& pod, Interception mode = Interception::kRedirect) const {
    absl::StatusOr<Node> node = world_->NodeOf(pod);
    EXPECT_TRUE(node.ok()) << node.status();
    node->interception = mode;
    return Translate(*world_, *node);
  }

 private:
  std::shared_ptr<const World> world_;
};

std::vector<std::string> Names(const std::vector<ResourcePtr>& resources) {
  std::vector<std::string> names;
  for (const ResourcePtr& resource : resources) names.push_back(resource->name);
  return names;
}

const Resource* Find(const std::vector<ResourcePtr>& resources, const std::string& name) {
  for (const ResourcePtr& resource : resources) {
    if (resource->name == name) return resource.get();
  }
  ADD_FAILURE() << "there is no " << name;
  return nullptr;
}

json Get(const std::vector<ResourcePtr>& resources, const std::string& name) {
  const Resource* resource = Find(resources, name);
  if (resource == nullptr) return json::object();
  return json::parse(ResourceToJson(*resource).value());
}

json VirtualHost(const std::vector<ResourcePtr>& routes, const std::string& table,
                 const std::string& name) {
  const json configuration = Get(routes, table);
  for (const json& host : configuration["virtualHosts"]) {
    if (host["name"] == name) return host;
  }
  return json();
}

// All findings as a user reads them, without the file's name and place.
std::vector<std::string> Findings(const Output& output) {
  std::vector<std::string> texts;
  for (const Finding& finding : output.findings) {
    texts.push_back(finding.code + " " + finding.origin.object + " " + finding.origin.field + ": " +
                    finding.message);
  }
  return texts;
}

// The clusters that a listener's filter chains lead to.
std::vector<std::string> ChainClusters(const json& listener) {
  std::vector<std::string> clusters;
  for (const json& chain : listener["filterChains"]) {
    const json config = chain["filters"][0]["typedConfig"];
    clusters.push_back(config.value("cluster", config.contains("rds") ? "http" : "?"));
  }
  return clusters;
}

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

TEST(Translate, AnUnnamedPortIsLookedIntoOnTheWayIn) {
  const Mesh mesh(R"(
apiVersion: v1
kind: Service
metadata: {name: raw, namespace: default}
spec: {clusterIP: 10.96.0.8, selector: {app: reviews}, ports: [{port: 7000}]}
)");
  const Output output = mesh.For("reviews-0.default");
  std::vector<std::string> chains;
  const json inbound = Get(output.listeners, "virtualInbound");
  for (const json& chain : inbound["filterChains"]) {
    const json& match = chain["filterChainMatch"];
    if (match.value("destinationPort", 0) != 7000) continue;
    chains.push_back((chain.contains("transportSocket") ? "mutual TLS, " : "plain, ") +
                     std::string(chain["filters"][0]["name"] == "envoy.filters.network.tcp_proxy"
                                     ? "TCP"
                                     : "HTTP") +
                     (match.contains("transportProtocol") ? ", TLS" : ""));
  }
  EXPECT_THAT(chains, ElementsAre("mutual TLS, HTTP, TLS", "mutual TLS, TCP, TLS", "plain, HTTP",
                                  "plain, TCP, TLS", "plain, TCP"));
  // And on the way out: at the service's address, with routes of its own.
  EXPECT_THAT(ChainClusters(Get(output.listeners, "10.96.0.8_7000")),
              ElementsAre("outbound|7000||raw.default.svc.cluster.local", "http"));
  EXPECT_THAT(Names(output.routes), Contains("raw.default.svc.cluster.local:7000"));
}

constexpr char kTcp[] = R"(
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: 10.96.0.6, ports: [{name: tcp, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: secure, namespace: default}
spec: {clusterIP: 10.96.0.7, ports: [{name: tls, port: 8443}]}
---
)";

TEST(Translate, TcpAndTlsListenersStandAtTheServicesAddress) {
  const Output output = Mesh(kTcp).For("ratings-0.default");
  const json db = Get(output.listeners, "10.96.0.6_5432");
  EXPECT_THAT(ChainClusters(db), ElementsAre("outbound|5432||db.default.svc.cluster.local"));
  EXPECT_EQ(db["bindToPort"], false);
  EXPECT_THAT(ChainClusters(Get(output.listeners, "10.96.0.7_8443")),
              ElementsAre("outbound|8443||secure.default.svc.cluster.local"));
}

TEST(Translate, TcpAndTlsRoutes) {
  const Mesh mesh(std::string(kTcp) + R"(
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: db, namespace: default}
spec:
  hosts: [db]
  tcp:
  - match: [{port: 5432, sourceLabels: {app: ratings}}]
    route: [{destination: {host: db, subset: a}, weight: 80}, {destination: {host: db, subset: b}, weight: 20}]
  - route: [{destination: {host: db, subset: c}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: secure, namespace: default}
spec:
  hosts: [secure, a.example.com]
  tls:
  - match: [{port: 8443, sniHosts: [a.example.com]}]
    route: [{destination: {host: secure, subset: a}}]
)");
  const Output ratings = mesh.For("ratings-0.default");
  const json weighted =
      Get(ratings.listeners, "10.96.0.6_5432")["filterChains"][0]["filters"][0]["typedConfig"]
                                              ["weightedClusters"]["clusters"];
  ASSERT_EQ(weighted.size(), 2);
  EXPECT_EQ(weighted[0]["name"], "outbound|5432|a|db.default.svc.cluster.local");
  EXPECT_EQ(weighted[0]["weight"], 80);
  EXPECT_THAT(ChainClusters(Get(mesh.For("reviews-0.default").listeners, "10.96.0.6_5432")),
              ElementsAre("outbound|5432|c|db.default.svc.cluster.local"));
  const json secure = Get(ratings.listeners, "10.96.0.7_8443");
  EXPECT_THAT(ChainClusters(secure), ElementsAre("outbound|8443|a|secure.default.svc.cluster.local",
                                                 "PassthroughCluster"));
  EXPECT_EQ(secure["filterChains"][0]["filterChainMatch"]["serverNames"][0], "a.example.com");
}

TEST(Translate, AHeadlessServiceHasAListenerForEachPod) {
  const Mesh mesh(R"(
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: None, selector: {version: v1}, ports: [{name: tcp, port: 5432}, {name: http, port: 8080}]}
)");
  const Output output = mesh.For("ratings-0.default");
  // Its own pod is not among them.
  EXPECT_THAT(Names(output.listeners), Contains("10.0.0.3_5432"));
  EXPECT_THAT(Names(output.listeners), Not(Contains("10.0.0.4_5432")));
  EXPECT_THAT(VirtualHost(output.routes, "8080", "db.default.svc.cluster.local:8080")["domains"],
              Contains("*.db.default.svc.cluster.local:8080"));
  EXPECT_EQ(Get(output.clusters, "outbound|8080||db.default.svc.cluster.local")["type"],
            "ORIGINAL_DST");
  EXPECT_EQ(Get(mesh.For("gateway-0.istio-system").clusters,
                "outbound|8080||db.default.svc.cluster.local")["type"],
            "EDS");
}

TEST(Translate, HttpAndTcpShareAPort) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: tcp, namespace: default}
spec:
  hosts: [tcp.example.com]
  ports: [{number: 9080, name: tcp, protocol: TCP}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: mongo, namespace: default}
spec:
  hosts: [the-mongo.example.com]
  ports: [{number: 9080, name: mongo, protocol: Mongo}]
  resolution: DNS
)");
  const Output output = mesh.For("ratings-0.default");
  const json listener = Get(output.listeners, "0.0.0.0_9080");
  EXPECT_THAT(ChainClusters(listener),
              UnorderedElementsAre("http", "outbound|9080||tcp.example.com"));
  EXPECT_EQ(listener["listenerFiltersTimeout"], "5s");
  EXPECT_THAT(
      Findings(output),
      ElementsAre("MSH0114 ServiceEntry default/mongo : the-mongo.example.com port 9080 gets "
                  "no listener: 0.0.0.0:9080 belongs to Service default/ratings already"));
}

TEST(Translate, AServiceEntryWithAPrefixIsMatchedByIt) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: net, namespace: default}
spec:
  hosts: [net.example.com]
  addresses: [192.168.0.0/24]
  ports: [{number: 3307, name: tcp, protocol: TCP}]
  resolution: NONE
)");
  const json chain =
      Get(mesh.For("ratings-0.default").listeners, "0.0.0.0_3307")["filterChains"][0];
  EXPECT_EQ(chain["filterChainMatch"]["prefixRanges"][0]["addressPrefix"], "192.168.0.0");
  EXPECT_EQ(chain["filterChainMatch"]["prefixRanges"][0]["prefixLen"], 24);
}

TEST(Translate, AForwardProxyPortTakesAllHosts) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: Sidecar
metadata: {name: proxy, namespace: default}
spec:
  egress:
  - port: {number: 15002, name: proxy, protocol: HTTP_PROXY}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ['*/*']
)");
  const Output output = mesh.For("ratings-0.default");
  EXPECT_THAT(Names(output.listeners), Contains("127.0.0.1_15002"));
  const json host = VirtualHost(output.routes, "15002", "reviews.default.svc.cluster.local:9080");
  // Only with the port: without one it is port 80 that is meant.
  EXPECT_THAT(host["domains"], Contains("reviews:9080"));
  EXPECT_THAT(host["domains"], Not(Contains("reviews")));
}

TEST(Translate, WithoutInterceptionThereAreNoVirtualListeners) {
  const Mesh mesh("");
  const Output output = mesh.For("ratings-0.default", Interception::kNone);
  EXPECT_THAT(Names(output.listeners), ElementsAre("127.0.0.1_9080"));
  // The application itself has its port.
  EXPECT_THAT(Names(output.clusters),
              Not(Contains("inbound|9080|http|ratings.default.svc.cluster.local")));
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

constexpr char kGateway[] = R"(
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  selector: {istio: gateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
  - {port: {number: 31400, name: tcp, protocol: TCP}, hosts: ['*']}
  - {port: {number: 31400, name: again, protocol: TCP}, hosts: ['*']}
  - {port: {number: 31401, name: lone, protocol: TCP}, hosts: ['*']}
  - {port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: a}}
  - {port: {number: 443, name: b, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: b}}
  - {port: {number: 15443, name: tls, protocol: TLS}, hosts: ['*.local'], tls: {mode: AUTO_PASSTHROUGH}}
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: tcp, namespace: default}
spec:
  hosts: ['*']
  gateways: [gw]
  tcp: [{match: [{port: 31400}], route: [{destination: {host: reviews, port: {number: 9080}}}]}]
---
)";

TEST(Translate, GatewayServersThatStandInEachOthersWay) {
  const Output output = Mesh(kGateway).For("gateway-0.istio-system");
  // Without a Service in front of it, a gateway listens on the servers' own ports.
  EXPECT_THAT(Names(output.listeners),
              UnorderedElementsAre("0.0.0.0_80", "0.0.0.0_443", "0.0.0.0_15443", "0.0.0.0_31400"));
  EXPECT_THAT(ChainClusters(Get(output.listeners, "0.0.0.0_31400")),
              ElementsAre("outbound|9080||reviews.default.svc.cluster.local"));
  EXPECT_THAT(
      Findings(output),
      UnorderedElementsAre(
          "MSH0116 Gateway default/gw spec.servers[2]: is left out: port 31400 is TCP of Gateway "
          "default/gw spec.servers[1] already",
          "MSH0115 Gateway default/gw spec.servers[3]: gets no listener: no VirtualService of this "
          "gateway has a TCP or TLS rule for its hosts and port",
          "MSH0116 Gateway default/gw spec.servers[5]: is left out: the server name a.com belongs "
          "to Gateway default/gw spec.servers[4], and Envoy takes none twice"));
  // A server without a VirtualService answers 404.
  EXPECT_EQ(Get(output.routes, "http.80")["virtualHosts"][0]["name"], "blackhole:80");
}

TEST(Translate, AGatewayThatRoutesByServerNameHasItsClustersUnderThose) {
  const Mesh mesh(kGateway);
  Node node = mesh.world().NodeOf("gateway-0.istio-system").value();
  node.metadata["ROUTER_MODE"] = "sni-dnat";
  EXPECT_THAT(Names(Translate(mesh.world(), node).clusters),
              Contains("outbound_.9080_._.reviews.default.svc.cluster.local"));
}

TEST(Translate, GatewayHostsMayBeLimitedToANamespace) {
  const Mesh mesh(R"(
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  selector: {istio: gateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [./a.com, other/b.com]}]
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: v, namespace: default}
spec: {hosts: [a.com, b.com], gateways: [gw], http: [{route: [{destination: {host: reviews}}]}]}
)");
  const Output output = mesh.For("gateway-0.istio-system");
  EXPECT_FALSE(VirtualHost(output.routes, "http.80", "a.com:80").is_null());
  EXPECT_TRUE(VirtualHost(output.routes, "http.80", "b.com:80").is_null());
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
