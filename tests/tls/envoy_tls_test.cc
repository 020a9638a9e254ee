// Mutual TLS with a real Envoy on the other side: Envoy calls us, we call Envoy.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/proxy/tls_testing.h"
#include "nlohmann/json.hpp"
#include "tests/route/envoy_peer.h"

namespace mesh {
namespace {

using Json = nlohmann::ordered_json;
using proxy::testing::Connect;
using proxy::testing::HttpListener;
using proxy::testing::InboundListener;
using proxy::testing::ListenerPrefix;
using proxy::testing::MeshCluster;
using proxy::testing::MeshId;
using proxy::testing::Mode;
using proxy::testing::Ok;
using proxy::testing::Peer;
using proxy::testing::Server;
using proxy::testing::StartProxy;
using proxy::testing::Stat;
using proxy::testing::StaticCluster;
using proxy::testing::TestMesh;
using proxy::testing::ToCluster;

const char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

class EnvoyTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> binary = FindEnvoy();
    if (!binary.ok()) {
      if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << binary.status().message();
      GTEST_SKIP() << binary.status().message();
    }
    binary_ = *binary;
  }

  std::unique_ptr<EnvoyPeer> StartEnvoy(const std::vector<Json>& tables, const Json& extra) {
    // Not below TEST_TMPDIR: the names of Unix sockets are short.
    directories_.push_back("/tmp/mesh-tls-XXXXXX");
    EXPECT_NE(mkdtemp(directories_.back().data()), nullptr);
    auto peer = EnvoyPeer::Start(binary_, directories_.back(), tables, extra);
    EXPECT_TRUE(peer.ok()) << peer.status();
    return peer.ok() ? *std::move(peer) : nullptr;
  }

  // A workload's TLS in Envoy's words, with everything in place.
  Json CommonTls(const std::string& name, const Json& sans, const std::vector<std::string>& alpn) {
    const tls::Identity identity = mesh_.authority().Issue(MeshId(name));
    return {{"alpn_protocols", alpn},
            {"tls_certificates",
             Json::array({{{"certificate_chain", {{"inline_string", tls::ToPem(identity.chain)}}},
                           {"private_key", {{"inline_string", identity.key.ToPem()}}}}})},
            {"validation_context",
             {{"trusted_ca", {{"inline_string", mesh_.authority().certificate().ToPem()}}},
              {"match_typed_subject_alt_names",
               Json::array({{{"san_type", "URI"}, {"matcher", sans}}})}}}};
  }
  Json ClientSocket(const std::string& name, const Json& sans) {
    return {{"name", "envoy.transport_sockets.tls"},
            {"typed_config",
             {{"@type",
               "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"},
              {"sni", "outbound_.80_._.a.default.svc.cluster.local"},
              {"common_tls_context", CommonTls(name, sans, {"istio-peer-exchange", "istio"})}}}};
  }
  static Json ClusterTo(uint16_t port, const Json& socket) {
    return {
        {"name", "ours"},
        {"type", "STATIC"},
        {"connect_timeout", "5s"},
        {"transport_socket", socket},
        {"load_assignment",
         {{"cluster_name", "ours"},
          {"endpoints",
           Json::array({{{"lb_endpoints", Json::array({{{"endpoint",
                                                         {{"address",
                                                           {{"socket_address",
                                                             {{"address", "127.0.0.1"},
                                                              {"port_value", port}}}}}}}}})}}})}}}};
  }
  static Json RoutesTo(const std::string& cluster) {
    return {{"virtual_hosts",
             Json::array({{{"name", "all"},
                           {"domains", Json::array({"*"})},
                           {"routes", Json::array({{{"match", {{"prefix", "/"}}},
                                                    {"route", {{"cluster", cluster}}}}})}}})}};
  }

  void TearDown() override {
    for (const std::string& directory : directories_) std::filesystem::remove_all(directory);
  }

  std::string binary_;
  std::vector<std::string> directories_;
  TestMesh mesh_;
};

TEST_F(EnvoyTlsTest, EnvoyCallsUs) {
  Server server(Server::Answering(
      [](const Peer::Message& request) { return Ok(request.Header("x-forwarded-client-cert")); }));
  for (Mode mode : {Mode::kStrict, Mode::kPermissive}) {
    auto ours = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                            .listeners = {InboundListener(mode, "up")}},
                           {}, mesh_.SecretsOf("server"));
    const uint16_t port = ours->ListenerPort("in");
    auto envoy = StartEnvoy(
        {RoutesTo("ours")},
        {{"clusters",
          Json::array({ClusterTo(port, ClientSocket("envoy", {{"exact", MeshId("server")}}))})}});
    ASSERT_NE(envoy, nullptr);
    PeerClient client(envoy->SocketOf(0));
    for (const auto& answer : client.Ask(std::vector<std::string>(20, kGet))) {
      EXPECT_EQ(answer.status, 200);
      EXPECT_TRUE(absl::StrContains(answer.body, absl::StrCat(";URI=", MeshId("envoy"))))
          << answer.body;
    }
    EXPECT_GT(Stat(*ours, ListenerPrefix(*ours) + "ssl.handshake"), 0u);
    EXPECT_EQ(Stat(*ours, ListenerPrefix(*ours) + "ssl.connection_error"), 0u);
    // A second time, by ticket.
    PeerClient again(envoy->SocketOf(0));
    for (const auto& answer : again.Ask({kGet})) EXPECT_EQ(answer.status, 200);
  }
}

TEST_F(EnvoyTlsTest, EnvoyRefusesUsByOurName) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok(""); }));
  auto ours = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                          .listeners = {InboundListener(Mode::kStrict, "up")}},
                         {}, mesh_.SecretsOf("server"));
  auto envoy = StartEnvoy(
      {RoutesTo("ours")},
      {{"clusters",
        Json::array({ClusterTo(ours->ListenerPort("in"),
                               ClientSocket("envoy", {{"exact", MeshId("another")}}))})}});
  ASSERT_NE(envoy, nullptr);
  PeerClient client(envoy->SocketOf(0));
  for (const auto& answer : client.Ask({kGet})) EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(EnvoyTlsTest, WeCallEnvoy) {
  Server server(Server::Answering(
      [](const Peer::Message& request) { return Ok(request.Header("x-forwarded-client-cert")); }));
  const uint16_t port = FreePort();
  const auto listener = [&](const Json& sans) -> Json {
    return {
        {"name", "tls"},
        {"address", {{"socket_address", {{"address", "127.0.0.1"}, {"port_value", port}}}}},
        {"listener_filters",
         Json::array({{{"name", "envoy.filters.listener.tls_inspector"},
                       {"typed_config",
                        {{"@type",
                          "type.googleapis.com/envoy.extensions.filters.listener."
                          "tls_inspector.v3.TlsInspector"}}}}})},
        {"filter_chains",
         Json::array(
             {{{"filter_chain_match",
                {{"application_protocols",
                  Json::array({"istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"})}}},
               {"transport_socket",
                {{"name", "envoy.transport_sockets.tls"},
                 {"typed_config",
                  {{"@type",
                    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
                    "DownstreamTlsContext"},
                   {"require_client_certificate", true},
                   {"common_tls_context", CommonTls("envoy", sans, {"h2", "http/1.1"})}}}}},
               {"filters",
                Json::array({{{"name", "hcm"},
                              {"typed_config",
                               {{"@type",
                                 "type.googleapis.com/envoy.extensions.filters.network."
                                 "http_connection_manager.v3.HttpConnectionManager"},
                                {"stat_prefix", "x"},
                                {"forward_client_cert_details", "APPEND_FORWARD"},
                                {"set_current_client_cert_details",
                                 {{"subject", true}, {"dns", true}, {"uri", true}}},
                                {"route_config", RoutesTo("app")},
                                {"http_filters",
                                 Json::array({{{"name", "envoy.filters.http.router"},
                                               {"typed_config",
                                                {{"@type",
                                                  "type.googleapis.com/envoy.extensions.filters."
                                                  "http.router.v3.Router"}}}}})}}}}})}}})}};
  };
  Json app = ClusterTo(server.port(), {});
  app.erase("transport_socket");
  app["name"] = "app";
  app["load_assignment"]["cluster_name"] = "app";
  const auto run = [&](const Json& sans) {
    auto envoy = StartEnvoy({RoutesTo("app")}, {{"clusters", Json::array({app})},
                                                {"listeners", Json::array({listener(sans)})}});
    EXPECT_NE(envoy, nullptr);
    auto ours = StartProxy({.clusters = {MeshCluster("up", {{port, true}})},
                            .listeners = {HttpListener(ToCluster("up"))}},
                           {}, mesh_.SecretsOf("client"));
    Peer client = Connect(ours->ListenerPort("in"));
    std::vector<std::string> answers;
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(client.Send(kGet));
      const auto answer = client.Read();
      answers.push_back(answer.has_value() ? absl::StrCat(answer->status(), " ", answer->body)
                                           : "none");
    }
    EXPECT_GT(Stat(*ours, "cluster.up.ssl.handshake"), 0u);
    return answers;
  };
  for (const std::string& answer : run({{"prefix", "spiffe://cluster.local/"}})) {
    EXPECT_TRUE(absl::StartsWith(answer, absl::StrCat("200 By=", MeshId("envoy"), ";Hash=")))
        << answer;
    EXPECT_TRUE(absl::StrContains(answer, absl::StrCat(";Subject=\"\";URI=", MeshId("client"))))
        << answer;
  }
  for (const std::string& answer : run({{"prefix", "spiffe://other.domain/"}})) {
    EXPECT_TRUE(absl::StartsWith(answer, "503 ")) << answer;
    EXPECT_TRUE(absl::StrContains(answer, "TLS_error")) << answer;
  }
}

}  // namespace
}  // namespace mesh
