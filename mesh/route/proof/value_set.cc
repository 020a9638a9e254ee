#include "mesh/route/proof/value_set.h"

#include <algorithm>

namespace mesh::route::proof {

bool ValueSet::SurelyDisjoint(const ValueSet& other) const {
  if (absent_ && other.absent_) return false;
  if (texts_.empty() || other.texts_.empty()) return true;
  const size_t n = std::min(prefix_.size(), other.prefix_.size());
  return prefix_.compare(0, n, other.prefix_, 0, n) != 0;
}

absl::StatusOr<ValueSet> ValueSet::Intersect(const ValueSet& a, const ValueSet& b,
                                             regex::Budget& budget) {
  absl::StatusOr<regex::Automaton> texts = regex::Intersection(a.texts_, b.texts_, budget);
  if (!texts.ok()) return texts.status();
  return ValueSet(a.absent_ && b.absent_, *std::move(texts));
}

absl::StatusOr<ValueSet> ValueSet::Subtract(const ValueSet& a, const ValueSet& b,
                                            regex::Budget& budget) {
  absl::StatusOr<regex::Automaton> texts = regex::Difference(a.texts_, b.texts_, budget);
  if (!texts.ok()) return texts.status();
  return ValueSet(a.absent_ && !b.absent_, *std::move(texts));
}

absl::StatusOr<bool> ValueSet::Includes(const ValueSet& inner, regex::Budget& budget) const {
  if (inner.absent_ && !absent_) return false;
  return regex::Includes(texts_, inner.texts_, budget);
}

}  // namespace mesh::route::proof
