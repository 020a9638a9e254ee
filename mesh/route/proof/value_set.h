// What one part of a request may be: a set of texts, and whether the part may be missing. Private
// to mesh/route/proof.
#ifndef MESH_ROUTE_PROOF_VALUE_SET_H_
#define MESH_ROUTE_PROOF_VALUE_SET_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "mesh/route/regex/automaton.h"

namespace mesh::route::proof {

// One value out of it; nothing: missing.
using Value = std::optional<std::string>;

class ValueSet {
 public:
  ValueSet() = default;
  ValueSet(bool absent, regex::Automaton texts)
      : absent_(absent), texts_(std::move(texts)), prefix_(texts_.CommonPrefix()) {}

  bool absent() const { return absent_; }
  const regex::Automaton& texts() const { return texts_; }
  bool empty() const { return !absent_ && texts_.empty(); }
  bool Has(const Value& value) const {
    return value.has_value() ? texts_.Accepts(*value) : absent_;
  }

  // Cheap, and false where it does not see at once that nothing is in both.
  bool SurelyDisjoint(const ValueSet& other) const;

  static absl::StatusOr<ValueSet> Intersect(const ValueSet& a, const ValueSet& b,
                                            regex::Budget& budget);
  static absl::StatusOr<ValueSet> Subtract(const ValueSet& a, const ValueSet& b,
                                           regex::Budget& budget);
  // Everything in `inner` is in this.
  absl::StatusOr<bool> Includes(const ValueSet& inner, regex::Budget& budget) const;

 private:
  bool absent_ = false;
  regex::Automaton texts_;
  std::string prefix_;
};

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_VALUE_SET_H_
