// The search is led by points: take a point of what is left, find a cover that has it, and take
// that cover away. So only covers that matter are ever subtracted, and a rule that is plainly
// reachable costs one point.
//
// Taking box E from box R leaves disjoint pieces, one for each dimension of E: like R, but inside E
// in the dimensions before, and outside it in this one (for headers perhaps several such). The
// point of a piece is the point of R with one value changed.
#include "mesh/route/proof/cover.h"

#include <algorithm>
#include <utility>

namespace mesh::route::proof {
namespace {

struct Piece {
  Box box;
  Point point;
};

// Points outside that were refused before the search gives up.
constexpr int kMaxRefused = 16;

const ValueSet& SetOf(const Model& model, const Box& box, int dimension) {
  const ValueSet* set = box.Find(dimension);
  return set != nullptr ? *set : model.dimensions()[dimension].universe;
}

void Put(int dimension, ValueSet set, Box* box) {
  auto at = std::lower_bound(box->sets.begin(), box->sets.end(), dimension,
                             [](const auto& entry, int d) { return entry.first < d; });
  if (at != box->sets.end() && at->first == dimension) {
    at->second = std::move(set);
  } else {
    box->sets.insert(at, {dimension, std::move(set)});
  }
}

// Whether `cover` has all of `box`; an error: spent.
absl::StatusOr<bool> Includes(const Model& model, const Box& cover, const Box& box,
                              regex::Budget& budget) {
  for (const auto& [dimension, set] : cover.sets) {
    const absl::StatusOr<bool> includes = set.Includes(SetOf(model, box, dimension), budget);
    if (!includes.ok() || !*includes) return includes;
  }
  return true;
}

}  // namespace

Coverage FindOutside(const Model& model, const Box& box, const std::vector<Cover>& covers,
                     const std::function<bool(const Point&)>& accepts, regex::Budget& budget) {
  Coverage coverage;
  std::vector<Cover> near;
  for (const Cover& cover : covers) {
    if (!cover.box->inexact && !cover.box->SurelyDisjoint(box)) near.push_back(cover);
  }
  // Looking at a cover costs less than a step.
  if (!budget.Spend(static_cast<int64_t>(covers.size() / 4 + near.size()))) {
    coverage.answer = Coverage::Answer::kSpent;
    return coverage;
  }
  std::vector<Piece> pieces;
  pieces.push_back({box, model.Into(box, model.Ordinary())});

  // One that covers all has every point.
  for (const Cover& cover : near) {
    if (!Contains(*cover.box, pieces[0].point)) continue;
    const absl::StatusOr<bool> all = Includes(model, *cover.box, box, budget);
    if (all.ok() && *all) {
      coverage.owners = {cover.owner};
      return coverage;
    }
  }

  int refused = 0;
  while (!pieces.empty()) {
    Piece piece = std::move(pieces.back());
    pieces.pop_back();
    if (!budget.Spend(1 + static_cast<int64_t>(near.size()))) {
      coverage.answer = Coverage::Answer::kSpent;
      return coverage;
    }
    const auto taker = std::find_if(near.begin(), near.end(), [&](const Cover& cover) {
      return Contains(*cover.box, piece.point);
    });
    if (taker == near.end()) {
      if (accepts(piece.point)) {
        coverage.answer = Coverage::Answer::kOutside;
        coverage.point = std::move(piece.point);
        return coverage;
      }
      if (++refused >= kMaxRefused) break;
      continue;
    }
    coverage.owners.push_back(taker->owner);
    Box rest = piece.box;
    const size_t first = pieces.size();
    for (const auto& [dimension, set] : taker->box->sets) {
      const ValueSet before = SetOf(model, rest, dimension);
      absl::StatusOr<std::vector<ValueSet>> outside = ValueSet::Subtract(before, set, budget);
      if (!outside.ok()) {
        coverage.answer = Coverage::Answer::kSpent;
        return coverage;
      }
      for (ValueSet& part : *outside) {
        Piece next{rest, piece.point};
        next.point[dimension] = model.Choose(dimension, part);
        Put(dimension, std::move(part), &next.box);
        pieces.push_back(std::move(next));
      }
      absl::StatusOr<ValueSet> inside = ValueSet::Intersect(before, set, budget);
      if (!inside.ok()) {
        coverage.answer = Coverage::Answer::kSpent;
        return coverage;
      }
      Put(dimension, *std::move(inside), &rest);
    }
    // The first dimension's piece, usually the path's, is the nicest to read.
    std::reverse(pieces.begin() + first, pieces.end());
  }
  if (refused > 0) coverage.answer = Coverage::Answer::kSpent;
  std::sort(coverage.owners.begin(), coverage.owners.end());
  coverage.owners.erase(std::unique(coverage.owners.begin(), coverage.owners.end()),
                        coverage.owners.end());
  return coverage;
}

}  // namespace mesh::route::proof
