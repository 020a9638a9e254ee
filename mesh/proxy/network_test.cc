#include "mesh/proxy/network.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "mesh/proxy/event_loop.h"
#include "mesh/proxy/socket.h"

namespace mesh::proxy {
namespace {

TEST(AddressTest, ParsesAndPrints) {
  EXPECT_EQ(Address::Parse("10.0.0.1", 80)->ToString(), "10.0.0.1:80");
  EXPECT_EQ(Address::Parse("::1", 80)->ToString(), "[::1]:80");
  EXPECT_FALSE(Address::Parse("localhost", 80).has_value());
  EXPECT_FALSE(Address::Parse("10.0.0", 80).has_value());
  EXPECT_TRUE(Address::Parse("127.9.9.9", 1)->IsLoopback());
  EXPECT_EQ(*Address::Parse("10.0.0.1", 80), *Address::Parse("10.0.0.1", 80));
  EXPECT_NE(*Address::Parse("10.0.0.1", 80), *Address::Parse("10.0.0.1", 81));
}

TEST(TimerTest, FiresInOrderAndMovesBothWays) {
  EventLoop loop(std::make_unique<EpollNetwork>());
  std::string fired;
  Timer a(&loop, [&] { fired += 'a'; });
  Timer b(&loop, [&] { fired += 'b'; });
  Timer c(&loop, [&] { fired += 'c'; });
  Timer never(&loop, [&] { fired += 'x'; });
  a.Arm(3 * kMillisecond);
  b.Arm(1 * kMillisecond);
  c.Arm(1 * kMillisecond);
  c.Arm(5 * kMillisecond);  // later than it was
  never.Arm(2 * kMillisecond);
  never.Disarm();
  {
    Timer gone(&loop, [&] { fired += 'y'; });
    gone.Arm(kMillisecond);
  }
  while (fired.size() < 3) loop.Turn(1000);
  EXPECT_EQ(fired, "bac");
  EXPECT_FALSE(a.armed());
}

TEST(EventLoopTest, RunsPostedWorkInOrder) {
  EventLoop loop(std::make_unique<EpollNetwork>());
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) loop.Post([&seen, i] { seen.push_back(i); });
    loop.Post([&] { loop.Stop(); });
  });
  loop.Run();
  other.join();
  ASSERT_EQ(seen.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[i], i);
}

TEST(NetworkTest, ACopyOfAClosedSocketInAForkedProcessCausesNoEvent) {
  EpollNetwork network;
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  int handler = 0;
  ASSERT_EQ(network.Watch(pair[0], &handler, {/*reads=*/true, /*writes=*/false}), 0);
  // What a child has between fork and exec.
  const int copy = dup(pair[0]);
  network.Close(pair[0]);
  ASSERT_EQ(write(pair[1], "x", 1), 1);
  ReadyEvent events[4];
  EXPECT_EQ(network.Wait(events, 4, 0), 0);
  close(copy);
  close(pair[1]);
}

// Says back what it hears.
class Echo final : public Socket {
 public:
  using Socket::Socket;
  std::string heard;
  bool ended = false;
  bool connected = false;
  int error = 0;
  int drained = 0;
  bool answer = false;

 private:
  void OnConnected() override { connected = true; }
  void OnData(std::string_view bytes) override {
    heard.append(bytes);
    if (answer) Write(bytes);
  }
  void OnEnd() override { ended = true; }
  void OnError(int e) override { error = e; }
  void OnDrained() override { ++drained; }
};

struct Pair {
  EventLoop loop{std::make_unique<EpollNetwork>()};
  std::unique_ptr<Echo> a = std::make_unique<Echo>(&loop);
  std::unique_ptr<Echo> b = std::make_unique<Echo>(&loop);
  Pair() {
    const int listener = ListenOn(*Address::Parse("127.0.0.1", 0), false, 8);
    int error = 0;
    EXPECT_TRUE(a->Connect(Address::LocalOf(listener), nullptr, &error));
    Address peer;
    int fd;
    while ((fd = loop.network().Accept(listener, &peer)) == -EAGAIN) loop.Turn(10);
    b->Open(fd);
    close(listener);
    while (!a->connected) loop.Turn(1000);
  }
};

TEST(SocketTest, SendsMuchThroughASmallBuffer) {
  Pair p;
  p.b->answer = true;
  const std::string text(3 << 20, 'z');
  p.a->Write(text);
  EXPECT_TRUE(p.a->full());
  while (p.a->heard.size() < text.size()) p.loop.Turn(1000);
  EXPECT_EQ(p.a->heard, text);
  EXPECT_GE(p.a->drained, 1);
  EXPECT_EQ(p.a->unsent(), 0u);
}

TEST(SocketTest, PausedReadsKeepThePeerBack) {
  Pair p;
  p.b->PauseReads();
  const std::string text(16 << 20, 'z');
  p.a->Write(text);
  for (int i = 0; i < 20; ++i) p.loop.Turn(1);
  EXPECT_EQ(p.b->heard.size(), 0u);
  EXPECT_GT(p.a->unsent(), 0u);
  p.b->ResumeReads();
  while (p.b->heard.size() < text.size()) p.loop.Turn(1000);
}

TEST(SocketTest, AnEndComesBehindTheLastByte) {
  Pair p;
  p.a->Write("bye");
  p.a->CloseWhenFlushed();
  while (!p.b->ended) p.loop.Turn(1000);
  EXPECT_EQ(p.b->heard, "bye");
  p.b->Close();
  while (p.a->open()) p.loop.Turn(1000);
  EXPECT_EQ(p.a->error, 0);
}

TEST(SocketTest, AResetIsAnError) {
  Pair p;
  p.a->Reset();
  while (p.b->open()) p.loop.Turn(1000);
  EXPECT_EQ(p.b->error, ECONNRESET);
}

TEST(SocketTest, ARefusedConnectionIsAnError) {
  EventLoop loop(std::make_unique<EpollNetwork>());
  const int listener = ListenOn(*Address::Parse("127.0.0.1", 0), false, 8);
  const Address address = Address::LocalOf(listener);
  close(listener);
  Echo a(&loop);
  int error = 0;
  if (a.Connect(address, nullptr, &error)) {
    while (a.open()) loop.Turn(1000);
    error = a.error;
  }
  EXPECT_EQ(error, ECONNREFUSED);
}

TEST(ListenOnTest, TheSameAddressTwiceOnlyWhereShared) {
  const int first = ListenOn(*Address::Parse("127.0.0.1", 0), true, 8);
  const Address address = Address::LocalOf(first);
  const int second = ListenOn(address, true, 8);
  EXPECT_GE(second, 0);
  EXPECT_EQ(ListenOn(address, false, 8), -EADDRINUSE);
  close(first);
  close(second);
}

}  // namespace
}  // namespace mesh::proxy
