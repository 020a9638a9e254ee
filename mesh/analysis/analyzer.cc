// How it follows: an object that changed is looked at, and so is every object that uses a name
// which the changed one has come to define, has ceased to define, or describes. These are put into
// a snapshot that has nothing else of their kinds, but all of the other kinds; the checks run over
// it as over any, and what they say of these objects takes the place of what they said before.
// Where a check relates objects of one kind to each other, those that define what a looked-at
// object uses must be in that snapshot too: they are, and what is said of them is passed over.

#include "mesh/analysis/analyzer.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/facts.h"
#include "mesh/analysis/links.h"
#include "mesh/config/list_changes.h"

namespace mesh::analysis {
namespace {

using config::Kind;
using config::Resource;
using config::ResourcePtr;

struct Change {
  ResourcePtr before;  // null: it is new
  ResourcePtr after;   // null: it is gone
};

std::vector<Change> Compare(const config::Snapshot& before, const config::Snapshot& after) {
  std::vector<Change> changes;
  for (const config::KindInfo& info : config::AllKinds()) {
    if (config::SharesList(before, after, info.kind)) continue;
    config::ForEachChange(before.List(info.kind), after.List(info.kind),
                          [&](const ResourcePtr& was, const ResourcePtr& is) {
                            changes.push_back({was, is});
                          });
  }
  return changes;
}

std::string NameOf(std::string_view kind, std::string_view ns, std::string_view name) {
  std::string text;
  text.reserve(kind.size() + ns.size() + name.size() + 2);
  text.append(kind).append(1, '\n').append(ns).append(1, '\n').append(name);
  return text;
}

std::string NameOf(const Resource& object) {
  return NameOf(config::KindName(object.kind()), object.ns(), object.name());
}

std::string NameOf(const Finding& finding) {
  return NameOf(finding.kind, finding.ns, finding.name);
}

bool SameUnread(const std::vector<UnreadObject>& a, const std::vector<UnreadObject>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const UnreadObject& x, const UnreadObject& y) {
                      if (std::tie(x.kind, x.ns, x.name) != std::tie(y.kind, y.ns, y.name) ||
                          !(x.position == y.position) || x.document != y.document ||
                          x.errors.size() != y.errors.size()) {
                        return false;
                      }
                      for (size_t i = 0; i < x.errors.size(); ++i) {
                        if (x.errors[i].ToString() != y.errors[i].ToString()) return false;
                      }
                      return true;
                    });
}

// Who has which name.
class LinkIndex {
 public:
  void Add(const ResourcePtr& object) {
    const Links links = LinksOf(*object);
    for (LinkName name : links.uses) users_[name].push_back(object);
    for (LinkName name : links.defines) definers_[name].push_back(object);
    for (LinkName name : links.describes) definers_[name].push_back(object);
  }
  void Remove(const ResourcePtr& object) {
    const Links links = LinksOf(*object);
    for (LinkName name : links.uses) Drop(object, name, &users_);
    for (LinkName name : links.defines) Drop(object, name, &definers_);
    for (LinkName name : links.describes) Drop(object, name, &definers_);
  }
  template <class F>
  void ForEachUser(LinkName name, F f) const {
    ForEach(users_, name, f);
  }
  template <class F>
  void ForEachDefiner(LinkName name, F f) const {
    ForEach(definers_, name, f);
  }

 private:
  using Map = absl::flat_hash_map<LinkName, std::vector<ResourcePtr>>;
  static void Drop(const ResourcePtr& object, LinkName name, Map* map) {
    const auto at = map->find(name);
    if (at == map->end()) return;
    auto& objects = at->second;
    objects.erase(std::remove(objects.begin(), objects.end(), object), objects.end());
    if (objects.empty()) map->erase(at);
  }
  template <class F>
  static void ForEach(const Map& map, LinkName name, F f) {
    const auto at = map.find(name);
    if (at == map.end()) return;
    for (const ResourcePtr& object : at->second) f(object);
  }

  Map users_;
  Map definers_;
};

}  // namespace

class Analyzer::State {
 public:
  std::vector<Finding> Update(config::SnapshotPtr snapshot, const Options& options) {
    work_ = Work();
    std::vector<Change> changes;
    bool everything = facts_ == nullptr || options_.checks != options.checks ||
                      options_.assume_ingress_gateway != options.assume_ingress_gateway ||
                      options_.translated_pairs != options.translated_pairs ||
                      options_.proof_steps != options.proof_steps ||
                      !SameUnread(options_.unread, options.unread);
    if (!everything) {
      changes = Compare(*snapshot_, *snapshot);
      everything = snapshot_->mesh_config_resource() != snapshot->mesh_config_resource();
      for (const Change& change : changes) {
        const Resource& object = change.after != nullptr ? *change.after : *change.before;
        everything = everything || !Facts::CanFollow(object.kind());
      }
    }
    if (everything) {
      Begin(std::move(snapshot), options);
    } else {
      Follow(std::move(snapshot), changes);
    }
    Findings all = of_unread_;
    for (const Findings& findings : findings_) {
      all.insert(all.end(), findings.begin(), findings.end());
    }
    Finish(*snapshot_, &all);
    return all;
  }

  const Work& work() const { return work_; }

 private:
  bool IsOn(const Check& check) const {
    return options_.checks.empty() || std::find(options_.checks.begin(), options_.checks.end(),
                                                check.name) != options_.checks.end();
  }

  void Begin(config::SnapshotPtr snapshot, const Options& options) {
    work_.everything = true;
    snapshot_ = std::move(snapshot);
    options_ = options;
    without_unread_ = options;
    without_unread_.unread.clear();
    facts_ = std::make_unique<Facts>(snapshot_, options_);
    facts_snapshot_ = snapshot_;
    links_ = LinkIndex();
    for (const config::KindInfo& info : config::AllKinds()) {
      if (!Facts::CanFollow(info.kind)) continue;
      for (const ResourcePtr& object : snapshot_->List(info.kind)) links_.Add(object);
    }
    findings_.assign(AllChecks().size(), Findings());
    of_unread_.clear();
    for (size_t i = 0; i < AllChecks().size(); ++i) {
      const Check& check = AllChecks()[i];
      if (!IsOn(check)) continue;
      if (check.scope != Scope::kObject) {
        check.run(*facts_, &findings_[i]);
        continue;
      }
      // What is said of objects that are in no snapshot stays until there are others.
      facts_->LookAt(snapshot_, without_unread_);
      check.run(*facts_, &findings_[i]);
      facts_->LookAt(snapshot_->WithOnly(check.about, {}), options_);
      check.run(*facts_, &of_unread_);
      facts_->LookAt(snapshot_, options_);
    }
  }

  void Follow(config::SnapshotPtr snapshot, const std::vector<Change>& changes) {
    const config::SnapshotPtr before = std::exchange(snapshot_, std::move(snapshot));
    if (changes.empty()) return;
    std::vector<ResourcePtr> looked_at;
    absl::flat_hash_set<const Resource*> seen;
    absl::flat_hash_set<std::string> names;  // of what is looked at, or gone
    const auto look_at = [&](const ResourcePtr& object) {
      if (!seen.insert(object.get()).second) return;
      looked_at.push_back(object);
      names.insert(NameOf(*object));
    };
    for (const Change& change : changes) {
      facts_->Replace(change.before.get(), change.after.get());
      if (change.before != nullptr) links_.Remove(change.before);
      if (change.after != nullptr) links_.Add(change.after);
    }
    for (const Change& change : changes) {
      if (change.before != nullptr) names.insert(NameOf(*change.before));
      if (change.after != nullptr) look_at(change.after);
      const Links old = change.before == nullptr ? Links() : LinksOf(*change.before);
      const Links now = change.after == nullptr ? Links() : LinksOf(*change.after);
      std::vector<LinkName> touched;
      std::set_symmetric_difference(old.defines.begin(), old.defines.end(), now.defines.begin(),
                                    now.defines.end(), std::back_inserter(touched));
      touched.insert(touched.end(), old.describes.begin(), old.describes.end());
      touched.insert(touched.end(), now.describes.begin(), now.describes.end());
      for (LinkName name : touched) links_.ForEachUser(name, look_at);
    }
    work_.objects = looked_at.size();
    // What those use is there too, as are the others that define it.
    std::vector<ResourcePtr> around = looked_at;
    for (const ResourcePtr& object : looked_at) {
      for (LinkName name : LinksOf(*object).uses) {
        links_.ForEachDefiner(name, [&](const ResourcePtr& definer) {
          if (seen.insert(definer.get()).second) around.push_back(definer);
        });
      }
    }
    facts_->Follow(snapshot_, options_);
    for (size_t i = 0; i < AllChecks().size(); ++i) {
      if (IsOn(AllChecks()[i])) RunAgain(AllChecks()[i], changes, around, names, &findings_[i]);
    }
  }

  void RunAgain(const Check& check, const std::vector<Change>& changes,
                const std::vector<ResourcePtr>& around,
                const absl::flat_hash_set<std::string>& names, Findings* findings) {
    const auto is_about = [&](const Resource& object) {
      return std::find(check.about.begin(), check.about.end(), object.kind()) != check.about.end();
    };
    if (check.scope != Scope::kObject) {
      const bool concerned =
          check.scope == Scope::kSnapshot ||
          std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
            return is_about(change.after != nullptr ? *change.after : *change.before);
          });
      if (!concerned) return;
      findings->clear();
      check.run(*facts_, findings);
      return;
    }
    findings->erase(std::remove_if(findings->begin(), findings->end(),
                                   [&](const Finding& f) { return names.contains(NameOf(f)); }),
                    findings->end());
    if (std::none_of(around.begin(), around.end(),
                     [&](const ResourcePtr& object) { return is_about(*object); })) {
      return;
    }
    facts_->LookAt(snapshot_->WithOnly(check.about, around), without_unread_);
    Findings anew;
    check.run(*facts_, &anew);
    facts_->LookAt(snapshot_, options_);
    for (Finding& finding : anew) {
      if (names.contains(NameOf(finding))) findings->push_back(std::move(finding));
    }
  }

  config::SnapshotPtr snapshot_;
  // That the facts were made of: what they point to of kinds that cannot be followed is in it.
  config::SnapshotPtr facts_snapshot_;
  Options options_;
  Options without_unread_;
  std::unique_ptr<Facts> facts_;
  LinkIndex links_;
  std::vector<Findings> findings_;  // of each check
  Findings of_unread_;
  Work work_;
};

Analyzer::Analyzer() : state_(std::make_unique<State>()) {}
Analyzer::~Analyzer() = default;

std::vector<Finding> Analyzer::Update(config::SnapshotPtr snapshot, const Options& options) {
  return state_->Update(std::move(snapshot), options);
}

const Analyzer::Work& Analyzer::last_work() const { return state_->work(); }

}  // namespace mesh::analysis
