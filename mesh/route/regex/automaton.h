// Sets of byte strings as deterministic automata: what a regular expression, a prefix or a literal
// matches as a whole, with union, intersection, difference, emptiness and a shortest member.
//
//   Budget budget;
//   auto a = Automaton::FromRegex("/a/[^/]+", budget);
//   auto b = Automaton::Prefix("/a/");
//   auto rest = Difference(b, *a, budget);            // what /a/ takes and the regex does not
//   if (rest.ok() && !rest->empty()) std::string path = rest->Shortest();
//
// Exact for what mesh/route/regex/syntax.h understands; everything else is a status, never a guess.
#ifndef MESH_ROUTE_REGEX_AUTOMATON_H_
#define MESH_ROUTE_REGEX_AUTOMATON_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "mesh/route/regex/byte_set.h"
#include "mesh/route/regex/syntax.h"

namespace mesh::route::regex {

// What a computation may cost, shared by as many calls as one likes. A step is about one transition
// built or followed (some ten nanoseconds, and at most some ten bytes). Steps are the same on every
// machine; the deadline is not and is off unless set. Not thread-safe.
class Budget {
 public:
  explicit Budget(int64_t steps = 2'000'000, absl::Time deadline = absl::InfiniteFuture())
      : left_(steps), deadline_(deadline) {}

  // False when the budget is gone; it stays gone.
  bool Spend(int64_t steps);
  int64_t left() const { return left_ > 0 ? left_ : 0; }

 private:
  int64_t left_;
  int64_t until_check_ = 0;
  absl::Time deadline_;
};

// An immutable value; copying shares. Minimal: equal sets have equal automata. Thread-compatible.
// Functions that take a Budget return ResourceExhausted when it is spent.
class Automaton {
 public:
  // Bytes first..last (both included) lead to state `to`.
  struct Edge {
    uint8_t first = 0;
    uint8_t last = 0;
    uint32_t to = 0;
  };
  struct States {
    std::vector<uint32_t> begin;      // edges of s: edges[begin[s]] .. edges[begin[s + 1]]
    std::vector<Edge> edges;          // per state ascending and disjoint; what is missing is death
    std::vector<uint8_t> accepts;     // per state
    std::vector<uint8_t> everything;  // per state: all strings are accepted from here
  };

  Automaton();  // the empty set
  static Automaton Everything();
  static Automaton Literal(std::string_view text);
  static Automaton Prefix(std::string_view text);  // what begins with it
  // ASCII letters in either case.
  static Automaton LiteralIgnoringCase(std::string_view text);
  static Automaton PrefixIgnoringCase(std::string_view text);
  // Strings of `min` to `max` (Node::kUnbounded: any number) bytes of a set.
  static Automaton Run(const ByteSet& bytes, int min, int max);
  // What RE2::FullMatch accepts. Unimplemented: not understood.
  // With Alphabet::kAscii it is right about ASCII texts; what it says about others means nothing.
  static absl::StatusOr<Automaton> FromRegex(std::string_view regex, Budget& budget,
                                             Alphabet alphabet = Alphabet::kBytes);
  static absl::StatusOr<Automaton> FromTree(const Node& tree, Budget& budget);

  bool empty() const { return states_->accepts.empty(); }
  bool Accepts(std::string_view text) const;
  int size() const { return static_cast<int>(states_->accepts.size()); }
  // A shortest member; among those, readable bytes are preferred. Must not be empty().
  std::string Shortest() const;
  // Some member, chosen by `random(n)`, a number below n, about `length` bytes long where the set
  // allows. Must not be empty().
  std::string Sample(const std::function<uint32_t(uint32_t)>& random, int length) const;
  // What all members begin with; "" for the empty set.
  std::string CommonPrefix() const;
  // State 0 is where one starts; no states: the empty set. Lives as long as an automaton sharing
  // it.
  const States& states() const { return *states_; }

  friend bool operator==(const Automaton& a, const Automaton& b);

 private:
  friend class AutomatonBuilder;
  explicit Automaton(std::shared_ptr<const States> states) : states_(std::move(states)) {}

  std::shared_ptr<const States> states_;
};

// Cost of each: at most the product of both sizes times their edges; the result is minimal.
absl::StatusOr<Automaton> Intersection(const Automaton& a, const Automaton& b, Budget& budget);
absl::StatusOr<Automaton> Union(const Automaton& a, const Automaton& b, Budget& budget);
absl::StatusOr<Automaton> Difference(const Automaton& a, const Automaton& b, Budget& budget);
absl::StatusOr<Automaton> Complement(const Automaton& a, Budget& budget);
// a followed by b.
absl::StatusOr<Automaton> Concatenation(const Automaton& a, const Automaton& b, Budget& budget);

// A shortest string of `a` that is in none of `others`; nullopt: there is none, they cover it.
// Builds only the part of the product it walks through.
absl::StatusOr<std::optional<std::string>> FindUncovered(const Automaton& a,
                                                         absl::Span<const Automaton> others,
                                                         Budget& budget);
// Every string of `inner` is in `outer`.
absl::StatusOr<bool> Includes(const Automaton& outer, const Automaton& inner, Budget& budget);
// No string is in both.
absl::StatusOr<bool> Disjoint(const Automaton& a, const Automaton& b, Budget& budget);

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_AUTOMATON_H_
