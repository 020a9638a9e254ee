#include "mesh/local/addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "gtest/gtest.h"

namespace mesh::local {
namespace {

TEST(AddressesTest, TwoMeshesAtOnceGetBlocksApart) {
  auto first = AddressBlock::Reserve(2, {9080, 15000});
  ASSERT_TRUE(first.ok()) << first.status();
  int number;
  {
    auto second = AddressBlock::Reserve(2, {9080, 15000});
    ASSERT_TRUE(second.ok()) << second.status();
    number = second->number();
    EXPECT_GT(number, first->number());
    EXPECT_NE(second->Own(1), first->Own(1));
    EXPECT_NE(second->Own(1), first->Outbound(1));
    EXPECT_GE(second->FirstPort(), first->FirstPort() + 100);
  }
  // Given back.
  auto third = AddressBlock::Reserve(2, {9080, 15000});
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_LE(third->number(), number);
}

// What a user saw: another program held one address of the block, and one sidecar never came up.
TEST(AddressesTest, ABlockOfWhichOneAddressIsTakenIsPassedOver) {
  int number;
  std::string taken;
  {
    auto block = AddressBlock::Reserve(2, {9081});
    ASSERT_TRUE(block.ok()) << block.status();
    number = block->number();
    taken = block->Outbound(2);
  }
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(9081);
  inet_pton(AF_INET, taken.c_str(), &name.sin_addr);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  auto other = AddressBlock::Reserve(2, {9081});
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(other->number(), number);
  EXPECT_EQ(CanListen(taken, 9081).message(), "another program listens on port 9081 of " + taken);
  close(fd);
}

TEST(AddressesTest, ABlockIsTwoNetworks) {
  auto block = AddressBlock::Reserve(2, {9080, 15000});
  ASSERT_TRUE(block.ok()) << block.status();
  const std::string own = "127." + std::to_string(2 * block->number() + 1) + ".0.7";
  const std::string outbound = "127." + std::to_string(2 * block->number() + 2) + ".0.7";
  EXPECT_EQ(block->Own(7), own);
  EXPECT_EQ(block->Outbound(7), outbound);
}

TEST(AddressesTest, AFreePortCanBeListenedOn) {
  auto port = FreePort("127.0.0.1", 24000);
  ASSERT_TRUE(port.ok()) << port.status();
  EXPECT_TRUE(CanListen("127.0.0.1", *port).ok());
  EXPECT_EQ(CanListen("nowhere", 1).message(), "cannot listen on nowhere:1: Invalid argument");
}

}  // namespace
}  // namespace mesh::local
