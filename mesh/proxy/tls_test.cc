// Requests through TLS: which chain a connection gets, what each side learns of the other.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/tls_testing.h"

namespace mesh::proxy {
namespace {

using testing::Connect;
using testing::HttpListener;
using testing::InboundListener;
using testing::ListenerFromJson;
using testing::ListenerPrefix;
using testing::MeshCluster;
using testing::MeshId;
using testing::MeshServerSocket;
using testing::Mode;
using testing::Ok;
using testing::Peer;
using testing::Server;
using testing::StartProxy;
using testing::Stat;
using testing::StaticCluster;
using testing::TestMesh;
using testing::ToCluster;
using testing::WaitForStat;

const char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// What came in, as the body of the answer.
std::string Mirror(const Peer::Message& request) {
  std::string text = request.start + "\n";
  for (const auto& [name, value] : request.headers) absl::StrAppend(&text, name, ": ", value, "\n");
  return Ok(absl::StrCat(text, "\n", request.body));
}

// Lines that would go to an access log.
class Lines {
 public:
  std::function<void(std::string_view, std::string_view)> Sink() {
    return [this](std::string_view, std::string_view lines) {
      MutexLock lock(&mutex_);
      text_ += lines;
      changed_.NotifyAll();
    };
  }
  std::string Await() {
    MutexLock lock(&mutex_);
    while (text_.empty()) changed_.Wait(&mutex_);
    return text_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
};

std::string AccessLog(const std::string& format) {
  return absl::StrCat(
      R"("access_log":[{"name":"f","typed_config":{
      "@type":"type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
      "path":"/dev/stdout","log_format":{"text_format_source":{"inline_string":")",
      format, R"(\n"}}}}])");
}

class TlsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Proxy> Sidecar(Mode mode, const std::string& manager = "",
                                 testing::Options options = {}) {
    return StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                       .listeners = {InboundListener(mode, "up", manager)}},
                      options, mesh_.SecretsOf("server"));
  }

  TestMesh mesh_;
  Server server_{Server::Answering(Mirror)};
};

TEST_F(TlsTest, PermissiveTakesBothOnOnePort) {
  auto proxy = Sidecar(Mode::kPermissive);
  Peer plain = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(plain.Send(kGet));
  EXPECT_EQ(plain.Read()->status(), 200);

  Peer mutual = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(mutual.StartTls(mesh_.ClientOf("client"))) << mutual.tls()->error();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(mutual.Send(kGet));
    const auto answer = mutual.Read();
    ASSERT_TRUE(answer.has_value()) << mutual.tls()->error();
    EXPECT_EQ(answer->status(), 200);
  }
  EXPECT_EQ(mutual.tls()->connection().version, "TLSv1.3");
  EXPECT_EQ(mutual.tls()->connection().group, "X25519MLKEM768");
  EXPECT_EQ(mutual.tls()->connection().alpn, "http/1.1");
  EXPECT_EQ(mutual.tls()->connection().peer_chain[0].SpiffeIdentity()->ToString(),
            MeshId("server"));
  const std::string prefix = ListenerPrefix(*proxy);
  EXPECT_EQ(Stat(*proxy, prefix + "ssl.handshake"), 1u);
  EXPECT_EQ(Stat(*proxy, prefix + "ssl.versions.TLSv1.3"), 1u);
  EXPECT_EQ(Stat(*proxy, prefix + "ssl.curves.X25519MLKEM768"), 1u);
  EXPECT_EQ(Stat(*proxy, "http.in.downstream_cx_total"), 2u);
}

TEST_F(TlsTest, PermissiveHandsForeignTlsToThePlaintextChain) {
  // No ALPN of the mesh: not its TLS. HTTP is expected, and TLS is no HTTP.
  auto proxy = Sidecar(Mode::kPermissive);
  Peer foreign = Connect(proxy->ListenerPort("in"));
  EXPECT_FALSE(foreign.StartTls(mesh_.ClientOf("client", {"h2"})));
  EXPECT_EQ(Stat(*proxy, "http.in.downstream_cx_protocol_error"), 1u);
}

TEST_F(TlsTest, StrictRefusesPlaintext) {
  auto proxy = Sidecar(Mode::kStrict);
  Peer plain = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(plain.Send(kGet));
  const std::string answer = plain.ReadAll();
  EXPECT_FALSE(absl::StrContains(answer, "HTTP/1.1")) << answer;
  EXPECT_TRUE(WaitForStat(*proxy, ListenerPrefix(*proxy) + "ssl.connection_error", 1));
  EXPECT_EQ(server_.connections(), 0);

  Peer mutual = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(mutual.StartTls(mesh_.ClientOf("client")));
  ASSERT_TRUE(mutual.Send(kGet));
  EXPECT_EQ(mutual.Read()->status(), 200);
}

TEST_F(TlsTest, DisableTakesPlaintextAlone) {
  auto proxy = Sidecar(Mode::kDisable);
  Peer plain = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(plain.Send(kGet));
  EXPECT_EQ(plain.Read()->status(), 200);
  Peer mutual = Connect(proxy->ListenerPort("in"));
  EXPECT_FALSE(mutual.StartTls(mesh_.ClientOf("client")));
}

TEST_F(TlsTest, TheServerLearnsWhoAsked) {
  Lines lines;
  auto proxy = Sidecar(
      Mode::kStrict,
      AccessLog("%DOWNSTREAM_PEER_URI_SAN%|%DOWNSTREAM_LOCAL_URI_SAN%|%DOWNSTREAM_TLS_VERSION%|"
                "%DOWNSTREAM_TLS_CIPHER%|%REQUESTED_SERVER_NAME%|%DOWNSTREAM_PEER_SUBJECT%|"
                "%DOWNSTREAM_PEER_FINGERPRINT_256%|%DOWNSTREAM_PEER_SERIAL%|"
                "%DOWNSTREAM_PEER_CERT_V_END(%Y)%"),
      {.access_log = lines.Sink()});
  Peer client = Connect(proxy->ListenerPort("in"));
  const auto context = mesh_.ClientOf("client");
  ASSERT_TRUE(client.StartTls(context, "outbound_.80_._.a.default.svc.cluster.local"));
  ASSERT_TRUE(client.Send(
      absl::StrReplaceAll(kGet, {{"Host: a", "Host: a\r\nX-Forwarded-Client-Cert: By=x;URI=y"}})));
  const auto answer = client.Read();
  ASSERT_TRUE(answer.has_value());
  const std::string hash = context->certificate()->Fingerprint();
  EXPECT_TRUE(absl::StrContains(
      answer->body, absl::StrCat("x-forwarded-client-cert: By=x;URI=y,By=", MeshId("server"),
                                 ";Hash=", hash, ";Subject=\"\";URI=", MeshId("client"), "\n")))
      << answer->body;
  EXPECT_TRUE(absl::StrContains(answer->body, "x-forwarded-proto: https\n")) << answer->body;
  EXPECT_EQ(lines.Await(), absl::StrCat(MeshId("client"), "|", MeshId("server"),
                                        "|TLSv1.3|TLS_AES_128_GCM_SHA256|"
                                        "outbound_.80_._.a.default.svc.cluster.local|-|",
                                        hash, "|", context->certificate()->serial(), "|",
                                        absl::FormatTime("%Y", context->certificate()->not_after(),
                                                         absl::UTCTimeZone()),
                                        "\n"));
}

TEST_F(TlsTest, AResumedSessionIsTheSamePeer) {
  auto proxy = Sidecar(Mode::kStrict);
  const auto context = mesh_.ClientOf("client");
  for (bool resumed : {false, true, true}) {
    Peer client = Connect(proxy->ListenerPort("in"));
    ASSERT_TRUE(client.StartTls(context));
    ASSERT_TRUE(client.Send(kGet));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(client.tls()->connection().resumed, resumed);
    EXPECT_TRUE(
        absl::StrContains(answer->body, absl::StrCat("Hash=", context->certificate()->Fingerprint(),
                                                     ";Subject=\"\";URI=", MeshId("client"), "\n")))
        << answer->body;
  }
}

TEST_F(TlsTest, WhatAClientSaysOfCertificatesCountsByTheListenersWord) {
  const struct {
    const char* name;
    const char* details;
    bool tls;
    std::string expected;  // "" none; HASH is the client's
  } cases[] = {
      {"sanitize takes it away", "SANITIZE", true, ""},
      {"sanitize and set says its own alone", "SANITIZE_SET", true,
       absl::StrCat("By=", MeshId("server"), ";Hash=HASH;Subject=\"\";URI=", MeshId("client"))},
      {"forward only leaves it", "FORWARD_ONLY", true, "URI=claimed"},
      {"forward only, in plaintext, takes it away", "FORWARD_ONLY", false, ""},
      {"append, in plaintext, takes it away", "APPEND_FORWARD", false, ""},
      {"always forward leaves it, in plaintext too", "ALWAYS_FORWARD_ONLY", false, "URI=claimed"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    envoy::Listener listener = InboundListener(Mode::kPermissive, "up");
    const auto parsed = HttpListener(
        ToCluster("up"), absl::StrCat(R"("forward_client_cert_details":")", c.details, "\""));
    for (envoy::FilterChain& chain : listener.chains) {
      std::get<envoy::HttpConnectionManager>(chain.filter).client_cert =
          std::get<envoy::HttpConnectionManager>(parsed.chains[0].filter).client_cert;
    }
    auto proxy =
        StartProxy({.clusters = {StaticCluster("up", {server_.port()})}, .listeners = {listener}},
                   {}, mesh_.SecretsOf("server"));
    Peer client = Connect(proxy->ListenerPort("in"));
    const auto context = mesh_.ClientOf("client");
    if (c.tls) {
      ASSERT_TRUE(client.StartTls(context));
    }
    ASSERT_TRUE(
        client.Send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: URI=claimed\r\n\r\n"));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    const std::string expected =
        absl::StrReplaceAll(c.expected, {{"HASH", context->certificate()->Fingerprint()}});
    EXPECT_EQ(absl::StrContains(answer->body, "x-forwarded-client-cert"), !expected.empty())
        << answer->body;
    if (!expected.empty()) {
      EXPECT_TRUE(absl::StrContains(answer->body, "x-forwarded-client-cert: " + expected + "\n"))
          << answer->body;
    }
  }
}

TEST_F(TlsTest, AutomaticMutualTlsByEndpoint) {
  std::string alpn, peer, group;
  Server secured([&](Peer& p) {
    ASSERT_TRUE(p.StartTls([&] {
      tls::ContextOptions options = mesh_.OptionsOf("up");
      options.alpn = {"istio-http/1.1"};
      return tls::Context::Server(options).value();
    }()));
    alpn = p.tls()->connection().alpn;
    peer = p.tls()->connection().peer_chain[0].SpiffeIdentity()->ToString();
    group = p.tls()->connection().group;
    while (const auto request = p.Read()) p.Send(Ok("secured"));
  });
  Server plain(Server::Answering([](const Peer::Message&) { return Ok("plain"); }));
  Lines lines;
  auto proxy = StartProxy(
      {.clusters = {MeshCluster("up", {{secured.port(), true}, {plain.port(), false}})},
       .listeners = {HttpListener(ToCluster("up"),
                                  AccessLog("%UPSTREAM_PEER_URI_SAN% %UPSTREAM_TLS_VERSION%"))}},
      {.access_log = lines.Sink()}, mesh_.SecretsOf("client"));
  Peer client = Connect(proxy->ListenerPort("in"));
  std::multiset<std::string> bodies;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(client.Send(kGet));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    bodies.insert(answer->body);
  }
  EXPECT_EQ(bodies, (std::multiset<std::string>{"plain", "plain", "secured", "secured"}));
  EXPECT_EQ(secured.connections(), 1);
  EXPECT_EQ(plain.connections(), 1);
  EXPECT_EQ(alpn, "istio-http/1.1");
  EXPECT_EQ(peer, MeshId("client"));
  EXPECT_EQ(group, "X25519MLKEM768");
  EXPECT_EQ(Stat(*proxy, "cluster.up.ssl.handshake"), 1u);
  EXPECT_TRUE(absl::StrContains(lines.Await(), MeshId("up") + " TLSv1.3\n"));
  EXPECT_TRUE(absl::StrContains(lines.Await(), "- -\n"));
}

TEST_F(TlsTest, TwoSidecarsSpeakMutualTls) {
  auto inbound = Sidecar(Mode::kPermissive);
  auto outbound =
      StartProxy({.clusters = {MeshCluster("up", {{inbound->ListenerPort("in"), true}})},
                  .listeners = {HttpListener(ToCluster("up"))}},
                 {.concurrency = 2}, mesh_.SecretsOf("client"));
  for (int i = 0; i < 10; ++i) {
    Peer client = Connect(outbound->ListenerPort("in"));
    const std::string body(300000, 'b');
    ASSERT_TRUE(client.Send(absl::StrCat(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", body.size(), "\r\n\r\n", body)));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status(), 200);
    EXPECT_TRUE(absl::EndsWith(answer->body, body));
    EXPECT_TRUE(absl::StrContains(answer->body, "URI=" + MeshId("client")));
  }
  EXPECT_GT(Stat(*inbound, ListenerPrefix(*inbound) + "ssl.handshake"), 0u);
  const std::string who = absl::StrCat("source_principal=\"", MeshId("client"), "\"");
  const std::string whom = absl::StrCat("destination_principal=\"", MeshId("server"), "\"");
  for (const auto& [proxy, policy] :
       {std::pair(inbound.get(), "mutual_tls"), std::pair(outbound.get(), "unknown")}) {
    const std::string metrics = proxy->Admin("/stats/prometheus");
    EXPECT_TRUE(absl::StrContains(metrics, who)) << metrics;
    EXPECT_TRUE(absl::StrContains(metrics, whom));
    EXPECT_TRUE(
        absl::StrContains(metrics, absl::StrCat("connection_security_policy=\"", policy, "\"")));
  }
}

TEST_F(TlsTest, ManyMegabytesBothWaysWithAReaderThatIsSlow) {
  auto inbound = Sidecar(Mode::kStrict);
  auto outbound =
      StartProxy({.clusters = {MeshCluster("up", {{inbound->ListenerPort("in"), true}})},
                  .listeners = {HttpListener(ToCluster("up"))}},
                 {}, mesh_.SecretsOf("client"));
  Peer client = Connect(outbound->ListenerPort("in"));
  const std::string body(8 << 20, 'x');
  std::thread sender([&] {
    EXPECT_TRUE(client.Send(absl::StrCat(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", body.size(), "\r\n\r\n", body)));
  });
  const auto answer = client.Read();
  sender.join();
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(absl::EndsWith(answer->body, body));
}

TEST_F(TlsTest, AnAnswerThatItsConnectionEndsMustEndWithACloseNotify) {
  bool polite = true;
  Server upstream([&](Peer& p) {
    if (!p.StartTls(mesh_.ServerOf("up"))) return;
    if (!p.Read().has_value()) return;
    p.Send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
    if (polite) p.FinishTls();
  });
  auto proxy = StartProxy({.clusters = {MeshCluster("up", {{upstream.port(), true}})},
                           .listeners = {HttpListener(ToCluster("up"))}},
                          {}, mesh_.SecretsOf("client"));
  {
    Peer client = Connect(proxy->ListenerPort("in"));
    ASSERT_TRUE(client.Send(kGet));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->body, "all of it");
  }
  polite = false;
  Peer client = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_FALSE(client.Read().has_value()) << "a cut answer looked whole";
}

TEST_F(TlsTest, OurEndsSayCloseNotify) {
  auto proxy = Sidecar(Mode::kStrict);
  Peer client = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(client.StartTls(mesh_.ClientOf("client")));
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  ASSERT_TRUE(client.Read().has_value());
  EXPECT_TRUE(client.AtEnd());
  EXPECT_TRUE(client.tls()->error().ok()) << client.tls()->error();
}

const char kTcpFilter[] =
    R"("filters":[{"name":"t","typed_config":{
    "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    "stat_prefix":"t","cluster":"up"}}])";

TEST_F(TlsTest, TcpThroughTlsWithHalfClose) {
  Server upper([](Peer& p) {
    std::string all = p.ReadAll();
    for (char& c : all) c = absl::ascii_toupper(static_cast<unsigned char>(c));
    p.Send(all);
  });
  auto inbound = StartProxy(
      {.clusters = {StaticCluster("up", {upper.port()})},
       .listeners = {ListenerFromJson(absl::StrCat(
           R"({"name":"in","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
           "filter_chains":[{"transport_socket":)",
           MeshServerSocket(), ",", kTcpFilter, "}]}"))}},
      {}, mesh_.SecretsOf("server"));
  auto outbound = StartProxy(
      {.clusters = {MeshCluster("up", {{inbound->ListenerPort("in"), true}})},
       .listeners = {ListenerFromJson(absl::StrCat(
           R"({"name":"in","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
           "filter_chains":[{)",
           kTcpFilter, "}]}"))}},
      {}, mesh_.SecretsOf("client"));
  Peer client = Connect(outbound->ListenerPort("in"));
  ASSERT_TRUE(client.Send(std::string(200000, 'a')));
  client.FinishWrites();
  EXPECT_EQ(client.ReadAll(), std::string(200000, 'A'));
  EXPECT_EQ(Stat(*outbound, "cluster.up.ssl.handshake"), 1u);
}

TEST_F(TlsTest, TlsOfOthersPassesThroughByItsServerName) {
  Server first([&](Peer& p) {
    if (p.StartTls(mesh_.ServerOf("first"))) p.Send("first");
  });
  Server second([&](Peer& p) {
    if (p.StartTls(mesh_.ServerOf("second"))) p.Send("second");
  });
  const auto chain = [](const std::string& name, const std::string& cluster) {
    return absl::StrCat(
        R"({"filter_chain_match":{"server_names":[")", name, "\"]},",
        absl::StrReplaceAll(kTcpFilter, {{"\"up\"", absl::StrCat("\"", cluster, "\"")}}), "}");
  };
  auto proxy = StartProxy(
      {.clusters = {StaticCluster("first", {first.port()}),
                    StaticCluster("second", {second.port()})},
       .listeners = {ListenerFromJson(absl::StrCat(
           R"({"name":"in","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
           "listener_filters":[{"name":"tls","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}],
           "filter_chains":[)",
           chain("a.example.com", "first"), ",", chain("*.example.com", "second"), "]}"))}});
  const auto ask = [&](const std::string& name) {
    Peer client = Connect(proxy->ListenerPort("in"));
    return client.StartTls(mesh_.ClientOf("client"), name) ? client.ReadSome(100) : "";
  };
  EXPECT_EQ(ask("A.Example.com"), "first");
  EXPECT_EQ(ask("b.example.com"), "second");
  EXPECT_EQ(ask("x.b.example.com"), "second");
  EXPECT_EQ(ask("example.org"), "");
  EXPECT_EQ(Stat(*proxy, ListenerPrefix(*proxy) + "no_filter_chain_match"), 1u);
}

TEST_F(TlsTest, WhatNoChainTakesIsWritten) {
  const std::string path = absl::StrCat(::testing::TempDir(), "unmatched.log");
  std::remove(path.c_str());
  auto proxy = StartProxy(
      {.listeners = {ListenerFromJson(absl::StrCat(
           R"({"name":"in","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
      "access_log":[{"name":"f","filter":{"response_flag_filter":{"flags":["NR"]}},"typed_config":{
        "@type":"type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path":")",
           path, R"(","log_format":{"text_format_source":{"inline_string":
        "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %REQUESTED_SERVER_NAME% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%\n"}}}}],
      "listener_filters":[{"name":"tls","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}],
      "filter_chains":[{"filter_chain_match":{"server_names":["a.example.com"]},)",
           kTcpFilter, "}]}"))}});
  {
    Peer client = Connect(proxy->ListenerPort("in"));
    EXPECT_FALSE(client.StartTls(mesh_.ClientOf("client"), "b.example.com"));
  }
  proxy.reset();  // what it has to write is written then
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}),
            "NR filter_chain_not_found b.example.com 127.0.0.1\n");
}

// A database that speaks first: nothing may wait for its client.
TEST_F(TlsTest, AServerMaySpeakFirstWhereNobodyLooks) {
  Server upstream([](Peer& p) {
    p.Send("welcome");
    p.ReadAll();
  });
  auto proxy = StartProxy(
      {.clusters = {StaticCluster("up", {upstream.port()})},
       .listeners = {ListenerFromJson(absl::StrCat(
           R"({"name":"in","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
      "listener_filters_timeout":"0s","listener_filters":[
        {"name":"tls","filter_disabled":{"destination_port_range":{"start":1,"end":65536}},
         "typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}],
      "filter_chains":[{"filter_chain_match":{"transport_protocol":"tls"},)",
           kTcpFilter, R"(},{"filter_chain_match":{"transport_protocol":"raw_buffer"},)",
           kTcpFilter, "}]}"))}});
  Peer client = Connect(proxy->ListenerPort("in"));
  EXPECT_EQ(client.ReadSome(7), "welcome");
}

TEST_F(TlsTest, AGatewayHasACertificateForEachServerName) {
  const auto chain = [](const std::string& name, const std::string& secret, bool mutual) {
    return absl::StrCat(
        R"({"filter_chain_match":{"server_names":[")", name, R"("]},
        "transport_socket":{"name":"envoy.transport_sockets.tls","typed_config":{
          "@type":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
          "common_tls_context":{"tls_certificate_sds_secret_configs":[{"name":")",
        secret, R"(","sds_config":{"ads":{}}}],)",
        mutual ? absl::StrCat(R"("combined_validation_context":{"default_validation_context":{},
            "validation_context_sds_secret_config":{"name":")",
                              secret, R"(-cacert","sds_config":{"ads":{}}}},)")
               : "",
        R"("alpn_protocols":["h2","http/1.1"]},"require_client_certificate":)",
        mutual ? "true" : "false", R"(}},
        "filters":[{"name":"http","typed_config":{
        "@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix":"in","use_remote_address":true,"forward_client_cert_details":"SANITIZE_SET",
        "set_current_client_cert_details":{"subject":true,"dns":true,"uri":true,"cert":true},
        "route_config":{"name":"r","virtual_hosts":[)",
        ToCluster("up"), R"(]},
        "http_filters":[{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]})");
  };
  const auto leaf = [&](const std::string& name) {
    return mesh_.authority().Issue(mesh_.authority().Leaf({tls::Dns(name)}));
  };
  auto proxy = StartProxy(
      {.clusters = {StaticCluster("up", {server_.port()})},
       .listeners = {ListenerFromJson(absl::StrCat(
           R"({"name":"in","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
           "listener_filters":[{"name":"tls","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}],
           "filter_chains":[)",
           chain("simple.example.com", "kubernetes://simple", false), ",",
           chain("mutual.example.com", "kubernetes://mutual", true), "]}"))}},
      {},
      {testing::IdentitySecret("kubernetes://simple", leaf("simple.example.com")),
       testing::IdentitySecret("kubernetes://mutual", leaf("mutual.example.com")),
       testing::RootsSecret("kubernetes://mutual-cacert", {mesh_.authority().certificate()})});
  const auto anonymous = [&](const std::string& host) {
    tls::ContextOptions options;
    options.validation.roots = mesh_.authority().roots();
    options.validation.host = host;
    return tls::Context::Client(options).value();
  };
  {
    Peer client = Connect(proxy->ListenerPort("in"));
    ASSERT_TRUE(client.StartTls(anonymous("simple.example.com"), "simple.example.com"))
        << client.tls()->error();
    ASSERT_TRUE(
        client.Send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: URI=claimed\r\n\r\n"));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status(), 200);
    EXPECT_FALSE(absl::StrContains(answer->body, "x-forwarded-client-cert")) << answer->body;
    EXPECT_TRUE(absl::StrContains(answer->body, "x-forwarded-proto: https"));
    EXPECT_EQ(Stat(*proxy, ListenerPrefix(*proxy) + "ssl.no_certificate"), 1u);
  }
  {
    Peer client = Connect(proxy->ListenerPort("in"));
    client.StartTls(anonymous("mutual.example.com"), "mutual.example.com");
    client.Send(kGet);
    EXPECT_FALSE(client.Read().has_value());
    EXPECT_TRUE(WaitForStat(*proxy, ListenerPrefix(*proxy) + "ssl.fail_verify_no_cert", 1));
  }
  {
    Peer client = Connect(proxy->ListenerPort("in"));
    ASSERT_TRUE(client.StartTls(mesh_.ClientOf("visitor"), "mutual.example.com"));
    ASSERT_TRUE(client.Send(kGet));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_TRUE(absl::StrContains(answer->body, "Cert=\"-----BEGIN%20CERTIFICATE-----%0A"))
        << answer->body;
  }
}

}  // namespace
}  // namespace mesh::proxy
