// A proxy configured over xDS by a real server.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/base/content_hash.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/testing.h"
#include "mesh/tls/testing.h"
#include "mesh/xds/server.h"
#include "nlohmann/json.hpp"

namespace mesh::proxy {
namespace {

using testing::Connect;
using testing::Ok;
using testing::Peer;
using testing::Server;
using testing::ToCluster;

// What a proxy without secrets asks for.
constexpr xds::Type kAsked[] = {xds::Type::kCluster, xds::Type::kEndpoint, xds::Type::kListener,
                                xds::Type::kRoute};
const char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// A control plane whose resources are JSON.
class ControlPlane final : public xds::ViewSource {
 public:
  explicit ControlPlane(const std::string& address = "127.0.0.1:0") {
    auto server = xds::Server::Start({.addresses = {{address}}, .source = this});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  template <class Proto>
  void Set(xds::Type type, const std::string& name, const std::string& json) {
    Proto proto;
    const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
    EXPECT_TRUE(status.ok()) << status.ToString() << json;
    SetBytes(type, name, proto.SerializeAsString());
  }
  void SetBytes(xds::Type type, const std::string& name, const std::string& bytes) {
    MutexLock lock(&mutex_);
    resources_[type][name] = xds::EncodedResource::Make(type, name, ContentHash(bytes), bytes);
  }
  void Remove(xds::Type type, const std::string& name) {
    MutexLock lock(&mutex_);
    resources_[type].erase(name);
  }

  absl::StatusOr<xds::ViewPtr> ViewOf(const xds::Peer&) override {
    MutexLock lock(&mutex_);
    auto view = std::make_shared<xds::View>();
    for (const auto& [type, by_name] : resources_) {
      std::vector<xds::EncodedResourcePtr> list;
      for (const auto& [name, resource] : by_name) list.push_back(resource);
      view->Set(type, xds::ResourceList::Make(std::move(list)));
    }
    return view;
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", server_->ports()[0]); }
  xds::Server& server() { return *server_; }

  // Waits until the one proxy is in a state for a type, and returns its words.
  std::string Await(xds::Type type, xds::SyncState state) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (absl::Now() < deadline) {
      const auto all = server_->Status();
      if (all.size() == 1 && all[0].of(type).state == state) return all[0].of(type).reason;
      absl::SleepFor(absl::Milliseconds(2));
    }
    return "it never came";
  }

 private:
  Mutex mutex_;
  std::map<xds::Type, std::map<std::string, xds::EncodedResourcePtr>> resources_
      ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<xds::Server> server_;
};

using Cluster = ::envoy::config::cluster::v3::Cluster;
using Assignment = ::envoy::config::endpoint::v3::ClusterLoadAssignment;
using Listener = ::envoy::config::listener::v3::Listener;
using RouteConfiguration = ::envoy::config::route::v3::RouteConfiguration;

void SetCluster(ControlPlane* plane, const std::string& name, uint16_t port,
                const std::string& more = "") {
  plane->Set<Cluster>(xds::Type::kCluster, name,
                      absl::StrCat(R"({"name":")", name, R"(","type":"EDS","eds_cluster_config":
                        {"eds_config":{"ads":{}}})",
                                   more.empty() ? "" : ",", more, "}"));
  plane->Set<Assignment>(
      xds::Type::kEndpoint, name,
      absl::StrCat(R"({"cluster_name":")", name, R"(","endpoints":[{"lb_endpoints":[
      {"endpoint":{"address":{"socket_address":{"address":"127.0.0.1","port_value":)",
                   port, "}}}}]}]}"));
}

void SetRoutes(ControlPlane* plane, const std::string& cluster, const std::string& more = "") {
  plane->Set<RouteConfiguration>(
      xds::Type::kRoute, "80",
      absl::StrCat(R"({"name":"80","virtual_hosts":[)", ToCluster(cluster, more), "]}"));
}

void SetListener(ControlPlane* plane, const std::string& more = "") {
  plane->Set<Listener>(xds::Type::kListener, "in",
                       absl::StrCat(R"({"name":"in",
    "address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
    "filter_chains":[{"filters":[{"name":"http","typed_config":{
    "@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix":"in","rds":{"route_config_name":"80","config_source":{"ads":{}}},)",
                                    more, R"(
    "http_filters":[{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]})"));
}

std::unique_ptr<Proxy> StartOver(const std::string& address) {
  ProxyOptions options;
  options.node.id = "sidecar~127.0.0.1~reviews-1.default~default.svc.cluster.local";
  options.node.metadata_json = R"({"LABELS":{"app":"reviews","version":"v1"}})";
  options.xds_address = address;
  auto proxy = Proxy::Start(options);
  EXPECT_TRUE(proxy.ok()) << proxy.status();
  return *std::move(proxy);
}

std::string Body(uint16_t port) {
  Peer client = Connect(port);
  client.Send(kGet);
  const auto r = client.Read();
  return r.has_value() ? absl::StrCat(r->status(), " ", r->body) : "nothing";
}

TEST(AdsTest, ServesWhatItIsSentAndFollowsChanges) {
  Server a(Server::Answering([](const Peer::Message&) { return Ok("a"); }));
  Server b(Server::Answering([](const Peer::Message&) { return Ok("b"); }));
  ControlPlane plane;
  SetCluster(&plane, "a", a.port());
  SetCluster(&plane, "b", b.port());
  SetRoutes(&plane, "a");
  SetListener(&plane);
  auto proxy = StartOver(plane.address());
  ASSERT_TRUE(proxy->WaitReady(absl::Seconds(20)));
  for (xds::Type type : kAsked) EXPECT_EQ(plane.Await(type, xds::SyncState::kSynced), "");
  const uint16_t port = proxy->ListenerPort("in");
  EXPECT_EQ(Body(port), "200 a");
  EXPECT_EQ(proxy->Admin("/ready"), "LIVE\n");

  SetRoutes(&plane, "b");
  plane.server().Refresh();
  while (Body(port) != "200 b") absl::SleepFor(absl::Milliseconds(2));
  SetCluster(&plane, "b", a.port());
  plane.server().Refresh();
  while (Body(port) != "200 a") absl::SleepFor(absl::Milliseconds(2));

  const auto dump = nlohmann::json::parse(proxy->Admin("/config_dump"), nullptr, false);
  ASSERT_FALSE(dump.is_discarded());
  EXPECT_EQ(dump["configs"][0]["dynamic_active_clusters"].size(), 2u);
  EXPECT_EQ(dump["configs"][1]["dynamic_listeners"][0]["name"], "in");
  EXPECT_EQ(dump["configs"][2]["dynamic_route_configs"][0]["route_config"]["name"], "80");

  plane.Remove(xds::Type::kListener, "in");
  plane.server().Refresh();
  while (proxy->ListenerPort("in") != 0) absl::SleepFor(absl::Milliseconds(2));
}

TEST(AdsTest, WhatIsNotDoneIsNamedAndHarmsNothingElse) {
  Server a(Server::Answering([](const Peer::Message&) { return Ok("a"); }));
  ControlPlane plane;
  SetCluster(&plane, "a", a.port());
  SetRoutes(&plane, "a");
  SetListener(&plane);
  auto proxy = StartOver(plane.address());
  ASSERT_TRUE(proxy->WaitReady(absl::Seconds(20)));
  const uint16_t port = proxy->ListenerPort("in");

  SetRoutes(&plane, "a", R"("request_mirror_policies":[{"cluster":"b"}])");
  SetCluster(&plane, "a", a.port(), R"("lb_policy":"RING_HASH")");
  SetCluster(&plane, "good", a.port());
  SetListener(&plane, R"("via":"me",)");
  plane.server().Refresh();
  EXPECT_EQ(plane.Await(xds::Type::kCluster, xds::SyncState::kNacked),
            "cluster \"a\" lb_policy: RING_HASH is not supported");
  EXPECT_EQ(plane.Await(xds::Type::kListener, xds::SyncState::kNacked),
            "listener \"in\" filter_chains[0].filters[0].typed_config.via: not supported");
  EXPECT_EQ(plane.Await(xds::Type::kRoute, xds::SyncState::kNacked),
            "routes \"80\": route configuration \"80\" virtual_hosts[0].routes[0].route."
            "request_mirror_policies: not supported");
  // The last good versions serve on, and the good cluster beside the bad one is there.
  EXPECT_EQ(Body(port), "200 a");
  EXPECT_NE(proxy->Admin("/clusters").find("good::observability_name::good"), std::string::npos);
}

TEST(AdsTest, GoesOnWithoutItsControlPlaneAndFindsItAgain) {
  Server a(Server::Answering([](const Peer::Message&) { return Ok("a"); }));
  std::string address;
  std::unique_ptr<Proxy> proxy;
  uint16_t port = 0;
  {
    ControlPlane plane;
    SetCluster(&plane, "a", a.port());
    SetRoutes(&plane, "a");
    SetListener(&plane);
    address = plane.address();
    proxy = StartOver(address);
    ASSERT_TRUE(proxy->WaitReady(absl::Seconds(20)));
    port = proxy->ListenerPort("in");
    EXPECT_EQ(Body(port), "200 a");
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Body(port), "200 a");
  ControlPlane again(address);
  SetCluster(&again, "a", a.port());
  SetRoutes(&again, "a", R"("prefix_rewrite":"/x")");
  SetListener(&again);
  for (xds::Type type : kAsked) EXPECT_EQ(again.Await(type, xds::SyncState::kSynced), "");
  EXPECT_EQ(Body(port), "200 a");
}

TEST(AdminTest, PagesAndOrders) {
  Server a(Server::Answering([](const Peer::Message&) { return Ok("a"); }));
  bool quit = false;
  ProxyOptions options;
  options.node.id = "sidecar~127.0.0.1~reviews-1.default~default.svc.cluster.local";
  options.node.metadata_json = R"({"LABELS":{"app":"reviews","version":"v1"}})";
  options.admin_address = "127.0.0.1:0";
  options.on_quit = [&] { quit = true; };
  auto proxy = *Proxy::Start(options);
  ASSERT_TRUE(proxy
                  ->Apply({.clusters = {testing::StaticCluster("outbound|80||a.b.svc.cluster.local",
                                                               {a.port()})},
                           .listeners = {testing::HttpListener(
                               ToCluster("outbound|80||a.b.svc.cluster.local"))}})
                  .ok());
  EXPECT_EQ(Body(proxy->ListenerPort("in")), "200 a");

  Peer client = Connect(proxy->admin_port());
  const auto ask = [&](const std::string& request) {
    client.Send(absl::StrCat(request, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    return client.Read().value_or(Peer::Message());
  };
  EXPECT_EQ(ask("GET /ready").body, "LIVE\n");
  EXPECT_EQ(ask("GET /listeners").body,
            absl::StrCat("in::127.0.0.1:", proxy->ListenerPort("in"), "\n"));
  EXPECT_EQ(ask("GET /certs").body, "{\n \"certificates\": []\n}\n");
  const auto info = nlohmann::json::parse(ask("GET /server_info").body, nullptr, false);
  EXPECT_EQ(info["state"], "LIVE");
  EXPECT_EQ(info["node"]["id"], options.node.id);
  const auto metrics = ask("GET /stats/prometheus");
  EXPECT_EQ(metrics.Header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"istio_requests_total{reporter=\"source\",source_workload=\"reviews-1\","
        "source_workload_namespace=\"default\",source_principal=\"unknown\",source_app=\"reviews\","
        "source_version=\"v1\"",
        "destination_service=\"a.b.svc.cluster.local\",destination_service_name=\"a\","
        "destination_service_namespace=\"b\",request_protocol=\"http\",response_code=\"200\"",
        "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"outbound|80||a.b.svc.cluster.local\"}"
        " 1\n",
        "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",",
        "envoy_cluster_membership_healthy{envoy_cluster_name=\"outbound|80||a.b.svc.cluster."
        "local\"} 1\n",
        "envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix=\"in\"} 1\n",
        "envoy_server_live 1\n"}) {
    EXPECT_NE(metrics.body.find(line), std::string::npos) << line << "\n" << metrics.body;
  }
  EXPECT_NE(ask("GET /clusters")
                .body.find(absl::StrCat("outbound|80||a.b.svc.cluster.local::127.0.0.1:", a.port(),
                                        "::rq_success::1\n")),
            std::string::npos);
  EXPECT_EQ(ask("GET /nothing").status(), 404);
  EXPECT_EQ(ask("GET /quitquitquit").status(), 405);
  EXPECT_EQ(ask("POST /ready").status(), 405);
  EXPECT_FALSE(quit);
  EXPECT_EQ(ask("POST /drain_listeners").body, "OK\n");
  EXPECT_EQ(ask("GET /ready").body, "DRAINING\n");
  EXPECT_EQ(ask("POST /quitquitquit").body, "OK\n");
  proxy->Admin("/ready");  // the order has been carried out by then
  EXPECT_TRUE(quit);
}

TEST(ProxyOptionsTest, OptionsThatMakeNoSense) {
  const auto start = [](ProxyOptions options) {
    return std::string(Proxy::Start(options).status().message());
  };
  ProxyOptions options;
  options.concurrency = 0;
  EXPECT_EQ(start(options), "concurrency 0: must be from 1 to 256");
  options = ProxyOptions();
  options.admin_address = "here";
  EXPECT_EQ(start(options), "admin address \"here\": write an IP address and a port");
  options = ProxyOptions();
  options.node.id = "a";
  options.node.metadata_json = "[]";
  options.xds_address = "127.0.0.1:1";
  EXPECT_EQ(start(options).substr(0, 33), "node metadata is no JSON object: ");
}

// Secrets over ADS.

using SecretProto = ::envoy::extensions::transport_sockets::tls::v3::Secret;

void SetCertificate(ControlPlane* plane, const std::string& name, const tls::Identity& identity) {
  SecretProto secret;
  secret.set_name(name);
  secret.mutable_tls_certificate()->mutable_certificate_chain()->set_inline_bytes(
      tls::ToPem(identity.chain));
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_bytes(identity.key.ToPem());
  plane->SetBytes(xds::Type::kSecret, name, secret.SerializeAsString());
}

// A gateway that ends TLS with a certificate of that name.
void SetTlsListener(ControlPlane* plane, const std::string& secret) {
  ::envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext::descriptor();
  plane->Set<Listener>(xds::Type::kListener, "in",
                       absl::StrCat(R"({"name":"in",
    "address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
    "filter_chains":[{"transport_socket":{"name":"tls","typed_config":{
      "@type":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
      "common_tls_context":{"tls_certificate_sds_secret_configs":[{"name":")",
                                    secret, R"(","sds_config":{"ads":{}}}]}}},
    "filters":[{"name":"http","typed_config":{
    "@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix":"in","rds":{"route_config_name":"80","config_source":{"ads":{}}},
    "http_filters":[{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]})"));
}

// The serial number of the certificate that is shown; "" where the handshake fails.
std::string SerialAt(uint16_t port, const tls::TestAuthority& authority) {
  tls::ContextOptions options;
  options.validation.roots = authority.roots();
  Peer client = Connect(port);
  if (!client.StartTls(tls::Context::Client(options).value())) return "";
  EXPECT_TRUE(client.Send(kGet));
  EXPECT_TRUE(client.Read().has_value());
  return client.tls()->connection().peer_chain[0].serial();
}

TEST(AdsTest, CertificatesOfAGatewayComeOverAdsAndAreReplaced) {
  Server a(Server::Answering([](const Peer::Message&) { return Ok("a"); }));
  const tls::TestAuthority authority("root", absl::Now());
  const auto leaf = [&] { return authority.Issue(authority.Leaf({tls::Dns("shop.example.com")})); };
  const tls::Identity first = leaf(), second = leaf();
  ControlPlane plane;
  SetCluster(&plane, "a", a.port());
  SetRoutes(&plane, "a");
  SetTlsListener(&plane, "kubernetes://shop");
  auto proxy = StartOver(plane.address());
  EXPECT_EQ(plane.Await(xds::Type::kListener, xds::SyncState::kSynced), "");
  EXPECT_FALSE(proxy->Ready());
  EXPECT_EQ(proxy->ListenerPort("in"), 0);
  SetCertificate(&plane, "kubernetes://shop", first);
  plane.server().Refresh();
  ASSERT_TRUE(proxy->WaitReady(absl::Seconds(20)));
  EXPECT_EQ(SerialAt(proxy->ListenerPort("in"), authority), first.chain[0].serial());

  // A key that is another's is refused, and its words hold nothing of it.
  tls::Identity mixed = second;
  mixed.key = first.key;
  SetCertificate(&plane, "kubernetes://shop", mixed);
  plane.server().Refresh();
  EXPECT_EQ(plane.Await(xds::Type::kSecret, xds::SyncState::kNacked),
            "secret \"kubernetes://shop\" tls_certificate: the private key is not the "
            "certificate's");
  EXPECT_EQ(SerialAt(proxy->ListenerPort("in"), authority), first.chain[0].serial());

  SetCertificate(&plane, "kubernetes://shop", second);
  plane.server().Refresh();
  EXPECT_EQ(plane.Await(xds::Type::kSecret, xds::SyncState::kSynced), "");
  EXPECT_EQ(SerialAt(proxy->ListenerPort("in"), authority), second.chain[0].serial());
  EXPECT_EQ(proxy->Admin("/config_dump").find("PRIVATE"), std::string::npos);
}

TEST(AdsTest, WhatTheProgramProvidesIsNotAskedOfTheControlPlane) {
  Server a(Server::Answering([](const Peer::Message&) { return Ok("a"); }));
  const tls::TestAuthority authority("root", absl::Now());
  const tls::Identity own = authority.Issue("spiffe://cluster.local/ns/default/sa/own");
  ControlPlane plane;
  SetCluster(&plane, "a", a.port());
  SetRoutes(&plane, "a");
  SetTlsListener(&plane, "default");
  SetCertificate(&plane, "default",
                 authority.Issue("spiffe://cluster.local/ns/default/sa/planted"));
  ProxyOptions options;
  options.node.id = "sidecar~127.0.0.1~test-1.default~default.svc.cluster.local";
  options.xds_address = plane.address();
  options.local_secrets = {"default", "ROOTCA"};
  auto proxy = *Proxy::Start(options);
  EXPECT_EQ(plane.Await(xds::Type::kListener, xds::SyncState::kSynced), "");
  EXPECT_EQ(proxy->ListenerPort("in"), 0);
  EXPECT_FALSE(plane.server().Status()[0].of(xds::Type::kSecret).subscribed);
  Secret secret;
  secret.name = "default";
  secret.identity = own;
  proxy->SetSecrets({secret});
  ASSERT_TRUE(proxy->WaitReady(absl::Seconds(20)));
  EXPECT_EQ(SerialAt(proxy->ListenerPort("in"), authority), own.chain[0].serial());
  EXPECT_FALSE(plane.server().Status()[0].of(xds::Type::kSecret).subscribed);
}

}  // namespace
}  // namespace mesh::proxy
