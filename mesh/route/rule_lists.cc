#include "mesh/route/rule_lists.h"

#include <algorithm>
#include <map>

#include "mesh/http/path.h"

namespace mesh::route {
namespace {

// Of a value that a field must have. Not for anything that outlives the process.
uint64_t HashOf(std::string_view value) {
  return absl::Hash<absl::string_view>()(absl::string_view(value.data(), value.size()));
}

uint64_t Combine(uint64_t hash, uint64_t next) {
  hash = (hash ^ next) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 32;
}

constexpr uint64_t kSeed = 0x51ed270b0a1f3d2cu;

// The value that `condition` wants its field to be, where it is of that kind.
const std::string* ExactValue(const Condition& condition) {
  const auto exact = [](const StringMatch& match) {
    return match.kind == StringMatch::Kind::kExact && !match.ignore_case ? &match.text : nullptr;
  };
  if (const auto* header = std::get_if<HeaderMatch>(&condition)) {
    if (header->kind != HeaderMatch::Kind::kValue || header->invert || header->missing_is_empty) {
      return nullptr;
    }
    return exact(header->value);
  }
  if (const auto* query = std::get_if<QueryMatch>(&condition)) {
    return query->value ? exact(*query->value) : nullptr;
  }
  return nullptr;
}

}  // namespace

bool Search::IsPlain(std::string_view path) {
  for (const char c : path) {
    if (c <= 0x20 || c == 0x7f) return false;  // char is signed: bytes above 127 are negative
  }
  return true;
}

uint16_t RuleLists::FieldOf(Field field) {
  const auto found = std::find(fields_.begin(), fields_.end(), field);
  if (found != fields_.end()) return static_cast<uint16_t>(found - fields_.begin());
  fields_.push_back(std::move(field));
  return static_cast<uint16_t>(fields_.size() - 1);
}

uint32_t RuleLists::Add(absl::Span<const Entry> entries, const std::vector<CompiledRule>& rules) {
  List list;
  list.first_rule = entries.empty() ? Search::kNone : entries[0].rule();
  if (entries.size() >= kGrouped) MakeGroups(&list, entries, rules);
  if (list.group_count == 0) {
    list.begin = static_cast<uint32_t>(entries_.size());
    list.count = static_cast<uint32_t>(entries.size());
    entries_.insert(entries_.end(), entries.begin(), entries.end());
  }
  lists_.push_back(list);
  return static_cast<uint32_t>(lists_.size() - 1);
}

void RuleLists::MakeGroups(List* list, absl::Span<const Entry> entries,
                           const std::vector<CompiledRule>& rules) {
  // Fields wanted, then values wanted, to rules.
  struct Building {
    std::vector<Entry> all;
    std::map<uint64_t, std::vector<Entry>> by_value;
  };
  std::map<std::vector<uint16_t>, Building> building;
  bool any = false;
  std::vector<std::pair<uint16_t, uint64_t>> wanted;
  for (const Entry entry : entries) {
    wanted.clear();
    for (const Condition& condition : rules[entry.rule()].rule().conditions) {
      const std::string* value = ExactValue(condition);
      if (value == nullptr || fields_.size() >= 60000) continue;
      const auto* header = std::get_if<HeaderMatch>(&condition);
      const uint16_t field = header != nullptr
                                 ? FieldOf({false, header->name})
                                 : FieldOf({true, std::get<QueryMatch>(condition).name});
      // The same field twice: the first value decides the group, the rule itself decides the rest.
      if (std::none_of(wanted.begin(), wanted.end(),
                       [&](const auto& one) { return one.first == field; })) {
        wanted.emplace_back(field, HashOf(*value));
      }
    }
    std::sort(wanted.begin(), wanted.end());
    std::vector<uint16_t> key;
    uint64_t hash = kSeed;
    for (const auto& [field, value] : wanted) {
      key.push_back(field);
      hash = Combine(hash, value);
    }
    any = any || !key.empty();
    Building& group = building[key];
    group.all.push_back(entry);
    if (!key.empty()) group.by_value[hash].push_back(entry);
  }
  if (!any) return;
  list->first_group = static_cast<uint32_t>(groups_.size());
  const auto store = [&](const std::vector<Entry>& some) {
    const Span span{static_cast<uint32_t>(entries_.size()), static_cast<uint32_t>(some.size())};
    entries_.insert(entries_.end(), some.begin(), some.end());
    return span;
  };
  for (auto& [key, built] : building) {
    Group group;
    group.fields = key;
    group.all = store(built.all);
    group.first_rule = built.all[0].rule();
    group.by_value.reserve(built.by_value.size());
    for (const auto& [hash, some] : built.by_value) {
      group.by_value.emplace(hash, store(some));
    }
    groups_.push_back(std::move(group));
  }
  list->group_count = static_cast<uint32_t>(groups_.size()) - list->first_group;
  std::sort(groups_.begin() + list->first_group, groups_.end(),
            [](const Group& a, const Group& b) { return a.first_rule < b.first_rule; });
}

Search::FieldValue RuleLists::Read(const Field& field, const Request& request) const {
  Search::FieldValue value;
  value.known = true;
  if (field.query) {
    if (const auto found = http::QueryParameter(request.path, field.name)) {
      value.count = 1;
      value.hash[0] = HashOf(*found);
    }
    return value;
  }
  const HeaderValues values(request, field.name);
  value.count = static_cast<uint8_t>(std::min<size_t>(values.size(), 255));
  for (size_t i = 0; i < std::min<size_t>(values.size(), Search::FieldValue::kMost); ++i) {
    value.hash[i] = HashOf(values.begin()[i]);
  }
  return value;
}

const Search::FieldValue& RuleLists::ValueOf(uint16_t field, Search* search,
                                             Search::FieldValue* scratch) const {
  Search::FieldValue* value = field < Search::kCachedFields ? &search->fields[field] : scratch;
  if (value == scratch || !value->known) *value = Read(fields_[field], search->input.request);
  return *value;
}

bool RuleLists::Accepts(Entry entry, std::string_view path, size_t at, const Search& search) const {
  switch (entry.kind()) {
    case Entry::Kind::kAnything:
      break;
    case Entry::Kind::kEnd:
      if (at != path.size()) return false;
      break;
    case Entry::Kind::kSeparated:
      if (at != path.size() && path[at] != '/') return false;
      break;
    case Entry::Kind::kAsk:
      if (!search.rules[entry.rule()].MatchesPath(search.input)) return false;
      break;
  }
  return entry.unconditional() ||
         search.rules[entry.rule()].MatchesConditions(search.input, search.pool);
}

void RuleLists::FindAmong(Span span, std::string_view path, size_t at, Search* search) const {
  for (uint32_t i = span.begin; i < span.begin + span.count; ++i) {
    const Entry entry = entries_[i];
    if (entry.rule() >= search->best) return;
    if (Accepts(entry, path, at, *search)) {
      search->best = entry.rule();
      return;
    }
  }
}

void RuleLists::FindInGroup(const Group& group, std::string_view path, size_t at,
                            Search* search) const {
  if (group.fields.empty()) return FindAmong(group.all, path, at, search);
  // The hashes of every combination of values; mostly one.
  constexpr size_t kMost = 16;
  uint64_t hashes[kMost] = {kSeed};
  size_t count = 1;
  for (const uint16_t field : group.fields) {
    Search::FieldValue scratch;
    const Search::FieldValue& value = ValueOf(field, search, &scratch);
    if (value.count == 0) return;
    if (value.count > Search::FieldValue::kMost || count * value.count > kMost) {
      return FindAmong(group.all, path, at, search);
    }
    for (size_t i = value.count; i > 0; --i) {
      for (size_t j = 0; j < count; ++j) {
        hashes[(i - 1) * count + j] = Combine(hashes[j], value.hash[i - 1]);
      }
    }
    count *= value.count;
  }
  for (size_t i = 0; i < count; ++i) {
    const auto found = group.by_value.find(hashes[i]);
    if (found != group.by_value.end()) FindAmong(found->second, path, at, search);
  }
}

void RuleLists::FindIn(uint32_t index, std::string_view path, size_t at, Search* search) const {
  const List& list = lists_[index];
  if (list.first_rule >= search->best) return;
  if (list.group_count == 0) return FindAmong({list.begin, list.count}, path, at, search);
  for (uint32_t i = list.first_group; i < list.first_group + list.group_count; ++i) {
    if (groups_[i].first_rule >= search->best) return;
    FindInGroup(groups_[i], path, at, search);
  }
}

size_t RuleLists::memory_bytes() const {
  size_t bytes = entries_.capacity() * sizeof(Entry) + lists_.capacity() * sizeof(List) +
                 groups_.capacity() * sizeof(Group);
  for (const Group& group : groups_) {
    bytes += group.by_value.capacity() * (sizeof(std::pair<uint64_t, Span>) + 1);
  }
  return bytes;
}

}  // namespace mesh::route
