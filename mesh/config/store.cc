#include "mesh/config/store.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/config/validate.h"

namespace mesh::config {
namespace {

// Errors in `after` that are not in `before`.
void AddNewErrors(const std::vector<FieldError>& before, const std::vector<FieldError>& after,
                  std::vector<FieldError>* out) {
  std::set<std::string> known;
  for (const FieldError& error : before) known.insert(error.ToString());
  for (const FieldError& error : after) {
    if (known.insert(error.ToString()).second) out->push_back(error);
  }
}

// Writing ends at a multiple of it where it ends for want of space.
constexpr uint64_t kBlock = 512;

// What a full disk or a writer that was killed leaves of a file: nothing, or its front up to the
// middle of a line. Empty where it looks whole.
std::string CutOff(const std::optional<Extent>& before, const std::optional<Extent>& now) {
  if (!before.has_value() || !now.has_value() || before->size == 0) return "";
  if (now->size == 0) {
    return "is empty, as a full disk or a writer that was killed leaves it; delete it where its "
           "objects are to go";
  }
  if (before->line_feed && !now->line_feed &&
      (now->size < before->size || now->size % kBlock == 0)) {
    return "ends in the middle of a line, as a file that was cut off; end it with a line feed "
           "where it is whole";
  }
  return "";
}

bool SamePlaces(const Resource& a, const Resource& b) {
  return a.position() == b.position() && a.positions() == b.positions();
}

}  // namespace

Store::Store() : Store(Options()) {}

Store::Store(Options options)
    : options_(options.validate ? std::move(options) : Options{[](const Resource& resource) {
        return ValidateResource(resource);
      }}),
      current_(Snapshot::Of({}, 0)) {}

// What a unit holds once `unit` has been looked at, given what it held before.
Store::UnitState Store::NextState(const UnitState& before, Unit unit) const {
  UnitState next;
  if (unit.state == Unit::State::kRead) {
    if (std::string problem = CutOff(before.extent, unit.extent); !problem.empty()) {
      unit.state = Unit::State::kUnreadable;
      unit.problem = absl::DataLossError(problem);
    }
  }
  if (unit.state == Unit::State::kUnreadable) {
    next = before;
    FieldError error;
    error.position.file = std::make_shared<const std::string>(unit.name);
    error.message =
        absl::StrCat(Absl(Std(unit.problem.message())), "; what it held before stays in force");
    next.errors = {std::move(error)};
    return next;
  }
  next.extent = unit.extent;
  // What stays as it last was, since its new version is broken.
  std::set<Key> broken;
  for (ReadObject& object : unit.content.objects) {
    std::vector<FieldError> errors = std::move(object.errors);
    if (object.resource != nullptr) {
      const auto first = next.objects.find(object.resource->key());
      if (first != next.objects.end()) {
        next.errors.push_back(DuplicateError(*first->second, *object.resource));
        continue;
      }
      errors = options_.validate(*object.resource);
    }
    if (errors.empty()) {
      if (object.resource == nullptr) continue;
      const Key key = object.resource->key();
      const auto old = before.objects.find(key);
      // An object that did not change stays the same pointer, so that nobody looks at it again.
      const bool same = old != before.objects.end() && SamePlaces(*old->second, *object.resource) &&
                        SameContent(*old->second, *object.resource);
      next.objects[key] = same ? old->second : std::move(object.resource);
      continue;
    }
    next.errors.insert(next.errors.end(), errors.begin(), errors.end());
    if (object.resource != nullptr) {
      broken.insert(object.resource->key());
      continue;
    }
    const size_t slash = object.api_version.find('/');
    const std::string_view group = slash == std::string::npos
                                       ? std::string_view()
                                       : std::string_view(object.api_version).substr(0, slash);
    if (const std::optional<Kind> kind = FindKind(group, object.kind); kind.has_value()) {
      broken.insert(Key{*kind, InfoOf(*kind).namespaced ? object.ns : "", object.name});
    } else if (object.position.known() && object.kind == KindName(Kind::kMeshConfig)) {
      broken.insert(Key{Kind::kMeshConfig, "", object.name});
    }
  }
  for (const auto& [key, resource] : before.objects) {
    if (unit.content.incomplete || broken.count(key) > 0) next.objects.emplace(key, resource);
  }
  return next;
}

void Store::ReplaceUnit(const UnitName& name, UnitState next, bool gone, std::set<Key>* touched) {
  UnitState& state = units_[name];
  for (const auto& [key, resource] : state.objects) {
    const auto now = next.objects.find(key);
    if (now != next.objects.end() && now->second == resource) continue;
    touched->insert(key);
    if (now != next.objects.end()) continue;
    const auto owners = owners_.find(key);
    owners->second.erase(name);
    if (owners->second.empty()) owners_.erase(owners);
  }
  for (const auto& [key, resource] : next.objects) {
    if (owners_[key].insert(name).second) touched->insert(key);
  }
  if (gone) {
    units_.erase(name);
  } else {
    state = std::move(next);
  }
}

ResourcePtr Store::InForce(const Key& key) const {
  const auto owners = owners_.find(key);
  if (owners == owners_.end()) return nullptr;
  return units_.find(*owners->second.begin())->second.objects.find(key)->second;
}

ApplyResult Store::Apply(SourceUpdate update, const std::string& source) {
  MutexLock lock(&mutex_);
  ApplyResult result;
  std::set<Key> touched;
  for (Unit& unit : update.units) {
    const UnitName name(source, unit.name);
    const bool gone = unit.state == Unit::State::kGone;
    const auto at = units_.find(name);
    const auto remembered = remembered_.find(name);
    const UnitState before = at != units_.end()                ? at->second
                             : remembered != remembered_.end() ? remembered->second
                                                               : UnitState();
    UnitState next = gone ? UnitState() : NextState(before, std::move(unit));
    AddNewErrors(before.errors, next.errors, &result.new_errors);
    ReplaceUnit(name, std::move(next), gone, &touched);
  }

  // It has said all it has: what it did not name is gone.
  for (auto at = remembered_.lower_bound({source, ""});
       at != remembered_.end() && at->first.first == source;) {
    at = remembered_.erase(at);
  }

  for (const Key& key : touched) {
    std::vector<FieldError> errors;
    const auto owners = owners_.find(key);
    if (owners != owners_.end() && owners->second.size() > 1) {
      const ResourcePtr first = InForce(key);
      for (auto name = std::next(owners->second.begin()); name != owners->second.end(); ++name) {
        errors.push_back(DuplicateError(*first, *units_[*name].objects[key]));
      }
    }
    const auto known = duplicates_.find(key);
    AddNewErrors(known == duplicates_.end() ? std::vector<FieldError>() : known->second, errors,
                 &result.new_errors);
    if (!errors.empty()) {
      duplicates_[key] = std::move(errors);
    } else if (known != duplicates_.end()) {
      duplicates_.erase(known);
    }

    Change change{Change::Type::kUpdated, key, current_->Find(key.kind, key.ns, key.name),
                  InForce(key)};
    if (change.before == change.after) continue;
    if (change.before == nullptr) {
      change.type = Change::Type::kAdded;
    } else if (change.after == nullptr) {
      change.type = Change::Type::kRemoved;
    } else if (SameContent(*change.before, *change.after)) {
      change.type = Change::Type::kMoved;
    }
    result.changes.push_back(std::move(change));
  }

  if (!result.changes.empty()) {
    std::shared_ptr<Snapshot> next(new Snapshot(*current_));
    ++next->generation_;
    // Changes are sorted by kind, and in it as the lists are: one merge a kind.
    for (size_t i = 0; i < result.changes.size();) {
      const Kind kind = result.changes[i].key.kind;
      const absl::Span<const ResourcePtr> old = current_->List(kind);
      auto merged = std::make_shared<std::vector<ResourcePtr>>();
      merged->reserve(old.size() + 1);
      size_t at = 0;
      for (; i < result.changes.size() && result.changes[i].key.kind == kind; ++i) {
        const Change& change = result.changes[i];
        while (at < old.size() && old[at]->key() < change.key) merged->push_back(old[at++]);
        if (change.before != nullptr) ++at;
        if (change.after != nullptr) merged->push_back(change.after);
      }
      merged->insert(merged->end(), old.begin() + at, old.end());
      next->lists_[static_cast<int>(kind)] = std::move(merged);
    }
    current_ = std::move(next);
  }
  result.snapshot = current_;
  return result;
}

std::vector<KeptUnit> Store::Kept() const {
  MutexLock lock(&mutex_);
  std::vector<KeptUnit> kept;
  for (const auto& [name, unit] : units_) {
    if (unit.objects.empty()) continue;
    KeptUnit& out = kept.emplace_back();
    out.source = name.first;
    out.name = name.second;
    out.extent = unit.extent;
    for (const auto& [key, resource] : unit.objects) out.objects.push_back(resource);
  }
  return kept;
}

void Store::Remember(std::vector<KeptUnit> units) {
  MutexLock lock(&mutex_);
  for (KeptUnit& unit : units) {
    UnitState& state = remembered_[{unit.source, unit.name}];
    state.extent = unit.extent;
    for (ResourcePtr& resource : unit.objects) {
      const Key key = resource->key();
      state.objects[key] = std::move(resource);
    }
  }
}

SnapshotPtr Store::Current() const {
  MutexLock lock(&mutex_);
  return current_;
}

std::vector<FieldError> Store::Errors() const {
  MutexLock lock(&mutex_);
  std::vector<FieldError> errors;
  for (const auto& [name, unit] : units_) {
    errors.insert(errors.end(), unit.errors.begin(), unit.errors.end());
  }
  for (const auto& [key, duplicates] : duplicates_) {
    errors.insert(errors.end(), duplicates.begin(), duplicates.end());
  }
  std::stable_sort(errors.begin(), errors.end(), [](const FieldError& a, const FieldError& b) {
    return a.position < b.position;
  });
  return errors;
}

}  // namespace mesh::config
