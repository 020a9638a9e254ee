// The same bytes to mesh-proxy's proxy and to a real Envoy, both with the same configuration: what
// their upstreams see and what their clients are told.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/testing.h"
#include "nlohmann/json.hpp"
#include "tests/proxy/matrix.h"
#include "tests/route/envoy_peer.h"

namespace mesh {
namespace {

using Json = nlohmann::ordered_json;
using proxy::testing::Ok;
using proxy::testing::Peer;
using proxy::testing::Server;

constexpr char kSentinel[] = "GET /sentinel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

// An upstream that answers everything, even a wish to upgrade, with one byte, and remembers.
class Upstream {
 public:
  Upstream()
      : server_(Server::Answering([this](const Peer::Message& m) {
          const std::vector<std::string> words = absl::StrSplit(m.start, ' ');
          if (words[1] != "/sentinel") {
            MutexLock lock(&mutex_);
            seen_.push_back(
                absl::StrCat(words[0], " ", words[1], m.body.empty() ? "" : " ", m.body));
          }
          return Ok("x");
        })) {}
  uint16_t port() const { return server_.port(); }
  std::vector<std::string> TakeSeen() {
    MutexLock lock(&mutex_);
    return std::exchange(seen_, {});
  }

 private:
  Mutex mutex_;
  std::vector<std::string> seen_ ABSL_GUARDED_BY(mutex_);
  Server server_;
};

Json Listener(const Json& address) {
  const char kManager[] = R"({
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix": "in", "codec_type": "HTTP1", "request_timeout": "1s",
    "delayed_close_timeout": "0.05s",
    "http_protocol_options": {"accept_http_10": true},
    "upgrade_configs": [{"upgrade_type": "websocket"}],
    "route_config": {"name": "r", "virtual_hosts": [{"name": "v", "domains": ["*"],
      "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "up"}}]}]},
    "http_filters": [{"name": "router", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]})";
  return {{"name", "in"},
          {"address", address},
          {"filter_chains",
           Json::array({{{"filters", Json::array({{{"name", "http"},
                                                   {"typed_config", Json::parse(kManager)}}})}}})}};
}

Json Cluster(uint16_t port) {
  return Json::parse(absl::StrCat(
      R"({"name": "up", "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
          "cluster_name": "up", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {
          "socket_address": {"address": "127.0.0.1", "port_value": )",
      port, "}}}}]}]}}"));
}

// A proxy by how to connect to it.
struct Subject {
  std::function<Peer()> connect;
  Upstream* upstream;
};

std::string Outcome(const Subject& subject, const std::string& bytes) {
  std::vector<std::string> statuses;
  {
    Peer client = subject.connect();
    client.Send(bytes + kMatrixEnd);
    while (const auto response = client.Read())
      statuses.push_back(absl::StrCat(response->status()));
  }
  // By the time this one is through, so is whatever else went up.
  Peer client = subject.connect();
  client.Send(kSentinel);
  const auto response = client.Read();
  EXPECT_TRUE(response.has_value() && response->status() == 200);
  return absl::StrCat(absl::StrJoin(subject.upstream->TakeSeen(), " | "), "; ",
                      absl::StrJoin(statuses, " "));
}

std::unique_ptr<proxy::Proxy> StartOurs(uint16_t port) {
  const Json address = {{"socket_address", {{"address", "127.0.0.1"}, {"port_value", 0}}}};
  return proxy::testing::StartProxy(
      {.clusters = {proxy::testing::ClusterFromJson(Cluster(port).dump())},
       .listeners = {proxy::testing::ListenerFromJson(Listener(address).dump())}});
}

// Skips, or fails where peers are required, and returns nothing where there is no Envoy.
class Envoy {
 public:
  explicit Envoy(uint16_t port) {
    const auto binary = FindEnvoy();
    if (!binary.ok()) {
      const char* required = getenv("REQUIRE_PEERS");
      EXPECT_FALSE(required != nullptr && std::string(required) == "1") << binary.status();
      return;
    }
    std::string directory = "/tmp/mesh-http1XXXXXX";  // a socket's path is short
    EXPECT_NE(mkdtemp(directory.data()), nullptr);
    socket_ = directory + "/in.sock";
    const Json last = {
        {"virtual_hosts", Json::array({{{"name", "v"}, {"domains", Json::array({"*"})}}})}};
    auto started = EnvoyPeer::Start(
        *binary, directory, {last},
        Json{{"listeners", Json::array({Listener({{"pipe", {{"path", socket_}}}})})},
             {"clusters", Json::array({Cluster(port)})}});
    EXPECT_TRUE(started.ok()) << started.status();
    if (started.ok()) peer_ = *std::move(started);
  }
  explicit operator bool() const { return peer_ != nullptr; }
  Peer Connect() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.data(), socket_.size());
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return Peer(fd);
  }

 private:
  std::string socket_;
  std::unique_ptr<EnvoyPeer> peer_;
};

TEST(Http1MatrixTest, WhatIsSentIsWhatIsSeenOrNothingIs) {
  Upstream upstream;
  const auto ours = StartOurs(upstream.port());
  const Subject subject = {[&] { return proxy::testing::Connect(ours->ListenerPort("in")); },
                           &upstream};
  const std::vector<MatrixRow> rows = Http1Matrix();
  ASSERT_GE(rows.size(), 190u);
  for (const MatrixRow& row : rows) {
    EXPECT_EQ(Outcome(subject, row.bytes), row.outcome) << row.name;
  }
}

TEST(Http1MatrixTest, EnvoyDiffersWhereTheTableSaysSo) {
  Upstream upstream;
  const Envoy envoy(upstream.port());
  if (!envoy) GTEST_SKIP() << "no Envoy";
  const Subject subject = {[&] { return envoy.Connect(); }, &upstream};
  int same = 0, stricter = 0, other = 0;
  for (const MatrixRow& row : Http1Matrix()) {
    EXPECT_EQ(Outcome(subject, row.bytes), row.envoy.empty() ? row.outcome : row.envoy) << row.name;
    if (row.envoy.empty()) {
      ++same;
    } else if (row.outcome == "; 400" && row.envoy != "; 501") {
      ++stricter;
    } else {
      ++other;
    }
  }
  std::cout << same << " as Envoy, " << stricter << " refused that Envoy lets through, " << other
            << " answered in another way" << std::endl;
}

// A client that ends its side has gone, whatever it has asked for.
TEST(HalfCloseTest, IsTheEndForBoth) {
  const auto outcome = [](const std::function<Peer()>& connect) {
    Peer client = connect();
    client.Send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    client.FinishWrites();
    return client.ReadAll();
  };
  Server holds([](Peer& peer) {
    peer.Read();
    peer.AtEnd();  // until the proxy gives up
  });
  const auto ours = StartOurs(holds.port());
  EXPECT_EQ(outcome([&] { return proxy::testing::Connect(ours->ListenerPort("in")); }), "");
  const Envoy envoy(holds.port());
  if (!envoy) GTEST_SKIP() << "no Envoy";
  EXPECT_EQ(outcome([&] { return envoy.Connect(); }), "");
}

}  // namespace
}  // namespace mesh
