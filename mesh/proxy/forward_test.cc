// A request's way through the proxy over real sockets: what reaches the upstream, what comes back.
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
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

// What came in, as the body of the answer.
std::string Mirror(const Peer::Message& request) {
  std::string text = request.start + "\n";
  for (const auto& [name, value] : request.headers) absl::StrAppend(&text, name, ": ", value, "\n");
  return Ok(absl::StrCat(text, "\n", request.body));
}

std::unique_ptr<Proxy> Simple(const Server& server, const std::string& route = "",
                              const std::string& manager = "") {
  return StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                     .listeners = {HttpListener(ToCluster("up", route), manager)}});
}

Peer::Message Ask(Peer& client, const std::string& request) {
  EXPECT_TRUE(client.Send(request));
  std::optional<Peer::Message> response = client.Read();
  EXPECT_TRUE(response.has_value()) << request;
  return response.value_or(Peer::Message());
}

const char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

TEST(ForwardTest, ARequestAndItsResponse) {
  Server server(Server::Answering(Mirror));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  const Peer::Message r = Ask(client,
                              "POST /p?q=1 HTTP/1.1\r\nHost: shop:80\r\nX-Request-Id: 1\r\n"
                              "Content-Length: 3\r\n\r\nabc");
  EXPECT_EQ(r.start, "HTTP/1.1 200 OK");
  EXPECT_EQ(r.body,
            "POST /p?q=1 HTTP/1.1\nhost: shop:80\nx-request-id: 1\ncontent-length: 3\n"
            "x-forwarded-proto: http\nx-envoy-expected-rq-timeout-ms: 15000\n\nabc");
  EXPECT_EQ(r.Header("server"), "envoy");
  EXPECT_TRUE(r.Has("date"));
  EXPECT_TRUE(r.Has("x-envoy-upstream-service-time"));
  EXPECT_FALSE(r.Has("connection"));
}

TEST(ForwardTest, AHeaderNamesTheCluster) {
  Server server(Server::Answering(Mirror));
  const auto routes = [](const std::string& header) {
    return absl::StrCat(
        R"({"name":"all","domains":["*"],"routes":[{"match":{"prefix":"/"},"route":{"cluster_header":")",
        header, R"("}}]})");
  };
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(routes("x-to"), "", "by_header"),
                                         HttpListener(routes(":authority"), "", "by_host")}});
  Peer one = Connect(proxy->ListenerPort("by_header"));
  EXPECT_EQ(Ask(one, "GET / HTTP/1.1\r\nHost: a\r\nX-To: up\r\n\r\n").status(), 200);
  EXPECT_EQ(Ask(one, "GET / HTTP/1.1\r\nHost: up\r\n\r\n").status(), 503);
  Peer other = Connect(proxy->ListenerPort("by_host"));
  EXPECT_EQ(Ask(other, "GET / HTTP/1.1\r\nHost: up\r\n\r\n").status(), 200);
  EXPECT_EQ(Ask(other, kGet).status(), 503);
}

TEST(ForwardTest, ConnectionsAreKeptOnBothSides) {
  Server server(Server::Answering(Mirror));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Ask(client, kGet).status(), 200);
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_rq_200"), 20u);
  EXPECT_EQ(Stat(*proxy, "http.in.downstream_cx_total"), 1u);
}

TEST(ForwardTest, PipelinedRequestsAreAnsweredInOrder) {
  Server server(Server::Answering([](const Peer::Message& m) { return Ok(m.start); }));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  std::string all;
  for (int i = 0; i < 50; ++i) absl::StrAppend(&all, "GET /", i, " HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 50; ++i) {
    const auto r = client.Read();
    ASSERT_TRUE(r.has_value());
    EXPECT_EQ(r->body, absl::StrCat("GET /", i, " HTTP/1.1"));
  }
}

TEST(ForwardTest, ChunksAndTrailers) {
  Server server([](Peer& peer) {
    while (const auto request = peer.Read()) {
      peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      peer.Send("3\r\nabc\r\n");
      peer.Send(absl::StrCat("5;x=y\r\n", request->body.substr(0, 5), "\r\n0\r\nSum: 1\r\n\r\n"));
    }
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 3; ++i) {
    const auto r = Ask(client,
                       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "2\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\n\r\n");
    EXPECT_EQ(r.body, "abchello");
    EXPECT_EQ(r.Header("transfer-encoding"), "chunked");
  }
}

TEST(ForwardTest, TrailersPassWhereBothSidesAllowThem) {
  std::string seen;
  Server server([&](Peer& peer) {
    std::string bytes;
    while (bytes.find("\r\n\r\n", bytes.find("0\r\nx-sum")) == std::string::npos) {
      const std::string some = peer.ReadSome(10000);
      if (some.empty()) return;
      bytes += some;
    }
    seen = bytes.substr(bytes.find("0\r\nx-sum"));
    peer.Send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Up: 2\r\n"
        "Content-Length: 5\r\n\r\n");
  });
  auto proxy = StartProxy(
      {.clusters = {StaticCluster("up", {server.port()},
                                  R"("http_protocol_options":{"enable_trailers":true})")},
       .listeners = {
           HttpListener(ToCluster("up"), R"("http_protocol_options":{"enable_trailers":true})")}});
  Peer client = Connect(proxy->ListenerPort("in"));
  client.Send(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "1\r\na\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n");
  const std::string response = client.ReadAll();
  EXPECT_EQ(seen, "0\r\nx-sum: 1\r\n\r\n");
  EXPECT_NE(response.find("1\r\nx\r\n0\r\nx-up: 2\r\n\r\n"), std::string::npos) << response;
}

TEST(ForwardTest, PortsOfTheHostAreTakenOffAsAsked) {
  Server server(Server::Answering([](const Peer::Message& m) { return Ok(m.Header("host")); }));
  const auto ask = [&](const std::string& manager, const std::string& host) {
    auto proxy = Simple(server, "", manager);
    const uint16_t port = proxy->ListenerPort("in");
    Peer client = Connect(port);
    const std::string full = absl::StrReplaceAll(host, {{"PORT", absl::StrCat(port)}});
    return Ask(client, absl::StrCat("GET / HTTP/1.1\r\nHost: ", full, "\r\n\r\n")).body;
  };
  EXPECT_EQ(ask("", "a:80"), "a:80");
  EXPECT_EQ(ask(R"("strip_any_host_port":true)", "a:80"), "a");
  EXPECT_EQ(ask(R"("strip_any_host_port":true)", "[::1]:80"), "[::1]");
  EXPECT_EQ(ask(R"("strip_matching_host_port":true)", "a:80"), "a:80");
  EXPECT_EQ(ask(R"("strip_matching_host_port":true)", "a:PORT"), "a");
  EXPECT_EQ(ask(R"("strip_trailing_host_dot":true)", "a."), "a");
}

TEST(ForwardTest, HeadHasNoBodyAndKeepsItsLength) {
  Server server([](Peer& peer) {
    while (const auto request = peer.Read()) {
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    }
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"));
    const auto r = client.Read(/*to_head=*/true);
    ASSERT_TRUE(r.has_value());
    EXPECT_EQ(r->Header("content-length"), "1000");
  }
}

TEST(ForwardTest, AResponseThatEndsWithItsConnection) {
  Server server([](Peer& peer) {
    peer.Read();
    peer.Send("HTTP/1.1 200 OK\r\n\r\nhello");
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 3; ++i) {
    const auto r = Ask(client, kGet);
    EXPECT_EQ(r.body, "hello");
    EXPECT_EQ(r.Header("transfer-encoding"), "chunked");
  }
}

TEST(ForwardTest, NoContentAndNotModified) {
  Server server(Server::Answering([](const Peer::Message& m) -> std::string {
    return m.start.find("204") != std::string::npos
               ? "HTTP/1.1 204 No Content\r\n\r\n"
               : "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nEtag: x\r\n\r\n";
  }));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  auto r = Ask(client, "GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(r.status(), 204);
  EXPECT_FALSE(r.Has("content-length"));
  EXPECT_FALSE(r.Has("transfer-encoding"));
  r = Ask(client, "GET /304 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(r.status(), 304);
  EXPECT_EQ(r.Header("etag"), "x");
}

TEST(ForwardTest, ExpectContinueIsAnsweredHere) {
  Server server(Server::Answering(Mirror));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  auto r = Ask(client,
               "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(r.start, "HTTP/1.1 100 Continue");
  r = Ask(client, "hi");
  EXPECT_EQ(r.status(), 200);
  EXPECT_EQ(r.body.find("\nexpect:"), std::string::npos);
  EXPECT_NE(r.body.find("\n\nhi"), std::string::npos);
}

TEST(ForwardTest, InterimResponsesOfTheUpstreamStayThere) {
  Server server(Server::Answering([](const Peer::Message&) {
    return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + Ok("x");
  }));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(Ask(client, kGet).start, "HTTP/1.1 200 OK");
  EXPECT_EQ(Ask(client, kGet).body, "x");
}

TEST(ForwardTest, HopByHopHeadersStayHere) {
  Server server(Server::Answering([](const Peer::Message& m) {
    std::string names;
    for (const auto& [name, value] : m.headers) absl::StrAppend(&names, name, " ");
    return Ok(names,
              "Connection: keep-alive, X-Drop\r\nKeep-Alive: timeout=5\r\nX-Drop: 1\r\n"
              "X-Keep: 2\r\n");
  }));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client,
                     "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x-one\r\nX-One: 1\r\n"
                     "X-Two: 2\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\nTE: trailers, deflate\r\n"
                     "Upgrade: h2c\r\nHTTP2-Settings: x\r\nX-Request-Id: 1\r\n"
                     "X-Envoy-Max-Retries: 9\r\nX-Forwarded-Client-Cert: By=me\r\n\r\n");
  EXPECT_EQ(r.body, "host x-two te x-request-id x-forwarded-proto x-envoy-expected-rq-timeout-ms ");
  EXPECT_FALSE(r.Has("keep-alive"));
  EXPECT_FALSE(r.Has("x-drop"));
  EXPECT_EQ(r.Header("x-keep"), "2");
}

TEST(ForwardTest, ARequestIdIsMadeWhereThereIsNone) {
  Server server(
      Server::Answering([](const Peer::Message& m) { return Ok(m.Header("x-request-id")); }));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  const std::string first = Ask(client, kGet).body;
  const std::string second = Ask(client, kGet).body;
  EXPECT_EQ(first.size(), 36u);
  EXPECT_EQ(first[14], '4');
  EXPECT_NE(first, second);
}

TEST(ForwardTest, ARouteWithALimitForItsStreamsHasNoOtherTimeout) {
  Server server(Server::Answering(Mirror));
  auto proxy =
      Simple(server, R"("timeout":"7s","max_stream_duration":{"grpc_timeout_header_max":"7s"})");
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(r.body.find("expected-rq-timeout"), std::string::npos) << r.body;
}

TEST(ForwardTest, AnEdgeBelievesNothingOfItsClients) {
  Server server(Server::Answering(Mirror));
  auto proxy = Simple(server, "", R"("use_remote_address":true,"server_name":"istio-envoy")");
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r =
      Ask(client,
          "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nX-Forwarded-For: 1.2.3.4\r\n"
          "X-Forwarded-Proto: https\r\nX-Envoy-Internal: true\r\n"
          "X-Envoy-Decorator-Operation: x\r\n\r\n");
  EXPECT_EQ(r.Header("server"), "istio-envoy");
  EXPECT_NE(r.body.find("x-forwarded-for: 1.2.3.4,127.0.0.1\n"), std::string::npos) << r.body;
  EXPECT_NE(r.body.find("x-forwarded-proto: http\n"), std::string::npos);
  EXPECT_NE(r.body.find("x-envoy-external-address: 127.0.0.1\n"), std::string::npos);
  EXPECT_EQ(r.body.find("mine"), std::string::npos);
  EXPECT_EQ(r.body.find("internal"), std::string::npos);
  EXPECT_EQ(r.body.find("decorator"), std::string::npos);
}

TEST(ForwardTest, WhatIsRoutedIsWhatIsSent) {
  Server server(Server::Answering([](const Peer::Message& m) { return Ok(m.start); }));
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(
                               R"({"name":"v","domains":["*"],"routes":[
                {"match":{"prefix":"/admin"},"direct_response":{"status":403}},
                {"match":{"prefix":"/"},"route":{"cluster":"up"}}]})",
                               R"("normalize_path":true,"merge_slashes":true,
              "path_with_escaped_slashes_action":"UNESCAPE_AND_FORWARD")")}});
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto ask = [&](const std::string& target) {
    return Ask(client, absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: a\r\n\r\n"));
  };
  for (const char* admin :
       {"/admin", "/x/../admin", "/./admin", "//admin", "/%61dmin", "/x/%2e%2e/admin", "/%2Fadmin",
        "/x%2F..%2Fadmin", "http://a/admin", "/x/..%5Cadmin"}) {
    EXPECT_EQ(ask(admin).status(), 403) << admin;
  }
  EXPECT_EQ(ask("/a/../b//c?x=//y").body, "GET /b/c?x=//y HTTP/1.1");
  EXPECT_EQ(ask("http://other/z").body, "GET /z HTTP/1.1");
  EXPECT_EQ(ask("http://other?z").body, "GET /?z HTTP/1.1");
}

TEST(ForwardTest, Rewrites) {
  Server server(Server::Answering(Mirror));
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                           .listeners = {HttpListener(R"({"name":"v","domains":["*"],"routes":[
       {"match":{"prefix":"/old"},"route":{"cluster":"up","prefix_rewrite":"/new",
          "host_rewrite_literal":"other","timeout":"0s"},
        "request_headers_to_add":[{"header":{"key":"X-From","value":"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}],
        "request_headers_to_remove":["x-gone"],
        "response_headers_to_add":[{"header":{"key":"X-Was","value":"%REQ(X-WHO)%"}}],
        "response_headers_to_remove":["x-secret"]}],
       "include_request_attempt_count":true})")}});
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client,
                     "GET /old/x HTTP/1.1\r\nHost: a\r\nX-Request-Id: 1\r\nX-Gone: 1\r\n"
                     "X-Who: me\r\n\r\n");
  EXPECT_EQ(r.body.substr(0, r.body.find('\n')), "GET /new/x HTTP/1.1");
  EXPECT_NE(r.body.find("host: other\n"), std::string::npos) << r.body;
  EXPECT_NE(r.body.find("x-from: 127.0.0.1\n"), std::string::npos) << r.body;
  EXPECT_NE(r.body.find("x-envoy-original-path: /old/x\n"), std::string::npos) << r.body;
  EXPECT_NE(r.body.find("x-envoy-attempt-count: 1\n"), std::string::npos) << r.body;
  EXPECT_EQ(r.body.find("x-gone"), std::string::npos);
  EXPECT_EQ(r.body.find("expected-rq-timeout"), std::string::npos);
  EXPECT_EQ(r.Header("x-was"), "me");
}

TEST(ForwardTest, RedirectsAndDirectResponses) {
  auto proxy = StartProxy({.listeners = {HttpListener(R"({"name":"v","domains":["*"],"routes":[
       {"match":{"path":"/here"},"redirect":{"path_redirect":"/there","response_code":"FOUND"}},
       {"match":{"prefix":"/"},"direct_response":{"status":418,"body":{"inline_string":"tea"}}}]})")}});
  Peer client = Connect(proxy->ListenerPort("in"));
  auto r = Ask(client, "GET /here HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(r.start, "HTTP/1.1 302 Found");
  EXPECT_EQ(r.Header("location"), "http://a/there");
  EXPECT_EQ(r.Header("content-length"), "0");
  r = Ask(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(r.status(), 418);
  EXPECT_EQ(r.body, "tea");
  EXPECT_EQ(r.Header("content-type"), "text/plain");
}

TEST(ForwardTest, AnswersOfItsOwnAreEnvoys) {
  Server server(Server::Answering(Mirror));
  auto proxy = StartProxy({.clusters = {StaticCluster("empty", {}), StaticCluster("refused", {1})},
                           .listeners = {HttpListener(R"({"name":"v","domains":["known"],"routes":[
       {"match":{"prefix":"/nowhere"},"route":{"cluster":"missing"}},
       {"match":{"prefix":"/empty"},"route":{"cluster":"empty"}},
       {"match":{"prefix":"/refused"},"route":{"cluster":"refused"}}]})")}});
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto ask = [&](const std::string& host, const std::string& path) {
    return Ask(client, absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", host, "\r\n\r\n"));
  };
  auto r = ask("unknown", "/");
  EXPECT_EQ(r.status(), 404);
  EXPECT_EQ(r.body, "");
  EXPECT_EQ(ask("known", "/").status(), 404);
  r = ask("known", "/nowhere");
  EXPECT_EQ(r.status(), 503);
  EXPECT_EQ(r.body, "");
  r = ask("known", "/empty");
  EXPECT_EQ(r.status(), 503);
  EXPECT_EQ(r.body, "no healthy upstream");
  r = ask("known", "/refused");
  EXPECT_EQ(r.status(), 503);
  EXPECT_EQ(r.body,
            "upstream connect error or disconnect/reset before headers. reset reason: remote "
            "connection failure");
}

TEST(ForwardTest, Http10) {
  Server server(Server::Answering(Mirror));
  {
    auto proxy = Simple(server);
    Peer client = Connect(proxy->ListenerPort("in"));
    const auto r = Ask(client, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    EXPECT_EQ(r.status(), 426);
    EXPECT_TRUE(client.AtEnd());
  }
  auto proxy = Simple(server, "",
                      R"("http_protocol_options":{"accept_http_10":true,
                          "default_host_for_http_10":"fallback"})");
  {
    Peer client = Connect(proxy->ListenerPort("in"));
    const auto r = Ask(client, "GET / HTTP/1.0\r\n\r\n");
    EXPECT_EQ(r.start, "HTTP/1.0 200 OK");
    EXPECT_NE(r.body.find("host: fallback\n"), std::string::npos) << r.body;
    EXPECT_EQ(r.Header("connection"), "close");
    EXPECT_TRUE(client.AtEnd());
  }
  {
    Peer client = Connect(proxy->ListenerPort("in"));
    for (int i = 0; i < 3; ++i) {
      const auto r = Ask(client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      EXPECT_EQ(r.Header("connection"), "keep-alive");
    }
  }
}

TEST(ForwardTest, ACloseIsAClose) {
  Server server(Server::Answering(Mirror));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(r.status(), 200);
  EXPECT_EQ(r.Header("connection"), "close");
  EXPECT_TRUE(client.AtEnd());
}

TEST(ForwardTest, WebSocketsPassThrough) {
  Server server([](Peer& peer) {
    const auto request = peer.Read();
    if (!request.has_value() || request->Header("upgrade") != "websocket") return;
    peer.Send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
    for (std::string bytes; !(bytes = peer.ReadSome(1000)).empty();) peer.Send("<" + bytes + ">");
  });
  auto proxy = Simple(server, "", R"("upgrade_configs":[{"upgrade_type":"websocket"}])");
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto r = Ask(client,
                     "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
                     "Upgrade: websocket\r\n\r\n");
  EXPECT_EQ(r.status(), 101);
  EXPECT_EQ(r.Header("upgrade"), "websocket");
  EXPECT_EQ(r.Header("connection"), "Upgrade");
  EXPECT_EQ(client.ReadSome(2), "hi");
  client.Send("x\0y");
  EXPECT_EQ(client.ReadSome(3), "<x>");
  client.FinishWrites();
  EXPECT_TRUE(client.AtEnd());
}

TEST(ForwardTest, AnUpgradeThatTheUpstreamDeclinesIsAnOrdinaryResponse) {
  Server server(Server::Answering(Mirror));
  auto proxy = Simple(server, "", R"("upgrade_configs":[{"upgrade_type":"websocket"}])");
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Ask(client,
                  "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                  .status(),
              200);
  }
}

TEST(ForwardTest, BadRequestsAreRefusedAndTheConnectionCloses) {
  std::atomic<int> seen{0};
  Server server(Server::Answering([&](const Peer::Message& m) {
    ++seen;
    return Mirror(m);
  }));
  auto proxy = Simple(server, "", R"("upgrade_configs":[{"upgrade_type":"websocket"}])");
  const struct {
    const char* name;
    std::string request;
    int status;
  } cases[] = {
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"the same host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"a host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"a host with a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"a host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
      {"a list of hosts", "GET / HTTP/1.1\r\nHost: a, b@c\r\n\r\n", 400},
      {"a fragment", "GET /p#x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a target without slash", "GET p HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"CL and TE",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
       400},
      {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400},
      {"an upgrade with a body",
       "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       "Content-Length: 3\r\n\r\nabc",
       400},
      {"an upgrade to what is not let through",
       "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", 403},
      {"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n",
       404},
      {"Connection names Host", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n", 400},
      {"Connection names x-forwarded-for",
       "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For\r\n\r\n", 400},
      {"101 headers",
       "GET / HTTP/1.1\r\nHost: a\r\n" +
           [] {
             std::string h;
             for (int i = 0; i < 100; ++i) absl::StrAppend(&h, "a: b\r\n");
             return h;
           }() +
           "\r\n",
       431},
      {"61 KiB of headers",
       "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(61 * 1024, 'x') + "\r\n\r\n", 431},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Peer client = Connect(proxy->ListenerPort("in"));
    client.Send(c.request);
    const auto r = client.Read();
    ASSERT_TRUE(r.has_value());
    EXPECT_EQ(r->status(), c.status);
    EXPECT_EQ(r->Header("connection"), "close");
    EXPECT_TRUE(client.AtEnd());
  }
  EXPECT_EQ(seen, 0);
}

TEST(ForwardTest, AHundredHeadersAndSixtyKilobytesAreFine) {
  Server server(Server::Answering([](const Peer::Message&) { return Ok("x"); }));
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  std::string headers;
  for (int i = 0; i < 99; ++i) absl::StrAppend(&headers, "a: ", std::string(550, 'b'), "\r\n");
  EXPECT_EQ(Ask(client, absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\n", headers, "\r\n")).status(),
            200);
}

TEST(ForwardTest, UpstreamsThatSpeakNonsense) {
  const struct {
    const char* name;
    std::string response;
    const char* reason;
    int status;
  } cases[] = {
      {"no HTTP", "hello\r\n\r\n", "protocol error", 502},
      {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "protocol error", 502},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
       "protocol error", 502},
      {"both framings",
       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "protocol error", 502},
      {"an upgrade nobody asked for", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "protocol error",
       502},
      {"nothing", "", "connection termination", 503},
      {"half a head", "HTTP/1.1 200 OK\r\nContent-", "protocol error", 502},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Server server([&](Peer& peer) {
      peer.Read();
      peer.Send(c.response);
    });
    auto proxy = Simple(server);
    Peer client = Connect(proxy->ListenerPort("in"));
    const auto r = Ask(client, kGet);
    EXPECT_EQ(r.status(), c.status);
    EXPECT_EQ(r.body, absl::StrCat("upstream connect error or disconnect/reset before headers. "
                                   "reset reason: ",
                                   c.reason));
    // The client's connection goes on.
    EXPECT_EQ(Ask(client, kGet).status(), c.status);
  }
}

TEST(ForwardTest, AResponseCutShortIsSeenToBe) {
  for (const char* head : {"Content-Length: 100", "Transfer-Encoding: chunked"}) {
    Server server([&](Peer& peer) {
      peer.Read();
      peer.Send(absl::StrCat("HTTP/1.1 200 OK\r\n", head, "\r\n\r\n5\r\nabcde\r\n"));
    });
    auto proxy = Simple(server);
    Peer client = Connect(proxy->ListenerPort("in"));
    client.Send(kGet);
    EXPECT_FALSE(client.Read().has_value());
  }
}

TEST(ForwardTest, WhatAnUpstreamSaysUnaskedIsNotBelieved) {
  Server server([](Peer& peer) {
    while (peer.Read().has_value()) peer.Send(Ok("mine") + Ok("not asked for"));
  });
  auto proxy = Simple(server);
  Peer client = Connect(proxy->ListenerPort("in"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask(client, kGet).body, "mine");
}

}  // namespace
}  // namespace mesh::proxy
