// Configuration that changes under way, ends that come, and what all of it costs in memory.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/network.h"
#include "mesh/proxy/testing.h"

namespace mesh::proxy {
namespace {

using testing::Connect;
using testing::HttpListener;
using testing::Ok;
using testing::Peer;
using testing::RoutesFromJson;
using testing::Server;
using testing::StartProxy;
using testing::Stat;
using testing::StaticCluster;
using testing::ToCluster;
using testing::WaitForStat;

const char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const char kRds[] =
    R"("rds":{"route_config_name":"80","config_source":{"ads":{},"initial_fetch_timeout":"0s"}})";

std::shared_ptr<const route::action::RouteConfig> Routes80(const std::string& cluster,
                                                           const std::string& more = "") {
  return RoutesFromJson(
      absl::StrCat(R"({"name":"80","virtual_hosts":[)", ToCluster(cluster, more), "]}"));
}

Peer::Message Ask(Peer& client, const std::string& request) {
  EXPECT_TRUE(client.Send(request));
  std::optional<Peer::Message> response = client.Read();
  EXPECT_TRUE(response.has_value()) << request;
  return response.value_or(Peer::Message());
}

std::string EdsCluster(const std::string& name) {
  return absl::StrCat(R"({"name":")", name, R"(","type":"EDS","eds_cluster_config":{"eds_config":
      {"ads":{},"initial_fetch_timeout":"0s"}}})");
}

envoy::Endpoints EndpointsOf(const std::string& cluster, const std::vector<uint16_t>& ports) {
  envoy::Endpoints out;
  out.cluster_name = cluster;
  for (uint16_t port : ports) {
    envoy::Endpoint e;
    e.address = {"127.0.0.1", port};
    out.endpoints.push_back(e);
  }
  return out;
}

// Sends requests one after another on kept connections until told to stop; everything that is not a
// 200 counts as failed.
class Load {
 public:
  Load(uint16_t port, int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, port] {
        std::unique_ptr<Peer> client;
        while (!stop_) {
          if (client == nullptr) client = std::make_unique<Peer>(Connect(port));
          if (!client->Send(kGet)) {
            ++failed_;
            client.reset();
            continue;
          }
          const auto r = client->Read();
          ++total_;
          if (!r.has_value() || r->status() != 200) ++failed_;
          if (!r.has_value() || r->Header("connection") == "close") client.reset();
        }
      });
    }
  }
  ~Load() { Stop(); }
  void Stop() {
    stop_ = true;
    for (std::thread& t : threads_) t.join();
    threads_.clear();
  }
  // Waits until `n` more requests have been answered.
  void Pass(int n) {
    const int until = total_ + n;
    while (total_ < until) absl::SleepFor(absl::Milliseconds(1));
  }
  int failed() const { return failed_; }
  int total() const { return total_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> total_{0};
  std::atomic<int> failed_{0};
  std::vector<std::thread> threads_;
};

TEST(WarmingTest, AClusterServesOnceItsEndpointsAreKnown) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy = StartProxy({.clusters = {testing::ClusterFromJson(EdsCluster("up"))},
                           .listeners = {HttpListener(ToCluster("up"))}});
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_FALSE(proxy->Ready());
  EXPECT_EQ(Ask(client, kGet).status(), 503);  // no such cluster yet
  ASSERT_TRUE(proxy->Apply({.endpoints = {EndpointsOf("up", {server.port()})}}).ok());
  EXPECT_EQ(Ask(client, kGet).status(), 200);
  EXPECT_TRUE(proxy->Ready());
  // No endpoints are not the same as not knowing.
  ASSERT_TRUE(proxy->Apply({.endpoints = {EndpointsOf("up", {})}}).ok());
  EXPECT_EQ(Ask(client, kGet).body, "no healthy upstream");
}

TEST(WarmingTest, AListenerOpensOnceItsRoutesAreKnown) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy = StartProxy(
      {.clusters = {StaticCluster("up", {server.port()})}, .listeners = {HttpListener("", kRds)}});
  EXPECT_EQ(proxy->ListenerPort("in"), 0);
  ASSERT_TRUE(proxy->Apply({.routes = {Routes80("up")}}).ok());
  ASSERT_NE(proxy->ListenerPort("in"), 0);
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).status(), 200);
}

TEST(WarmingTest, AListenerWithoutRoutesInTimeAnswers404) {
  auto proxy = StartProxy(
      {.listeners = {HttpListener("", R"("rds":{"route_config_name":"80","config_source":{"ads":{},
                               "initial_fetch_timeout":"0.05s"}})")}});
  EXPECT_TRUE(proxy->WaitReady(absl::Seconds(10)));
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).status(), 404);
}

TEST(ChangeTest, NothingIsDroppedWhileEverythingChanges) {
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<uint16_t> ports;
  for (int i = 0; i < 4; ++i) {
    servers.push_back(
        std::make_unique<Server>(Server::Answering([](const Peer::Message&) { return Ok("x"); })));
    ports.push_back(servers.back()->port());
  }
  auto proxy = StartProxy({.clusters = {testing::ClusterFromJson(EdsCluster("a")),
                                        testing::ClusterFromJson(EdsCluster("b"))},
                           .endpoints = {EndpointsOf("a", ports), EndpointsOf("b", ports)},
                           .listeners = {HttpListener("", kRds)},
                           .routes = {Routes80("a")}},
                          {.concurrency = 2});
  Load load(proxy->ListenerPort("in"), 4);
  for (int round = 0; round < 30; ++round) {
    load.Pass(20);
    const std::string next = round % 2 == 0 ? "b" : "a";
    const std::string last = round % 2 == 0 ? "a" : "b";
    // Endpoints come and go ...
    ASSERT_TRUE(proxy->Apply({.endpoints = {EndpointsOf(next, {ports[round % 4]})}}).ok());
    // ... routes move to another cluster ...
    ASSERT_TRUE(
        proxy->Apply({.routes = {Routes80(next, absl::StrCat("\"timeout\":\"", round + 1, "s\""))}})
            .ok());
    load.Pass(20);
    // ... the one they left goes and comes back changed ...
    ASSERT_TRUE(proxy->Apply({.removed_clusters = {last}}).ok());
    load.Pass(5);
    ASSERT_TRUE(proxy
                    ->Apply({.clusters = {testing::ClusterFromJson(EdsCluster(last))},
                             .endpoints = {EndpointsOf(last, ports)}})
                    .ok());
    // ... and so does the listener's own configuration.
    ASSERT_TRUE(proxy
                    ->Apply({.listeners = {HttpListener(
                                 "", absl::StrCat(kRds, R"(,"server_name":"s)", round, "\""))}})
                    .ok());
  }
  load.Pass(20);
  load.Stop();
  EXPECT_EQ(load.failed(), 0);
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).Header("server"), "s29");
}

TEST(ChangeTest, ALiveConnectionTakesTheNextVersionWithItsNextRequest) {
  auto proxy = StartProxy({.listeners = {HttpListener("", kRds)},
                           .routes = {RoutesFromJson(R"({"name":"80","virtual_hosts":[{"name":"v",
                           "domains":["*"],"routes":[{"match":{"prefix":"/"},"direct_response":{"status":201}}]}]})")}});
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).status(), 201);
  ASSERT_TRUE(proxy
                  ->Apply({.routes = {RoutesFromJson(R"({"name":"80","virtual_hosts":[{"name":"v",
                           "domains":["*"],"routes":[{"match":{"prefix":"/"},"direct_response":{"status":202}}]}]})")}})
                  .ok());
  EXPECT_EQ(Ask(client, kGet).status(), 202);
}

TEST(ChangeTest, ARequestFinishesOnWhatItBeganWith) {
  Mutex mutex;
  CondVar changed;
  bool go = false;
  Server server([&](Peer& peer) {
    peer.Read();
    {
      MutexLock lock(&mutex);
      while (!go) changed.Wait(&mutex);
    }
    peer.Send(Ok("old"));
    peer.AtEnd();
  });
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener("", kRds)},
                           .routes = {Routes80("up")}});
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send(kGet);
  ASSERT_TRUE(WaitForStat(*proxy, "cluster.up.upstream_rq_active", 1));
  ASSERT_TRUE(proxy->Apply({.removed_clusters = {"up"}, .removed_listeners = {"in"}}).ok());
  proxy->Admin("/stats");  // the workers have taken it
  {
    MutexLock lock(&mutex);
    go = true;
    changed.NotifyAll();
  }
  const auto r = client.Read();
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->body, "old");
  EXPECT_EQ(r->Header("connection"), "close");
  EXPECT_TRUE(client.AtEnd());
}

TEST(ChangeTest, AnAddressInUseIsAnErrorThatSaysSo) {
  const int other = ListenOn(*Address::Parse("127.0.0.1", 0), false, 1);
  const uint16_t port = Address::LocalOf(other).port();
  auto proxy = StartProxy({});
  envoy::Listener listener = HttpListener(ToCluster("up"));
  listener.address.port = port;
  EXPECT_EQ(proxy->Apply({.listeners = {listener}}).message(),
            absl::StrCat("listener \"in\" address: cannot bind 127.0.0.1:", port,
                         ": Address already in use"));
  close(other);
  EXPECT_TRUE(proxy->Apply({.listeners = {listener}}).ok());
  listener.name = "twin";
  EXPECT_EQ(
      proxy->Apply({.listeners = {listener}}).message(),
      absl::StrCat("listener \"twin\" address: 127.0.0.1:", port, " is that of listener \"in\""));
  // Under another name in place of the first.
  EXPECT_TRUE(proxy->Apply({.listeners = {listener}, .removed_listeners = {"in"}}).ok());
  Peer client = Connect(port);
  EXPECT_EQ(Ask(client, kGet).status(), 503);
}

TEST(ChangeTest, AnAddressPassesFromOneListenerToTheNextUnderLoad) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  envoy::Listener listener = HttpListener(ToCluster("up"));
  {
    const int free = ListenOn(*Address::Parse("127.0.0.1", 0), false, 1);
    listener.address.port = Address::LocalOf(free).port();
    close(free);
  }
  auto proxy =
      StartProxy({.clusters = {StaticCluster("up", {server.port()})}, .listeners = {listener}},
                 {.concurrency = 2});
  Load load(listener.address.port, 4);
  for (int i = 0; i < 20; ++i) {
    load.Pass(20);
    const std::string last = listener.name;
    listener.name = absl::StrCat("in", i);
    ASSERT_TRUE(proxy->Apply({.listeners = {listener}, .removed_listeners = {last}}).ok());
  }
  load.Pass(20);
  load.Stop();
  EXPECT_EQ(load.failed(), 0);
  EXPECT_EQ(proxy->Admin("/listeners"),
            absl::StrCat("in19::127.0.0.1:", listener.address.port, "\n"));
}

TEST(ChangeTest, AListenerOfAnotherKindTakesTheAddressOver) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(ToCluster("missing"))}});
  const uint16_t port = proxy->ListenerPort("in");
  Peer old = Connect(port);
  EXPECT_EQ(Ask(old, kGet).status(), 503);
  ASSERT_TRUE(proxy
                  ->Apply({.listeners = {testing::ListenerFromJson(R"({"name":"in",
        "address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
        "filter_chains":[{"filters":[{"name":"tcp","typed_config":{
        "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix":"x","cluster":"up"}}]}]})")}})
                  .ok());
  EXPECT_EQ(proxy->ListenerPort("in"), port);
  Peer client = Connect(port);
  EXPECT_EQ(Ask(client, kGet).body, "x");
  EXPECT_EQ(Ask(old, kGet).Header("connection"), "close");
}

TEST(ChangeTest, WhatARouteAsksForAndIsNotDoneIsNamed) {
  auto proxy = StartProxy({});
  EXPECT_EQ(
      proxy
          ->Apply({.routes = {Routes80("a", R"("request_mirror_policies":[{"cluster":"b"}],
                          "hash_policy":[{"header":{"header_name":"x"}}])")}})
          .message(),
      "route configuration \"80\" virtual_hosts[0].routes[0].route.request_mirror_policies: "
      "not supported\n"
      "route configuration \"80\" virtual_hosts[0].routes[0].route.hash_policy: not supported");
}

TEST(DnsTest, NamesAreResolved) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy = StartProxy(
      {.clusters = {testing::ClusterFromJson(absl::StrCat(
           R"({"name":"up","type":"STRICT_DNS","load_assignment":{"cluster_name":"up","endpoints":[
           {"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"localhost","port_value":)",
           server.port(), "}}}}]}]}}"))},
       .listeners = {HttpListener(ToCluster("up"))}});
  ASSERT_TRUE(proxy->WaitReady(absl::Seconds(10)));
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).status(), 200);
}

TEST(DrainTest, WhatIsUnderWayFinishesAndNothingElseBegins) {
  std::atomic<bool> go{false};
  Server server([&](Peer& peer) {
    while (peer.Read().has_value()) {
      while (!go) absl::SleepFor(absl::Milliseconds(1));
      peer.Send(Ok("done"));
    }
  });
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(ToCluster("up"))}});
  const uint16_t port = proxy->ListenerPort("in");
  Peer busy = Connect(port);
  busy.Send(kGet);
  Peer idle = Connect(port);
  ASSERT_TRUE(WaitForStat(*proxy, "cluster.up.upstream_rq_active", 1));
  ASSERT_TRUE(WaitForStat(*proxy, "http.in.downstream_cx_active", 2));
  proxy->Drain();
  EXPECT_FALSE(proxy->WaitDrained(absl::Milliseconds(50)));
  EXPECT_EQ(proxy->Admin("/ready"), "DRAINING\n");
  const int late = socket(AF_INET, SOCK_STREAM, 0);
  const Address address = *Address::Parse("127.0.0.1", port);
  EXPECT_NE(connect(late, address.data(), address.size()), 0);
  close(late);
  // A connection that speaks up in time is served.
  idle.Send(kGet);
  go = true;
  for (Peer* client : {&busy, &idle}) {
    const auto r = client->Read();
    ASSERT_TRUE(r.has_value());
    EXPECT_EQ(r->body, "done");
    EXPECT_EQ(r->Header("connection"), "close");
    EXPECT_TRUE(client->AtEnd());
  }
  EXPECT_TRUE(proxy->WaitDrained(absl::Seconds(5)));
}

TEST(DrainTest, SilentConnectionsAreClosedAfterAWhile) {
  auto proxy = StartProxy({.listeners = {HttpListener(ToCluster("up"))}});
  Peer idle = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(WaitForStat(*proxy, "http.in.downstream_cx_active", 1));
  proxy->Drain();
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_TRUE(proxy->WaitDrained(absl::Seconds(5)));
}

TEST(DrainTest, NothingIsDroppedWhileALoadDrainsAway) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto first = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(ToCluster("up"))}});
  std::atomic<int> failed{0};
  std::atomic<int> ended{0};
  std::atomic<int> answered{0};
  std::vector<Peer> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(Connect(first->ListenerPort("in")));
  std::vector<std::thread> threads;
  for (Peer& client : clients) {
    threads.emplace_back([&] {
      for (;;) {
        if (!client.Send(kGet)) break;
        const auto r = client.Read();
        if (!r.has_value() || r->status() != 200) break;
        ++answered;
        if (r->Header("connection") == "close") {
          ++ended;
          return;
        }
      }
      ++failed;
    });
  }
  while (answered < 100) absl::SleepFor(absl::Milliseconds(1));
  first->Drain();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(ended, 4);
}

size_t ResidentKilobytes() {
  std::ifstream file("/proc/self/status");
  std::string line;
  while (std::getline(file, line)) {
    size_t kb = 0;
    if (line.rfind("VmRSS:", 0) == 0 && absl::SimpleAtoi(line.substr(6, line.size() - 9), &kb))
      return kb;
  }
  return 0;
}

TEST(BackPressureTest, ASlowReaderHoldsTheUpstreamBack) {
  constexpr size_t kTotal = 256 << 20;
  std::atomic<size_t> sent{0};
  Server server([&](Peer& peer) {
    peer.Read();
    peer.Send(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", kTotal, "\r\n\r\n"));
    const std::string piece(1 << 16, 'x');
    while (sent < kTotal && peer.Send(piece)) sent += piece.size();
  });
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(ToCluster("up", R"("timeout":"0s")"))}});
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send(kGet);
  client.ReadSome(1000);
  // Until nothing moves any more: kernel buffers are all that fills.
  size_t last = 1;
  while (last != sent) {
    last = sent;
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_LT(sent, 64u << 20);
  [[maybe_unused]] const size_t before = ResidentKilobytes();
  size_t read = 0;
  for (std::string some; read < kTotal / 2 && !(some = client.ReadSome(1 << 20)).empty();) {
    read += some.size();
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(MESH_TSAN)  // they keep what was freed
  EXPECT_LT(ResidentKilobytes(), before + 8 * 1024);
#endif
  EXPECT_GE(read, kTotal / 2);
}

TEST(BackPressureTest, ASlowUpstreamHoldsTheClientBack) {
  constexpr size_t kTotal = 128 << 20;
  std::atomic<bool> go{false};
  Server server([&](Peer& peer) {
    peer.Read(/*to_head=*/true);
    while (!go) absl::SleepFor(absl::Milliseconds(1));
    size_t read = 0;
    for (std::string some; read < kTotal && !(some = peer.ReadSome(1 << 20)).empty();) {
      read += some.size();
    }
    peer.Send(Ok(absl::StrCat(read)));
  });
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(ToCluster("up", R"("timeout":"0s")"))}});
  Peer client = Connect(proxy->ListenerPort("in"));
  std::atomic<size_t> sent{0};
  std::thread sender([&] {
    client.Send(absl::StrCat("POST / HTTP/1.1\r\nHost: a\r\nX-Length: ", kTotal,
                             "\r\nTransfer-Encoding: chunked\r\n\r\n"));
    const std::string piece(1 << 16, 'x');
    while (sent < kTotal && client.Send("10000\r\n" + piece + "\r\n")) sent += piece.size();
    client.Send("0\r\n\r\n");
  });
  size_t last = 1;
  while (last != sent) {
    last = sent;
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_LT(sent, 64u << 20);
  go = true;
  sender.join();
  const auto r = client.Read();
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->status(), 200);
}

// Everything a kernel may do that is not an error: little at a time, interrupted, not now.
class Stingy final : public EpollNetwork {
 public:
  ssize_t Read(int fd, char* to, size_t size) override {
    if (++turn_ % 7 == 0) return -EINTR;
    return EpollNetwork::Read(fd, to, std::min<size_t>(size, 1 + turn_ % 13));
  }
  ssize_t Write(int fd, const char* from, size_t size) override {
    if (++turn_ % 5 == 0) return -EINTR;
    return EpollNetwork::Write(fd, from, std::min<size_t>(size, 1 + turn_ % 17));
  }

 private:
  size_t turn_ = 0;
};

TEST(NetworkSeamTest, AStingyKernelChangesNothing) {
  Server server(Server::Answering([](const Peer::Message& m) {
    return absl::StrCat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                        absl::Hex(m.body.size()), "\r\n", m.body, "\r\n0\r\n\r\n");
  }));
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(ToCluster("up"))}},
                          {.make_network = [] { return std::make_unique<Stingy>(); }});
  Peer client = Connect(proxy->ListenerPort("in"));
  for (size_t size : {1, 10, 1000, 50000}) {
    std::string body;
    for (size_t i = 0; i < size; ++i) body += static_cast<char>('a' + i % 26);
    EXPECT_EQ(Ask(client, absl::StrCat("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", size,
                                       "\r\n\r\n", body))
                  .body,
              body);
  }
}

TEST(ChaosTest, ClientsAndUpstreamsThatGoAwayAtAnyMoment) {
  std::atomic<unsigned> turn{0};
  Server server([&](Peer& peer) {
    while (peer.Read().has_value()) {
      switch (++turn % 6) {
        case 0:
          return peer.Reset();
        case 1:
          peer.Send("HTTP/1.1 200 OK\r\nContent-Le");
          return;
        case 2:
          peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
          return peer.Reset();
        case 3:
          peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
          return;
        default:
          peer.Send(Ok(std::string(10000, 'x')));
      }
    }
  });
  auto proxy = StartProxy(
      {.clusters = {StaticCluster("up", {server.port()})},
       .listeners = {HttpListener(ToCluster(
           "up",
           R"("retry_policy":{"retry_on":"5xx","num_retries":2,"retry_back_off":{"base_interval":"0.001s"}})"))}},
      {.concurrency = 2});
  const uint16_t port = proxy->ListenerPort("in");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        Peer client = Connect(port);
        const bool post = (i + t) % 3 == 0;
        client.Send(post ? "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nabc" : kGet);
        switch ((i + t) % 5) {
          case 0:
            client.Reset();
            break;
          case 1:
            client.Close();
            break;
          case 2:
            client.Send("abcdefghijklmnopqrstuvwxyz");
            client.ReadSome(10);
            client.Reset();
            break;
          default:
            if (!post) client.Read();
        }
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(proxy->Apply({.clusters = {StaticCluster("up", {server.port()})}}).ok());
    absl::SleepFor(absl::Milliseconds(2));
  }
  for (std::thread& t : threads) t.join();
  EXPECT_TRUE(WaitForStat(*proxy, "http.in.downstream_cx_active", 0));
  EXPECT_EQ(Stat(*proxy, "http.in.downstream_rq_active"), 0u);
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_active"), 0u);
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_pending_active"), 0u);
}

}  // namespace
}  // namespace mesh::proxy
