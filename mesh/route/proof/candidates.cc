// A virtual host in the model: which boxes reach a rule through the host's domains, TLS and match
// trees, and which point of a box is shown as its witness.
#include <algorithm>

#include "mesh/route/proof/condition_text.h"
#include "mesh/route/proof/model.h"

namespace mesh::route::proof {
namespace {

using regex::Automaton;

// Alternatives a tree's predicate may have before it is called too much.
constexpr size_t kMaxAlternatives = 64;

// Whether a host that both domains accept goes to the first.
bool Precedes(const std::string& a, const std::string& b) {
  const auto rank = [](const std::string& domain) {
    if (domain == "*") return 3;
    if (!domain.empty() && domain.front() == '*') return 1;
    if (!domain.empty() && domain.back() == '*') return 2;
    return 0;
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  return rank(a) != 0 && a.size() > b.size();
}

}  // namespace

std::vector<Box> Model::Where(const MatchTree::Predicate& predicate, bool holds) {
  using Kind = MatchTree::Predicate::Kind;
  if (predicate.kind == Kind::kSingle) {
    return WhereHeader(predicate.header, predicate.value, holds);
  }
  // none_of is "and" of what does not hold; what does not hold of that is "or".
  const bool inner_holds = predicate.kind == Kind::kNot ? !holds : holds;
  const bool all = predicate.kind == Kind::kNot ? holds : (predicate.kind == Kind::kAnd) == holds;
  std::vector<Box> boxes;
  if (all) boxes.push_back(Box());
  for (const MatchTree::Predicate& one : predicate.of) {
    std::vector<Box> inner = Where(one, inner_holds);
    if (all) {
      boxes = Intersect(boxes, inner);
    } else {
      boxes.insert(boxes.end(), inner.begin(), inner.end());
    }
    if (boxes.size() > kMaxAlternatives) {
      Box too_much;
      too_much.inexact = true;
      return {std::move(too_much)};
    }
  }
  return boxes;
}

void Model::Flatten(const MatchTree::OnMatch& on, const std::vector<Box>& guard,
                    const TableOptions& options, std::vector<Candidate>* out) {
  if (on.keep_matching) {
    // Never taken; its rules still count, as rules that nothing reaches.
    if (on.tree != nullptr) {
      Flatten(*on.tree, {}, options, out);
      return;
    }
    for (const Rule& rule : on.rules) out->push_back(Compile(rule, {}, options));
    return;
  }
  if (on.tree != nullptr) {
    Flatten(*on.tree, guard, options, out);
    return;
  }
  for (const Rule& rule : on.rules) out->push_back(Compile(rule, guard, options));
  // Whatever none of them takes has no route.
  Candidate rest;
  rest.index = next_index_;
  rest.boxes = guard;
  out->push_back(std::move(rest));
}

void Model::Flatten(const MatchTree& tree, const std::vector<Box>& guard,
                    const TableOptions& options, std::vector<Candidate>* out) {
  if (tree.kind == MatchTree::Kind::kList) {
    for (const auto& [predicate, on] : tree.list) {
      Flatten(on, Intersect(guard, Where(predicate, true)), options, out);
    }
  } else {
    const bool exact = tree.kind == MatchTree::Kind::kExactMap;
    std::vector<const std::pair<std::string, MatchTree::OnMatch>*> entries;
    for (const auto& entry : tree.map) entries.push_back(&entry);
    // Prefixes are tried longest first, shorter ones where those lead nowhere.
    if (!exact) {
      std::stable_sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) {
        return a->first.size() > b->first.size();
      });
    }
    for (const auto* entry : entries) {
      StringMatch match;
      match.kind = exact ? StringMatch::Kind::kExact : StringMatch::Kind::kPrefix;
      match.text = entry->first;
      Flatten(entry->second, Intersect(guard, WhereHeader(tree.header, match, true)), options, out);
    }
  }
  if (tree.otherwise) Flatten(*tree.otherwise, guard, options, out);
}

std::vector<Candidate> Model::CandidatesOf(const VirtualHost& host, const TableOptions& options) {
  std::vector<Candidate> candidates;
  next_index_ = 0;
  if (host.tree != nullptr) {
    Flatten(*host.tree, {Box()}, options, &candidates);
    return candidates;
  }
  for (const Rule& rule : host.rules) {
    candidates.push_back(Compile(rule, {Box()}, options));
  }
  return candidates;
}

// What stands first among several values cannot be said of a set of them: these boxes are a little
// too big (values among which `text` is), and those below a little too big or too small.
Box Model::Among(const std::string& header, std::string_view text, bool invert, bool absent) {
  return *Header(Dim(Dimension::Kind::kHeader, header), Automaton::Literal(text), invert, absent);
}

std::vector<Box> Model::PastTls(TlsRequirement requirement) {
  if (requirement == TlsRequirement::kNone) return {Box()};
  std::vector<Box> boxes;
  Box by_scheme = Single(Dim(Dimension::Kind::kHeader, "x-forwarded-proto"), ValueSet::Absent());
  Restrict(&by_scheme, Dim(Dimension::Kind::kHeader, ":scheme"),
           ValueSet::One(false, Automaton::Literal("https")));
  boxes.push_back(std::move(by_scheme));
  boxes.push_back(Among("x-forwarded-proto", "https", /*invert=*/false, /*absent=*/false));
  if (requirement == TlsRequirement::kExternalOnly) {
    boxes.push_back(Among("x-envoy-internal", "true", /*invert=*/false, /*absent=*/false));
  }
  return boxes;
}

std::vector<Box> Model::StoppedByTls(TlsRequirement requirement) {
  if (requirement == TlsRequirement::kNone) return {};
  // Beside those that surely are, one that is a little too big.
  const auto not_first = [&](const std::string& header, std::string_view text, bool absent) {
    const int dimension = Dim(Dimension::Kind::kHeader, header);
    regex::Budget unlimited(INT64_MAX);
    Box other = *Header(dimension,
                        *regex::Difference(dimensions_[dimension].universe.texts(),
                                           Automaton::Literal(text), unlimited),
                        /*invert=*/false, absent);
    other.inexact = true;
    return std::vector<Box>{Among(header, text, /*invert=*/true, absent), std::move(other)};
  };
  std::vector<Box> boxes = not_first("x-forwarded-proto", "https", /*absent=*/false);
  const int scheme = Dim(Dimension::Kind::kHeader, ":scheme");
  boxes.push_back(*Header(scheme, Automaton::Literal("https"), /*invert=*/true, /*absent=*/false));
  Restrict(&boxes.back(), Dim(Dimension::Kind::kHeader, "x-forwarded-proto"), ValueSet::Absent());
  if (requirement == TlsRequirement::kExternalOnly) {
    boxes = Intersect(boxes, not_first("x-envoy-internal", "true", /*absent=*/true));
  }
  return boxes;
}

Box Model::HostsOf(const std::vector<std::shared_ptr<const VirtualHost>>& hosts, uint32_t index,
                   const TableOptions& options) {
  const int dimension = Dim(Dimension::Kind::kHeader, HostHeader(options));
  regex::Budget budget(std::min(steps_per_rule_, budget_.left()));
  Box everything;
  // Values of an ordinary header are joined; what that makes of several is not followed.
  if (dimensions_[dimension].universe.many()) return everything;
  bool absent = false;
  Automaton all;
  for (const std::string& domain : hosts[index]->domains) {
    absent = absent || domain == "*";
    absl::StatusOr<Automaton> own =
        languages_.Domains({domain}, options.ignore_port_in_host, /*at_most=*/false);
    if (!own.ok()) return everything;
    // Without what goes to others first.
    std::vector<std::string> before;
    for (uint32_t i = 0; i < hosts.size(); ++i) {
      if (i == index) continue;
      for (const std::string& other : hosts[i]->domains) {
        if (Precedes(other, domain)) before.push_back(other);
      }
    }
    if (!before.empty()) {
      const absl::StatusOr<Automaton> others =
          languages_.Domains(before, options.ignore_port_in_host, /*at_most=*/true);
      absl::StatusOr<Automaton> rest =
          others.ok() ? regex::Difference(*own, *others, budget) : others.status();
      if (rest.ok()) own = std::move(rest);
    }
    absl::StatusOr<Automaton> both = regex::Union(all, *own, budget);
    if (!both.ok()) return everything;
    all = *std::move(both);
  }
  Box box;
  if (!Restrict(&box, dimension, ValueSet::One(absent, all))) {
    return Single(dimension, ValueSet());
  }
  return box;
}

void Model::PreferHosts(const std::vector<std::string>& hosts, const TableOptions& options) {
  for (Dimension& dimension : dimensions_) {
    if (dimension.kind == Dimension::Kind::kHeader && dimension.name == HostHeader(options)) {
      dimension.preferred = hosts;
    }
  }
}

Value Model::Choose(int dimension, const ValueSet& set) const {
  if (set.hits().empty()) {
    for (const std::string& text : dimensions_[dimension].preferred) {
      if (set.texts().Accepts(text)) return {text};
    }
  }
  if (set.absent()) return {};
  if (set.hits().empty()) return {set.texts().Shortest()};
  // One value in all of the sets to be hit, or else few.
  Value value;
  std::vector<Automaton> open;
  for (const Automaton& hit : set.hits()) {
    bool met = false;
    for (Automaton& other : open) {
      regex::Budget budget(std::min<int64_t>(steps_per_rule_, 10'000));
      const absl::StatusOr<Automaton> both = regex::Intersection(other, hit, budget);
      if (!both.ok() || both->empty()) continue;
      other = *both;
      met = true;
      break;
    }
    if (!met) open.push_back(hit);
  }
  for (const Automaton& hit : open) value.push_back(hit.Shortest());
  return value;
}

Point Model::Ordinary() const {
  Point point;
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    point.push_back(Choose(static_cast<int>(d), dimensions_[d].universe));
  }
  return point;
}

Point Model::Into(const Box& box, Point from) const {
  for (const auto& [dimension, set] : box.sets) {
    if (!set.Has(from[dimension])) from[dimension] = Choose(dimension, set);
  }
  return from;
}

}  // namespace mesh::route::proof
