// Unauthenticated bytes on ports that speak TLS, and from servers that we call with it: random
// ones, damaged hellos, damaged flights, damaged records. Nothing may crash, and who behaves is
// served.
//
// MESH_FUZZ_CONNECTIONS sets how many connections are made (a slice of it by default),
// MESH_FUZZ_SEED where the random numbers begin. `tests/fuzz/run tls SECONDS` runs one seed after
// the other.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/proxy/tls_testing.h"
#include "tests/fuzz/damage.h"

namespace mesh::proxy {
namespace {

using fuzz::Damage;
using fuzz::FromEnvironment;
using testing::Connect;
using testing::HttpListener;
using testing::InboundListener;
using testing::MeshCluster;
using testing::Mode;
using testing::Ok;
using testing::Peer;
using testing::Server;
using testing::StartProxy;
using testing::StaticCluster;
using testing::TestMesh;
using testing::ToCluster;

const char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// All that the session has to say, now and then damaged; then nothing more follows, so that nobody
// waits for it, and false is returned.
bool Say(Peer* peer, tls::Session* session, Damage* damage) {
  const std::string bytes(session->outgoing());
  session->Sent(bytes.size());
  if (bytes.empty() || damage->Below(2) == 0) return bytes.empty() || peer->Send(bytes);
  peer->Send(damage->Change(bytes));
  peer->FinishWrites();
  peer->ReadAll();
  return false;
}

// A handshake, and a request or an answer in it, with damage somewhere.
void HalfHonest(Peer* peer, std::shared_ptr<const tls::Context> context, const std::string& words,
                Damage* damage) {
  tls::Session session(std::move(context));
  for (;;) {
    const tls::Progress progress = session.Handshake();
    if (!Say(peer, &session, damage) || progress == tls::Progress::kFailed) return;
    if (progress == tls::Progress::kDone) break;
    const std::string some = peer->ReadSome(100000);
    if (some.empty()) return;
    session.Receive(some);
  }
  session.Write(words);
  Say(peer, &session, damage);
}

TEST(TlsFuzzTest, PortsThatSpeakTls) {
  const uint64_t count = FromEnvironment("MESH_FUZZ_CONNECTIONS", 600);
  Damage damage(FromEnvironment("MESH_FUZZ_SEED", 1));
  const TestMesh mesh;
  Server server(Server::Answering([](const Peer::Message&) { return Ok("up"); }));
  envoy::Listener permissive = InboundListener(Mode::kPermissive, "up");
  permissive.name = "permissive";
  permissive.inspection.http = true;
  envoy::Listener strict = InboundListener(Mode::kStrict, "up");
  strict.name = "strict";
  auto proxy = StartProxy(
      {.clusters = {StaticCluster("up", {server.port()})}, .listeners = {permissive, strict}}, {},
      mesh.SecretsOf("server"));
  const auto client = mesh.ClientOf("client");
  tls::Session pattern(client);
  pattern.Handshake();
  const std::string hello(pattern.outgoing());
  for (uint64_t i = 0; i < count; ++i) {
    Peer peer = Connect(proxy->ListenerPort(damage.Below(2) == 0 ? "permissive" : "strict"));
    switch (damage.Below(4)) {
      case 0:
        peer.Send(damage.Bytes(damage.Below(2000)));
        break;
      case 1:
        peer.Send("\x16\x03\x01" + damage.Bytes(damage.Below(2000)));
        break;
      case 2:
        peer.Send(damage.Change(hello));
        break;
      case 3:
        HalfHonest(&peer, client, kGet, &damage);
        break;
    }
    if (damage.Below(4) == 0) {
      peer.Reset();
    } else {
      peer.FinishWrites();
      if (damage.Below(2) == 0) peer.ReadAll();
    }
    if (i % 100 == 99) {
      for (const char* name : {"permissive", "strict"}) {
        Peer good = Connect(proxy->ListenerPort(name));
        ASSERT_TRUE(good.StartTls(mesh.ClientOf("client"))) << i << " " << good.tls()->error();
        ASSERT_TRUE(good.Send(kGet));
        const auto answer = good.Read();
        ASSERT_TRUE(answer.has_value()) << i;
        ASSERT_EQ(answer->body, "up");
      }
    }
  }
}

TEST(TlsFuzzTest, ServersThatWeCall) {
  const uint64_t count = FromEnvironment("MESH_FUZZ_CONNECTIONS", 600) / 2;
  Damage damage(FromEnvironment("MESH_FUZZ_SEED", 2));
  const TestMesh mesh;
  const auto context = mesh.ServerOf("up");
  Mutex mutex;
  std::atomic<bool> honest{false};
  Server rude([&](Peer& peer) {
    if (honest) {
      if (!peer.StartTls(context)) return;
      while (peer.Read().has_value()) peer.Send(Ok("up"));
      return;
    }
    // One at a time: the random numbers are in one order.
    MutexLock lock(&mutex);
    if (damage.Below(3) == 0) {
      peer.Send(damage.Bytes(damage.Below(2000)));
      peer.FinishWrites();
      return;
    }
    HalfHonest(&peer, context, Ok("up"), &damage);
  });
  const auto cluster = [&](uint16_t port) { return MeshCluster("up", {{port, true}}); };
  auto proxy =
      StartProxy({.clusters = {cluster(rude.port())}, .listeners = {HttpListener(ToCluster("up"))}},
                 {}, mesh.SecretsOf("client"));
  Peer client = Connect(proxy->ListenerPort("in"));
  for (uint64_t i = 0; i < count; ++i) {
    honest = i % 50 == 49;
    if (!client.Send(kGet)) client = Connect(proxy->ListenerPort("in"));
    const auto answer = client.Read();
    if (!answer.has_value()) {
      ASSERT_FALSE(honest) << i;
      client = Connect(proxy->ListenerPort("in"));
      continue;
    }
    if (honest) {
      ASSERT_EQ(answer->body, "up") << i;
      // So that the next one connects anew.
      ASSERT_TRUE(proxy->Apply({.clusters = {cluster(1)}}).ok());
      ASSERT_TRUE(proxy->Apply({.clusters = {cluster(rude.port())}}).ok());
    }
  }
}

}  // namespace
}  // namespace mesh::proxy
