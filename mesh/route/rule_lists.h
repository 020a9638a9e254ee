// Ascending lists of rules that may match at one place of the path, and the search for the first of
// them that does. Private to mesh/route.
//
// A list of many rules is not tried one by one: rules that want the same fields (a header, the
// method, a query parameter) to be exactly something form a group, and a group is a hash table from
// the values of those fields to the few rules that want just these.
#ifndef MESH_ROUTE_RULE_LISTS_H_
#define MESH_ROUTE_RULE_LISTS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "mesh/route/conditions.h"

namespace mesh::route {

// A rule's place in its virtual host, and what of the path it wants where its list stands.
struct Entry {
  enum class Kind : uint8_t {
    kAnything,   // whatever follows: a prefix
    kEnd,        // the path ends here
    kSeparated,  // it ends here, or '/' follows
    kAsk,        // only the rule's own path matcher knows
  };
  Entry(uint32_t rule, Kind kind, bool unconditional)
      : bits(rule << 3 | (unconditional ? 4 : 0) | static_cast<uint32_t>(kind)) {}
  uint32_t rule() const { return bits >> 3; }
  // The rule has no conditions beside its path.
  bool unconditional() const { return (bits & 4) != 0; }
  Kind kind() const { return static_cast<Kind>(bits & 3); }
  uint32_t bits;
};

// One search: the request and the first rule found so far.
struct Search {
  static constexpr uint32_t kNone = UINT32_MAX;

  Search(const Input& i, const std::vector<CompiledRule>& r, const RegexPool& p)
      : input(i), rules(r), pool(p) {}

  const Input& input;
  const std::vector<CompiledRule>& rules;
  const RegexPool& pool;
  uint32_t best = kNone;

  // Whether the path holds nothing but visible ASCII; found out once.
  bool PlainPath() {
    if (plain_ == 0) plain_ = IsPlain(input.path) ? 1 : 2;
    return plain_ == 1;
  }
  static bool IsPlain(std::string_view path);

  // Hashes of the values of the virtual host's fields, each looked up once.
  struct FieldValue {
    static constexpr uint8_t kMost = 4;
    bool known = false;
    // How many values there are; above kMost their hashes are not all here.
    uint8_t count = 0;
    uint64_t hash[kMost];
  };
  static constexpr size_t kCachedFields = 8;
  std::array<FieldValue, kCachedFields> fields;

 private:
  int plain_ = 0;
};

// The lists of one virtual host. Built with Add, then read by any number of threads.
class RuleLists {
 public:
  static constexpr uint32_t kNoList = UINT32_MAX;

  // `entries` ascending by rule. `rules` as in Search.
  uint32_t Add(absl::Span<const Entry> entries, const std::vector<CompiledRule>& rules);

  // Sets search->best to the first rule of `list` that accepts the request, if it is before what
  // has been found. `at` is how much of `path` has been matched.
  void FindIn(uint32_t list, std::string_view path, size_t at, Search* search) const;

  uint32_t first_rule(uint32_t list) const { return lists_[list].first_rule; }
  absl::Span<const Entry> entries(uint32_t list) const {
    const List& l = lists_[list];
    return absl::MakeConstSpan(entries_).subspan(l.begin, l.count);
  }
  size_t memory_bytes() const;

 private:
  // Lists from here on are grouped.
  static constexpr size_t kGrouped = 8;

  struct List {
    uint32_t begin = 0;
    uint32_t count = 0;
    uint32_t first_rule = 0;
    uint32_t first_group = 0;
    uint32_t group_count = 0;  // 0: tried one by one
  };
  struct Span {
    uint32_t begin = 0;
    uint32_t count = 0;
  };
  struct Group {
    uint32_t first_rule = 0;
    std::vector<uint16_t> fields;
    // All of them: tried one by one where there are no fields, or too many values of one.
    Span all;
    absl::flat_hash_map<uint64_t, Span> by_value;
  };
  // A header (query false) or a query parameter that some rule wants to be exactly something.
  struct Field {
    bool query = false;
    std::string name;
    bool operator==(const Field& other) const { return query == other.query && name == other.name; }
  };

  void MakeGroups(List* list, absl::Span<const Entry> entries,
                  const std::vector<CompiledRule>& rules);
  uint16_t FieldOf(Field field);
  Search::FieldValue Read(const Field& field, const Request& request) const;
  const Search::FieldValue& ValueOf(uint16_t field, Search* search,
                                    Search::FieldValue* scratch) const;
  bool Accepts(Entry entry, std::string_view path, size_t at, const Search& search) const;
  void FindInGroup(const Group& group, std::string_view path, size_t at, Search* search) const;
  void FindAmong(Span span, std::string_view path, size_t at, Search* search) const;

  std::vector<Entry> entries_;
  std::vector<List> lists_;
  std::vector<Group> groups_;
  std::vector<Field> fields_;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_RULE_LISTS_H_
