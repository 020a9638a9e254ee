// Ports as listeners, of sidecars and of gateways.
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

}  // namespace
}  // namespace mesh::translate
