// Texts to numbers: a hash table whose records hold the text and the number side by side. Private
// to mesh/route.
#ifndef MESH_ROUTE_TEXT_TABLE_H_
#define MESH_ROUTE_TEXT_TABLE_H_

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "mesh/route/hash_slots.h"
#include "mesh/route/text.h"

namespace mesh::route {

// Built with Add and Finish, then read by any number of threads.
class TextTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // False where the text is there already. No number may be kNone.
  bool Add(std::string_view text, uint32_t number);
  void Reserve(size_t texts, size_t bytes);
  // Call once, after the last Add.
  void Finish();

  bool empty() const { return count_ == 0; }
  size_t longest() const { return longest_; }
  // Two cache lines on a hit; on a miss one at most, none where no text is as long.
  uint32_t Find(std::string_view text) const {
    if ((lengths_ >> (text.size() & 63) & 1) == 0 || text.size() > longest_) return kNone;
    const uint32_t place = FindHashed(text, HashText(text));
    return place == kNone ? kNone : records_[place + 1];
  }
  size_t memory_bytes() const {
    return records_.capacity() * sizeof(uint32_t) + slots_.memory_bytes();
  }

 private:
  // A record: the text's size, the number, the text's bytes.
  static constexpr size_t kHead = 2;

  // The place of its record.
  uint32_t FindHashed(std::string_view text, uint64_t hash) const {
    return slots_.Find(hash, [&](uint32_t place) {
      const uint32_t* record = &records_[place];
      return record[0] == text.size() &&
             SameBytes(reinterpret_cast<const char*>(record + kHead), text.data(), text.size());
    });
  }
  // Slots for so many texts, whose records have so many words.
  void Grow(size_t texts, size_t words);

  std::vector<uint32_t> records_;
  HashSlots slots_;
  size_t count_ = 0;
  size_t longest_ = 0;
  uint64_t lengths_ = 0;  // bit n: some text has n bytes, modulo 64
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_TEXT_TABLE_H_
