#include "mesh/route/hash_slots.h"

#include <string>

#include "gtest/gtest.h"

namespace mesh::route {
namespace {

std::string TextOf(uint32_t i) { return "text-" + std::to_string(i); }

TEST(HashSlotsTest, FindsEveryEntryAmongManyInSixBytesEach) {
  constexpr uint32_t kEntries = 100000;
  for (const size_t places : {size_t{kEntries}, size_t{1} << 30}) {
    HashSlots slots;
    slots.Reset(kEntries, places);
    EXPECT_LE(slots.memory_bytes(), kEntries * 6 + 64);
    for (uint32_t i = 0; i < kEntries; ++i) slots.Insert(HashText(TextOf(i)), i);
    size_t asked = 0;
    for (uint32_t i = 0; i < kEntries; ++i) {
      EXPECT_EQ(slots.Find(HashText(TextOf(i)),
                           [&](uint32_t place) {
                             ++asked;
                             return place == i;
                           }),
                i);
    }
    // The less room a place needs, the more of the hash there is to tell entries apart.
    if (places == kEntries) {
      EXPECT_LT(asked, kEntries + 100);
    }
    for (uint32_t i = kEntries; i < 2 * kEntries; ++i) {
      EXPECT_EQ(slots.Find(HashText(TextOf(i)), [](uint32_t) { return false; }), HashSlots::kNone);
    }
  }
}

TEST(HashSlotsTest, SaysWhenThereIsNoMoreRoom) {
  HashSlots slots;
  EXPECT_FALSE(slots.HasRoomFor(1, 1));
  slots.Reset(10, 100);
  EXPECT_TRUE(slots.HasRoomFor(10, 100));
  EXPECT_FALSE(slots.HasRoomFor(100, 100));
  EXPECT_FALSE(slots.HasRoomFor(10, 1000));
}

TEST(HashSlotsTest, LinesBeginWithACacheLine) {
  for (size_t words : {1, 100, 100000}) {
    const LineWords line(words);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(line.data()) % 64, 0);
  }
}

}  // namespace
}  // namespace mesh::route
