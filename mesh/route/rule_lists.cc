#include "mesh/route/rule_lists.h"

#include <algorithm>
#include <map>

#include "mesh/http/path.h"
#include "mesh/route/regex_group.h"

namespace mesh::route {
namespace {

constexpr uint64_t kSeed = 0x51ed270b0a1f3d2cu;

uint64_t Combine(uint64_t hash, uint64_t next) { return MixBits(hash ^ next, 0x9e3779b97f4a7c15u); }

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

uint16_t RuleLists::FieldOf(Field field) {
  const auto found = std::find(fields_.begin(), fields_.end(), field);
  if (found != fields_.end()) return static_cast<uint16_t>(found - fields_.begin());
  if (fields_.size() == Search::kMostFields) return kNoField;
  fields_.push_back(std::move(field));
  return static_cast<uint16_t>(fields_.size() - 1);
}

std::vector<RuleLists::Wanted> RuleLists::WantedBy(const Rule& rule, bool* all) {
  std::vector<Wanted> wanted;
  *all = true;
  for (const Condition& condition : rule.conditions) {
    const std::string* value = ExactValue(condition);
    if (value == nullptr) {
      *all = false;
      continue;
    }
    Field field;
    if (const auto* header = std::get_if<HeaderMatch>(&condition)) {
      field.name = header->name;
      field.source = header->name == ":method"      ? Field::Source::kMethod
                     : header->name == ":path"      ? Field::Source::kPath
                     : header->name == ":authority" ? Field::Source::kAuthority
                     : header->name == "host"       ? Field::Source::kAuthority
                     : header->name == ":scheme"    ? Field::Source::kScheme
                                                    : Field::Source::kHeader;
      if (field.source != Field::Source::kHeader) field.name.clear();
    } else {
      field.source = Field::Source::kQuery;
      field.name = std::get<QueryMatch>(condition).name;
    }
    const uint16_t number = FieldOf(std::move(field));
    // The same field twice: the first value decides the record, the rule itself decides the rest.
    if (number == kNoField || std::any_of(wanted.begin(), wanted.end(),
                                          [&](const Wanted& one) { return one.field == number; })) {
      *all = false;
    } else {
      wanted.push_back({number, value});
    }
  }
  std::sort(wanted.begin(), wanted.end(),
            [](const Wanted& a, const Wanted& b) { return a.field < b.field; });
  if (wanted.size() > kMostFields) {
    wanted.resize(kMostFields);
    *all = false;
  }
  return wanted;
}

uint32_t RuleLists::Add(absl::Span<const Entry> entries, const Rule* rules) {
  List list = {0, 0, false};
  if (entries.size() < kGrouped || !MakeGroups(entries, rules, &list)) {
    list.begin = static_cast<uint32_t>(entries_.size());
    list.count = static_cast<uint32_t>(entries.size());
    entries_.insert(entries_.end(), entries.begin(), entries.end());
  }
  lists_.push_back(list);
  return static_cast<uint32_t>(lists_.size() - 1);
}

bool RuleLists::MakeGroups(absl::Span<const Entry> entries, const Rule* rules, List* list) {
  std::map<std::vector<uint16_t>, std::vector<Entry>> by_fields;
  std::vector<uint16_t> fields;
  for (const Entry entry : entries) {
    bool all;
    fields.clear();
    for (const Wanted& wanted : WantedBy(rules[entry.rule()], &all)) fields.push_back(wanted.field);
    by_fields[fields].push_back(entry);
  }
  std::vector<Item> items;
  bool any = false;
  for (const auto& [wanted, some] : by_fields) {
    if (wanted.empty() || some.size() < kGrouped) {
      for (const Entry entry : some) items.push_back({entry.rule(), false, entry.bits});
    } else {
      items.push_back({some[0].rule(), true, MakeGroup(some, rules)});
      any = true;
    }
  }
  if (!any) return false;
  std::sort(items.begin(), items.end(),
            [](const Item& a, const Item& b) { return a.first_rule < b.first_rule; });
  *list = {static_cast<uint32_t>(items_.size()), static_cast<uint32_t>(items.size()), true};
  items_.insert(items_.end(), items.begin(), items.end());
  return true;
}

uint32_t RuleLists::MakeGroup(absl::Span<const Entry> entries, const Rule* rules) {
  struct Member {
    uint64_t hash;
    std::vector<Wanted> wanted;
    Entry entry;
  };
  std::vector<Member> members;
  members.reserve(entries.size());
  for (const Entry entry : entries) {
    bool all;
    Member member = {kSeed, WantedBy(rules[entry.rule()], &all), entry};
    for (const Wanted& wanted : member.wanted) {
      member.hash = Combine(member.hash, HashText(*wanted.value));
    }
    if (all) member.entry.bits |= Entry(0, Entry::Kind::kAnything, true).bits;
    members.push_back(std::move(member));
  }
  Group group = {};
  for (const Wanted& wanted : members[0].wanted) group.fields[group.field_count++] = wanted.field;
  group.all = static_cast<uint32_t>(entries_.size());
  group.all_count = static_cast<uint32_t>(entries.size());
  entries_.insert(entries_.end(), entries.begin(), entries.end());

  // Members with the same values side by side, ascending by rule: a record each.
  const auto values_before = [](const Member& a, const Member& b) {
    for (size_t i = 0; i < a.wanted.size(); ++i) {
      if (*a.wanted[i].value != *b.wanted[i].value) return *a.wanted[i].value < *b.wanted[i].value;
    }
    return false;
  };
  std::stable_sort(members.begin(), members.end(), [&](const Member& a, const Member& b) {
    return a.hash != b.hash ? a.hash < b.hash : values_before(a, b);
  });
  const auto same = [&](const Member& a, const Member& b) {
    return a.hash == b.hash && !values_before(a, b) && !values_before(b, a);
  };
  size_t records = 0;
  for (size_t i = 0; i < members.size(); ++i)
    records += i == 0 || !same(members[i - 1], members[i]);
  group.slots = static_cast<uint32_t>(slots_.size());
  group.slot_count = static_cast<uint32_t>(SlotsFor(records));
  slots_.resize(slots_.size() + group.slot_count);
  for (size_t i = 0; i < members.size();) {
    size_t end = i + 1;
    while (end < members.size() && same(members[i], members[end])) ++end;
    const auto record = static_cast<uint32_t>(records_.size());
    records_.push_back(static_cast<uint32_t>(end - i));
    for (size_t j = i; j < end; ++j) records_.push_back(members[j].entry.bits);
    for (const Wanted& wanted : members[i].wanted) {
      const size_t at = records_.size();
      records_.resize(at + 1 + WordsFor(wanted.value->size()));
      records_[at] = static_cast<uint32_t>(wanted.value->size());
      std::memcpy(&records_[at] + 1, wanted.value->data(), wanted.value->size());
    }
    size_t slot = PlaceOf(members[i].hash, group.slot_count);
    while (slots_[group.slots + slot].at != 0) slot = slot + 1 == group.slot_count ? 0 : slot + 1;
    slots_[group.slots + slot] = {TagOf(members[i].hash), record + 1};
    i = end;
  }
  groups_.push_back(group);
  return static_cast<uint32_t>(groups_.size() - 1);
}

void RuleLists::Finish() {
  entries_.shrink_to_fit();
  lists_.shrink_to_fit();
  items_.shrink_to_fit();
  groups_.shrink_to_fit();
  slots_.shrink_to_fit();
  records_.shrink_to_fit();
}

void RuleLists::Read(const Field& field, const Request& request, Search::FieldValue* value) const {
  const auto one = [&](std::string_view text) {
    value->count = text.data() == nullptr ? 0 : 1;
    value->text[0] = text;
  };
  switch (field.source) {
    case Field::Source::kHeader:
      value->count = request.headers.Find(field.name, value->text, Search::FieldValue::kMost);
      break;
    case Field::Source::kQuery: {
      const auto found = http::QueryParameter(request.path, field.name);
      value->count = found ? 1 : 0;
      if (found) value->text[0] = *found;
      break;
    }
    case Field::Source::kMethod:
      one(request.method);
      break;
    case Field::Source::kPath:
      one(request.path);
      break;
    case Field::Source::kAuthority:
      one(request.authority);
      break;
    case Field::Source::kScheme:
      one(request.scheme);
      break;
  }
  if (value->count > Search::FieldValue::kMost) return;
  for (size_t i = 0; i < value->count; ++i) value->hash[i] = HashText(value->text[i]);
}

const Search::FieldValue& RuleLists::ValueOf(uint16_t field, Search* search) const {
  const uint64_t bit = uint64_t{1} << field;
  if ((search->known_fields & bit) == 0) {
    search->known_fields |= bit;
    Read(fields_[field], search->input.request, &search->fields[field]);
  }
  return search->fields[field];
}

void RuleLists::FindAmong(uint32_t begin, uint32_t count, size_t at, Search* search) const {
  for (const Entry entry : absl::MakeConstSpan(&entries_[0] + begin, count)) {
    if (entry.rule() >= search->best) return;
    if (search->Accepts(entry, at)) {
      search->best = entry.rule();
      return;
    }
  }
}

void RuleLists::FindRecord(const Group& group, uint64_t hash, const std::string_view* values,
                           size_t at, Search* search) const {
  const HashSlot* slots = &slots_[group.slots];
  for (size_t slot = PlaceOf(hash, group.slot_count); slots[slot].at != 0;
       slot = slot + 1 == group.slot_count ? 0 : slot + 1) {
    if (slots[slot].tag != TagOf(hash)) continue;
    const uint32_t* record = &records_[slots[slot].at - 1];
    const absl::Span<const uint32_t> entries(record + 1, record[0]);
    record += 1 + record[0];
    bool same = true;
    for (size_t i = 0; i < group.field_count && same; ++i) {
      same = record[0] == values[i].size() &&
             SameBytes(reinterpret_cast<const char*>(record + 1), values[i].data(), record[0]);
      record += 1 + WordsFor(record[0]);
    }
    if (!same) continue;
    for (const uint32_t bits : entries) {
      const Entry entry(bits);
      if (entry.rule() >= search->best) return;
      if (search->Accepts(entry, at)) {
        search->best = entry.rule();
        return;
      }
    }
    return;
  }
}

void RuleLists::FindInGroup(const Group& group, size_t at, Search* search) const {
  const Search::FieldValue* found[kMostFields];
  size_t combinations = 1;
  for (size_t i = 0; i < group.field_count; ++i) {
    found[i] = &ValueOf(group.fields[i], search);
    if (found[i]->count == 0) return;
    combinations *= std::min<size_t>(found[i]->count, Search::FieldValue::kMost + 1);
    if (found[i]->count > Search::FieldValue::kMost || combinations > kMostCombinations) {
      return FindAmong(group.all, group.all_count, at, search);
    }
  }
  std::string_view values[kMostFields];
  for (size_t combination = 0; combination < combinations; ++combination) {
    uint64_t hash = kSeed;
    size_t rest = combination;
    for (size_t i = 0; i < group.field_count; ++i) {
      size_t which = 0;
      if (found[i]->count > 1) {
        which = rest % found[i]->count;
        rest /= found[i]->count;
      }
      values[i] = found[i]->text[which];
      hash = Combine(hash, found[i]->hash[which]);
    }
    FindRecord(group, hash, values, at, search);
  }
}

uint32_t RuleLists::FirstOf(uint32_t index) const {
  const List& list = lists_[index];
  return list.grouped ? items_[list.begin].first_rule : entries_[list.begin].rule();
}

// All at once where there is no room to wait for its turn.
void RuleLists::Keep(const Search::Noted& noted, Search* search) const {
  if (search->noted_count < Search::kMostNoted) {
    search->noted[search->noted_count++] = noted;
    return;
  }
  Search::Noted now = noted;
  while (now.next_rule < search->best) now.next_rule = Step(&now, search);
}

void RuleLists::Note(Entry entry, size_t at, Search* search) const {
  if (entry.rule() >= search->best || !search->Fits(entry, at)) return;
  if (entry.unconditional()) {
    search->best = entry.rule();
  } else {
    Keep({entry.rule(), Search::kNone, static_cast<uint32_t>(at), 0, nullptr, entry.bits, nullptr},
         search);
  }
}

void RuleLists::NoteList(uint32_t list, size_t at, Search* search) const {
  Keep({FirstOf(list), list, static_cast<uint32_t>(at), 0, nullptr, 0, nullptr}, search);
}

void RuleLists::NoteAsked(absl::Span<const uint32_t> rules, const RegexGroup* together,
                          Search* search) const {
  Keep({rules[0], Search::kNone, 0, 0, rules.data(), static_cast<uint32_t>(rules.size()), together},
       search);
}

uint32_t RuleLists::StepInList(Search::Noted* noted, Search* search) const {
  const List& list = lists_[noted->list];
  const uint32_t place = list.begin + noted->done++;
  const bool more = noted->done < list.count;
  if (!list.grouped) {
    const Entry entry = entries_[place];
    if (search->Accepts(entry, noted->at)) search->best = std::min(search->best, entry.rule());
    return more ? entries_[place + 1].rule() : Search::kNone;
  }
  const Item& item = items_[place];
  if (item.is_group) {
    FindInGroup(groups_[item.what], noted->at, search);
  } else if (search->Accepts(Entry(item.what), noted->at)) {
    search->best = std::min(search->best, item.first_rule);
  }
  return more ? items_[place + 1].first_rule : Search::kNone;
}

uint32_t RuleLists::Step(Search::Noted* noted, Search* search) const {
  // From here on regexes are asked together where they can be: of the first few one may do.
  constexpr uint32_t kAlone = 3;
  if (noted->list != Search::kNone) return StepInList(noted, search);
  if (noted->asked == nullptr) {
    // Where it stands fits already.
    const uint32_t rule = Entry(noted->count).rule();
    if (MatchesConditions(search->rules[rule], search->pool, search->input.request)) {
      search->best = std::min(search->best, rule);
    }
    return Search::kNone;
  }
  if (noted->together != nullptr && noted->done == kAlone &&
      noted->together->FindIn(kAlone, search)) {
    return Search::kNone;
  }
  const uint32_t rule = noted->asked[noted->done++];
  if (search->Accepts(Entry(rule, Entry::Kind::kAsk, false), 0)) {
    search->best = std::min(search->best, rule);
  }
  return noted->done < noted->count ? noted->asked[noted->done] : Search::kNone;
}

void RuleLists::Resolve(Search* search) const {
  if (search->noted_count == 1) {
    Search::Noted& only = search->noted[0];
    while (only.next_rule < search->best) only.next_rule = Step(&only, search);
    return;
  }
  while (true) {
    Search::Noted* next = nullptr;
    uint32_t before = search->best;
    for (size_t i = 0; i < search->noted_count; ++i) {
      if (search->noted[i].next_rule >= before) continue;
      next = &search->noted[i];
      before = next->next_rule;
    }
    if (next == nullptr) return;
    next->next_rule = Step(next, search);
  }
}

size_t RuleLists::memory_bytes() const {
  return entries_.capacity() * sizeof(Entry) + lists_.capacity() * sizeof(List) +
         items_.capacity() * sizeof(Item) + groups_.capacity() * sizeof(Group) +
         slots_.capacity() * sizeof(HashSlot) + records_.capacity() * sizeof(uint32_t);
}

}  // namespace mesh::route
