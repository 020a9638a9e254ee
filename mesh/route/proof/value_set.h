// What one part of a request may be: which texts, and whether the part may be missing. Private to
// mesh/route/proof.
#ifndef MESH_ROUTE_PROOF_VALUE_SET_H_
#define MESH_ROUTE_PROOF_VALUE_SET_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/route/regex/automaton.h"

namespace mesh::route::proof {

// The values of a part: none where it is missing, one, or, for headers, several.
using Value = std::vector<std::string>;

// A set of Values: the missing one or not, and those whose texts are all in `texts` and which have
// a text in each of `hits`. Parts with one value need no hits: one text is in two sets if it is in
// both.
class ValueSet {
 public:
  ValueSet() = default;
  // Exactly one value, out of `texts`.
  static ValueSet One(bool absent, regex::Automaton texts);
  // Any number of values, all out of `texts`; at least one in each of `hits`, which are parts of
  // it.
  static ValueSet Many(bool absent, regex::Automaton texts, std::vector<regex::Automaton> hits);
  static ValueSet Absent();

  bool absent() const { return absent_; }
  // Without the missing one.
  bool many() const { return many_; }
  const regex::Automaton& texts() const { return texts_; }
  const std::vector<regex::Automaton>& hits() const { return hits_; }
  bool empty() const { return !absent_ && texts_.empty(); }
  bool Has(const Value& value) const;

  // Cheap, and false where it does not see at once that nothing is in both.
  bool SurelyDisjoint(const ValueSet& other) const;

  static absl::StatusOr<ValueSet> Intersect(const ValueSet& a, const ValueSet& b,
                                            regex::Budget& budget);
  // Sets, none empty, none with a Value of another, that together are `a` without `b`.
  static absl::StatusOr<std::vector<ValueSet>> Subtract(const ValueSet& a, const ValueSet& b,
                                                        regex::Budget& budget);
  // Everything in `inner` is in this.
  absl::StatusOr<bool> Includes(const ValueSet& inner, regex::Budget& budget) const;

 private:
  // A part of this without the missing one: texts also in (or not in) `texts`.
  absl::StatusOr<ValueSet> Narrow(const regex::Automaton& texts, bool inside,
                                  regex::Budget& budget) const;
  // The same with one text in `hit`, and not the missing one.
  absl::StatusOr<ValueSet> Hit(const regex::Automaton& hit, regex::Budget& budget) const;

  bool absent_ = false;
  bool many_ = false;
  regex::Automaton texts_;  // empty: only the missing one, if that
  std::vector<regex::Automaton> hits_;
  std::string prefix_;  // of texts_
};

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_VALUE_SET_H_
