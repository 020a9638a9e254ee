// Retries, timeouts, limits: what a client sees when an upstream fails.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "mesh/proxy/testing.h"

namespace mesh::proxy {
namespace {

using testing::Connect;
using testing::HttpListener;
using testing::Ok;
using testing::Peer;
using testing::Server;
using testing::StartProxy;
using testing::Stat;
using testing::StaticCluster;
using testing::ToCluster;

const char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const char kPost[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
// What Istio gives every route.
const char kIstioRetries[] =
    R"("timeout":"0s","retry_policy":{"retry_on":"connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
     "num_retries":2,"retriable_status_codes":[503],"host_selection_retry_max_attempts":5,
     "retry_host_predicate":[{"name":"envoy.retry_host_predicates.previous_hosts","typed_config":{
       "@type":"type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"}}]})";

Peer::Message Ask(Peer& client, const std::string& request) {
  EXPECT_TRUE(client.Send(request));
  std::optional<Peer::Message> response = client.Read();
  EXPECT_TRUE(response.has_value()) << request;
  return response.value_or(Peer::Message());
}

std::unique_ptr<Proxy> Simple(const std::vector<uint16_t>& ports, const std::string& route,
                              const std::string& cluster = "", const std::string& manager = "") {
  return StartProxy({.clusters = {StaticCluster("up", ports, cluster)},
                     .listeners = {HttpListener(ToCluster("up", route), manager)}});
}

// Nobody listens there.
uint16_t DeadPort() {
  Server server([](Peer&) {});
  return server.port();
}

TEST(RetryTest, ADeadHostIsAvoided) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("alive"); }));
  auto proxy = Simple({DeadPort(), server.port(), DeadPort()}, kIstioRetries);
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 30; ++i) EXPECT_EQ(Ask(client, kGet).body, "alive");
  for (int i = 0; i < 30; ++i) EXPECT_EQ(Ask(client, kPost).body, "alive");
  EXPECT_GT(Stat(*proxy, "cluster.up.upstream_rq_retry"), 0u);
}

TEST(RetryTest, AStatusThatTheRouteNamesIsTriedAgain) {
  std::atomic<int> seen{0};
  std::string bodies;
  Server server(Server::Answering([&](const Peer::Message& m) -> std::string {
    bodies += m.body + m.Header("x-envoy-attempt-count") + " ";
    return ++seen < 3 ? "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy" : Ok("done");
  }));
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(absl::StrCat(
                               R"({"name":"v","domains":["*"],"include_request_attempt_count":true,
               "include_attempt_count_in_response":true,
               "routes":[{"match":{"prefix":"/"},"route":{"cluster":"up",)",
                               kIstioRetries, "}}]}"))}});
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client, kPost);
  EXPECT_EQ(r.body, "done");
  EXPECT_EQ(r.Header("x-envoy-attempt-count"), "3");
  EXPECT_EQ(bodies, "abc1 abc2 abc3 ");
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_retry_success"), 1u);
}

TEST(RetryTest, AfterTheLastAttemptTheAnswerIsTheUpstreams) {
  std::atomic<int> seen{0};
  Server server(Server::Answering([&](const Peer::Message&) {
    ++seen;
    return "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
  }));
  auto proxy = Simple({server.port()}, kIstioRetries);
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client, kGet);
  EXPECT_EQ(r.status(), 503);
  EXPECT_EQ(r.body, "busy");
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_retry_limit_exceeded"), 1u);
}

TEST(RetryTest, WithoutAPolicyThereIsOneAttempt) {
  std::atomic<int> seen{0};
  Server server([&](Peer& peer) {
    peer.Read();
    ++seen;
  });
  auto proxy = Simple({server.port()}, "");
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).status(), 503);
  EXPECT_EQ(seen, 1);
}

TEST(RetryTest, KindsOfFailure) {
  const struct {
    const char* name;
    const char* retry_on;
    const char* response;  // "" closes
    int attempts;
  } cases[] = {
      {"5xx retries a 500", "5xx", "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", 2},
      {"5xx retries a closed connection", "5xx", "", 2},
      {"gateway-error leaves a 500", "gateway-error", "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
       1},
      {"gateway-error retries a 502", "gateway-error",
       "HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n", 2},
      {"reset retries a closed connection", "reset", "", 2},
      {"reset leaves a 503", "reset", "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", 1},
      {"connect-failure leaves a closed connection", "connect-failure", "", 1},
      {"retriable-4xx retries a 409", "retriable-4xx",
       "HTTP/1.1 409 X\r\nContent-Length: 0\r\n\r\n", 2},
      {"retriable-4xx leaves a 404", "retriable-4xx", "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n",
       1},
      {"unavailable retries gRPC's 14", "unavailable",
       "HTTP/1.1 200 X\r\ngrpc-status: 14\r\nContent-Length: 0\r\n\r\n", 2},
      {"unavailable leaves gRPC's 13", "unavailable",
       "HTTP/1.1 200 X\r\ngrpc-status: 13\r\nContent-Length: 0\r\n\r\n", 1},
      {"an overloaded upstream is left alone", "5xx",
       "HTTP/1.1 503 X\r\nx-envoy-overloaded: true\r\nContent-Length: 0\r\n\r\n", 1},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    std::atomic<int> seen{0};
    Server server([&](Peer& peer) {
      while (peer.Read().has_value()) {
        ++seen;
        if (*c.response == 0) return;
        peer.Send(c.response);
      }
    });
    auto proxy = Simple({server.port()}, absl::StrCat(R"("retry_policy":{"retry_on":")", c.retry_on,
                                                      R"(","num_retries":1})"));
    Peer client = Connect(proxy->ListenerPort("in"));
    Ask(client, kGet);
    EXPECT_EQ(seen, c.attempts);
  }
}

TEST(RetryTest, ABodyTooLargeToKeepIsSentOnce) {
  std::atomic<int> seen{0};
  Server server([&](Peer& peer) {
    const auto m = peer.Read();
    ++seen;
    EXPECT_EQ(m.has_value() ? m->body.size() : 0, 300000u);
    peer.Send("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
  });
  auto proxy = Simple({server.port()}, R"("retry_policy":{"retry_on":"5xx","num_retries":3})");
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" +
                            std::string(300000, 'x'))
                .status(),
            503);
  EXPECT_EQ(seen, 1);
}

// The upstream closes a kept connection at the moment the next request is under way.
TEST(StaleConnectionTest, NobodySeesThatAnIdleConnectionWasClosed) {
  std::atomic<int> served{0};
  Server server([&](Peer& peer) {
    peer.Read();
    ++served;
    peer.Send(Ok("x"));
    peer.Read();  // takes the second request and answers with an end
  });
  auto proxy = Simple({server.port()}, "");
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Ask(client, kGet).status(), 200);
  EXPECT_EQ(served, 10);
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_stale_retry"), 9u);
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_503"), 0u);
}

TEST(StaleConnectionTest, APostIsNotSentTwiceOnceItHasBeenSeen) {
  std::atomic<int> seen{0};
  Server server([&](Peer& peer) {
    peer.Read();
    ++seen;
    peer.Send(Ok("x"));
    if (peer.Read().has_value()) ++seen;
  });
  auto proxy = Simple({server.port()}, "");
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kPost).status(), 200);
  EXPECT_EQ(Ask(client, kPost).status(), 503);
  EXPECT_EQ(seen, 2);
}

TEST(StaleConnectionTest, AConnectionThatHasEndedIsNotUsedForAPost) {
  Server server([&](Peer& peer) {
    peer.Read();
    peer.Send(Ok("x"));
  });
  auto proxy = Simple({server.port()}, "");
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Ask(client, kPost).status(), 200);
    while (server.closed() <= i) absl::SleepFor(absl::Microseconds(100));
  }
}

TEST(TimeoutTest, OfTheRoute) {
  Server server([](Peer& peer) {
    peer.Read();
    peer.AtEnd();
  });
  auto proxy = Simple({server.port()}, R"("timeout":"0.05s")");
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 2; ++i) {
    const auto r = Ask(client, kGet);
    EXPECT_EQ(r.start, "HTTP/1.1 504 Gateway Timeout");
    EXPECT_EQ(r.body, "upstream request timeout");
  }
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_timeout"), 2u);
}

TEST(TimeoutTest, OfATryWithAnotherAfterIt) {
  std::atomic<int> seen{0};
  Server server([&](Peer& peer) {
    while (peer.Read().has_value()) {
      if (++seen == 2) {
        peer.Send(Ok("second"));
      } else {
        peer.AtEnd();
      }
    }
  });
  auto proxy = Simple(
      {server.port()},
      R"("timeout":"5s","retry_policy":{"retry_on":"5xx","num_retries":1,"per_try_timeout":"0.1s"})");
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).body, "second");
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_per_try_timeout"), 1u);
  const auto r = Ask(client, kGet);
  EXPECT_EQ(r.status(), 504);
  EXPECT_EQ(r.body, "upstream request timeout");
}

TEST(TimeoutTest, OfSilenceBeforeAndInAResponse) {
  Server server([](Peer& peer) {
    const auto m = peer.Read();
    if (m.has_value() && m->start.find("half") != std::string::npos) {
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    }
    peer.AtEnd();
  });
  auto proxy = Simple({server.port()}, R"("timeout":"0s")", "", R"("stream_idle_timeout":"0.05s")");
  {
    Peer client = Connect(proxy->ListenerPort("in"));
    const auto r = Ask(client, kGet);
    EXPECT_EQ(r.status(), 504);
    EXPECT_EQ(r.body, "stream timeout");
  }
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(client.Read().has_value());
}

TEST(TimeoutTest, OfARequestThatDoesNotEnd) {
  Server server([](Peer& peer) { peer.Read(); });
  auto proxy = Simple({server.port()}, "", "", R"("request_timeout":"0.05s")");
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  const auto r = client.Read();
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->status(), 408);
  EXPECT_EQ(r->body, "request timeout");
  EXPECT_TRUE(client.AtEnd());
}

TEST(TimeoutTest, OfAHeadThatDoesNotEnd) {
  auto proxy = Simple({1}, "", "", R"("request_headers_timeout":"0.05s")");
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send("GET / HTTP/1.1\r\nHos");
  const auto r = client.Read();
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->status(), 408);
  EXPECT_TRUE(client.AtEnd());
}

TEST(TimeoutTest, OfAnIdleConnection) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy =
      Simple({server.port()}, "", "", R"("common_http_protocol_options":{"idle_timeout":"0.05s"})");
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).status(), 200);
  EXPECT_TRUE(client.AtEnd());
}

TEST(LimitTest, TooManyRequests) {
  std::atomic<bool> go{false};
  Server server([&](Peer& peer) {
    while (peer.Read().has_value()) {
      while (!go) absl::SleepFor(absl::Milliseconds(1));
      peer.Send(Ok("x"));
    }
  });
  auto proxy = Simple({server.port()}, "",
                      R"("circuit_breakers":{"thresholds":[{"max_requests":1,"max_retries":0}]})");
  Peer first = Connect(proxy->ListenerPort("in"));
  first.Send(kGet);
  ASSERT_TRUE(testing::WaitForStat(*proxy, "cluster.up.upstream_rq_active", 1));
  Peer second = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(second, kGet);
  EXPECT_EQ(r.status(), 503);
  EXPECT_EQ(r.body,
            "upstream connect error or disconnect/reset before headers. reset reason: overflow");
  EXPECT_EQ(r.Header("x-envoy-overloaded"), "true");
  go = true;
  EXPECT_EQ(first.Read()->status(), 200);
  EXPECT_EQ(Ask(second, kGet).status(), 200);
}

TEST(LimitTest, RequestsWaitForAConnection) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy =
      Simple({server.port()}, "", R"("circuit_breakers":{"thresholds":[{"max_connections":1}]})");
  std::vector<Peer> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(Connect(proxy->ListenerPort("in")));
  for (int round = 0; round < 5; ++round) {
    for (Peer& client : clients) client.Send(kGet);
    for (Peer& client : clients) EXPECT_EQ(client.Read()->status(), 200);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(LimitTest, ConnectionsHaveASpan) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy = Simple({server.port()}, "", R"("max_requests_per_connection":5)");
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Ask(client, kGet).status(), 200);
  EXPECT_EQ(server.connections(), 4);
}

TEST(FaultTest, DelaysAndAborts) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(R"({"name":"v","domains":["*"],"routes":[
        {"match":{"prefix":"/abort"},"route":{"cluster":"up"},"typed_per_filter_config":{"envoy.filters.http.fault":{
          "@type":"type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
          "abort":{"http_status":555,"percentage":{"numerator":100}}}}},
        {"match":{"prefix":"/delay"},"route":{"cluster":"up"},"typed_per_filter_config":{"envoy.filters.http.fault":{
          "@type":"type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
          "delay":{"fixed_delay":"0.1s","percentage":{"numerator":100}}}}},
        {"match":{"prefix":"/"},"route":{"cluster":"up"}}]})")}});
  Peer client = Connect(proxy->ListenerPort("in"));
  auto r = Ask(client, "GET /abort HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(r.status(), 555);
  EXPECT_EQ(r.body, "fault filter abort");
  const absl::Time start = absl::Now();
  r = Ask(client, "GET /delay HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(r.status(), 200);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(99));
  EXPECT_EQ(Ask(client, kGet).status(), 200);
}

TEST(BalancingTest, WeightsAndWeightedClusters) {
  std::atomic<int> a{0}, b{0};
  Server first(Server::Answering([&](const Peer::Message&) {
    ++a;
    return Ok("a");
  }));
  Server second(Server::Answering([&](const Peer::Message&) {
    ++b;
    return Ok("b");
  }));
  const auto endpoint = [](uint16_t port, int weight) {
    return absl::StrCat(
        R"({"endpoint":{"address":{"socket_address":{"address":"127.0.0.1","port_value":)", port,
        R"(}}},"load_balancing_weight":)", weight, "}");
  };
  auto proxy = StartProxy(
      {.clusters = {testing::ClusterFromJson(absl::StrCat(
                        R"({"name":"weighted","type":"STATIC","load_assignment":{"cluster_name":"x",
                        "endpoints":[{"lb_endpoints":[)",
                        endpoint(first.port(), 3), ",", endpoint(second.port(), 1), "]}]}}")),
                    StaticCluster("a", {first.port()}), StaticCluster("b", {second.port()}),
                    StaticCluster("equal", {first.port(), second.port()})},
       .listeners = {HttpListener(R"({"name":"v","domains":["*"],"routes":[
         {"match":{"prefix":"/hosts"},"route":{"cluster":"weighted"}},
         {"match":{"prefix":"/equal"},"route":{"cluster":"equal"}},
         {"match":{"prefix":"/"},"route":{"weighted_clusters":{"clusters":[
            {"name":"a","weight":90},{"name":"b","weight":10}]}}}]})")}});
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 400; ++i) Ask(client, "GET /hosts HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NEAR(a, 300, 2);
  a = b = 0;
  for (int i = 0; i < 100; ++i) Ask(client, "GET /equal HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(a, 50);
  a = b = 0;
  for (int i = 0; i < 2000; ++i) Ask(client, kGet);
  EXPECT_NEAR(b, 200, 61);  // 4.5 sigma
}

TEST(TcpTest, BytesPassBothWaysWithTheirEnds) {
  Server server([](Peer& peer) {
    peer.Send("hello ");
    peer.Send(peer.ReadAll());
  });
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {testing::ListenerFromJson(R"({"name":"t",
        "address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
        "filter_chains":[{"filters":[{"name":"tcp","typed_config":{
        "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix":"x","cluster":"up"}}]}]})")}});
  for (int i = 0; i < 3; ++i) {
    Peer client = Connect(proxy->ListenerPort("t"));
    EXPECT_EQ(client.ReadSome(6), "hello ");
    const std::string much(1 << 20, 'x');
    client.Send(much);
    client.FinishWrites();
    EXPECT_EQ(client.ReadAll(), much);
  }
}

TEST(TcpTest, NoUpstreamIsAClosedConnection) {
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {DeadPort()})},
                           .listeners = {testing::ListenerFromJson(R"({"name":"t",
        "address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
        "filter_chains":[{"filters":[{"name":"tcp","typed_config":{
        "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix":"x","cluster":"up","max_connect_attempts":3}}]}]})")}});
  Peer client = Connect(proxy->ListenerPort("t"));
  EXPECT_TRUE(client.AtEnd());
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_cx_connect_fail"), 3u);
}

TEST(AccessLogTest, ALineForEveryFate) {
  Server server([](Peer& peer) {
    while (const auto m = peer.Read()) {
      if (m->start.find("/gone") != std::string::npos) return;
      if (m->start.find("/slow") != std::string::npos) {
        peer.AtEnd();
        return;
      }
      peer.Send(Ok("hello"));
    }
  });
  const std::string path = ::testing::TempDir() + "/fates.log";
  std::remove(path.c_str());
  {
    auto proxy =
        StartProxy({.clusters = {StaticCluster("up", {server.port()}), StaticCluster("empty", {}),
                                 StaticCluster("dead", {DeadPort()})},
                    .listeners = {HttpListener(
                        absl::StrCat(R"({"name":"v","domains":["a"],"routes":[
         {"match":{"prefix":"/dead"},"route":{"cluster":"dead","retry_policy":{"retry_on":"connect-failure","num_retries":1}}},
         {"match":{"prefix":"/empty"},"route":{"cluster":"empty"}},
         {"match":{"prefix":"/missing"},"route":{"cluster":"missing"}},
         {"match":{"prefix":"/slow"},"route":{"cluster":"up","timeout":"0.05s"}},
         {"match":{"prefix":"/"},"name":"all","route":{"cluster":"up"}}]})"),
                        absl::StrCat(R"("access_log":[{"name":"f","typed_config":{
           "@type":"type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog","path":")",
                                     path, R"(","log_format":{"text_format_source":{"inline_string":
           "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% %ROUTE_NAME%\n"}}}}])"))}});
    for (const char* request :
         {"GET /x", "GET /dead", "GET /empty", "GET /missing", "GET /slow", "GET /gone"}) {
      Peer client = Connect(proxy->ListenerPort("in"));
      Ask(client, absl::StrCat(request, " HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    Peer other = Connect(proxy->ListenerPort("in"));
    Ask(other, "GET / HTTP/1.1\r\nHost: b\r\n\r\n");
    Ask(other, "rubbish\r\n\r\n");
    Peer gone = Connect(proxy->ListenerPort("in"));
    gone.Send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    ASSERT_TRUE(testing::WaitForStat(*proxy, "http.in.downstream_rq_active", 1));
    gone.Close();
    ASSERT_TRUE(testing::WaitForStat(*proxy, "http.in.downstream_rq_active", 0));
  }
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(
      text.str(),
      "GET /x 200 - via_upstream - 0 5 up all\n"
      "GET /dead 503 URX,UF upstream_reset_before_response_started{remote_connection_failure|"
      "delayed_connect_error:_Connection_refused} delayed_connect_error:_Connection_refused 0 "
      "121 dead -\n"
      "GET /empty 503 UH no_healthy_upstream - 0 19 empty -\n"
      "GET /missing 503 NC cluster_not_found - 0 0 - -\n"
      "GET /slow 504 UT response_timeout - 0 24 up -\n"
      "GET /gone 503 UC upstream_reset_before_response_started{connection_termination} - 0 95 "
      "up all\n"
      "GET / 404 NR route_not_found - 0 0 - -\n"
      "- - 400 DPE http1.codec_error - 0 11 - -\n"
      "POST /x 0 DC downstream_remote_disconnect - 3 0 up all\n");
}

}  // namespace
}  // namespace mesh::proxy
