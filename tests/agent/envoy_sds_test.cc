// A stock Envoy beside our agent: it gets its certificate and its roots over the agent's socket,
// and follows when the root is replaced.
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "examples/demo/tls_call.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mesh/agent/agent.h"
#include "mesh/base/log.h"
#include "mesh/ca/join_token.h"
#include "mesh/discovery/authority.h"
#include "mesh/local/addresses.h"
#include "nlohmann/json.hpp"
#include "tests/route/envoy_peer.h"

namespace mesh {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr char kNode[] = "sidecar~10.0.0.1~web-0.default~default.svc.cluster.local";

constexpr char kResources[] = R"({
  "listeners": [{
    "name": "in",
    "address": {"socket_address": {"address": "127.0.0.1", "port_value": PORT}},
    "filter_chains": [{
      "transport_socket": {"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": true,
        "common_tls_context": {
          "tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": SDS}],
          "validation_context_sds_secret_config": {"name": "ROOTCA", "sds_config": SDS}}}},
      "filters": [{"name": "http", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "http_filters": [{"name": "router", "typed_config": {
          "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
          {"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]}}}]}]}],
  "clusters": [{
    "name": "sds", "type": "STATIC", "connect_timeout": "1s",
    "typed_extension_protocol_options": {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}}}},
    "load_assignment": {"cluster_name": "sds", "endpoints": [{"lb_endpoints": [
      {"endpoint": {"address": {"pipe": {"path": "SOCKET"}}}}]}]}}]
})";
constexpr char kSds[] = R"({"resource_api_version": "V3", "api_config_source": {
  "api_type": "GRPC", "transport_api_version": "V3",
  "grpc_services": [{"envoy_grpc": {"cluster_name": "sds"}}]}})";

class EnvoySdsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> binary = FindEnvoy();
    if (!binary.ok()) {
      if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << binary.status().message();
      GTEST_SKIP() << binary.status().message();
    }
    root_ = "/tmp/mesh-envoyXXXXXX";  // a socket's path is short
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
    StartAgent();
    port_ = local::FreePort("127.0.0.1", 21000 + getpid() % 10000).value();
    nlohmann::ordered_json resources = nlohmann::ordered_json::parse(absl::StrReplaceAll(
        kResources,
        {{"SDS", kSds}, {"PORT", absl::StrCat(port_)}, {"SOCKET", root_ + "/agent/sds"}}));
    // One table, which nobody asks: by its socket Envoy is known to run.
    const nlohmann::ordered_json table = {{"name", "none"},
                                          {"virtual_hosts", nlohmann::ordered_json::array()}};
    auto envoy = EnvoyPeer::Start(*binary, root_ + "/envoy", {table}, resources);
    ASSERT_TRUE(envoy.ok()) << envoy.status();
    envoy_ = *std::move(envoy);
  }
  void TearDown() override {
    envoy_.reset();
    agent_.reset();
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now());
      server_->Wait();
    }
    server_.reset();
    authority_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  void StartAgent() {
    discovery::AuthorityOptions options;
    options.directory = root_ + "/ca";
    options.trust_domain = "cluster.local";
    options.join_token_directory = root_ + "/tokens";
    options.log = &log_;
    authority_ = discovery::Authority::Start(std::move(options)).value();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", authority_->Credentials(), &port);
    for (grpc::Service* service : authority_->services()) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    const auto id = tls::SpiffeId::Workload("cluster.local", "default", "web").value();
    std::ofstream(root_ + "/token")
        << ca::CreateJoinToken(root_ + "/tokens", id, absl::Now() + absl::Hours(1)).value();
    agent::AgentOptions agent;
    agent.authority = absl::StrCat("127.0.0.1:", port);
    agent.roots_file = root_ + "/ca/root-cert.pem";
    agent.token_file = root_ + "/token";
    agent.node_id = kNode;
    agent.sds_socket = root_ + "/agent/sds";
    agent.log = &log_;
    agent_ = agent::Agent::Start(std::move(agent)).value();
    const absl::Status ready = agent_->WaitReady(kPatience);
    ASSERT_TRUE(ready.ok()) << ready;
  }
  std::string Call(const tls::Identity& identity) {
    const auto answer = demo::CallOverTls("127.0.0.1", port_, "/", identity, kPatience);
    return answer.ok() ? *answer : absl::StrCat("refused: ", answer.status().message());
  }
  // Until Envoy answers that certificate so.
  std::string AwaitAnswer(const std::function<tls::Identity()>& identity, const std::string& want) {
    const absl::Time deadline = absl::Now() + kPatience;
    std::string seen;
    do {
      seen = Call(identity());
    } while (seen.find(want) == std::string::npos && absl::Now() < deadline);
    return seen;
  }

  std::string root_;
  MemoryLog log_;
  std::unique_ptr<discovery::Authority> authority_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<agent::Agent> agent_;
  int port_ = 0;
  std::unique_ptr<EnvoyPeer> envoy_;
};

TEST_F(EnvoySdsTest, EnvoyShowsAndTrustsWhatTheAgentHolds) {
  const auto own = [this] { return agent_->current()->identity; };
  ASSERT_EQ(AwaitAnswer(own, "HTTP/1.1 200 OK"), "HTTP/1.1 200 OK");
  const auto foreign = demo::ForeignIdentity("spiffe://cluster.local/ns/default/sa/web");
  ASSERT_TRUE(foreign.ok());
  EXPECT_THAT(Call(*foreign), HasSubstr("refused: "));

  // A rotation from beginning to end: Envoy then trusts the new root alone.
  const tls::Identity before = own();
  for (int step = 0; step < 3; ++step) {
    const absl::Time deadline = absl::Now() + kPatience;
    absl::Status stepped;
    do {
      stepped = authority_->TakeNextStep({kNode});
    } while (!stepped.ok() && absl::Now() < deadline);
    ASSERT_TRUE(stepped.ok()) << stepped;
    EXPECT_EQ(AwaitAnswer(own, "HTTP/1.1 200 OK"), "HTTP/1.1 200 OK");
  }
  EXPECT_THAT(AwaitAnswer([&] { return before; }, "refused"), HasSubstr("refused: "));
  EXPECT_EQ(Call(own()), "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace mesh
