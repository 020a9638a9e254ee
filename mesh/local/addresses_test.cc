#include "mesh/local/addresses.h"

#include <optional>

#include "gtest/gtest.h"

namespace mesh::local {
namespace {

TEST(AddressesTest, TwoMeshesAtOnceGetBlocksApart) {
  auto first = AddressBlock::Reserve(9080);
  ASSERT_TRUE(first.ok()) << first.status();
  int number;
  {
    auto second = AddressBlock::Reserve(9080);
    ASSERT_TRUE(second.ok()) << second.status();
    number = second->number();
    EXPECT_GT(number, first->number());
    EXPECT_NE(second->Own(1), first->Own(1));
    EXPECT_NE(second->Own(1), first->Outbound(1));
    EXPECT_GE(second->FirstPort(), first->FirstPort() + 100);
  }
  // Given back.
  auto third = AddressBlock::Reserve(9080);
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_LE(third->number(), number);
}

TEST(AddressesTest, ABlockIsTwoNetworks) {
  auto block = AddressBlock::Reserve(9080);
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
