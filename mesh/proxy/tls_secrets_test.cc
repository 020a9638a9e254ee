// Secrets that come, change and are missing.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/proxy/tls_testing.h"

namespace mesh::proxy {
namespace {

using testing::Connect;
using testing::HttpListener;
using testing::IdentitySecret;
using testing::InboundListener;
using testing::ListenerPrefix;
using testing::MeshCluster;
using testing::MeshId;
using testing::Mode;
using testing::Ok;
using testing::Peer;
using testing::RootsSecret;
using testing::Server;
using testing::StartProxy;
using testing::Stat;
using testing::StaticCluster;
using testing::TestMesh;
using testing::ToCluster;

const char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

class TlsSecretsTest : public ::testing::Test {
 protected:
  // The one answer to a request through TLS; "" where none came.
  std::string Ask(const Proxy& proxy, const std::shared_ptr<const tls::Context>& context) {
    Peer client = Connect(proxy.ListenerPort("in"));
    if (!client.StartTls(context) || !client.Send(kGet)) return "";
    const auto answer = client.Read();
    return answer.has_value() ? answer->body : "";
  }

  TestMesh mesh_;
  Server server_{Server::Answering([](const Peer::Message&) { return Ok("up"); })};
};

TEST_F(TlsSecretsTest, AListenerOpensWhenAllItsSecretsAreThere) {
  envoy::Listener listener = InboundListener(Mode::kPermissive, "up");
  listener.address.port = 0;
  auto proxy =
      StartProxy({.clusters = {StaticCluster("up", {server_.port()})}, .listeners = {listener}});
  EXPECT_EQ(proxy->ListenerPort("in"), 0);
  EXPECT_FALSE(proxy->Ready());
  const std::vector<Secret> secrets = mesh_.SecretsOf("server");
  // A certificate without roots to hold clients to would accept anybody: CVE-2020-8664.
  proxy->SetSecrets({secrets[0]});
  EXPECT_EQ(proxy->ListenerPort("in"), 0);
  EXPECT_FALSE(proxy->Ready());
  proxy->SetSecrets({secrets[1]});
  ASSERT_NE(proxy->ListenerPort("in"), 0);
  EXPECT_TRUE(proxy->Ready());
  EXPECT_EQ(Ask(*proxy, mesh_.ClientOf("client")), "up");
}

TEST_F(TlsSecretsTest, ASecretOfTheWrongKindIsNone) {
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                           .listeners = {InboundListener(Mode::kStrict, "up")}});
  proxy->SetSecrets(
      {RootsSecret("default", {mesh_.authority().certificate()}), RootsSecret("ROOTCA", {})});
  EXPECT_EQ(proxy->ListenerPort("in"), 0);
}

TEST_F(TlsSecretsTest, AClusterWaitsForItsSecretsAndNeverGoesOutInPlaintext) {
  Server upstream([&](Peer& p) {
    if (!p.StartTls(mesh_.ServerOf("up"))) return;
    while (p.Read().has_value()) p.Send(Ok("secured"));
  });
  auto proxy = StartProxy({.clusters = {MeshCluster("up", {{upstream.port(), true}})},
                           .listeners = {HttpListener(ToCluster("up"))}});
  Peer client = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read()->status(), 503);
  EXPECT_EQ(upstream.connections(), 0);
  EXPECT_FALSE(proxy->Ready());
  proxy->SetSecrets(mesh_.SecretsOf("client"));
  EXPECT_TRUE(proxy->Ready());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read()->body, "secured");
}

TEST_F(TlsSecretsTest, WhenTheirTimeIsUpOtherEndpointsAndChainsServe) {
  envoy::Cluster cluster = MeshCluster("up", {{1, true}, {server_.port(), false}});
  auto impatient = std::make_shared<envoy::TlsSettings>(*cluster.transport_socket_matches[0].tls);
  impatient->secrets_initial_fetch_timeout = absl::Milliseconds(50);
  cluster.transport_socket_matches[0].tls = impatient;
  envoy::Listener listener = InboundListener(Mode::kPermissive, "up");
  auto server = std::make_shared<envoy::TlsSettings>(*listener.chains[0].tls);
  server->secrets_initial_fetch_timeout = absl::Milliseconds(50);
  listener.chains[0].tls = server;
  auto proxy = StartProxy({.clusters = {cluster}, .listeners = {listener}});
  ASSERT_TRUE(proxy->WaitReady(absl::Seconds(10)));
  for (int i = 0; i < 3; ++i) {
    Peer client = Connect(proxy->ListenerPort("in"));
    ASSERT_TRUE(client.Send(kGet));
    EXPECT_EQ(client.Read()->body, "up");
  }
  Peer mutual = Connect(proxy->ListenerPort("in"));
  EXPECT_FALSE(mutual.StartTls(mesh_.ClientOf("client")));
  EXPECT_EQ(Stat(*proxy, ListenerPrefix(*proxy) +
                             "server_ssl_socket_factory.downstream_context_secrets_not_ready"),
            1u);
  // Late is not never.
  proxy->SetSecrets(mesh_.SecretsOf("server"));
  Peer late = Connect(proxy->ListenerPort("in"));
  EXPECT_TRUE(late.StartTls(mesh_.ClientOf("client"))) << late.tls()->error();
}

TEST_F(TlsSecretsTest, AListenerOfNothingButMissingSecretsStaysClosedAndHoldsNobodyUp) {
  envoy::Listener listener = InboundListener(Mode::kStrict, "up");
  auto server = std::make_shared<envoy::TlsSettings>(*listener.chains[0].tls);
  server->secrets_initial_fetch_timeout = absl::Milliseconds(50);
  listener.chains[0].tls = server;
  auto proxy =
      StartProxy({.clusters = {StaticCluster("up", {server_.port()})}, .listeners = {listener}});
  EXPECT_TRUE(proxy->WaitReady(absl::Seconds(10)));
  EXPECT_EQ(proxy->ListenerPort("in"), 0);
}

TEST_F(TlsSecretsTest, NewCertificatesAreForNewConnections) {
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                           .listeners = {InboundListener(Mode::kStrict, "up")}},
                          {}, mesh_.SecretsOf("first"));
  const auto context = mesh_.ClientOf("client");
  Peer old = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(old.StartTls(context));
  proxy->SetSecrets({mesh_.SecretsOf("second")[0]});
  ASSERT_TRUE(old.Send(kGet));
  EXPECT_EQ(old.Read()->body, "up");
  EXPECT_EQ(old.tls()->connection().peer_chain[0].SpiffeIdentity()->ToString(), MeshId("first"));
  Peer fresh = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(fresh.StartTls(mesh_.ClientOf("client")));
  EXPECT_EQ(fresh.tls()->connection().peer_chain[0].SpiffeIdentity()->ToString(), MeshId("second"));
}

TEST_F(TlsSecretsTest, SessionsAreResumedAcrossCertificatesButNotAcrossRoots) {
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                           .listeners = {InboundListener(Mode::kStrict, "up")}},
                          {}, mesh_.SecretsOf("server"));
  // One context keeps the tickets.
  const auto context = mesh_.ClientOf("client");
  const auto resumed = [&] {
    Peer client = Connect(proxy->ListenerPort("in"));
    EXPECT_TRUE(client.StartTls(context)) << client.tls()->error();
    EXPECT_TRUE(client.Send(kGet));
    EXPECT_TRUE(client.Read().has_value()) << client.tls()->error();
    return client.tls()->connection().resumed;
  };
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
  proxy->SetSecrets({mesh_.SecretsOf("server")[0]});
  EXPECT_TRUE(resumed());
  // Other roots, though the client's is still among them: who may come is decided anew.
  const TestMesh other;
  proxy->SetSecrets(
      {RootsSecret("ROOTCA", {mesh_.authority().certificate(), other.authority().certificate()})});
  EXPECT_FALSE(resumed());
  EXPECT_TRUE(resumed());
  EXPECT_EQ(Stat(*proxy, ListenerPrefix(*proxy) + "ssl.session_reused"), 3u);
  // And once its root is gone, no ticket gets it in.
  proxy->SetSecrets({RootsSecret("ROOTCA", {other.authority().certificate()})});
  EXPECT_EQ(Ask(*proxy, context), "");
}

TEST_F(TlsSecretsTest, RotationUnderLoadFailsNothing) {
  auto inbound = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                             .listeners = {InboundListener(Mode::kStrict, "up")}},
                            {}, mesh_.SecretsOf("server"));
  // Half of the requests on connections that stay, half on new ones.
  auto outbound =
      StartProxy({.clusters = {MeshCluster("up", {{inbound->ListenerPort("in"), true}})},
                  .listeners = {HttpListener(ToCluster("up"))}},
                 {}, mesh_.SecretsOf("client"));
  std::atomic<bool> done{false};
  std::atomic<int> asked{0}, failed{0};
  std::vector<std::thread> clients;
  for (int t = 0; t < 2; ++t) {
    clients.emplace_back([&] {
      Peer client = Connect(outbound->ListenerPort("in"));
      while (!done) {
        client.Send(kGet);
        const auto answer = client.Read();
        ++asked;
        if (!answer.has_value() || answer->body != "up") ++failed;
        if (!answer.has_value()) return;
      }
    });
    clients.emplace_back([&] {
      while (!done) {
        ++asked;
        if (Ask(*inbound, mesh_.ClientOf("visitor")) != "up") ++failed;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const int before = asked;
    inbound->SetSecrets({mesh_.SecretsOf(absl::StrCat("server-", i))[0]});
    outbound->SetSecrets({mesh_.SecretsOf(absl::StrCat("client-", i))[0]});
    while (asked < before + 20 && failed == 0) std::this_thread::yield();
  }
  done = true;
  for (std::thread& t : clients) t.join();
  EXPECT_EQ(failed, 0) << "of " << asked;
}

TEST_F(TlsSecretsTest, WhatSomeRootsReplaceIsHeldToTheNewOnes) {
  const TestMesh next;
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                           .listeners = {InboundListener(Mode::kStrict, "up")}},
                          {}, mesh_.SecretsOf("server"));
  tls::ContextOptions both = next.OptionsOf("client");
  both.validation.roots =
      tls::TrustRoots({mesh_.authority().certificate(), next.authority().certificate()});
  both.alpn = {"istio-http/1.1"};
  const auto newcomer = tls::Context::Client(both).value();
  EXPECT_EQ(Ask(*proxy, newcomer), "");
  proxy->SetSecrets(
      {RootsSecret("ROOTCA", {mesh_.authority().certificate(), next.authority().certificate()})});
  EXPECT_EQ(Ask(*proxy, newcomer), "up");
  EXPECT_EQ(Ask(*proxy, mesh_.ClientOf("client")), "up");
}

TEST_F(TlsSecretsTest, FromPermissiveToStrictPlaintextEndsAndTlsGoesOn) {
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                           .listeners = {InboundListener(Mode::kPermissive, "up")}},
                          {}, mesh_.SecretsOf("server"));
  Peer plain = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(plain.Send(kGet));
  EXPECT_EQ(plain.Read()->status(), 200);
  envoy::Listener strict = InboundListener(Mode::kStrict, "up");
  ASSERT_TRUE(proxy->Apply({.listeners = {strict}}).ok());
  // What is under way may finish, once.
  ASSERT_TRUE(plain.Send(kGet));
  const auto last = plain.Read();
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->Header("connection"), "close");
  EXPECT_TRUE(plain.AtEnd());
  Peer again = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(again.Send(kGet));
  EXPECT_FALSE(absl::StrContains(again.ReadAll(), "HTTP/1.1"));
  EXPECT_EQ(Ask(*proxy, mesh_.ClientOf("client")), "up");
}

TEST_F(TlsSecretsTest, AnEndpointThatGetsMutualTlsIsNotSpokenToOnOldConnections) {
  std::atomic<int> secured{0};
  Server upstream([&](Peer& p) {
    const std::string first = p.ReadSome(1);
    if (first == "G") {
      p.Send(Ok("plain"));
      p.ReadAll();
    }
  });
  Server mutual([&](Peer& p) {
    if (!p.StartTls(mesh_.ServerOf("up"))) return;
    ++secured;
    while (p.Read().has_value()) p.Send(Ok("secured"));
  });
  auto proxy = StartProxy({.clusters = {MeshCluster("up", {{upstream.port(), false}})},
                           .listeners = {HttpListener(ToCluster("up"))}},
                          {}, mesh_.SecretsOf("client"));
  Peer client = Connect(proxy->ListenerPort("in"));
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read()->body, "plain");
  EXPECT_EQ(upstream.connections(), 1);
  ASSERT_TRUE(proxy->Apply({.clusters = {MeshCluster("up", {{upstream.port(), true}})}}).ok());
  ASSERT_TRUE(client.Send(kGet));
  // The server there speaks no TLS: a failure, and no request on the connection that was idle.
  EXPECT_EQ(client.Read()->status(), 503);
  EXPECT_EQ(upstream.connections(), 2);
  ASSERT_TRUE(proxy->Apply({.clusters = {MeshCluster("up", {{mutual.port(), true}})}}).ok());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read()->body, "secured");
  EXPECT_EQ(secured, 1);
}

TEST_F(TlsSecretsTest, TheAdminPageShowsCertificatesAndNoKeys) {
  const std::vector<Secret> secrets = mesh_.SecretsOf("server");
  auto proxy = StartProxy({.clusters = {StaticCluster("up", {server_.port()})},
                           .listeners = {InboundListener(Mode::kStrict, "up")}},
                          {}, secrets);
  const std::string page = proxy->Admin("/certs");
  EXPECT_TRUE(absl::StrContains(page, absl::StrCat("\"uri\": \"", MeshId("server"), "\""))) << page;
  EXPECT_TRUE(absl::StrContains(page, "\"path\": \"ROOTCA\"")) << page;
  EXPECT_TRUE(absl::StrContains(page, "\"days_until_expiration\": \"0\"")) << page;
  EXPECT_TRUE(absl::StrContains(page, secrets[0].identity->chain[0].serial())) << page;
  for (const char* path : {"/certs", "/config_dump", "/stats", "/clusters", "/server_info"}) {
    EXPECT_FALSE(absl::StrContains(proxy->Admin(path), "PRIVATE")) << path;
  }
}

TEST_F(TlsSecretsTest, CertificatesOutOfFilesAndWhatIsWrongWithThemIsNamed) {
  const std::string dir = ::testing::TempDir();
  const tls::Identity identity = mesh_.authority().Issue(MeshId("files"));
  const auto write = [&](const std::string& name, const std::string& text) {
    FILE* const file = fopen((dir + name).c_str(), "w");
    fputs(text.c_str(), file);
    fclose(file);
    return dir + name;
  };
  const std::string chain = write("tls_chain.pem", tls::ToPem(identity.chain));
  const std::string key = write("tls_key.pem", identity.key.ToPem());
  const std::string other = write("tls_other.pem", tls::PrivateKey::Generate()->ToPem());
  const auto listener = [&](const std::string& key_file) {
    envoy::Listener out = InboundListener(Mode::kStrict, "up");
    auto settings = std::make_shared<envoy::TlsSettings>();
    settings->certificate_chain.file = chain;
    settings->private_key.file = key_file;
    settings->bytes = key_file;
    out.chains[0].tls = settings;
    return out;
  };
  auto proxy = StartProxy(
      {.clusters = {StaticCluster("up", {server_.port()})}, .listeners = {listener(key)}});
  tls::ContextOptions options;
  options.validation.roots = mesh_.authority().roots();
  EXPECT_EQ(Ask(*proxy, tls::Context::Client(options).value()), "up");
  EXPECT_EQ(proxy->Apply({.listeners = {listener(other)}}).message(),
            absl::StrCat("listener \"in\" filter_chains[0] transport_socket: ", chain,
                         ": the private key is not the certificate's"));
  EXPECT_EQ(proxy->Apply({.listeners = {listener(dir + "tls_missing.pem")}}).message(),
            absl::StrCat("listener \"in\" filter_chains[0] transport_socket: cannot read ", dir,
                         "tls_missing.pem"));
}

}  // namespace
}  // namespace mesh::proxy
