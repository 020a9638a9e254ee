// Matchers as sets of texts. Private to mesh/route/proof.
#ifndef MESH_ROUTE_PROOF_LANGUAGES_H_
#define MESH_ROUTE_PROOF_LANGUAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "mesh/route/regex/automaton.h"
#include "mesh/route/rule.h"

namespace mesh::route::proof {

// Makes each set once. Not thread-safe.
class Languages {
 public:
  // `alphabet`: what texts the sets have to be right about. `steps_per_set`: what one set may cost;
  // all are paid from `budget`, which must outlive this object.
  Languages(regex::Alphabet alphabet, int64_t steps_per_set, regex::Budget& budget)
      : alphabet_(alphabet), steps_per_set_(steps_per_set), budget_(budget) {}

  // An error where a regex is not understood or too big; kept, too.
  absl::StatusOr<regex::Automaton> Of(const StringMatch& match);
  // Not for kConnect, which does not look at the path.
  absl::StatusOr<regex::Automaton> Of(const PathMatch& match);
  // Texts that absl::SimpleAtoi reads as begin <= n < end.
  absl::StatusOr<regex::Automaton> Integers(int64_t begin, int64_t end);
  // Six digits, the lowest first, of the numbers n with n modulo `denominator` < `numerator`.
  // Unimplemented for denominators other than 100, 10,000 and 1,000,000, which all proofs need.
  absl::StatusOr<regex::Automaton> Fraction(uint32_t numerator, uint32_t denominator);
  // Authorities that domains of virtual hosts accept, for a wildcard's '*' one byte at least. With
  // `ignore_port` any port may follow. `at_most`: leaves out what is doubtful (colons that are no
  // port's); otherwise it is in.
  absl::StatusOr<regex::Automaton> Domains(const std::vector<std::string>& domains,
                                           bool ignore_port, bool at_most);

 private:
  absl::StatusOr<regex::Automaton> FromTree(const std::string& key, const regex::Node& tree);
  absl::StatusOr<regex::Automaton> FromRegex(const std::string& regex);

  const regex::Alphabet alphabet_;
  const int64_t steps_per_set_;
  regex::Budget& budget_;
  absl::flat_hash_map<std::string, absl::StatusOr<regex::Automaton>> known_;
};

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_LANGUAGES_H_
