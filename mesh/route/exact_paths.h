// Whole paths to what is known of them: a hash table whose entries carry their answer. Private to
// mesh/route.
#ifndef MESH_ROUTE_EXACT_PATHS_H_
#define MESH_ROUTE_EXACT_PATHS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::route {

class ExactPaths {
 public:
  struct Answer {
    // The rules that match this path and may be the first to do so: one that has no conditions
    // (`only`), or a list.
    bool only = false;
    // No other structure need be asked.
    bool complete = false;
    uint32_t rule = 0;  // `only`: the rule; else the list
    uint32_t id = 0;    // `only`: Rule::id
  };

  // Each path once; then Finish.
  void Reserve(size_t paths) { pending_.reserve(paths); }
  void Add(std::string_view path, const Answer& answer);
  void Finish();

  bool empty() const { return records_.empty(); }
  // False where the path is none of them. Two cache lines on a hit, one mostly on a miss.
  bool Find(std::string_view path, Answer* answer) const;
  size_t memory_bytes() const { return records_.capacity() + slots_.capacity() * sizeof(Slot); }

 private:
  // A record: size and flags, rule, id, then the path's bytes; records begin at multiples of 16.
  struct Header {
    uint32_t size_and_flags;
    uint32_t rule;
    uint32_t id;
  };
  static constexpr uint32_t kOnly = 1u << 31;
  static constexpr uint32_t kComplete = 1u << 30;
  static constexpr size_t kUnit = 16;

  struct Slot {
    uint32_t tag = 0;
    uint32_t record = 0;  // 1 + its place in units; 0: free
  };

  std::string records_;
  std::vector<Slot> slots_;
  std::vector<std::pair<uint64_t, uint32_t>> pending_;  // hash, place
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_EXACT_PATHS_H_
