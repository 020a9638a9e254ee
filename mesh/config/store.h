// Makes snapshots out of what sources say, and keeps the last good version of each object.
#ifndef MESH_CONFIG_STORE_H_
#define MESH_CONFIG_STORE_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mesh/base/field_error.h"
#include "mesh/base/mutex.h"
#include "mesh/config/snapshot.h"
#include "mesh/config/source.h"

namespace mesh::config {

// One object that is not as it was.
struct Change {
  enum class Type {
    kAdded,
    kUpdated,
    kRemoved,
    kMoved,  // means the same and stands elsewhere: only positions differ
  };
  Type type;
  Key key;
  ResourcePtr before;  // null for kAdded
  ResourcePtr after;   // null for kRemoved
};

struct ApplyResult {
  // The one before, where nothing changed.
  SnapshotPtr snapshot;
  // Sorted by key. Empty where nothing changed.
  std::vector<Change> changes;
  // What is wrong and was not said before: an error is reported once, not at every read, and again
  // after it had gone.
  std::vector<FieldError> new_errors;
};

// What a unit holds, for the next life of a store.
struct KeptUnit {
  std::string source;
  std::string name;
  std::optional<Extent> extent;
  std::vector<ResourcePtr> objects;  // the last good versions
};

// The rules: an object whose new version has errors stays in force as it last was without, or is
// not there at all; a unit that cannot be read, or not to its end, loses nothing; an object goes
// when a unit that was read in full no longer has it; of two objects with one key the one of the
// first unit by name, and in it the first, is in force, and the others are errors naming both
// places.
//
//   Store store;
//   source.Start([&](SourceUpdate update) { Use(store.Apply(std::move(update))); });
//
// Thread-safe; calls of Apply are worked off one after the other.
// Cost of Apply: what the changed units hold, plus one copy of the list of each kind that changed.
class Store {
 public:
  struct Options {
    // What is wrong with an object that reads well: such an object counts as broken. Default:
    // ValidateResource of validate.h. Where it must not be, give a function that returns nothing.
    std::function<std::vector<FieldError>(const Resource&)> validate;
  };
  Store();
  explicit Store(Options options);

  // `source` tells units of the same name of several sources apart; it orders before their names.
  ApplyResult Apply(SourceUpdate update, const std::string& source = "");

  // All units. Cost: a copy of all pointers.
  std::vector<KeptUnit> Kept() const;
  // What was kept of an earlier store counts as what its units held before: for the first Apply of
  // each source, which has all its units. So an object that is broken now stays in force as it last
  // was; one that is gone, or whose unit is, does not come back. Before the first Apply.
  void Remember(std::vector<KeptUnit> units);

  // The newest snapshot; the first one is empty and has generation 0.
  SnapshotPtr Current() const;
  // All that is wrong now, by unit.
  std::vector<FieldError> Errors() const;

 private:
  using UnitName = std::pair<std::string, std::string>;  // source, unit
  struct UnitState {
    // In force, or waiting behind the same object of an earlier unit.
    std::map<Key, ResourcePtr> objects;
    std::vector<FieldError> errors;
    std::optional<Extent> extent;  // when it was last read whole
  };

  UnitState NextState(const UnitState& before, Unit unit) const;
  void ReplaceUnit(const UnitName& name, UnitState next, bool gone, std::set<Key>* touched)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ResourcePtr InForce(const Key& key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  mutable Mutex mutex_;
  std::map<UnitName, UnitState> units_ ABSL_GUARDED_BY(mutex_);
  // Those of sources that have not said anything yet.
  std::map<UnitName, UnitState> remembered_ ABSL_GUARDED_BY(mutex_);
  // The units that have an object of a key; the first one's is in force.
  std::map<Key, std::set<UnitName>> owners_ ABSL_GUARDED_BY(mutex_);
  // Errors of keys that several units have.
  std::map<Key, std::vector<FieldError>> duplicates_ ABSL_GUARDED_BY(mutex_);
  SnapshotPtr current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_STORE_H_
