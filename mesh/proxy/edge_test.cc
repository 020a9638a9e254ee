// HTTP/1 at its edges: interim responses, early data, half-closed sides, connections that die
// between two requests, messages far larger than any buffer, and every time limit that is set.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "mesh/proxy/network.h"
#include "mesh/proxy/testing.h"

namespace mesh::proxy {
namespace {

using testing::ClusterFromJson;
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
const char kUpgrade[] =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const char kLetsUpgrade[] = R"("upgrade_configs":[{"upgrade_type":"websocket"}])";

Peer::Message Ask(Peer& client, const std::string& request) {
  EXPECT_TRUE(client.Send(request));
  std::optional<Peer::Message> response = client.Read();
  EXPECT_TRUE(response.has_value()) << request;
  return response.value_or(Peer::Message());
}

std::unique_ptr<Proxy> Simple(const Server& server, const std::string& route = "",
                              const std::string& manager = "", const std::string& cluster = "") {
  return StartProxy({.clusters = {StaticCluster("up", {server.port()}, cluster)},
                     .listeners = {HttpListener(ToCluster("up", route), manager)}});
}

// Exactly `size` bytes, or fewer where the other side ends.
std::string ReadBytes(Peer& peer, size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    const std::string some = peer.ReadSome(size - bytes.size());
    if (some.empty()) break;
    bytes += some;
  }
  return bytes;
}

TEST(InterimTest, TheUpstreamsReachTheClientWhereTheListenerSaysSo) {
  Server server(Server::Answering([](const Peer::Message& m) {
    return absl::StrCat(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x-gone\r\nX-Gone: 1\r\n\r\n",
        m.Has("expect") ? "HTTP/1.1 100 Continue\r\n\r\n" : "", Ok("x"));
  }));
  auto proxy = Simple(server, "", R"("proxy_100_continue":true)");
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 3; ++i) {
    auto r = Ask(client, kGet);
    EXPECT_EQ(r.start, "HTTP/1.1 103 Early Hints");
    EXPECT_EQ(r.Header("link"), "</a>");
    EXPECT_EQ(r.headers.size(), 1u);
    EXPECT_EQ(client.Read()->body, "x");
  }
}

TEST(InterimTest, TheUpstreamIsAskedWhetherToContinueWhereTheListenerSaysSo) {
  Server server([](Peer& peer) {
    const auto head = peer.Read(/*to_head=*/true);
    if (!head.has_value() || head->Header("expect") != "100-continue") return;
    peer.Send("HTTP/1.1 100 Continue\r\n\r\n");
    peer.Send(Ok("got " + peer.ReadSome(100)));
  });
  auto proxy = Simple(server, "", R"("proxy_100_continue":true)");
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(
      Ask(client, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
          .start,
      "HTTP/1.1 100 Continue");
  EXPECT_EQ(Ask(client, "hi").body, "got hi");
}

TEST(InterimTest, AClientOfHttp10SeesNone) {
  Server server(Server::Answering(
      [](const Peer::Message&) { return "HTTP/1.1 103 Early Hints\r\n\r\n" + Ok("x"); }));
  auto proxy = Simple(
      server, "", R"("proxy_100_continue":true,"http_protocol_options":{"accept_http_10":true})");
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, "GET / HTTP/1.0\r\nHost: a\r\n\r\n").start, "HTTP/1.0 200 OK");
}

TEST(Http10Test, ChunksOfTheUpstreamAreABodyUntilTheEnd) {
  Server server(Server::Answering([](const Peer::Message&) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  }));
  auto proxy = Simple(server, "", R"("http_protocol_options":{"accept_http_10":true})");
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client, "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_FALSE(r.Has("transfer-encoding"));
  EXPECT_EQ(r.Header("connection"), "close");
  EXPECT_TRUE(r.until_close);
  EXPECT_EQ(r.body, "abcde");
}

TEST(PipeliningTest, BodiesInBetweenAndABadRequestBehindThem) {
  std::atomic<int> seen{0};
  Server server(Server::Answering([&](const Peer::Message& m) {
    ++seen;
    return Ok(absl::StrCat(m.start.substr(0, m.start.rfind(' ')), " ", m.body));
  }));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send(
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
      "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /4 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
      "GET /5 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Read()->body, "POST /1 ab");
  EXPECT_EQ(client.Read()->body, "POST /2 c");
  EXPECT_EQ(client.Read()->body, "GET /3 ");
  EXPECT_EQ(client.Read()->status(), 400);
  EXPECT_TRUE(client.AtEnd());
  EXPECT_EQ(seen, 3);
}

TEST(PipeliningTest, MoreThanIsHeldComesOneAfterAnother) {
  Server server(Server::Answering([](const Peer::Message& m) { return Ok(m.Header("x-n")); }));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  std::thread sender([&] {
    for (int i = 0; i < 300; ++i) {
      client.Send(absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\nX-N: ", i,
                               "\r\nX-Fill: ", std::string(2000, 'x'), "\r\n\r\n"));
    }
  });
  for (int i = 0; i < 300; ++i) {
    const auto r = client.Read();
    ASSERT_TRUE(r.has_value()) << i;
    EXPECT_EQ(r->body, absl::StrCat(i));
  }
  sender.join();
}

TEST(WebSocketTest, WhatAClientSaysTooEarlyWaitsForTheUpgrade) {
  // 0: none; 100,000: more than is held, so that reading has stopped.
  for (const size_t size : {size_t{5}, size_t{100000}}) {
    SCOPED_TRACE(size);
    const std::string early(size, 'e');
    std::atomic<bool> asked{false}, go{false};
    Server server([&](Peer& peer) {
      if (!peer.Read().has_value()) return;
      asked = true;
      while (!go) absl::SleepFor(absl::Milliseconds(1));
      // Nothing may have come behind the request yet.
      pollfd ready = {peer.fd(), POLLIN, 0};
      const bool quiet = poll(&ready, 1, 0) == 0;
      peer.Send(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      const std::string got = ReadBytes(peer, early.size());
      peer.Send(absl::StrCat(quiet ? "quiet " : "early ", got == early ? "whole" : "broken"));
    });
    auto proxy = Simple(server, "", kLetsUpgrade);
    Peer client = Connect(proxy->ListenerPort("in"));
    client.Send(kUpgrade);
    std::thread sender([&] { client.Send(early); });
    while (!asked) absl::SleepFor(absl::Milliseconds(1));
    go = true;
    const auto r = client.Read();
    ASSERT_TRUE(r.has_value());
    EXPECT_EQ(r->status(), 101);
    EXPECT_EQ(client.ReadAll(), "quiet whole");
    sender.join();
  }
}

TEST(WebSocketTest, AfterARefusalTheNextRequestIsARequest) {
  Server server(Server::Answering([](const Peer::Message& m) {
    return m.Has("upgrade") ? "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"
                            : Ok(m.start);
  }));
  auto proxy = Simple(server, "", kLetsUpgrade);
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send(absl::StrCat(kUpgrade, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(client.Read()->status(), 426);
  EXPECT_EQ(client.Read()->body, "GET /next HTTP/1.1");
}

TEST(WebSocketTest, AnUpstreamThatEndsEndsTheClientOnceAllIsSaid) {
  const std::string last(300000, 'z');
  Server server([&](Peer& peer) {
    if (!peer.Read().has_value()) return;
    peer.Send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    peer.Send(last);
  });
  auto proxy = Simple(server, "", kLetsUpgrade);
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kUpgrade).status(), 101);
  EXPECT_TRUE(client.ReadAll() == last);
}

// As with Envoy: HTTP has no use for half a connection.
TEST(HalfCloseTest, AClientThatEndsItsSideIsGone) {
  std::atomic<bool> gone{false};
  Server server([&](Peer& peer) {
    if (!peer.Read().has_value()) return;
    gone = peer.AtEnd();
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send(kGet);
  ASSERT_TRUE(testing::WaitForStat(*proxy, "cluster.up.upstream_rq_active", 1));
  client.FinishWrites();
  EXPECT_TRUE(client.AtEnd());
  while (server.closed() < 1) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(gone);
  EXPECT_EQ(Stat(*proxy, "http.in.downstream_rq_rx_reset"), 1u);
}

TEST(HalfCloseTest, AnUpstreamThatEndsItsSideBehindItsResponseHasAnswered) {
  Server server([](Peer& peer) {
    if (!peer.Read().has_value()) return;
    peer.Send(Ok("x"));
    peer.FinishWrites();
    peer.AtEnd();
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Ask(client, kGet).body, "x");
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_200"), 20u);
}

TEST(HalfCloseTest, AnUpstreamThatEndsItsSideWithoutAnAnswerHasFailed) {
  Server server([](Peer& peer) {
    if (!peer.Read().has_value()) return;
    peer.FinishWrites();
    peer.AtEnd();
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 2; ++i) {
    const auto r = Ask(client, kGet);
    EXPECT_EQ(r.status(), 503);
    EXPECT_EQ(r.body,
              "upstream connect error or disconnect/reset before headers. reset reason: connection "
              "termination");
  }
}

TEST(HalfCloseTest, AnAnswerUntilTheEndBeforeTheRequestHasEnded) {
  Server server([](Peer& peer) {
    peer.Read(/*to_head=*/true);
    peer.Send("HTTP/1.1 200 OK\r\n\r\nearly");
    peer.FinishWrites();
    peer.AtEnd();
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc");
  const auto r = client.Read();
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->body, "early");
  EXPECT_TRUE(client.AtEnd());
}

// An upstream may end a connection whenever it likes; who asks for what may be asked twice sees
// nothing of it.
TEST(StaleConnectionTest, NoneOfAThousandFailsWhileTheUpstreamClosesBehindEachResponse) {
  Server server([](Peer& peer) {
    if (peer.Read().has_value()) peer.Send(Ok("x"));
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  const char* const methods[] = {"GET", "PUT", "DELETE", "OPTIONS"};
  int failed = 0;
  for (int i = 0; i < 1000; ++i) {
    failed +=
        Ask(client, absl::StrCat(methods[i % 4], " / HTTP/1.1\r\nHost: a\r\n\r\n")).status() != 200;
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_200"), 1000u);
}

TEST(StaleConnectionTest, NoneOfAThousandFailsWhileTheUpstreamClosesWhatIsIdle) {
  Server server([](Peer& peer) {
    for (int i = 0; peer.Read().has_value(); ++i) {
      peer.Send(Ok("x"));
      // Idle for about as long as it takes the next request to come.
      pollfd ready = {peer.fd(), POLLIN, 0};
      const timespec patience = {0, (i % 7) * 50000};
      if (ppoll(&ready, 1, &patience, nullptr) == 0) return;
    }
  });
  auto proxy = Simple(server);
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      Peer client = Connect(proxy->ListenerPort("in"));
      for (int i = 0; i < 250; ++i) {
        failed += Ask(client, kGet).status() != 200;
        absl::SleepFor(absl::Microseconds((i * (c + 1)) % 11 * 20));
      }
    });
  }
  for (std::thread& t : clients) t.join();
  EXPECT_EQ(failed, 0);
}

// Peak memory of this process since the last call, in KiB.
size_t PeakKilobytes() {
  size_t kb = 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0 && line.size() > 9) {
      EXPECT_TRUE(absl::SimpleAtoi(line.substr(6, line.size() - 9), &kb));
    }
  }
  std::ofstream("/proc/self/clear_refs") << 5;
  return kb;
}

// A sanitizer keeps what was freed.
#if defined(__SANITIZE_ADDRESS__) || defined(MESH_TSAN)
constexpr bool kCountsMemory = false;
#else
constexpr bool kCountsMemory = true;
#endif

TEST(MemoryTest, AHundredMegabytesBothWaysAtOnceAndASlowReader) {
  constexpr size_t kTotal = 100 << 20;
  // The upstream echoes; the client begins to read when nothing moves any more.
  Server server([&](Peer& peer) {
    if (!peer.Read(/*to_head=*/true).has_value()) return;
    peer.Send(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", kTotal, "\r\n\r\n"));
    size_t echoed = 0;
    for (std::string some; echoed < kTotal && !(some = peer.ReadSome(1 << 16)).empty();) {
      if (!peer.Send(some)) return;
      echoed += some.size();
    }
  });
  auto proxy = Simple(server, R"("timeout":"0s")");
  Peer client = Connect(proxy->ListenerPort("in"));
  PeakKilobytes();
  const size_t before = PeakKilobytes();
  std::atomic<size_t> sent{0};
  std::atomic<bool> blocked{false};
  std::thread sender([&] {
    client.Send(absl::StrCat("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ", kTotal, "\r\n\r\n"));
    const std::string piece(1 << 16, 'x');
    while (sent < kTotal) {
      const ssize_t n = send(client.fd(), piece.data(), std::min(piece.size(), kTotal - sent),
                             MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) {
        sent += n;
      } else if (errno == EAGAIN) {
        // For a second, with nobody reading: all buffers on the way are full.
        pollfd ready = {client.fd(), POLLOUT, 0};
        if (poll(&ready, 1, blocked ? 10000 : 1000) == 0) blocked = true;
      } else {
        return;
      }
    }
  });
  while (!blocked && sent < kTotal) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_LT(sent, kTotal / 2) << "nothing holds the sender back";
  const auto head = client.Read(/*to_head=*/true);
  ASSERT_TRUE(head.has_value());
  size_t read = 0, wrong = 0;
  for (std::string some; read < kTotal && !(some = client.ReadSome(1 << 16)).empty();) {
    read += some.size();
    wrong += some.find_first_not_of('x') != std::string::npos;
  }
  sender.join();
  EXPECT_EQ(read, kTotal);
  EXPECT_EQ(wrong, 0u);
  if (kCountsMemory) {
    EXPECT_LT(PeakKilobytes(), before + 6 * 1024);
  }
}

TEST(MemoryTest, EndlessInterimResponsesAreForgotten) {
  constexpr int kMany = 500000;
  Server server([&](Peer& peer) {
    if (!peer.Read().has_value()) return;
    std::string some;
    for (int i = 0; i < 1000; ++i) some += "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    for (int i = 0; i < kMany; i += 1000) {
      if (!peer.Send(some)) return;
    }
    peer.Send(Ok("x"));
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  PeakKilobytes();
  const size_t before = PeakKilobytes();
  EXPECT_EQ(Ask(client, kGet).body, "x");
  if (kCountsMemory) {
    EXPECT_LT(PeakKilobytes(), before + 6 * 1024);
  }
}

TEST(LimitTest, OfTheHeadersAreTheListenersOwn) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy = Simple(
      server, "",
      R"("max_request_headers_kb":2,"common_http_protocol_options":{"max_headers_count":5})");
  const auto status = [&](const std::string& headers) {
    Peer client = Connect(proxy->ListenerPort("in"));
    return Ask(client, absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\n", headers, "\r\n")).status();
  };
  EXPECT_EQ(status("a: b\r\na: b\r\na: b\r\na: b\r\n"), 200);
  EXPECT_EQ(status("a: b\r\na: b\r\na: b\r\na: b\r\na: b\r\n"), 431);
  EXPECT_EQ(status(absl::StrCat("a: ", std::string(1900, 'x'), "\r\n")), 200);
  EXPECT_EQ(status(absl::StrCat("a: ", std::string(2100, 'x'), "\r\n")), 431);
  auto wide = Simple(server, "", R"("max_request_headers_kb":96)");
  Peer client = Connect(wide->ListenerPort("in"));
  EXPECT_EQ(Ask(client, absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\na: ", std::string(90000, 'x'),
                                     "\r\n\r\n"))
                .status(),
            200);
}

TEST(TimeLimitTest, OfAConnectionThatIsNotAnswered) {
  // A listener whose queue is full lets further connections wait.
  const int listener = ListenOn(*Address::Parse("127.0.0.1", 0), false, 0);
  const uint16_t port = Address::LocalOf(listener).port();
  std::vector<Peer> queue;
  queue.push_back(Connect(port));
  auto proxy =
      StartProxy({.clusters = {ClusterFromJson(absl::StrCat(
                      R"({"name":"up","type":"STATIC","connect_timeout":"0.1s","load_assignment":{
               "cluster_name":"up","endpoints":[{"lb_endpoints":[{"endpoint":{"address":{
               "socket_address":{"address":"127.0.0.1","port_value":)",
                      port, "}}}}]}]}}"))},
                  .listeners = {HttpListener(ToCluster("up"))}});
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client, kGet);
  EXPECT_EQ(r.status(), 503);
  EXPECT_EQ(r.body,
            "upstream connect error or disconnect/reset before headers. reset reason: connection "
            "timeout");
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_cx_connect_timeout"), 1u);
  close(listener);
}

TEST(TimeLimitTest, OfTheWholeStream) {
  Server server([](Peer& peer) {
    const auto m = peer.Read();
    if (m.has_value() && m->start.find("half") != std::string::npos) {
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    }
    peer.AtEnd();
  });
  auto proxy = Simple(server, R"("timeout":"0s")",
                      R"("common_http_protocol_options":{"max_stream_duration":"0.05s"})");
  {
    Peer client = Connect(proxy->ListenerPort("in"));
    const auto r = Ask(client, kGet);
    EXPECT_EQ(r.status(), 408);
    EXPECT_EQ(r.body, "downstream duration timeout");
    EXPECT_TRUE(client.AtEnd());
  }
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(client.Read().has_value());
}

TEST(TimeLimitTest, OfSilenceAsTheRouteHasIt) {
  Server server([](Peer& peer) {
    peer.Read();
    peer.AtEnd();
  });
  // Longer than the listener's, which does not count then.
  auto proxy = Simple(server, R"("timeout":"0s","idle_timeout":"0.05s")",
                      R"("stream_idle_timeout":"3600s")");
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client, kGet);
  EXPECT_EQ(r.status(), 504);
  EXPECT_EQ(r.body, "stream timeout");
}

TEST(TimeLimitTest, OfAClientsConnection) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy =
      Simple(server, "", R"("common_http_protocol_options":{"max_connection_duration":"0.05s"})");
  {
    // With the next response once it is over.
    Peer client = Connect(proxy->ListenerPort("in"));
    Peer::Message r;
    for (int i = 0; i < 10000 && !r.Has("connection"); ++i) r = Ask(client, kGet);
    EXPECT_EQ(r.Header("connection"), "close");
    EXPECT_TRUE(client.AtEnd());
  }
  // By itself where no request comes any more.
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_TRUE(client.AtEnd());
}

TEST(TimeLimitTest, OfAnIdleConnectionToAnUpstream) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy = Simple(server, "", "", R"("common_http_protocol_options":{"idle_timeout":"0.05s"})");
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).status(), 200);
  while (server.closed() < 1) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(Ask(client, kGet).status(), 200);
  EXPECT_EQ(server.connections(), 2);
}

}  // namespace
}  // namespace mesh::proxy
