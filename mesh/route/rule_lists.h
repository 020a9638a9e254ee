// Ascending lists of rules that may match at one place of the path, and the search for the first of
// them that does. Private to mesh/route.
//
// A long list is not tried one by one: rules that want the same fields (a header, the method, a
// query parameter) to be exactly something form a group, and a group is a hash table from the
// values of those fields to the few rules that want just these. What forms no group stays in its
// place.
#ifndef MESH_ROUTE_RULE_LISTS_H_
#define MESH_ROUTE_RULE_LISTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "mesh/route/conditions.h"
#include "mesh/route/text.h"

namespace mesh::route {

// Regexes that hang at one node, asked all at once. Where RE2 runs out of memory they are asked one
// by one: slow, never wrong.
class RegexGroup;

// A rule's place in its virtual host, and what of the path it wants where its list stands.
struct Entry {
  enum class Kind : uint8_t {
    kAnything,   // whatever follows: a prefix
    kEnd,        // the path ends here
    kSeparated,  // it ends here, or '/' follows
    kAsk,        // only the rule's own path matcher knows
  };
  // A virtual host has fewer rules than this.
  static constexpr uint32_t kMostRules = 1u << 28;

  Entry(uint32_t rule, Kind kind, bool unconditional)
      : bits(rule << 3 | (unconditional ? 4 : 0) | static_cast<uint32_t>(kind)) {}
  explicit Entry(uint32_t b) : bits(b) {}
  uint32_t rule() const { return bits >> 3; }
  // The rule has no conditions beside its path, or none that is not known to hold.
  bool unconditional() const { return (bits & 4) != 0; }
  Kind kind() const { return static_cast<Kind>(bits & 3); }
  uint32_t bits;
};

// One search: the request, the first rule found so far, and what may still hold an earlier one.
//
// Conditions and regexes cost more than the way to them. So what a search comes by on its way is
// noted, and then tried in the order of the rules: no rule is tried that the scan would not try.
struct Search {
  static constexpr uint32_t kNone = UINT32_MAX;

  Search(const Input& i, const Rule* r, const RegexPool& p) : input(i), rules(r), pool(p) {}

  const Input& input;
  const Rule* const rules;  // of the virtual host
  const RegexPool& pool;
  uint32_t best = kNone;

  // Whether `entry`'s place in the path, `at` bytes of which have been matched, is one it accepts.
  bool Fits(Entry entry, size_t at) const {
    const std::string_view path = input.path;
    switch (entry.kind()) {
      case Entry::Kind::kAnything:
        break;
      case Entry::Kind::kEnd:
        return at == path.size();
      case Entry::Kind::kSeparated:
        return at == path.size() || path[at] == '/';
      case Entry::Kind::kAsk:
        return MatchesPath(rules[entry.rule()], pool, input);
    }
    return true;
  }
  bool Accepts(Entry entry, size_t at) const {
    return Fits(entry, at) &&
           (entry.unconditional() || MatchesConditions(rules[entry.rule()], pool, input.request));
  }

  // What has been noted: the rules of one list, or rules that are asked one by one, or regexes that
  // are asked together.
  struct Noted {
    uint32_t next_rule;     // the least that it may still find
    uint32_t list;          // of the virtual host's lists, or kNone
    uint32_t at;            // of the path; below 2^32 as it ends there or near
    uint32_t done;          // how many of its rules have been tried
    const uint32_t* asked;  // without a list: rules to be asked one by one; null for one entry
    uint32_t count;         // of them; with null: the entry
    const RegexGroup* together;
  };
  static constexpr size_t kMostNoted = 24;
  size_t noted_count = 0;

  // The values of one of the virtual host's fields and their hashes.
  struct FieldValue {
    static constexpr size_t kMost = 4;
    size_t count;  // above kMost they are not all here
    std::string_view text[kMost];
    uint64_t hash[kMost];
  };
  // Each field is looked up once, where a rule asks for it; until then nothing is written here.
  static constexpr size_t kMostFields = 64;
  uint64_t known_fields = 0;  // bit n: fields[n] is filled in
  union {
    FieldValue fields[kMostFields];
  };
  Noted noted[kMostNoted];
};

// The lists of one virtual host. Built with Add, then Finish; then read by any number of threads.
class RuleLists {
 public:
  static constexpr uint32_t kNoList = UINT32_MAX;

  // `entries` ascending by rule. `rules` as in Search.
  uint32_t Add(absl::Span<const Entry> entries, const Rule* rules);
  void Finish();

  // Notes what may hold the first rule; where it is known to accept the request, that is kept. `at`
  // is how much of the path has been matched.
  void Note(Entry entry, size_t at, Search* search) const;
  void NoteList(uint32_t list, size_t at, Search* search) const;
  // `rules` ascending, each to be asked for its path too; `together` says more of them, or is null.
  void NoteAsked(absl::Span<const uint32_t> rules, const RegexGroup* together,
                 Search* search) const;
  // Sets search->best to the first rule of all that has been noted that accepts the request, if it
  // is before what has been found.
  void Resolve(Search* search) const;

  // Empty for a list with groups, which is long.
  absl::Span<const Entry> entries(uint32_t list) const {
    const List& l = lists_[list];
    if (l.grouped) return {};
    return absl::MakeConstSpan(entries_).subspan(l.begin, l.count);
  }
  bool has_groups() const { return !groups_.empty(); }
  size_t memory_bytes() const;

 private:
  // Lists from here on may have groups, and groups have as many rules at least.
  static constexpr size_t kGrouped = 6;
  // A group looks at no more fields than this; the rules themselves see to the rest.
  static constexpr size_t kMostFields = 4;
  // More combinations of values than this and the group is tried one by one.
  static constexpr size_t kMostCombinations = 16;

  struct List {
    uint32_t begin;  // of entries_, or of items_ where there are groups
    uint32_t count;
    bool grouped;
  };
  // One rule, or a group: in the order of their first rules, so that a search ends where nothing
  // can come before what it has found, and has looked at no group that the scan would not have
  // reached.
  struct Item {
    uint32_t first_rule;
    bool is_group;
    uint32_t what;  // Entry::bits, or the group
  };
  struct Group {
    uint16_t fields[kMostFields];
    uint16_t field_count;
    uint32_t slots;  // of slots_
    uint32_t slot_count;
    uint32_t all;  // of entries_: tried one by one where a field has too many values
    uint32_t all_count;
  };
  struct Field {
    enum class Source : uint8_t { kHeader, kQuery, kMethod, kPath, kAuthority, kScheme };
    Source source;
    std::string name;
    bool operator==(const Field& o) const { return source == o.source && name == o.name; }
  };
  // What a rule wants a field to be.
  struct Wanted {
    uint16_t field;
    const std::string* value;
  };

  // Ascending by field, each field once. `all` says whether these are all of its conditions.
  std::vector<Wanted> WantedBy(const Rule& rule, bool* all);
  // Its number; kNoField where there are too many already.
  static constexpr uint16_t kNoField = UINT16_MAX;
  uint16_t FieldOf(Field field);
  bool MakeGroups(absl::Span<const Entry> entries, const Rule* rules, List* list);
  uint32_t MakeGroup(absl::Span<const Entry> entries, const Rule* rules);
  void Read(const Field& field, const Request& request, Search::FieldValue* value) const;
  const Search::FieldValue& ValueOf(uint16_t field, Search* search) const;
  void FindInGroup(const Group& group, size_t at, Search* search) const;
  void FindRecord(const Group& group, uint64_t hash, const std::string_view* values, size_t at,
                  Search* search) const;
  void FindAmong(uint32_t begin, uint32_t count, size_t at, Search* search) const;
  uint32_t FirstOf(uint32_t list) const;
  void Keep(const Search::Noted& noted, Search* search) const;
  // Tries the next rule of it, and says which comes then; kNone behind the last.
  uint32_t Step(Search::Noted* noted, Search* search) const;
  uint32_t StepInList(Search::Noted* noted, Search* search) const;

  std::vector<Entry> entries_;
  std::vector<List> lists_;
  std::vector<Item> items_;
  std::vector<Group> groups_;
  std::vector<HashSlot> slots_;
  // Records of groups: how many entries, they, then for each field its size and its bytes.
  std::vector<uint32_t> records_;
  std::vector<Field> fields_;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_RULE_LISTS_H_
