// go-spiffe and zlint judge what the authorities issue; Go's crypto/tls shakes hands with a
// Session.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/context.h"
#include "mesh/tls/session.h"
#include "tests/ca/peer.h"

// Skips where the peer is not to be had, fails where it must be.
#define NEED_PEER(variable, name)                              \
  const auto variable##_or = FindPeer(name);                   \
  if (!variable##_or.ok()) {                                   \
    const char* required = getenv("REQUIRE_PEERS");            \
    if (required != nullptr && std::string(required) == "1") { \
      FAIL() << variable##_or.status().message();              \
    }                                                          \
    GTEST_SKIP() << variable##_or.status().message();          \
  }                                                            \
  const std::string variable = *variable##_or

namespace mesh {
namespace {

using tls::KeyType;

std::string File(const std::string& name, const std::string& text) {
  const std::string path = absl::StrCat(getenv("TEST_TMPDIR"), "/", name);
  std::ofstream(path) << text;
  return path;
}

class PeersTest : public testing::Test {
 protected:
  void Open(KeyType root_key) {
    ca::SelfSignedOptions options;
    store_ = std::make_unique<ca::MemoryStore>();
    options.store = store_.get();
    options.root_key = root_key;
    authority_ = ca::SelfSignedAuthority::Open(options).value();
  }
  tls::Identity Issue(const std::string& account, KeyType type = KeyType::kP256) {
    const auto id = tls::SpiffeId::Workload("cluster.local", "default", account).value();
    const auto key = tls::PrivateKey::Generate(type).value();
    return {{authority_->Issue({key.public_key(), id, {}})->leaf}, key};
  }
  std::string Bundle() { return File("bundle.pem", tls::ToPem(authority_->bundle()->roots)); }

  std::unique_ptr<ca::MemoryStore> store_;
  std::unique_ptr<ca::SelfSignedAuthority> authority_;
};

TEST_F(PeersTest, GoSpiffeVerifiesEveryKindOfChain) {
  NEED_PEER(spiffe, "spiffe_peer");
  for (KeyType root : {KeyType::kP256, KeyType::kP384, KeyType::kRsa2048, KeyType::kEd25519}) {
    Open(root);
    for (KeyType leaf : {KeyType::kP256, KeyType::kP384, KeyType::kRsa2048, KeyType::kEd25519}) {
      // One RSA leaf is enough: to make the keys takes longer than all else.
      if (leaf == KeyType::kRsa2048 && root != KeyType::kP256) continue;
      const std::string chain = File("chain.pem", tls::ToPem(Issue("reviews", leaf).chain));
      const Outcome got = RunProgram({spiffe, "verify", chain, Bundle(), "cluster.local"});
      EXPECT_EQ(got.exit_code, 0) << got.err;
      EXPECT_EQ(got.out, "spiffe://cluster.local/ns/default/sa/reviews\n");
    }
  }
}

TEST_F(PeersTest, GoSpiffeTrustsBothRootsOfARotation) {
  NEED_PEER(spiffe, "spiffe_peer");
  Open(KeyType::kP256);
  const std::string before = File("before.pem", tls::ToPem(Issue("before").chain));
  ASSERT_TRUE(authority_->AnnounceNewRoot().ok());
  ASSERT_TRUE(authority_->SwitchToNewRoot({}).ok());
  const std::string after = File("after.pem", tls::ToPem(Issue("after").chain));
  EXPECT_EQ(RunProgram({spiffe, "verify", before, Bundle(), "cluster.local"}).exit_code, 0);
  EXPECT_EQ(RunProgram({spiffe, "verify", after, Bundle(), "cluster.local"}).exit_code, 0);
  ASSERT_TRUE(authority_->RetireOldRoot({}).ok());
  EXPECT_NE(RunProgram({spiffe, "verify", before, Bundle(), "cluster.local"}).exit_code, 0);
  EXPECT_EQ(RunProgram({spiffe, "verify", after, Bundle(), "cluster.local"}).exit_code, 0);
}

TEST_F(PeersTest, ZlintFindsNoError) {
  NEED_PEER(zlint, "zlint");
  for (KeyType root : {KeyType::kP256, KeyType::kP384, KeyType::kEd25519}) {
    Open(root);
    const std::string paths[] = {File("leaf.pem", tls::ToPem(Issue("reviews").chain)), Bundle()};
    for (const std::string& path : paths) {
      const Outcome got =
          RunProgram({zlint, "-includeSources", "RFC5280,RFC5480,RFC5891,Community", path});
      ASSERT_EQ(got.exit_code, 0) << got.err;
      EXPECT_THAT(got.out, testing::HasSubstr("\"result\":\"pass\""));
      for (absl::string_view lint : absl::StrSplit(got.out, "},")) {
        EXPECT_FALSE(absl::StrContains(lint, "\"result\":\"error\"") ||
                     absl::StrContains(lint, "\"result\":\"fatal\""))
            << lint;
      }
    }
  }
}

// One connection to a Session behind a socket: mutual TLS with Go's crypto/tls, as go-spiffe sets
// it up.
TEST_F(PeersTest, GoShakesHandsWithASession) {
  NEED_PEER(spiffe, "spiffe_peer");
  Open(KeyType::kP256);
  tls::ContextOptions options;
  options.identity = Issue("server");
  options.validation.roots = tls::TrustRoots(authority_->bundle()->roots);
  const auto context = tls::Context::Server(options).value();

  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);

  std::string peer;
  std::thread serving([&] {
    const int fd = accept(listener, nullptr, nullptr);
    tls::Session session(context);
    const auto send_all = [&] {
      while (!session.outgoing().empty()) {
        const ssize_t sent = write(fd, session.outgoing().data(), session.outgoing().size());
        if (sent <= 0) return;
        session.Sent(static_cast<size_t>(sent));
      }
    };
    char buffer[4096];
    while (session.Handshake() == tls::Progress::kWantRead) {
      send_all();
      const ssize_t count = read(fd, buffer, sizeof buffer);
      if (count <= 0) break;
      session.Receive({buffer, static_cast<size_t>(count)});
    }
    if (session.handshake_done()) {
      peer = session.connection().peer_chain[0].SpiffeIdentity()->ToString();
      session.Write("hello");
      session.Close();
    }
    send_all();
    close(fd);
  });
  const tls::Identity client = Issue("client");
  const Outcome got = RunProgram(
      {spiffe, "connect", absl::StrCat("127.0.0.1:", ntohs(address.sin_port)),
       File("client.pem", tls::ToPem(client.chain)), File("client.key", client.key.ToPem()),
       Bundle(), "spiffe://cluster.local/ns/default/sa/server"});
  serving.join();
  close(listener);
  EXPECT_EQ(got.exit_code, 0) << got.err;
  EXPECT_EQ(got.out, "TLS 1.3 X25519MLKEM768 hello\n");
  EXPECT_EQ(peer, "spiffe://cluster.local/ns/default/sa/client");
}

}  // namespace
}  // namespace mesh
