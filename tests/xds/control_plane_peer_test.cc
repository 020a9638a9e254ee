// mesh-proxy under somebody else's control plane: go-control-plane's ADS server, whose snapshots
// this test writes. It takes what it is sent, says so, follows changes, and refuses by field what
// it does not do.
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/testing.h"
#include "nlohmann/json.hpp"
#include "tests/ca/peer.h"
#include "tests/ca/peer_process.h"

namespace mesh {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using proxy::testing::Connect;
using proxy::testing::Ok;
using proxy::testing::Peer;
using proxy::testing::Server;

constexpr auto kPatience = std::chrono::seconds(30);

// The program control_plane_peer: snapshots in, requests out.
class GoControlPlane {
 public:
  explicit GoControlPlane(const std::string& binary)
      : process_(binary, [this](absl::string_view line) {
          MutexLock lock(&mutex_);
          events_.push_back(Json::parse(line.begin(), line.end(), nullptr, false));
          more_.NotifyAll();
        }) {}

  // 0 when it does not say.
  int port() { return process_.port(); }
  // Gives all proxies a new snapshot; "" or what is wrong with it.
  std::string Set(const Json& snapshot) {
    process_.Send(snapshot.dump());
    const std::string version = snapshot["version"].get<std::string>();
    const Json taken = WaitFor([&version](const Json& event) {
      return event["event"] == "snapshot" && event["version"] == version;
    });
    return taken.is_null() ? "no answer" : taken["error"].get<std::string>();
  }
  // The proxy's acknowledgement of a version of a type: true once it has come.
  bool Acknowledged(const std::string& type, const std::string& version) {
    return !WaitFor([&](const Json& event) {
              return event["event"] == "request" && event["type"] == type &&
                     event["version"] == version && event["error"] == "" && event["nonce"] != "";
            }).is_null();
  }
  // What it says of a type that it refuses; with the version that it keeps.
  std::pair<std::string, std::string> Rejected(const std::string& type) {
    const Json event = WaitFor([&](const Json& request) {
      return request["event"] == "request" && request["type"] == type && request["error"] != "";
    });
    if (event.is_null()) return {};
    return {event["error"].get<std::string>(), event["version"].get<std::string>()};
  }
  std::string Events() {
    MutexLock lock(&mutex_);
    std::vector<std::string> lines;
    for (const Json& event : events_) lines.push_back(event.dump());
    return absl::StrJoin(lines, "\n");
  }
  // Requests with an error so far.
  int Rejections() {
    MutexLock lock(&mutex_);
    int count = 0;
    for (const Json& event : events_) {
      count += event["event"] == "request" && event["error"] != "" ? 1 : 0;
    }
    return count;
  }

 private:
  // The first event of all that is so; null when none comes in time.
  Json WaitFor(const std::function<bool(const Json&)>& wanted) {
    MutexLock lock(&mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (size_t next = 0;;) {
      for (; next < events_.size(); ++next) {
        if (wanted(events_[next])) return events_[next];
      }
      if (!more_.WaitUntil(&mutex_, deadline) && next == events_.size()) return nullptr;
    }
  }

  Mutex mutex_;
  CondVar more_;
  std::vector<Json> events_ ABSL_GUARDED_BY(mutex_);
  PeerProcess process_;  // last: its lines come until it is gone
};

const Json kAds = {{"ads", Json::object()}, {"resource_api_version", "V3"}};

Json Cluster(const std::string& name) {
  return {{"name", name},
          {"type", "EDS"},
          {"connect_timeout", "5s"},
          {"eds_cluster_config", {{"eds_config", kAds}}}};
}

Json Endpoints(const std::string& cluster, const std::vector<int>& ports) {
  Json list = Json::array();
  for (int port : ports) {
    list.push_back(
        {{"endpoint",
          {{"address", {{"socket_address", {{"address", "127.0.0.1"}, {"port_value", port}}}}}}}});
  }
  return {{"cluster_name", cluster}, {"endpoints", Json::array({Json{{"lb_endpoints", list}}})}};
}

// Prefix to cluster, in order.
Json Routes(const std::vector<std::pair<std::string, std::string>>& rules) {
  Json list = Json::array();
  for (const auto& [prefix, cluster] : rules) {
    list.push_back({{"match", {{"prefix", prefix}}}, {"route", {{"cluster", cluster}}}});
  }
  return {{"name", "r"},
          {"virtual_hosts",
           Json::array({Json{{"name", "all"}, {"domains", {"*"}}, {"routes", list}}})}};
}

Json Listener(const Json& more = Json::object()) {
  Json manager = {
      {"@type",
       "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
       "HttpConnectionManager"},
      {"stat_prefix", "in"},
      {"rds", {{"route_config_name", "r"}, {"config_source", kAds}}},
      {"http_filters",
       Json::array({Json{
           {"name", "router"},
           {"typed_config",
            {{"@type", "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}}}})}};
  manager.update(more);
  const Json filter = {{"name", "http"}, {"typed_config", manager}};
  return {{"name", "in"},
          {"address", {{"socket_address", {{"address", "127.0.0.1"}, {"port_value", 0}}}}},
          {"filter_chains", Json::array({Json{{"filters", Json::array({filter})}}})}};
}

std::function<void(Peer&)> Saying(const std::string& word) {
  return Server::Answering([word](const Peer::Message&) { return Ok(word); });
}

class ControlPlanePeerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> binary = FindPeer("control_plane_peer");
    if (!binary.ok()) {
      if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << binary.status().message();
      GTEST_SKIP() << binary.status().message();
    }
    control_plane_ = std::make_unique<GoControlPlane>(*binary);
    ASSERT_NE(control_plane_->port(), 0);
    snapshot_ = {{"version", "1"},
                 {"clusters", Json::array({Cluster("a")})},
                 {"endpoints", Json::array({Endpoints("a", {one_.port()})})},
                 {"listeners", Json::array({Listener()})},
                 {"routes", Json::array({Routes({{"/", "a"}})})}};
    ASSERT_EQ(control_plane_->Set(snapshot_), "");
    proxy::ProxyOptions options;
    options.node.id = "sidecar~127.0.0.1~client.default~default.svc.cluster.local";
    options.node.cluster = "client";
    options.xds_address = absl::StrCat("127.0.0.1:", control_plane_->port());
    auto proxy = proxy::Proxy::Start(std::move(options));
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    ASSERT_TRUE(proxy_->WaitReady(absl::Seconds(30))) << control_plane_->Events();
  }

  // Gives the next snapshot with these parts in place of the last one's.
  void Change(const std::string& version, const Json& parts) {
    snapshot_.update(parts);
    snapshot_["version"] = version;
    ASSERT_EQ(control_plane_->Set(snapshot_), "");
  }
  std::string Ask(const std::string& path) {
    Peer peer = Connect(proxy_->ListenerPort("in"));
    EXPECT_TRUE(peer.Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: a\r\n\r\n")));
    const auto answer = peer.Read();
    if (!answer.has_value()) return "no answer";
    return answer->status() == 200 ? answer->body : absl::StrCat(answer->status());
  }

  // The same, once the endpoints of a new cluster have come: this server sends clusters, routes and
  // endpoints each for itself, and until all of them are there the answer is 503.
  std::string AskOnceThereAreEndpoints(const std::string& path) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::string answer = Ask(path);
    while (answer == "503" && std::chrono::steady_clock::now() < deadline) answer = Ask(path);
    return answer;
  }

  Server one_{Saying("one")}, two_{Saying("two")};
  std::unique_ptr<GoControlPlane> control_plane_;
  std::unique_ptr<proxy::Proxy> proxy_;
  Json snapshot_;
};

TEST_F(ControlPlanePeerTest, TakesASnapshotAndSaysSo) {
  for (const char* type : {"Cluster", "ClusterLoadAssignment", "Listener", "RouteConfiguration"}) {
    EXPECT_TRUE(control_plane_->Acknowledged(type, "1")) << type << control_plane_->Events();
  }
  EXPECT_EQ(Ask("/"), "one");
}

TEST_F(ControlPlanePeerTest, FollowsEndpointsRoutesAndClusters) {
  EXPECT_EQ(Ask("/"), "one");
  Change("2", {{"endpoints", Json::array({Endpoints("a", {two_.port()})})}});
  ASSERT_TRUE(control_plane_->Acknowledged("ClusterLoadAssignment", "2"));
  EXPECT_EQ(Ask("/"), "two");

  Change("3", {{"clusters", Json::array({Cluster("a"), Cluster("b")})},
               {"endpoints",
                Json::array({Endpoints("a", {two_.port()}), Endpoints("b", {one_.port()})})},
               {"routes", Json::array({Routes({{"/b", "b"}, {"/", "a"}})})}});
  ASSERT_TRUE(control_plane_->Acknowledged("Cluster", "3")) << control_plane_->Events();
  ASSERT_TRUE(control_plane_->Acknowledged("RouteConfiguration", "3")) << control_plane_->Events();
  EXPECT_EQ(AskOnceThereAreEndpoints("/b"), "one");
  EXPECT_EQ(Ask("/"), "two");

  Change("4", {{"clusters", Json::array({Cluster("b")})},
               {"endpoints", Json::array({Endpoints("b", {one_.port()})})},
               {"routes", Json::array({Routes({{"/b", "b"}})})}});
  ASSERT_TRUE(control_plane_->Acknowledged("RouteConfiguration", "4")) << control_plane_->Events();
  EXPECT_EQ(Ask("/b"), "one");
  EXPECT_EQ(Ask("/"), "404");
  EXPECT_EQ(control_plane_->Rejections(), 0) << control_plane_->Events();
}

TEST_F(ControlPlanePeerTest, RefusesByFieldAndKeepsWhatItHas) {
  Change("2", {{"listeners", Json::array({Listener({{"via", "me"}})})}});
  const auto [listener_reason, listener_version] = control_plane_->Rejected("Listener");
  EXPECT_THAT(listener_reason, HasSubstr("via: not supported"));
  EXPECT_EQ(listener_version, "1") << "the version it keeps";
  EXPECT_EQ(Ask("/"), "one");

  Json routes = Routes({{"/", "a"}});
  routes["vhds"] = {{"config_source", kAds}};
  Change("3", {{"listeners", Json::array({Listener()})}, {"routes", Json::array({routes})}});
  const auto [route_reason, route_version] = control_plane_->Rejected("RouteConfiguration");
  EXPECT_THAT(route_reason, HasSubstr("vhds: discovery of virtual hosts is not supported"));
  EXPECT_EQ(route_version, "2") << "whose routes were as those of 1";
  EXPECT_EQ(Ask("/"), "one");

  // And takes the next one that is right.
  Change("4", {{"routes", Json::array({Routes({{"/", "b"}})})},
               {"clusters", Json::array({Cluster("b")})},
               {"endpoints", Json::array({Endpoints("b", {two_.port()})})}});
  for (const char* type : {"Cluster", "ClusterLoadAssignment", "Listener", "RouteConfiguration"}) {
    EXPECT_TRUE(control_plane_->Acknowledged(type, "4")) << type << control_plane_->Events();
  }
  EXPECT_EQ(AskOnceThereAreEndpoints("/"), "two");
}

}  // namespace
}  // namespace mesh
