// Whether boxes cover a box, and a point outside them where they do not. Private to
// mesh/route/proof.
#ifndef MESH_ROUTE_PROOF_COVER_H_
#define MESH_ROUTE_PROOF_COVER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "mesh/route/proof/model.h"

namespace mesh::route::proof {

// A box that may cover, and whose it is.
struct Cover {
  const Box* box = nullptr;
  uint32_t owner = 0;
};

struct Coverage {
  enum class Answer : uint8_t { kCovered, kOutside, kSpent };
  Answer answer = Answer::kCovered;
  std::vector<uint32_t> owners;  // kCovered: of the boxes that do it; ascending, no duplicates
  Point point;                   // kOutside: in the box and in none of the covers
};

// Exact within the model. Where one cover alone suffices it is found as the only owner. `accepts`
// may refuse a point outside (because it is no request after all): the search then goes on with
// other pieces of the box, and if all were refused ends with kSpent.
Coverage FindOutside(const Model& model, const Box& box, const std::vector<Cover>& covers,
                     const std::function<bool(const Point&)>& accepts, regex::Budget& budget);

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_COVER_H_
