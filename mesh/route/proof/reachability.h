// Which rules of a table no request can reach.
//
//   absl::StatusOr<std::vector<proof::RuleProof>> proofs = proof::ProveRules(*table, {});
//   for (const proof::RuleProof& p : *proofs) {
//     if (p.verdict == proof::Verdict::kUnreachable) report(*p.rule.rule, p.hidden_by, p.reason);
//   }
//
// "Unreachable" is a proof: the rule's requests, as products of string sets (paths, each header,
// each query parameter ...), are covered by the rules before it, alone or together. "Reachable" is
// an experiment: the witness was given to a table, which chose the rule. What neither shows within
// the budget is "unknown", with the reason.
//
// Requests are taken to be such as HTTP allows: a path of visible ASCII that begins with '/' (or is
// "*"), header values of visible ASCII with blanks inside (RFC 9110 §5.5, RFC 9112 §3.2), a host;
// Options::non_ascii adds the bytes above 127, which some clients send.
#ifndef MESH_ROUTE_PROOF_REACHABILITY_H_
#define MESH_ROUTE_PROOF_REACHABILITY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/route/proof/witness.h"
#include "mesh/route/rule.h"
#include "mesh/route/table.h"

namespace mesh::route::proof {

struct Options {
  // What one rule (one pair of rules in a difference) may cost, and all of them together. A step is
  // some ten nanoseconds (regex::Budget).
  int64_t steps_per_rule = 500'000;
  int64_t steps = 100'000'000;
  absl::Time deadline = absl::InfiniteFuture();
  bool non_ascii = false;
};

// A rule of a table; borrows from the table's virtual hosts.
struct RuleReference {
  uint32_t virtual_host = 0;  // index into Table::virtual_hosts()
  // Position among the virtual host's rules; in a match tree, among the rules of its actions in the
  // order in which the tree comes to them.
  uint32_t index = 0;
  const Rule* rule = nullptr;
};

enum class Verdict : uint8_t { kReachable, kUnreachable, kUnknown };

struct RuleProof {
  RuleReference rule;
  Verdict verdict = Verdict::kUnknown;
  std::optional<Witness> witness;  // kReachable
  // kUnreachable: rules before it that take all its requests, as few as were found; none where the
  // rule's own conditions exclude each other.
  std::vector<RuleReference> hidden_by;
  std::string reason;  // in words; "" with kReachable
};

// One proof for each rule of each virtual host, in order. InvalidArgument: the table's virtual
// hosts do not build without errors (a table with isolated errors). Cost: each regex becomes an
// automaton once; rules are compared only with rules of the same virtual host whose literal
// prefixes allow a common request. No memory of it remains. Thread-safe.
absl::StatusOr<std::vector<RuleProof>> ProveRules(const Table& table, const Options& options);

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_REACHABILITY_H_
