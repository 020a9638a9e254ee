// Peers that show the wrong certificate, and peers that are no peers at all.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>

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
using testing::ListenerPrefix;
using testing::MeshCluster;
using testing::MeshId;
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

class TlsPeersTest : public ::testing::Test {
 protected:
  // A certificate of the mesh's authority, or of `authority`, with what the caller changes.
  tls::Identity Leaf(std::vector<tls::SubjectAltName> sans,
                     const std::function<void(tls::CertificateTemplate*)>& change = nullptr,
                     const tls::TestAuthority* authority = nullptr) {
    if (authority == nullptr) authority = &mesh_.authority();
    tls::CertificateTemplate content = authority->Leaf(std::move(sans));
    if (change) change(&content);
    return authority->Issue(content);
  }

  TestMesh mesh_;
  const tls::TestAuthority other_{"other root", absl::Now()};
  Server server_{Server::Answering([](const Peer::Message&) { return Ok("up"); })};
};

TEST_F(TlsPeersTest, WhoMayCallASidecar) {
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                           .listeners = {InboundListener(Mode::kStrict, "up")}},
                          {}, mesh_.SecretsOf("server"));
  const std::string id = MeshId("client");
  const struct {
    const char* name;
    std::optional<tls::Identity> shown;
    const char* counted;  // "" where it is let in
  } cases[] = {
      {"a workload of the mesh", Leaf({tls::Uri(id)}), ""},
      {"nobody", std::nullopt, "fail_verify_no_cert"},
      {"another root's workload of the same name", Leaf({tls::Uri(id)}, nullptr, &other_),
       "fail_verify_error"},
      {"another trust domain", Leaf({tls::Uri("spiffe://evil.local/ns/default/sa/client")}),
       "fail_verify_san"},
      {"a trust domain that begins like ours",
       Leaf({tls::Uri("spiffe://cluster.local.evil/ns/default/sa/client")}), "fail_verify_san"},
      {"expired",
       Leaf({tls::Uri(id)}, [](auto* c) { c->not_after = absl::Now() - absl::Minutes(1); }),
       "fail_verify_error"},
      {"not yet valid",
       Leaf({tls::Uri(id)}, [](auto* c) { c->not_before = absl::Now() + absl::Minutes(5); }),
       "fail_verify_error"},
      {"a certificate for servers alone",
       Leaf({tls::Uri(id)}, [](auto* c) { c->for_clients = false; }), "fail_verify_error"},
      {"an identity in the wrong kind of name", Leaf({tls::Dns(id)}), "fail_verify_san"},
      {"an identity behind a NUL",
       Leaf({tls::Uri(std::string("spiffe://cluster.local/\0.evil", 29))}), "fail_verify_san"},
      {"no names at all", Leaf({}), "fail_verify_san"},
      {"a wildcard", Leaf({tls::Dns("*.local")}), "fail_verify_san"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tls::ContextOptions options;
    options.identity = c.shown;
    options.validation.roots = mesh_.authority().roots();
    options.alpn = {"istio-http/1.1"};
    const std::string stat = absl::StrCat(ListenerPrefix(*proxy), "ssl.", c.counted);
    const uint64_t before = Stat(*proxy, stat);
    Peer client = Connect(proxy->ListenerPort("in"));
    client.StartTls(tls::Context::Client(options).value());
    client.Send(kGet);
    const auto answer = client.Read();
    EXPECT_EQ(answer.has_value(), *c.counted == '\0');
    if (*c.counted != '\0') {
      EXPECT_TRUE(WaitForStat(*proxy, stat, before + 1));
    }
  }
}

TEST_F(TlsPeersTest, WhomASidecarCalls) {
  const std::string id = MeshId("up");
  const struct {
    const char* name;
    tls::Identity shown;
    const char* counted;
    const char* words;
  } cases[] = {
      {"the workload that is wanted", Leaf({tls::Uri(id)}), "handshake", ""},
      {"another root's workload of the same name", Leaf({tls::Uri(id)}, nullptr, &other_),
       "fail_verify_error", "CERTIFICATE_VERIFY_FAILED"},
      {"another workload", Leaf({tls::Uri(MeshId("ratings"))}), "fail_verify_san",
       "none_of_its_names"},
      {"a workload whose name goes on", Leaf({tls::Uri(id + "-evil")}), "fail_verify_san",
       "none_of_its_names"},
      {"expired",
       Leaf({tls::Uri(id)}, [](auto* c) { c->not_after = absl::Now() - absl::Minutes(1); }),
       "fail_verify_error", "expired"},
      {"not yet valid",
       Leaf({tls::Uri(id)}, [](auto* c) { c->not_before = absl::Now() + absl::Minutes(5); }),
       "fail_verify_error", "not_valid_before"},
      {"a certificate for clients alone",
       Leaf({tls::Uri(id)}, [](auto* c) { c->for_servers = false; }), "fail_verify_error",
       "not_for_servers"},
      {"a name behind a NUL", Leaf({tls::Uri(id + std::string("\0x", 2))}), "fail_verify_san",
       "none_of_its_names"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tls::ContextOptions options;
    options.identity = c.shown;
    options.validation.peer_certificate = tls::Validation::PeerCertificate::kIgnored;
    const auto context = tls::Context::Server(options).value();
    std::atomic<bool> asked{false};
    Server upstream([&](Peer& p) {
      if (!p.StartTls(context)) return;
      while (p.Read().has_value()) {
        asked = true;
        p.Send(Ok("up"));
      }
    });
    Mutex mutex;
    CondVar changed;
    std::string log;
    auto proxy = StartProxy(
        {.clusters = {MeshCluster(
             "up", {{upstream.port(), true}},
             absl::StrCat(
                 R"("match_typed_subject_alt_names":[{"san_type":"URI","matcher":{"exact":")", id,
                 R"("}}])"))},
         .listeners = {HttpListener(ToCluster("up"), R"("access_log":[{"name":"f","typed_config":{
            "@type":"type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path":"/dev/stdout","log_format":{"text_format_source":{"inline_string":
            "%RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n"}}}}])")}},
        {.access_log =
             [&](std::string_view, std::string_view lines) {
               MutexLock lock(&mutex);
               log += lines;
               changed.NotifyAll();
             }},
        mesh_.SecretsOf("client"));
    Peer client = Connect(proxy->ListenerPort("in"));
    ASSERT_TRUE(client.Send(kGet));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    const bool good = *c.words == '\0';
    EXPECT_EQ(answer->status(), good ? 200 : 503);
    EXPECT_EQ(asked, good) << "a request went to whom it should not";
    EXPECT_EQ(Stat(*proxy, absl::StrCat("cluster.up.ssl.", c.counted)), 1u);
    MutexLock lock(&mutex);
    while (log.empty()) changed.Wait(&mutex);
    if (good) {
      EXPECT_EQ(log, "200 - -\n");
    } else {
      EXPECT_TRUE(absl::StartsWith(log,
                                   "503 UF TLS_error:|268435581:SSL_routines:"
                                   "OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:"))
          << log;
      EXPECT_TRUE(absl::StrContains(log, c.words)) << log;
      EXPECT_TRUE(absl::EndsWith(log, ":TLS_error_end\n")) << log;
      EXPECT_TRUE(absl::StrContains(answer->body, "transport failure reason: TLS_error:|268435581"))
          << answer->body;
    }
  }
}

TEST_F(TlsPeersTest, AServerThatRefusesOurCertificateIsNamedSo) {
  tls::ContextOptions options = mesh_.OptionsOf("up");
  options.validation.roots = other_.roots();
  const auto context = tls::Context::Server(options).value();
  Server upstream([&](Peer& p) {
    p.StartTls(context);
    p.ReadAll();
  });
  auto proxy = StartProxy({.clusters = {MeshCluster("up", {{upstream.port(), true}})},
                           .listeners = {HttpListener(ToCluster("up"))}},
                          {}, mesh_.SecretsOf("client"));
  Peer client = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"));
  const auto answer = client.Read();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status(), 503);
  EXPECT_TRUE(absl::StrContains(answer->body, "ALERT_UNKNOWN_CA")) << answer->body;
}

// A hello as large as the caller likes, in records of 16 KiB.
std::string HugeHello(size_t bytes) {
  std::string message("\x01", 1);
  message +=
      {static_cast<char>(bytes >> 16), static_cast<char>(bytes >> 8), static_cast<char>(bytes)};
  message.append("\x03\x03", 2);
  message.append(bytes - 2, 'x');
  std::string wire;
  for (size_t at = 0; at < message.size(); at += 16384) {
    const std::string piece = message.substr(at, 16384);
    wire +=
        {0x16, 0x03, 0x01, static_cast<char>(piece.size() >> 8), static_cast<char>(piece.size())};
    wire += piece;
  }
  return wire;
}

TEST_F(TlsPeersTest, WhatIsNoTlsEndsAndHarmsNobodyElse) {
  const std::string cases[] = {
      std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10),
      std::string("\x16\x03\x01\xff\xff", 5) + std::string(70000, '\0'),
      std::string(100000, '\x80'),
      HugeHello(1 << 20),
      HugeHello(100),
      "SSH-2.0-OpenSSH_9.2\r\n",
      std::string("\x15\x03\x01\x00\x02\x02\x28", 7),
      std::string(1, '\x16'),
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  };
  for (Mode mode : {Mode::kPermissive, Mode::kStrict}) {
    auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                             .listeners = {InboundListener(mode, "up")}},
                            {}, mesh_.SecretsOf("server"));
    for (const std::string& bytes : cases) {
      SCOPED_TRACE(absl::StrCat(bytes.size(), " bytes, first ", static_cast<int>(bytes[0])));
      Peer rude = Connect(proxy->ListenerPort("in"));
      rude.Send(bytes);  // may be cut short by the other side's end
      rude.FinishWrites();
      EXPECT_FALSE(absl::StrContains(rude.ReadAll(), "200 OK"));
      Peer good = Connect(proxy->ListenerPort("in"));
      ASSERT_TRUE(good.StartTls(mesh_.ClientOf("client"))) << good.tls()->error();
      ASSERT_TRUE(good.Send(kGet));
      EXPECT_EQ(good.Read()->body, "up");
    }
  }
}

TEST_F(TlsPeersTest, AHandshakeByteByByte) {
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                           .listeners = {InboundListener(Mode::kPermissive, "up")}},
                          {}, mesh_.SecretsOf("server"));
  Peer client = Connect(proxy->ListenerPort("in"));
  tls::Session session(mesh_.ClientOf("client"));
  ASSERT_EQ(session.Handshake(), tls::Progress::kWantRead);
  for (char c : std::string(session.outgoing())) ASSERT_TRUE(client.Send(std::string(1, c)));
  session.Sent(session.outgoing().size());
  while (session.Handshake() == tls::Progress::kWantRead) {
    const std::string some = client.ReadSome(1000);
    ASSERT_NE(some, "");
    session.Receive(some);
  }
  ASSERT_TRUE(session.handshake_done());
}

TEST_F(TlsPeersTest, HandshakesThatTakeTooLongEnd) {
  envoy::Listener listener = InboundListener(Mode::kStrict, "up");
  listener.chains[0].handshake_timeout = absl::Milliseconds(100);
  auto proxy =
      StartProxy({.clusters = {StaticCluster("up", {server_.port()})}, .listeners = {listener}}, {},
                 mesh_.SecretsOf("server"));
  Peer silent = Connect(proxy->ListenerPort("in"));
  Peer slow = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(slow.Send(std::string("\x16\x03\x01\x02\x00", 5)));
  EXPECT_TRUE(silent.AtEnd());
  EXPECT_TRUE(slow.AtEnd());
  EXPECT_EQ(Stat(*proxy, ListenerPrefix(*proxy) + "downstream_cx_transport_socket_connect_timeout"),
            2u);
}

TEST_F(TlsPeersTest, WhoSaysTooLittleIsPlaintextOrEnds) {
  envoy::Listener listener = InboundListener(Mode::kPermissive, "up");
  listener.inspection.timeout = absl::Milliseconds(100);
  auto proxy =
      StartProxy({.clusters = {StaticCluster("up", {server_.port()})}, .listeners = {listener}}, {},
                 mesh_.SecretsOf("server"));
  {
    Peer late = Connect(proxy->ListenerPort("in"));
    ASSERT_TRUE(WaitForStat(*proxy, ListenerPrefix(*proxy) + "downstream_pre_cx_timeout", 1));
    ASSERT_TRUE(late.Send(kGet));
    EXPECT_EQ(late.Read()->body, "up");
  }
  listener.inspection.continue_on_timeout = false;
  ASSERT_TRUE(proxy->Apply({.listeners = {listener}}).ok());
  Peer late = Connect(proxy->ListenerPort("in"));
  EXPECT_TRUE(late.AtEnd());
}

TEST_F(TlsPeersTest, AnUpstreamThatNeverFinishesItsHandshakeTimesOut) {
  Server upstream([](Peer& p) { p.ReadAll(); });
  envoy::Cluster cluster = MeshCluster("up", {{upstream.port(), true}});
  cluster.connect_timeout = absl::Milliseconds(100);
  auto proxy = StartProxy({.clusters = {cluster}, .listeners = {HttpListener(ToCluster("up"))}}, {},
                          mesh_.SecretsOf("client"));
  Peer client = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read()->status(), 503);
  EXPECT_EQ(Stat(*proxy, "cluster.up.upstream_cx_connect_timeout"), 1u);
}

TEST_F(TlsPeersTest, DrainingEndsConnectionsThatHaveSaidNothing) {
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                           .listeners = {InboundListener(Mode::kPermissive, "up")}},
                          {}, mesh_.SecretsOf("server"));
  Peer silent = Connect(proxy->ListenerPort("in"));
  Peer secured = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(secured.StartTls(mesh_.ClientOf("client")));
  ASSERT_TRUE(secured.Send(kGet));
  ASSERT_TRUE(secured.Read().has_value());
  proxy->Drain();
  EXPECT_TRUE(proxy->WaitDrained(absl::Seconds(10)));
  EXPECT_TRUE(silent.AtEnd());
  EXPECT_TRUE(secured.AtEnd());
}

}  // namespace
}  // namespace mesh::proxy
