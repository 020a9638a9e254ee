#include "mesh/xds/server.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mesh/base/log.h"
#include "mesh/xds/client.h"
#include "mesh/xds/testing.h"

namespace mesh::xds {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

// Counts what the server says, and can be waited for.
class Watcher final : public Observer {
 public:
  void OnConnected(const Peer& peer) override {
    event.Do([&] { connected.insert(peer.node.id()); });
  }
  void OnDisconnected(const Peer& peer) override {
    event.Do([&] { connected.erase(peer.node.id()); });
  }
  void OnSent(const Peer& peer, Type type, std::string_view, size_t) override {
    event.Do(
        [&] { sent.push_back(absl::StrCat(peer.node.id(), " ", std::string(ShortName(type)))); });
  }
  void OnRejected(const Peer& peer, Type type, std::string_view, std::string_view reason) override {
    event.Do([&] {
      rejected.push_back(absl::StrCat(peer.node.id(), " ", std::string(ShortName(type)), " ",
                                      std::string(reason)));
    });
  }
  void OnSynced(const Peer& peer, const View& view) override {
    event.Do([&] { synced[peer.node.id()] = view.generation; });
  }
  bool AwaitSynced(const std::string& id, uint64_t generation) {
    return event.Await([&] { return synced[id] >= generation; });
  }

  Event event;
  std::set<std::string> connected;
  std::vector<std::string> sent;
  std::vector<std::string> rejected;
  std::map<std::string, uint64_t> synced;
};

// A proxy: takes endpoints for every cluster and routes "9080", records what it is given.
class Proxy {
 public:
  Proxy(const std::string& id, int port, LogSink* log = LogSink::Null()) {
    ClientOptions options;
    options.address = absl::StrCat("127.0.0.1:", port);
    options.node.set_id(id);
    options.log = log;
    options.min_backoff = absl::Milliseconds(1);
    options.max_backoff = absl::Milliseconds(20);
    options.on_connection = [this](bool now) { event.Do([&] { connected = now; }); };
    options.on_update = [this](const Update& update) -> absl::Status {
      std::string text(ShortName(update.type));
      std::vector<std::string> names;
      for (const ReceivedPtr& resource : update.resources) {
        names.push_back(resource->name);
        absl::StrAppend(&text, " ", resource->name, "=",
                        resource->message.substr(resource->name.size() + 4));
      }
      if (!update.removed.empty()) {
        absl::StrAppend(&text, " -", absl::StrJoin(update.removed, " -"));
      }
      if (update.type == Type::kCluster) update.client->SetNames(Type::kEndpoint, names);
      if (update.type == Type::kListener) update.client->SetNames(Type::kRoute, {"9080"});
      absl::Status status;
      event.Await([&] { return !paused; });
      event.Do([&] {
        updates.push_back(text);
        if (text.find("=bad") != std::string::npos) {
          status = absl::InvalidArgumentError(rejection);
        }
      });
      return status;
    };
    auto started = Client::Start(std::move(options));
    EXPECT_TRUE(started.ok()) << started.status();
    client = *std::move(started);
  }
  ~Proxy() {
    event.Do([&] { paused = false; });
    client->Stop();
  }
  std::vector<std::string> Taken() {
    std::vector<std::string> taken;
    event.Do([&] { taken.swap(updates); });
    return taken;
  }

  Event event;
  bool connected = false;
  bool paused = false;
  std::string rejection = "no filter of that name";
  std::vector<std::string> updates;
  std::unique_ptr<Client> client;
};

class ServerTest : public ::testing::Test {
 protected:
  static World Bookinfo() {
    return {{{"reviews", "1"}}, {{"reviews", "1"}}, {{"out", "1"}}, {{"9080", "1"}}};
  }
  void StartServer(int port = 0) {
    ServerOptions options;
    options.addresses = {{absl::StrCat("127.0.0.1:", port), nullptr}};
    options.source = &source_;
    options.observer = &watcher_;
    options.log = &log_;
    auto started = Server::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  int port() const { return server_->ports()[0]; }
  void Publish(const World& world, uint64_t generation) {
    source_.Set(ViewOf(world, generation));
    server_->Refresh();
  }

  FixedSource source_{ViewOf(Bookinfo())};
  Watcher watcher_;
  MemoryLog log_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AProxyIsGivenEverythingInOrderAndAcknowledges) {
  StartServer();
  Proxy proxy("a", port());
  ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
  EXPECT_THAT(proxy.Taken(),
              ElementsAre("cds reviews=1", "eds reviews=1", "lds out=1", "rds 9080=1"));
  const std::vector<PeerStatus> status = server_->Status();
  ASSERT_EQ(status.size(), 1);
  EXPECT_TRUE(status[0].in_sync);
  EXPECT_EQ(status[0].acknowledged_generation, 1);
  EXPECT_EQ(status[0].peer.node.id(), "a");
  EXPECT_THAT(status[0].peer.address, MatchesRegex("ipv4:127.0.0.1:[0-9]+"));
  EXPECT_EQ(status[0].of(Type::kRoute).resources, 1);
  EXPECT_EQ(proxy.client->stats().of(Type::kRoute).version, status[0].of(Type::kRoute).version);
  EXPECT_THAT(log_.lines(), Contains(MatchesRegex("info xds: a connected from ipv4:.*")));
}

TEST_F(ServerTest, AChangeIsSentToWhomItConcernsAndOnlyWhatChanged) {
  StartServer();
  Proxy proxy("a", port());
  ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
  proxy.Taken();
  Publish(Bookinfo(), 2);
  ASSERT_TRUE(watcher_.AwaitSynced("a", 2));
  World world = Bookinfo();
  world.routes = {{"9080", "2"}};
  Publish(world, 3);
  ASSERT_TRUE(watcher_.AwaitSynced("a", 3));
  EXPECT_THAT(proxy.Taken(), ElementsAre("rds 9080=2"));
}

TEST_F(ServerTest, ARejectionIsLoggedShownAndEndsWithTheNextChange) {
  StartServer();
  MemoryLog client_log;
  Proxy proxy("a", port(), &client_log);
  ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
  proxy.Taken();
  World world = Bookinfo();
  world.listeners = {{"out", "bad"}};
  Publish(world, 2);
  ASSERT_TRUE(watcher_.event.Await([&] { return !watcher_.rejected.empty(); }));
  EXPECT_THAT(watcher_.rejected, ElementsAre("a lds no filter of that name"));
  const TypeStatus status = server_->Status()[0].of(Type::kListener);
  EXPECT_EQ(SyncStateName(status.state), "NACKED");
  EXPECT_EQ(status.reason, "no filter of that name");
  EXPECT_THAT(log_.lines(), Contains("warning xds: a rejected lds " + status.version +
                                     ": no filter of that name"));
  EXPECT_THAT(client_log.lines(), ElementsAre("warning xds-client: rejected lds " + status.version +
                                              ": no filter of that name"));
  EXPECT_EQ(proxy.client->stats().of(Type::kListener).update_rejected, 1);

  world.listeners = {{"out", "2"}};
  Publish(world, 3);
  ASSERT_TRUE(watcher_.AwaitSynced("a", 3));
  EXPECT_THAT(proxy.Taken(), ElementsAre("lds out=bad", "lds out=2"));
}

TEST_F(ServerTest, ARejectionOfSeveralLinesIsOneLineInTheLog) {
  StartServer();
  Proxy proxy("a", port());
  ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
  proxy.event.Do([&] { proxy.rejection = "no\nerror xds: b"; });
  World world = Bookinfo();
  world.listeners = {{"out", "bad"}};
  Publish(world, 2);
  ASSERT_TRUE(watcher_.event.Await([&] { return !watcher_.rejected.empty(); }));
  EXPECT_THAT(watcher_.rejected, ElementsAre("a lds no error xds: b"));
  EXPECT_THAT(log_.lines(), Contains(HasSubstr(": no error xds: b")));
}

TEST_F(ServerTest, AServerThatComesBackWithTheSameContentSendsNothing) {
  StartServer();
  Proxy proxy("a", port());
  ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
  proxy.Taken();
  const int port_before = port();
  server_->Stop();
  ASSERT_TRUE(proxy.event.Await([&] { return !proxy.connected; }));
  source_.Set(ViewOf(Bookinfo(), 2));
  watcher_.event.Do([&] { watcher_.sent.clear(); });
  StartServer(port_before);
  ASSERT_TRUE(watcher_.AwaitSynced("a", 2));
  EXPECT_THAT(watcher_.sent, IsEmpty());
  EXPECT_THAT(proxy.Taken(), IsEmpty());
  EXPECT_TRUE(server_->Status()[0].in_sync);

  World world = Bookinfo();
  world.endpoints = {{"reviews", "2"}};
  Publish(world, 3);
  ASSERT_TRUE(watcher_.AwaitSynced("a", 3));
  EXPECT_THAT(proxy.Taken(), ElementsAre("eds reviews=2"));
  EXPECT_EQ(proxy.client->stats().streams, proxy.client->stats().stream_failures + 1);
}

TEST_F(ServerTest, TwoProxiesWithOneViewAreSentTheSameBytes) {
  StartServer();
  Proxy one("a", port()), other("b", port());
  ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
  ASSERT_TRUE(watcher_.AwaitSynced("b", 1));
  for (Type type : {Type::kCluster, Type::kEndpoint, Type::kListener, Type::kRoute}) {
    const Sent a = server_->LastSent("a", type), b = server_->LastSent("b", type);
    ASSERT_EQ(a.resources.size(), 1);
    EXPECT_EQ(a.version, b.version);
    EXPECT_EQ(a.resources[0], b.resources[0]) << "one object for both";
  }
  EXPECT_THAT(server_->LastSent("c", Type::kRoute).resources, IsEmpty());
}

TEST_F(ServerTest, AProxyThatIsSlowIsSentOnlyTheNewestState) {
  StartServer();
  Proxy proxy("a", port());
  ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
  proxy.Taken();
  proxy.event.Do([&] { proxy.paused = true; });
  watcher_.event.Do([&] { watcher_.sent.clear(); });
  World world = Bookinfo();
  for (int i = 2; i <= 50; ++i) {
    world.routes = {{"9080", absl::StrCat(i)}};
    Publish(world, i);
    if (i == 2) {
      ASSERT_TRUE(watcher_.event.Await([&] { return watcher_.sent.size() == 1; }));
    }
  }
  Proxy quick("b", port());
  ASSERT_TRUE(watcher_.AwaitSynced("b", 50)) << "nobody waits for the slow one";
  proxy.event.Do([&] { proxy.paused = false; });
  ASSERT_TRUE(watcher_.AwaitSynced("a", 50));
  EXPECT_THAT(proxy.Taken(), ElementsAre("rds 9080=2", "rds 9080=50"));
}

TEST_F(ServerTest, AProxyMayStartBeforeTheServer) {
  StartServer();
  const int port_before = port();
  server_->Stop();
  Proxy proxy("a", port_before);
  ASSERT_TRUE(proxy.event.Await([&] { return proxy.client->stats().stream_failures >= 2; }));
  StartServer(port_before);
  EXPECT_TRUE(watcher_.AwaitSynced("a", 1));
}

TEST_F(ServerTest, AProxyThatGoesIsForgotten) {
  StartServer();
  {
    Proxy proxy("a", port());
    ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
    EXPECT_EQ(server_->Status().size(), 1);
  }
  ASSERT_TRUE(watcher_.event.Await([&] { return watcher_.connected.empty(); }));
  server_->Stop();
  EXPECT_THAT(server_->Status(), IsEmpty());
  EXPECT_THAT(log_.lines(), Contains("info xds: a disconnected"));
}

TEST_F(ServerTest, ANodeWithoutAViewIsTurnedAwayAndAnOldViewStays) {
  StartServer();
  Proxy proxy("a", port());
  ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
  source_.Set(absl::NotFoundError("no such workload"));
  server_->Refresh();
  MemoryLog client_log;
  Proxy other("b", port(), &client_log);
  ASSERT_TRUE(watcher_.event.Await(
      [&] { return !watcher_.connected.count("b") && other.client->stats().stream_failures > 0; }));
  EXPECT_THAT(log_.lines(), Contains("warning xds: no view for b: no such workload"));
  EXPECT_THAT(client_log.lines(), Contains(absl::StrCat("debug xds-client: stream to 127.0.0.1:",
                                                        port(), " ended: no such workload")));
  EXPECT_TRUE(server_->Status()[0].in_sync) << "a keeps what it has";
}

TEST_F(ServerTest, AStreamThatDoesNotSayWhoItIsIsRefused) {
  StartServer();
  auto stub = envoy::service::discovery::v3::AggregatedDiscoveryService::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port()), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  auto stream = stub->StreamAggregatedResources(&context);
  envoy::service::discovery::v3::DiscoveryRequest request;
  request.set_type_url(std::string(TypeUrl(Type::kCluster)));
  stream->Write(request);
  envoy::service::discovery::v3::DiscoveryResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "the first request of a stream must carry node.id");
}

TEST_F(ServerTest, EachAddressSaysWhoMayCome) {
  ServerOptions options;
  std::string known = "somebody";
  options.addresses = {
      {"127.0.0.1:0", nullptr},
      {"127.0.0.1:0", nullptr,
       [&](const grpc::CallbackServerContext& context) -> absl::StatusOr<std::vector<std::string>> {
         if (known.empty()) return absl::UnauthenticatedError("who are you?");
         return std::vector<std::string>{known};
       }}};
  options.source = &source_;
  options.observer = &watcher_;
  options.log = &log_;
  server_ = Server::Start(std::move(options)).value();
  Proxy plain("plain", server_->ports()[0]);
  Proxy secure("secure", server_->ports()[1]);
  ASSERT_TRUE(watcher_.AwaitSynced("plain", 1));
  ASSERT_TRUE(watcher_.AwaitSynced("secure", 1));
  EXPECT_THAT(server_->Status()[0].peer.authenticated, IsEmpty());
  EXPECT_THAT(server_->Status()[1].peer.authenticated, ElementsAre("somebody"));
  secure.client->Stop();
  known.clear();
  MemoryLog client_log;
  Proxy refused("refused", server_->ports()[1], &client_log);
  ASSERT_TRUE(watcher_.event.Await([&] { return refused.client->stats().stream_failures > 0; }));
  EXPECT_THAT(client_log.lines(),
              Contains(absl::StrCat("debug xds-client: stream to 127.0.0.1:", server_->ports()[1],
                                    " ended: who are you?")));
}

TEST_F(ServerTest, AClientThatReconnectsIsSentNothingAnew) {
  StartServer();
  Proxy proxy("a", port());
  ASSERT_TRUE(watcher_.AwaitSynced("a", 1));
  EXPECT_THAT(proxy.Taken(), SizeIs(4));
  proxy.client->Reconnect();
  ASSERT_TRUE(watcher_.event.Await([&] {
    return proxy.client->stats().streams == 2 && server_->Status().size() == 1 &&
           server_->Status()[0].in_sync;
  }));
  EXPECT_EQ(proxy.client->stats().stream_failures, 0);
  EXPECT_THAT(proxy.Taken(), IsEmpty());
}

TEST_F(ServerTest, AnAddressInUseIsAnError) {
  StartServer();
  ServerOptions options;
  options.addresses = {{absl::StrCat("127.0.0.1:", port()), nullptr}};
  options.source = &source_;
  EXPECT_EQ(Server::Start(std::move(options)).status(),
            absl::UnavailableError(absl::StrCat("xds: cannot listen on 127.0.0.1:", port())));
}

TEST(Server, NeedsAnAddressAndASource) {
  EXPECT_EQ(Server::Start({}).status(), absl::InvalidArgumentError("xds: no view source"));
  FixedSource source(ViewOf(World{}));
  ServerOptions options;
  options.source = &source;
  EXPECT_EQ(Server::Start(std::move(options)).status(),
            absl::InvalidArgumentError("xds: no address to listen on"));
}

TEST(Client, NeedsAnAddressANodeAndACallback) {
  ClientOptions options;
  EXPECT_EQ(Client::Start(options).status(), absl::InvalidArgumentError("xds client: no address"));
  options.address = "127.0.0.1:1";
  EXPECT_EQ(Client::Start(options).status(), absl::InvalidArgumentError("xds client: no node id"));
  options.node.set_id("a");
  EXPECT_EQ(Client::Start(options).status(),
            absl::InvalidArgumentError("xds client: no on_update"));
}

}  // namespace
}  // namespace mesh::xds
