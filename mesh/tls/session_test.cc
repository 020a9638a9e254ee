#include "mesh/tls/session.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/base/clock.h"
#include "mesh/tls/client_hello.h"
#include "mesh/tls/testing.h"

namespace mesh::tls {
namespace {

constexpr char kServer[] = "spiffe://cluster.local/ns/default/sa/server";
constexpr char kClient[] = "spiffe://cluster.local/ns/default/sa/client";

class SessionTest : public testing::Test {
 protected:
  SessionTest() : clock_(TestTime()) {
    server_.identity = authority_.Issue(kServer);
    client_.identity = authority_.Issue(kClient);
    server_.validation.roots = client_.validation.roots = authority_.roots();
    server_.clock = client_.clock = &clock_;
  }

  // Runs a handshake between contexts of the options as they stand.
  void Connect(std::string server_name = "") {
    Connect(Context::Client(client_).value(), Context::Server(server_).value(), server_name);
  }
  void Connect(std::shared_ptr<const Context> client, std::shared_ptr<const Context> server,
               std::string server_name = "") {
    SessionOptions options;
    options.server_name = std::move(server_name);
    c_ = std::make_unique<Session>(std::move(client), options);
    s_ = std::make_unique<Session>(std::move(server));
    RunHandshake(c_.get(), s_.get());
    // In TLS 1.3 a server's tickets leave with its first data.
    char byte;
    if (s_->Write("!").progress == Progress::kDone) Carry(s_.get(), c_.get());
    c_->Read({&byte, 1});
  }
  // Both sides are content.
  bool Open() const { return c_->handshake_done() && s_->handshake_done(); }

  std::string ReadAll(Session* session) {
    std::string all;
    char buffer[4096];
    while (true) {
      const IoResult got = session->Read(absl::MakeSpan(buffer));
      if (got.progress != Progress::kDone) return all;
      all.append(buffer, got.bytes);
    }
  }

  FakeClock clock_;
  TestAuthority authority_{"root"};
  ContextOptions server_, client_;
  std::unique_ptr<Session> c_, s_;
};

TEST_F(SessionTest, MutualTls13WithAPostQuantumGroup) {
  server_.alpn = {"istio-http/1.1", "http/1.1"};
  client_.alpn = {"http/1.1", "istio-http/1.1"};
  Connect("reviews.default");
  ASSERT_TRUE(Open()) << c_->error() << s_->error();
  EXPECT_EQ(s_->connection().version, "TLSv1.3");
  EXPECT_EQ(s_->connection().group, "X25519MLKEM768");
  EXPECT_THAT(s_->connection().cipher, testing::StartsWith("TLS_"));
  EXPECT_EQ(s_->connection().alpn, "istio-http/1.1");  // the server's preference
  EXPECT_EQ(c_->connection().alpn, "istio-http/1.1");
  EXPECT_EQ(s_->connection().server_name, "reviews.default");
  EXPECT_EQ(s_->connection().peer_chain[0].SpiffeIdentity()->ToString(), kClient);
  EXPECT_EQ(c_->connection().peer_chain[0].SpiffeIdentity()->ToString(), kServer);
  EXPECT_FALSE(s_->connection().resumed);
  // A root is not sent.
  EXPECT_EQ(c_->connection().peer_chain.size(), 1);
}

TEST_F(SessionTest, EveryKindOfKeyInBothVersions) {
  for (KeyType type : {KeyType::kP256, KeyType::kP384, KeyType::kRsa2048, KeyType::kEd25519}) {
    for (Version version : {Version::kTls12, Version::kTls13}) {
      // BoringSSL's TLS 1.2 has no suite that it signs with Ed25519 on both sides by default.
      if (type == KeyType::kEd25519 && version == Version::kTls12) continue;
      server_.identity = authority_.Issue(authority_.Leaf({Uri(kServer)}), type);
      client_.identity = authority_.Issue(authority_.Leaf({Uri(kClient)}), type);
      client_.max_version = version;
      Connect();
      EXPECT_TRUE(Open()) << KeyTypeName(type) << c_->error() << s_->error();
      EXPECT_EQ(c_->connection().version, version == Version::kTls12 ? "TLSv1.2" : "TLSv1.3");
    }
  }
}

TEST_F(SessionTest, DataInSmallPiecesArrivesWhole) {
  Connect();
  ASSERT_TRUE(Open());
  std::string sent(100000, 'x');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7);
  size_t at = 0;
  std::string got;
  while (at < sent.size()) {
    const IoResult wrote = c_->Write(std::string_view(sent).substr(at, 5000));
    ASSERT_EQ(wrote.progress, Progress::kDone);
    at += wrote.bytes;
    // The wire hands over 100 bytes at a time.
    while (!c_->outgoing().empty()) {
      const std::string_view piece = c_->outgoing().substr(0, 100);
      s_->Receive(piece);
      c_->Sent(piece.size());
      got += ReadAll(s_.get());
    }
  }
  EXPECT_TRUE(got == sent);
}

TEST_F(SessionTest, AWriterIsHeldBackWhenTheWireIsSlow) {
  SessionOptions options;
  options.max_outgoing_bytes = 1000;
  Session client(Context::Client(client_).value(), options);
  Session server(Context::Server(server_).value());
  RunHandshake(&client, &server);
  const std::string text(600, 'x');
  EXPECT_EQ(client.Write(text).progress, Progress::kDone);
  EXPECT_EQ(client.Write(text).progress, Progress::kDone);
  EXPECT_EQ(client.Write(text).progress, Progress::kWantWrite);
  Carry(&client, &server);
  EXPECT_EQ(client.Write(text).progress, Progress::kDone);
}

TEST_F(SessionTest, ACloseIsToldFromACut) {
  Connect();
  char byte;
  c_->Close();
  Carry(c_.get(), s_.get());
  EXPECT_EQ(s_->Read({&byte, 1}).progress, Progress::kClosed);
  EXPECT_EQ(s_->Write("still fine").progress, Progress::kDone);

  Connect();
  s_->ReceiveEnd();
  EXPECT_EQ(s_->Read({&byte, 1}).progress, Progress::kFailed);
  EXPECT_EQ(s_->error(), absl::DataLossError("the connection ended without a close_notify"));

  Session lonely(Context::Server(server_).value());
  lonely.ReceiveEnd();
  EXPECT_EQ(lonely.Handshake(), Progress::kFailed);
  EXPECT_EQ(lonely.error().message(), "the connection ended during the handshake");
}

TEST_F(SessionTest, PlainTextIsRefusedInWords) {
  Session server(Context::Server(server_).value());
  server.Receive("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(server.Handshake(), Progress::kFailed);
  EXPECT_EQ(server.error().message(), "TLS failed: HTTP_REQUEST");
  EXPECT_EQ(server.Handshake(), Progress::kFailed);
}

TEST_F(SessionTest, ACertificateOfAnotherTrustDomainsRootIsRefused) {
  const TestAuthority other("other root");
  client_.identity = other.Issue(kClient);
  Connect();
  EXPECT_FALSE(s_->handshake_done());
  EXPECT_EQ(s_->error().message(),
            "the peer's certificate is refused: certificate of URI:spiffe://cluster.local/ns/"
            "default/sa/client: unable to get local issuer certificate");
  EXPECT_EQ(c_->error().message(), "the peer refuses: alert unknown CA");
}

TEST_F(SessionTest, ServersAreHeldToTheirNamesToo) {
  client_.validation.sans = {{SanType::kUri, SanMatcher::Kind::kExact, "spiffe://a/other"}};
  Connect();
  EXPECT_EQ(c_->error().message(),
            "the peer's certificate is refused: none of its names "
            "(URI:spiffe://cluster.local/ns/default/sa/server) is one that is accepted (URI exact "
            "spiffe://a/other)");
  EXPECT_EQ(s_->error().message(), "the peer refuses: alert bad certificate");

  client_.validation.sans = {{SanType::kUri, SanMatcher::Kind::kExact, "spiffe://a/other"},
                             {SanType::kUri, SanMatcher::Kind::kPrefix, "spiffe://cluster.local/"}};
  Connect();
  EXPECT_TRUE(Open()) << c_->error();
}

TEST_F(SessionTest, AHostIsAskedForByNameOrAddress) {
  server_.identity = authority_.Issue(
      authority_.Leaf({Dns("*.example.com"), {SanType::kIp, std::string("\x7f\0\0\1", 4)}}));
  client_.validation.host = "a.example.com";
  Connect();
  EXPECT_TRUE(Open()) << c_->error();
  client_.validation.host = "127.0.0.1";
  Connect();
  EXPECT_TRUE(Open()) << c_->error();
  client_.validation.host = "a.b.example.com";
  Connect();
  EXPECT_EQ(c_->error().message(),
            "the peer's certificate is refused: none of its names (DNS:*.example.com, "
            "IP:127.0.0.1) speaks for a.b.example.com");
}

// CVE-2022-21657.
TEST_F(SessionTest, ExtendedKeyUsageIsHeldToBothWays) {
  CertificateTemplate only_client = authority_.Leaf({Uri(kServer)});
  only_client.for_servers = false;
  CertificateTemplate only_server = authority_.Leaf({Uri(kClient)});
  only_server.for_clients = false;
  const auto good = server_.identity;
  server_.identity = authority_.Issue(only_client);
  Connect();
  EXPECT_THAT(std::string(c_->error().message()), testing::HasSubstr("not for servers"));
  server_.identity = good;
  client_.identity = authority_.Issue(only_server);
  Connect();
  EXPECT_THAT(std::string(s_->error().message()), testing::HasSubstr("not for clients"));
}

TEST_F(SessionTest, ClientsWithoutACertificate) {
  client_.identity.reset();
  Connect();
  EXPECT_FALSE(s_->handshake_done());
  EXPECT_EQ(s_->error().message(), "TLS failed: PEER_DID_NOT_RETURN_A_CERTIFICATE");
  EXPECT_EQ(c_->error().message(), "the peer refuses: alert certificate required");

  server_.validation.peer_certificate = Validation::PeerCertificate::kOptional;
  Connect();
  EXPECT_TRUE(Open()) << s_->error();
  EXPECT_TRUE(s_->connection().peer_chain.empty());

  server_.validation.peer_certificate = Validation::PeerCertificate::kIgnored;
  Connect();
  EXPECT_TRUE(Open()) << s_->error();
}

TEST_F(SessionTest, AnOptionalCertificateIsVerifiedAllTheSame) {
  server_.validation.peer_certificate = Validation::PeerCertificate::kOptional;
  client_.identity = TestAuthority("other").Issue(kClient);
  Connect();
  EXPECT_FALSE(s_->handshake_done());
}

TEST_F(SessionTest, AFingerprintIsEnoughOfEitherKind) {
  const Certificate& leaf = client_.identity->chain[0];
  server_.validation.certificate_sha256 = {leaf.Fingerprint()};
  Connect();
  EXPECT_TRUE(Open()) << s_->error();
  server_.validation.certificate_sha256 = {std::string(64, '0')};
  Connect();
  EXPECT_EQ(
      s_->error().message(),
      "the peer's certificate is refused: its fingerprint is none of those that are accepted");
}

TEST_F(SessionTest, AnExpiredCertificateIsRefused) {
  clock_.Advance(absl::Minutes(61));
  Connect();
  EXPECT_THAT(std::string(c_->error().message()), testing::HasSubstr("expired at "));
  EXPECT_EQ(s_->error().message(), "the peer refuses: alert certificate expired");
}

TEST_F(SessionTest, VersionsWithoutOverlapFail) {
  server_.min_version = Version::kTls13;
  client_.max_version = Version::kTls12;
  Connect();
  EXPECT_FALSE(Open());
  EXPECT_EQ(c_->error().message(), "the peer refuses: alert protocol version");
}

TEST_F(SessionTest, SessionsAreResumedWithinAContext) {
  for (Version version : {Version::kTls12, Version::kTls13}) {
    client_.max_version = version;
    const auto client = Context::Client(client_).value();
    const auto server = Context::Server(server_).value();
    Connect(client, server, "a");
    EXPECT_FALSE(c_->connection().resumed);
    Connect(client, server, "a");
    ASSERT_TRUE(Open()) << c_->error() << s_->error();
    EXPECT_TRUE(c_->connection().resumed) << c_->connection().version;
    EXPECT_TRUE(s_->connection().resumed);
    EXPECT_EQ(s_->connection().peer_chain[0].SpiffeIdentity()->ToString(), kClient);
    // Another server's name is another session.
    Connect(client, server, "b");
    EXPECT_FALSE(c_->connection().resumed);
    EXPECT_TRUE(Open());
  }
}

TEST_F(SessionTest, WithoutResumptionNoneIsResumed) {
  server_.resumption = false;
  const auto client = Context::Client(client_).value();
  const auto server = Context::Server(server_).value();
  Connect(client, server);
  Connect(client, server);
  EXPECT_TRUE(Open());
  EXPECT_FALSE(s_->connection().resumed);
}

// CVE-2022-21654.
TEST_F(SessionTest, ATicketIsWorthNothingUnderAnotherValidation) {
  for (Version version : {Version::kTls12, Version::kTls13}) {
    client_.max_version = version;
    server_.ticket_secret = std::string(32, 's');
    server_.validation.sans.clear();
    const auto client = Context::Client(client_).value();
    const auto before = Context::Server(server_).value();
    const auto equal = Context::Server(server_).value();
    server_.validation.sans = {{SanType::kUri, SanMatcher::Kind::kExact, kClient}};
    const auto other = Context::Server(server_).value();
    server_.validation.sans = {{SanType::kUri, SanMatcher::Kind::kExact, "spiffe://nobody/else"}};
    const auto closed = Context::Server(server_).value();
    EXPECT_EQ(before->validation_hash(), equal->validation_hash());
    EXPECT_NE(before->validation_hash(), other->validation_hash());

    Connect(client, before, "a");
    Connect(client, equal, "a");
    EXPECT_TRUE(s_->connection().resumed);
    Connect(client, other, "a");
    EXPECT_TRUE(Open());
    EXPECT_FALSE(s_->connection().resumed);
    Connect(client, before, "a");
    Connect(client, closed, "a");
    EXPECT_FALSE(s_->handshake_done());
  }
}

TEST_F(SessionTest, AResumedPeerIsVerifiedAgain) {
  for (Version version : {Version::kTls12, Version::kTls13}) {
    client_.max_version = version;
    const auto client = Context::Client(client_).value();
    const auto server = Context::Server(server_).value();
    Connect(client, server, "a");
    ASSERT_TRUE(Open());
    clock_.Advance(absl::Minutes(61));  // both certificates have expired since
    Connect(client, server, "a");
    EXPECT_FALSE(c_->handshake_done());
    EXPECT_THAT(std::string(c_->error().message()), testing::HasSubstr("(resumed session)"));
    clock_.Advance(-absl::Minutes(61));
  }
}

TEST_F(SessionTest, AContextThatCannotWorkIsNotMade) {
  ContextOptions options;
  EXPECT_EQ(Context::Server(options).status().message(), "a TLS server needs a certificate");
  options.identity = authority_.Issue(kServer);
  options.cipher_suites = {"NO-SUCH-SUITE"};
  EXPECT_EQ(Context::Server(options).status().message(),
            "unknown cipher suite among \"NO-SUCH-SUITE\"");
  options.cipher_suites.clear();
  options.alpn = {""};
  EXPECT_EQ(Context::Server(options).status().message(), "an ALPN protocol has 1 to 255 bytes");
  options.alpn.clear();
  options.identity->key = PrivateKey::Generate().value();
  EXPECT_EQ(Context::Server(options).status().message(),
            "the private key is not the certificate's");
  EXPECT_EQ(Identity::FromPem(options.identity->chain[0].ToPem(), options.identity->key.ToPem())
                .status()
                .message(),
            "the private key is not the certificate's");
}

// Every cut and 2,000 random corruptions of a client's first flight: an error or a wait, no crash.
TEST_F(SessionTest, UnauthenticatedBytesDoNoHarm) {
  SessionOptions named;
  named.server_name = "reviews.default";
  Session client(Context::Client(client_).value(), named);
  client.Handshake();
  const std::string flight(client.outgoing());
  const auto context = Context::Server(server_).value();
  for (size_t size = 0; size <= flight.size(); size += 3) {
    Session server(context);
    server.Receive(std::string_view(flight).substr(0, size));
    server.Handshake();
    InspectClientHello(std::string_view(flight).substr(0, size));
  }
  uint32_t random = 1;
  for (int i = 0; i < 2000; ++i) {
    std::string bent = flight;
    for (int k = 0; k < 3; ++k) {
      random = random * 1664525 + 1013904223;
      bent[(random >> 8) % bent.size()] = static_cast<char>(random >> 3);
    }
    Session server(context);
    server.Receive(bent);
    server.Handshake();
    InspectClientHello(bent);
  }
}

TEST_F(SessionTest, AHelloIsInspected) {
  client_.alpn = {"istio-http/1.1", "h2"};
  SessionOptions named;
  named.server_name = "Reviews.Default";
  Session client(Context::Client(client_).value(), named);
  client.Handshake();
  const std::string flight(client.outgoing());

  const ClientHello hello = InspectClientHello(flight);
  EXPECT_EQ(hello.verdict, ClientHello::Verdict::kTls);
  EXPECT_EQ(hello.server_name, "reviews.default");
  EXPECT_THAT(hello.alpn, testing::ElementsAre("istio-http/1.1", "h2"));
  for (size_t size = 0; size < flight.size(); ++size) {
    EXPECT_EQ(InspectClientHello(std::string_view(flight).substr(0, size)).verdict,
              ClientHello::Verdict::kNeedMore)
        << size;
  }

  // The same in records of 100 bytes.
  std::string split;
  const std::string_view body = std::string_view(flight).substr(5);
  for (size_t at = 0; at < body.size(); at += 100) {
    const std::string_view piece = body.substr(at, 100);
    split += std::string("\x16\x03\x01\x00", 4) + static_cast<char>(piece.size());
    split += piece;
  }
  EXPECT_EQ(InspectClientHello(split).server_name, "reviews.default");
}

TEST(ClientHello, WhatIsNoTls) {
  for (std::string_view text : {"GET / HTTP/1.1\r\n", "PRI * HTTP/2.0", "\x16\x02", "\x15\x03\x01",
                                "\x16\x03\x01\xff\xff\x01"}) {
    EXPECT_EQ(InspectClientHello(text).verdict, ClientHello::Verdict::kNotTls) << text;
  }
  EXPECT_EQ(InspectClientHello("").verdict, ClientHello::Verdict::kNeedMore);
  EXPECT_EQ(InspectClientHello("\x16").verdict, ClientHello::Verdict::kNeedMore);
  // A hello that claims 16 MB is not waited for.
  EXPECT_EQ(InspectClientHello(std::string("\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9)).verdict,
            ClientHello::Verdict::kNotTls);
}

}  // namespace
}  // namespace mesh::tls
