// Which requests two tables treat differently.
//
//   auto diff = proof::FindDifferences(*before, fate_before, *after, fate_after, {});
//   for (const proof::Difference& d : diff->differences) {
//     print(d.witness.method, d.witness.Url(), d.before, "->", d.after);
//   }
#ifndef MESH_ROUTE_PROOF_DIFFERENCE_H_
#define MESH_ROUTE_PROOF_DIFFERENCE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/route/proof/reachability.h"

namespace mesh::route::proof {

// What becomes of a request with this match, in words of the caller: a cluster, a redirect, "404".
// Two requests whose fates are the same text are treated alike. Called often; must be pure.
using Fate = std::function<std::string(const Match&)>;

struct DifferenceOptions : Options {
  int max_differences = 100;
};

struct Difference {
  Witness witness;  // both tables were asked: `before` and `after` are what they said
  Match before_match;
  Match after_match;
  std::string before;
  std::string after;
};

struct Differences {
  // One for each pair of rules (or of a rule and "no rule") that share a request.
  std::vector<Difference> differences;
  // True: there are no others but between the same pairs. False: the budget or max_differences
  // ended the search, or something was not understood; then `reason` says what.
  bool complete = true;
  std::string reason;
};

// Cost: pairs of rules of virtual hosts that share a host and whose fates differ; virtual hosts
// that are equal, rules and fates, cost a comparison. Thread-safe.
absl::StatusOr<Differences> FindDifferences(const Table& before, const Fate& fate_before,
                                            const Table& after, const Fate& fate_after,
                                            const DifferenceOptions& options);

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_DIFFERENCE_H_
