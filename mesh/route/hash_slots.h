// Where the entry with a hash stands: a hash table in as few cache lines as there can be. Private
// to mesh/route.
#ifndef MESH_ROUTE_HASH_SLOTS_H_
#define MESH_ROUTE_HASH_SLOTS_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "mesh/route/text.h"

namespace mesh::route {

// Open addressing. A slot has 32 bits: the entry's place, and above it as much of the hash as there
// is room for; the entry itself says whether it is the one. Many tables of 100,000 rules then stay
// in a processor's second cache.
class HashSlots {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Empties it, for so many entries at places below `places` (below 2^31).
  void Reset(size_t entries, size_t places) {
    place_bits_ = 1;
    while ((places >> place_bits_) != 0) ++place_bits_;
    slots_.assign(SlotsFor(entries), 0);
    slots_.shrink_to_fit();
  }
  // Whether one more entry would still have room.
  bool HasRoomFor(size_t entries, size_t places) const {
    return SlotsFor(entries) <= slots_.size() && (places >> place_bits_) == 0;
  }
  void Insert(uint64_t hash, uint32_t place) {
    size_t at = PlaceOf(hash, slots_.size());
    while (slots_[at] != 0) at = at + 1 == slots_.size() ? 0 : at + 1;
    slots_[at] = TagOf(hash) << place_bits_ | (place + 1);
  }
  // The place of the entry of this hash for which `is` is true, or kNone. Not before Reset.
  template <class Is>
  MESH_ROUTE_INLINE uint32_t Find(uint64_t hash, Is is) const {
    const uint32_t* const slots = slots_.data();
    const size_t count = slots_.size();
    const uint32_t tag = TagOf(hash) << place_bits_;
    for (size_t at = PlaceOf(hash, count); slots[at] != 0; at = at + 1 == count ? 0 : at + 1) {
      const uint32_t rest = slots[at] ^ tag;
      if ((rest >> place_bits_) == 0 && is(rest - 1)) return rest - 1;
    }
    return kNone;
  }
  bool empty() const { return slots_.empty(); }
  size_t memory_bytes() const { return slots_.capacity() * sizeof(uint32_t); }

 private:
  std::vector<uint32_t> slots_;  // 0: free
  uint32_t place_bits_ = 1;
};

// Words that begin with a cache line, so that what is laid within 16 words of it is in one line.
constexpr size_t kLineWords = 16;
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) {}  // NOLINT: allocators convert
  T* allocate(size_t n) {
    return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64)));
  }
  void deallocate(T* at, size_t) { ::operator delete(at, std::align_val_t(64)); }
  template <class U>
  bool operator==(const LineAllocator<U>&) const {
    return true;
  }
  template <class U>
  bool operator!=(const LineAllocator<U>&) const {
    return false;
  }
};
using LineWords = std::vector<uint32_t, LineAllocator<uint32_t>>;

}  // namespace mesh::route

#endif  // MESH_ROUTE_HASH_SLOTS_H_
