#include "mesh/route/proof/value_set.h"

#include <algorithm>

namespace mesh::route::proof {

using regex::Automaton;
using regex::Budget;

ValueSet ValueSet::One(bool absent, Automaton texts) {
  ValueSet set;
  set.absent_ = absent;
  set.texts_ = std::move(texts);
  set.prefix_ = set.texts_.CommonPrefix();
  return set;
}

ValueSet ValueSet::Many(bool absent, Automaton texts, std::vector<Automaton> hits) {
  const bool none =
      std::any_of(hits.begin(), hits.end(), [](const Automaton& hit) { return hit.empty(); });
  ValueSet set = One(absent, none ? Automaton() : std::move(texts));
  set.many_ = true;
  if (!none) set.hits_ = std::move(hits);
  return set;
}

ValueSet ValueSet::Absent() { return One(true, Automaton()); }

bool ValueSet::Has(const Value& value) const {
  if (value.empty()) return absent_;
  if (texts_.empty() || (value.size() > 1 && !many_)) return false;
  return std::all_of(value.begin(), value.end(),
                     [this](const std::string& text) { return texts_.Accepts(text); }) &&
         std::all_of(hits_.begin(), hits_.end(), [&value](const Automaton& hit) {
           return std::any_of(value.begin(), value.end(),
                              [&hit](const std::string& text) { return hit.Accepts(text); });
         });
}

bool ValueSet::SurelyDisjoint(const ValueSet& other) const {
  if (absent_ && other.absent_) return false;
  if (texts_.empty() || other.texts_.empty()) return true;
  const size_t n = std::min(prefix_.size(), other.prefix_.size());
  return prefix_.compare(0, n, other.prefix_, 0, n) != 0;
}

absl::StatusOr<ValueSet> ValueSet::Narrow(const Automaton& texts, bool inside,
                                          Budget& budget) const {
  const auto part = [&](const Automaton& of) {
    return inside ? regex::Intersection(of, texts, budget) : regex::Difference(of, texts, budget);
  };
  absl::StatusOr<Automaton> narrow = part(texts_);
  if (!narrow.ok()) return narrow.status();
  if (!many_) return One(false, *std::move(narrow));
  std::vector<Automaton> hits;
  for (const Automaton& hit : hits_) {
    absl::StatusOr<Automaton> rest = part(hit);
    if (!rest.ok()) return rest.status();
    hits.push_back(*std::move(rest));
  }
  return Many(false, *std::move(narrow), std::move(hits));
}

absl::StatusOr<ValueSet> ValueSet::Hit(const Automaton& hit, Budget& budget) const {
  absl::StatusOr<Automaton> part = regex::Intersection(texts_, hit, budget);
  if (!part.ok()) return part.status();
  // One that is known to be hit inside it says more; then those around it say nothing any more.
  std::vector<Automaton> hits;
  bool implied = *part == texts_;
  for (const Automaton& known : hits_) {
    absl::StatusOr<bool> says_more = regex::Includes(*part, known, budget);
    if (!says_more.ok()) return says_more.status();
    implied = implied || *says_more;
    const absl::StatusOr<bool> says_less = regex::Includes(known, *part, budget);
    if (!says_less.ok()) return says_less.status();
    if (!*says_less || *says_more) hits.push_back(known);
  }
  if (!implied) hits.push_back(*std::move(part));
  return Many(false, texts_, std::move(hits));
}

absl::StatusOr<ValueSet> ValueSet::Intersect(const ValueSet& a, const ValueSet& b, Budget& budget) {
  absl::StatusOr<ValueSet> both = a.Narrow(b.texts_, /*inside=*/true, budget);
  for (size_t i = 0; both.ok() && i < b.hits_.size() && !both->texts_.empty(); ++i) {
    both = both->Hit(b.hits_[i], budget);
  }
  if (both.ok()) both->absent_ = a.absent_ && b.absent_;
  return both;
}

absl::StatusOr<std::vector<ValueSet>> ValueSet::Subtract(const ValueSet& a, const ValueSet& b,
                                                         Budget& budget) {
  std::vector<ValueSet> pieces;
  const bool absent = a.absent_ && !b.absent_;
  const auto add = [&](ValueSet piece) {
    if (!piece.texts_.empty()) pieces.push_back(std::move(piece));
  };
  ValueSet rest = a;
  rest.absent_ = false;
  if (b.texts_.empty()) {
    add(rest);
  } else if (!a.many_) {
    absl::StatusOr<ValueSet> outside = a.Narrow(b.texts_, /*inside=*/false, budget);
    if (!outside.ok()) return outside.status();
    add(*std::move(outside));
  } else {
    // Not in b for one reason at a time: it misses this hit; it has all so far but misses this; it
    // has all, and a text that b does not allow.
    for (const Automaton& hit : b.hits_) {
      if (rest.texts_.empty()) break;
      absl::StatusOr<ValueSet> misses = rest.Narrow(hit, /*inside=*/false, budget);
      if (!misses.ok()) return misses.status();
      add(*std::move(misses));
      absl::StatusOr<ValueSet> has = rest.Hit(hit, budget);
      if (!has.ok()) return has.status();
      rest = *std::move(has);
    }
    if (!rest.texts_.empty()) {
      const absl::StatusOr<Automaton> foreign = regex::Difference(rest.texts_, b.texts_, budget);
      if (!foreign.ok()) return foreign.status();
      absl::StatusOr<ValueSet> has = rest.Hit(*foreign, budget);
      if (!has.ok()) return has.status();
      add(*std::move(has));
    }
  }
  if (absent && pieces.empty()) pieces.push_back(Absent());
  if (absent) pieces[0].absent_ = true;
  return pieces;
}

absl::StatusOr<bool> ValueSet::Includes(const ValueSet& inner, Budget& budget) const {
  if (inner.absent_ && !absent_) return false;
  if (inner.texts_.empty()) return true;
  const absl::StatusOr<bool> texts = regex::Includes(texts_, inner.texts_, budget);
  if (!texts.ok() || !*texts) return texts;
  for (const Automaton& hit : hits_) {
    // Some text in it for certain: all texts are, or one that is known to be hit.
    absl::StatusOr<bool> certain = regex::Includes(hit, inner.texts_, budget);
    for (size_t i = 0; certain.ok() && !*certain && i < inner.hits_.size(); ++i) {
      certain = regex::Includes(hit, inner.hits_[i], budget);
    }
    if (!certain.ok() || !*certain) return certain;
  }
  return true;
}

}  // namespace mesh::route::proof
