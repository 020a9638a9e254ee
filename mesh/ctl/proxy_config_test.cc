#include "mesh/ctl/proxy_config.h"

#include <sstream>
#include <thread>

#include "gtest/gtest.h"
#include "httplib.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

constexpr char kDump[] = R"({"configs":[
  {"dynamicActiveClusters":[
    {"cluster":{"name":"outbound|9080|v1|reviews.default.svc.cluster.local","type":"EDS","metadata":
      {"filterMetadata":{"istio":{"config":
       "/apis/networking.istio.io/v1alpha3/namespaces/default/destination-rule/reviews"}}}}},
    {"cluster":{"name":"BlackHoleCluster","type":"STATIC"}},
    {"cluster":{"name":"inbound|9080|http|x","type":"STATIC","loadAssignment":{"clusterName":
      "inbound|9080|http|x","endpoints":[{"lbEndpoints":[{"endpoint":{"address":{"socketAddress":
      {"address":"127.0.0.1","portValue":9080}}}}]}]}}}]},
  {"dynamicListeners":[{"name":"0.0.0.0_9080","activeState":{"listener":{"name":"0.0.0.0_9080",
    "address":{"socketAddress":{"address":"0.0.0.0","portValue":9080}},
    "filterChains":[
     {"filterChainMatch":{"applicationProtocols":["http/1.1","h2c"]},"filters":[{"name":"hcm",
       "typedConfig":{"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager","rds":{"routeConfigName":"9080"}}}]},
     {"filters":[{"name":"tcp","typedConfig":
       {"@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "cluster":"PassthroughCluster"}}]}]}}}]},
  {"dynamicRouteConfigs":[{"routeConfig":{"name":"9080","virtualHosts":[{"name":"reviews:9080",
    "domains":["reviews.default.svc.cluster.local","reviews.default.svc.cluster.local:9080",
      "reviews","reviews:9080","reviews.default","10.1.2.3"],
    "routes":[{"match":{"prefix":"/"},"route":{"cluster":"x"},"metadata":{"filterMetadata":{"istio":
     {"config":"/apis/networking.istio.io/v1alpha3/namespaces/default/virtual-service/reviews"}}}}]
    }]}}]},
  {"dynamicEndpointConfigs":[{"endpointConfig":{
    "clusterName":"outbound|9080|v1|reviews.default.svc.cluster.local","endpoints":[{"lbEndpoints":[
     {"endpoint":{"address":{"socketAddress":{"address":"10.244.0.7","portValue":9080}}}},
     {"healthStatus":"DRAINING",
      "endpoint":{"address":{"socketAddress":{"address":"10.244.0.8","portValue":9080}}}}]}]}}]}
]})";

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

// A meshd to which one proxy is connected.
class ProxyConfigTest : public testing::Test {
 protected:
  ProxyConfigTest() {
    server_.set_keep_alive_timeout(1);
    server_.Get("/debug/config_dump",
                [](const httplib::Request& request, httplib::Response& response) {
                  if (request.get_param_value("proxyID") == "reviews-v1-0.default") {
                    response.set_content(kDump, "application/json");
                  } else {
                    response.status = 404;
                  }
                });
    server_.Get("/debug/syncz", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(R"([{"proxy":"reviews-v1-0.default"}])", "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~ProxyConfigTest() override {
    server_.stop();
    thread_.join();
  }
  Outcome Ask(const std::string& what, std::vector<std::string> more = {}) {
    std::vector<std::string> args = {"proxy-config", what, "--server",
                                     "127.0.0.1:" + std::to_string(port_)};
    if (more.empty()) more = {"reviews-v1-0.default"};
    args.insert(args.end(), more.begin(), more.end());
    std::istringstream in;
    std::ostringstream out, err;
    const int code = ctl::Run({AddProxyConfig}, args, in, out, err);
    return {code, out.str(), err.str()};
  }
  httplib::Server server_;
  int port_;
  std::thread thread_;
};

TEST_F(ProxyConfigTest, AsTables) {
  const struct {
    const char* what;
    const char* table;
  } rows[] = {
      {"clusters",
       "SERVICE FQDN                        PORT   SUBSET   DIRECTION   TYPE     DESTINATION RULE\n"
       "reviews.default.svc.cluster.local   9080   v1       outbound    EDS      reviews.default\n"
       "BlackHoleCluster                    -      -        -           STATIC\n"
       "x                                   9080   http     inbound     STATIC\n"},
      {"listeners",
       "ADDRESS   PORT   MATCH               DESTINATION\n"
       "0.0.0.0   9080   App: http/1.1,h2c   Route: 9080\n"
       "0.0.0.0   9080   ALL                 Cluster: PassthroughCluster\n"},
      {"routes",
       "NAME   DOMAINS             MATCH   VIRTUAL SERVICE\n"
       "9080   reviews, 10.1.2.3   /*      reviews.default\n"},
      {"endpoints",
       "ENDPOINT          STATUS     OUTLIER CHECK   CLUSTER\n"
       "10.244.0.7:9080   HEALTHY    -               "
       "outbound|9080|v1|reviews.default.svc.cluster.local\n"
       "10.244.0.8:9080   DRAINING   -               "
       "outbound|9080|v1|reviews.default.svc.cluster.local\n"
       "127.0.0.1:9080    HEALTHY    -               inbound|9080|http|x\n"},
  };
  for (const auto& row : rows) {
    const Outcome outcome = Ask(row.what);
    EXPECT_EQ(outcome.code, kFine) << row.what;
    EXPECT_EQ(outcome.out, row.table) << row.what;
    EXPECT_EQ(outcome.err, "") << row.what;
  }
}

TEST_F(ProxyConfigTest, JsonAndYamlAreTheResources) {
  const Outcome json = Ask("clusters", {"reviews-v1-0.default", "-o", "json"});
  EXPECT_EQ(nlohmann::json::parse(json.out)[1]["name"], "BlackHoleCluster");
  const Outcome yaml = Ask("cluster", {"reviews-v1-0.default", "-o", "yaml"});
  EXPECT_NE(yaml.out.find("- name: BlackHoleCluster\n  type: STATIC\n"), std::string::npos)
      << yaml.out;
}

TEST_F(ProxyConfigTest, AnUnknownProxyNamesTheConnectedOnes) {
  for (const char* what : {"listeners", "clusters", "routes", "endpoints"}) {
    const Outcome outcome = Ask(what, {"reviews v9&x.default", "-o", "json"});
    EXPECT_EQ(outcome.code, kFailed);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err,
              "meshctl: no proxy \"reviews v9&x.default\" is connected; connected are:\n"
              "  reviews-v1-0.default\n");
  }
}

TEST_F(ProxyConfigTest, BadUsage) {
  EXPECT_EQ(Ask("bootstrap").code, kUsage);
  EXPECT_EQ(Ask("routes", {"--server", "nonsense", "a.b"}).code, kUsage);
  EXPECT_EQ(Ask("routes", {"-o", "json"}).code, kUsage);
}

TEST_F(ProxyConfigTest, HelpHasThreeExamples) {
  EXPECT_NE(Ask("routes", {"--help"})
                .out.find("Examples:\n"
                          "  meshctl proxy-config routes productpage-v1-0.default\n"
                          "  meshctl proxy-config routes istio-ingressgateway-0.istio-system -o "
                          "json\n"
                          "  meshctl proxy-config routes reviews-v1-0.default --server "
                          "127.0.0.1:15014 -o yaml\n"),
            std::string::npos);
}

}  // namespace
}  // namespace mesh::ctl
