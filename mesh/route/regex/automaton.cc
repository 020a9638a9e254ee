#include "mesh/route/regex/automaton.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "mesh/route/regex/automaton_builder.h"

namespace mesh::route::regex {
namespace {

constexpr uint32_t kNone = 0xFFFFFFFF;
constexpr int64_t kStepsBetweenClockReads = 20'000;

using Edge = Automaton::Edge;
using States = Automaton::States;

absl::Status Spent() { return absl::ResourceExhaustedError("the automaton needs too many steps"); }

absl::Span<const Edge> EdgesOf(const States& states, uint32_t s) {
  return absl::MakeConstSpan(states.edges.data() + states.begin[s],
                             states.begin[s + 1] - states.begin[s]);
}

uint32_t Step(const States& states, uint32_t s, uint8_t byte) {
  const absl::Span<const Edge> edges = EdgesOf(states, s);
  const auto it = std::lower_bound(edges.begin(), edges.end(), byte,
                                   [](const Edge& edge, uint8_t b) { return edge.last < b; });
  return it != edges.end() && it->first <= byte ? it->to : kNone;
}

// Lower is nicer to read in a witness.
const std::array<uint8_t, 256>& Niceness() {
  static const std::array<uint8_t, 256>* const kTable = [] {
    auto* table = new std::array<uint8_t, 256>();
    int rank = 0;
    std::array<bool, 256> seen{};
    const auto put = [&](uint8_t b) {
      if (!seen[b]) (*table)[b] = static_cast<uint8_t>(rank++);
      seen[b] = true;
    };
    for (uint8_t b = 'a'; b <= 'z'; ++b) put(b);
    for (uint8_t b = '0'; b <= '9'; ++b) put(b);
    for (uint8_t b = 'A'; b <= 'Z'; ++b) put(b);
    for (char c : std::string_view("/-_.~")) put(static_cast<uint8_t>(c));
    for (int b = 0x21; b < 0x7F; ++b) put(static_cast<uint8_t>(b));
    put(' ');
    for (int b = 0x80; b <= 0xFF; ++b) put(static_cast<uint8_t>(b));
    for (int b = 0; b <= 0xFF; ++b) put(static_cast<uint8_t>(b));
    return table;
  }();
  return *kTable;
}

uint8_t NicestOf(uint8_t first, uint8_t last) {
  const std::array<uint8_t, 256>& niceness = Niceness();
  uint8_t best = first;
  for (int b = first; b <= last; ++b) {
    if (niceness[b] < niceness[best]) best = static_cast<uint8_t>(b);
  }
  return best;
}

// Edges of a state in the order a reader likes.
struct Choice {
  uint8_t byte;
  uint32_t to;
};
void NiceChoices(absl::Span<const Edge> edges, std::vector<Choice>* out) {
  out->clear();
  for (const Edge& edge : edges) out->push_back({NicestOf(edge.first, edge.last), edge.to});
  const std::array<uint8_t, 256>& niceness = Niceness();
  std::sort(out->begin(), out->end(),
            [&](const Choice& a, const Choice& b) { return niceness[a.byte] < niceness[b.byte]; });
}

bool IsLetter(uint8_t b) { return (b | 0x20) >= 'a' && (b | 0x20) <= 'z'; }

Automaton FinishSmall(AutomatonBuilder* builder) {
  Budget unlimited(INT64_MAX);
  return *builder->Finish(unlimited);
}

Automaton Chain(std::string_view text, bool ignore_case, bool open) {
  AutomatonBuilder builder;
  for (size_t i = 0; i < text.size(); ++i) {
    builder.Begin(false);
    const uint8_t b = static_cast<uint8_t>(text[i]);
    const uint32_t to = static_cast<uint32_t>(i + 1);
    if (ignore_case && IsLetter(b)) {
      builder.Edge(b & ~0x20, b & ~0x20, to);
      builder.Edge(b | 0x20, b | 0x20, to);
    } else {
      builder.Edge(b, b, to);
    }
  }
  builder.Begin(true);
  if (open) builder.Edge(0, 255, static_cast<uint32_t>(text.size()));
  return FinishSmall(&builder);
}

// The reachable part of the product of two automata; kNone is death in either.
template <typename Accepts, typename Pruned>
absl::StatusOr<Automaton> Product(const Automaton& a, const Automaton& b, Budget& budget,
                                  const Accepts& accepts, const Pruned& pruned) {
  const States& sa = a.states();
  const States& sb = b.states();
  const auto key = [](uint32_t p, uint32_t q) { return static_cast<uint64_t>(p) << 32 | q; };
  absl::flat_hash_map<uint64_t, uint32_t> numbers;
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  const auto number = [&](uint32_t p, uint32_t q) {
    const auto [it, added] = numbers.try_emplace(key(p, q), static_cast<uint32_t>(pairs.size()));
    if (added) pairs.push_back({p, q});
    return it->second;
  };
  const uint32_t start_a = a.empty() ? kNone : 0;
  const uint32_t start_b = b.empty() ? kNone : 0;
  if (pruned(start_a, start_b)) return Automaton();
  number(start_a, start_b);
  AutomatonBuilder builder;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto [p, q] = pairs[i];
    const absl::Span<const Edge> ea = p == kNone ? absl::Span<const Edge>() : EdgesOf(sa, p);
    const absl::Span<const Edge> eb = q == kNone ? absl::Span<const Edge>() : EdgesOf(sb, q);
    if (!budget.Spend(1 + static_cast<int64_t>(ea.size() + eb.size()))) return Spent();
    builder.Begin(accepts(p, q));
    size_t x = 0, y = 0;
    int at = 0;
    while (at < 256) {
      while (x < ea.size() && ea[x].last < at) ++x;
      while (y < eb.size() && eb[y].last < at) ++y;
      int end = 255;
      uint32_t to_p = kNone, to_q = kNone;
      if (x < ea.size()) {
        if (ea[x].first <= at) {
          to_p = ea[x].to;
          end = std::min<int>(end, ea[x].last);
        } else {
          end = std::min<int>(end, ea[x].first - 1);
        }
      }
      if (y < eb.size()) {
        if (eb[y].first <= at) {
          to_q = eb[y].to;
          end = std::min<int>(end, eb[y].last);
        } else {
          end = std::min<int>(end, eb[y].first - 1);
        }
      }
      if (!pruned(to_p, to_q)) {
        builder.Edge(static_cast<uint8_t>(at), static_cast<uint8_t>(end), number(to_p, to_q));
      }
      at = end + 1;
    }
  }
  return builder.Finish(budget);
}

bool AcceptsAt(const States& states, uint32_t s) { return s != kNone && states.accepts[s] != 0; }
bool EverythingAt(const States& states, uint32_t s) {
  return s != kNone && states.everything[s] != 0;
}

}  // namespace

bool Budget::Spend(int64_t steps) {
  left_ -= steps;
  if (left_ < 0) {
    left_ = -1;
    return false;
  }
  until_check_ -= steps;
  if (until_check_ <= 0 && deadline_ != absl::InfiniteFuture()) {
    until_check_ = kStepsBetweenClockReads;
    if (absl::Now() > deadline_) {
      left_ = -1;
      return false;
    }
  }
  return true;
}

Automaton::Automaton() {
  static const auto* const kNothing = new std::shared_ptr<const States>([] {
    auto states = std::make_shared<States>();
    states->begin.push_back(0);
    return states;
  }());
  states_ = *kNothing;
}

Automaton Automaton::Everything() { return Prefix(""); }
Automaton Automaton::Literal(std::string_view text) { return Chain(text, false, false); }
Automaton Automaton::Prefix(std::string_view text) { return Chain(text, false, true); }
Automaton Automaton::LiteralIgnoringCase(std::string_view text) { return Chain(text, true, false); }
Automaton Automaton::PrefixIgnoringCase(std::string_view text) { return Chain(text, true, true); }

Automaton Automaton::Run(const ByteSet& bytes, int min, int max) {
  AutomatonBuilder builder;
  const int states = max == Node::kUnbounded ? min : max;
  for (int i = 0; i <= states; ++i) {
    builder.Begin(i >= min);
    if (i == states && max != Node::kUnbounded) break;
    const uint32_t to = static_cast<uint32_t>(i == states ? i : i + 1);
    for (int b = 0; b < 256; ++b) {
      if (bytes.Has(static_cast<uint8_t>(b))) {
        builder.Edge(static_cast<uint8_t>(b), static_cast<uint8_t>(b), to);
      }
    }
  }
  return FinishSmall(&builder);
}

absl::StatusOr<Automaton> Automaton::FromRegex(std::string_view regex, Budget& budget,
                                               Alphabet alphabet) {
  const absl::StatusOr<Node> tree = Parse(regex, alphabet);
  if (!tree.ok()) return tree.status();
  return FromTree(*tree, budget);
}

absl::StatusOr<Automaton> Automaton::FromTree(const Node& tree, Budget& budget) {
  return Determinize(tree, budget);
}

bool Automaton::Accepts(std::string_view text) const {
  if (empty()) return false;
  uint32_t s = 0;
  for (char c : text) {
    if (states_->everything[s] != 0) return true;
    s = Step(*states_, s, static_cast<uint8_t>(c));
    if (s == kNone) return false;
  }
  return states_->accepts[s] != 0;
}

std::string Automaton::Shortest() const {
  struct From {
    uint32_t state = kNone;
    uint8_t byte = 0;
  };
  if (empty()) return std::string();
  std::vector<From> from(size());
  std::vector<uint32_t> queue = {0};
  std::vector<uint8_t> seen(size(), 0);
  seen[0] = 1;
  std::vector<Choice> choices;
  for (size_t i = 0; i < queue.size(); ++i) {
    uint32_t s = queue[i];
    if (states_->accepts[s] != 0) {
      std::string text;
      for (; s != 0; s = from[s].state) text.push_back(static_cast<char>(from[s].byte));
      std::reverse(text.begin(), text.end());
      return text;
    }
    NiceChoices(EdgesOf(*states_, s), &choices);
    for (const Choice& choice : choices) {
      if (seen[choice.to] != 0) continue;
      seen[choice.to] = 1;
      from[choice.to] = {s, choice.byte};
      queue.push_back(choice.to);
    }
  }
  return std::string();
}

std::string Automaton::Sample(const std::function<uint32_t(uint32_t)>& random, int length) const {
  std::string text;
  if (empty()) return text;
  // How far acceptance is from each state, to go there when the text is long enough.
  std::vector<uint32_t> distance(size(), kNone);
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t s = static_cast<uint32_t>(size()); s-- > 0;) {
      uint32_t best = states_->accepts[s] != 0 ? 0 : distance[s];
      for (const Edge& edge : EdgesOf(*states_, s)) {
        if (distance[edge.to] != kNone) best = std::min(best, distance[edge.to] + 1);
      }
      if (best != distance[s]) {
        distance[s] = best;
        changed = true;
      }
    }
  }
  uint32_t s = 0;
  while (true) {
    const absl::Span<const Edge> edges = EdgesOf(*states_, s);
    const bool enough = static_cast<int>(text.size()) >= length;
    if (states_->accepts[s] != 0 && (enough || edges.empty() || random(8) == 0)) return text;
    const Edge* taken = nullptr;
    if (enough) {
      for (const Edge& edge : edges) {
        if (distance[edge.to] + 1 == distance[s]) taken = &edge;
      }
    }
    if (taken == nullptr) taken = &edges[random(static_cast<uint32_t>(edges.size()))];
    text.push_back(static_cast<char>(taken->first + random(taken->last - taken->first + 1u)));
    s = taken->to;
  }
}

std::string Automaton::CommonPrefix() const {
  std::string text;
  if (empty()) return text;
  uint32_t s = 0;
  // A loop would make the prefix endless; without acceptance such a state would not be live.
  while (states_->accepts[s] == 0) {
    const absl::Span<const Edge> edges = EdgesOf(*states_, s);
    if (edges.size() != 1 || edges[0].first != edges[0].last) break;
    text.push_back(static_cast<char>(edges[0].first));
    s = edges[0].to;
  }
  return text;
}

bool operator==(const Automaton& a, const Automaton& b) {
  if (a.states_ == b.states_) return true;
  return a.states_->begin == b.states_->begin && a.states_->accepts == b.states_->accepts &&
         std::equal(a.states_->edges.begin(), a.states_->edges.end(), b.states_->edges.begin(),
                    b.states_->edges.end(), [](const Edge& x, const Edge& y) {
                      return x.first == y.first && x.last == y.last && x.to == y.to;
                    });
}

absl::StatusOr<Automaton> Intersection(const Automaton& a, const Automaton& b, Budget& budget) {
  const States& sa = a.states();
  const States& sb = b.states();
  if (a.empty() || b.empty()) return Automaton();
  if (sa.everything[0] != 0) return b;
  if (sb.everything[0] != 0) return a;
  return Product(
      a, b, budget, [&](uint32_t p, uint32_t q) { return AcceptsAt(sa, p) && AcceptsAt(sb, q); },
      [&](uint32_t p, uint32_t q) { return p == kNone || q == kNone; });
}

absl::StatusOr<Automaton> Union(const Automaton& a, const Automaton& b, Budget& budget) {
  const States& sa = a.states();
  const States& sb = b.states();
  if (a.empty()) return b;
  if (b.empty()) return a;
  return Product(
      a, b, budget, [&](uint32_t p, uint32_t q) { return AcceptsAt(sa, p) || AcceptsAt(sb, q); },
      [&](uint32_t p, uint32_t q) { return p == kNone && q == kNone; });
}

absl::StatusOr<Automaton> Difference(const Automaton& a, const Automaton& b, Budget& budget) {
  const States& sa = a.states();
  const States& sb = b.states();
  if (a.empty() || b.empty()) return a;
  return Product(
      a, b, budget, [&](uint32_t p, uint32_t q) { return AcceptsAt(sa, p) && !AcceptsAt(sb, q); },
      [&](uint32_t p, uint32_t q) { return p == kNone || EverythingAt(sb, q); });
}

absl::StatusOr<Automaton> Complement(const Automaton& a, Budget& budget) {
  return Difference(Automaton::Everything(), a, budget);
}

absl::StatusOr<Automaton> Concatenation(const Automaton& a, const Automaton& b, Budget& budget) {
  if (a.empty() || b.empty()) return Automaton();
  const States& sa = a.states();
  const States& sb = b.states();
  // A state: where `a` is (or kNone), and the states of `b` begun so far.
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> numbers;
  std::vector<std::vector<uint32_t>> sets;
  const auto number = [&](std::vector<uint32_t> set) {
    if (set[0] != kNone && sa.accepts[set[0]] != 0) set.push_back(0);
    std::sort(set.begin() + 1, set.end());
    set.erase(std::unique(set.begin() + 1, set.end()), set.end());
    const auto [it, added] = numbers.try_emplace(set, static_cast<uint32_t>(sets.size()));
    if (added) sets.push_back(std::move(set));
    return it->second;
  };
  number({0});
  AutomatonBuilder builder;
  std::vector<uint32_t> next;
  for (size_t i = 0; i < sets.size(); ++i) {
    const std::vector<uint32_t> set = sets[i];
    bool accepts = false;
    std::array<bool, 257> cut{};
    cut[0] = cut[256] = true;
    int64_t cost = 1;
    const auto add_cuts = [&](absl::Span<const Edge> edges) {
      for (const Edge& edge : edges) cut[edge.first] = cut[edge.last + 1] = true;
      cost += static_cast<int64_t>(edges.size());
    };
    if (set[0] != kNone) add_cuts(EdgesOf(sa, set[0]));
    for (size_t j = 1; j < set.size(); ++j) {
      accepts = accepts || sb.accepts[set[j]] != 0;
      add_cuts(EdgesOf(sb, set[j]));
    }
    builder.Begin(accepts);
    for (int first = 0; first < 256;) {
      int end = first + 1;
      while (!cut[end]) ++end;
      cost += static_cast<int64_t>(set.size());
      const uint8_t byte = static_cast<uint8_t>(first);
      next.assign(1, set[0] == kNone ? kNone : Step(sa, set[0], byte));
      for (size_t j = 1; j < set.size(); ++j) {
        const uint32_t to = Step(sb, set[j], byte);
        if (to != kNone) next.push_back(to);
      }
      if (next[0] != kNone || next.size() > 1) {
        builder.Edge(byte, static_cast<uint8_t>(end - 1), number(next));
      }
      first = end;
    }
    if (!budget.Spend(cost)) return Spent();
  }
  return builder.Finish(budget);
}

absl::StatusOr<std::optional<std::string>> FindUncovered(const Automaton& a,
                                                         absl::Span<const Automaton> others,
                                                         Budget& budget) {
  if (a.empty()) return std::optional<std::string>();
  const States& sa = a.states();
  // A place: a's state, then (index, state) of each of the others that still lives, flat.
  struct Place {
    uint32_t from = kNone;
    uint8_t byte = 0;
  };
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> numbers;
  std::vector<std::vector<uint32_t>> places;
  std::vector<Place> trail;
  std::vector<uint32_t> start = {0};
  for (uint32_t i = 0; i < others.size(); ++i) {
    if (others[i].empty()) continue;
    if (others[i].states().everything[0] != 0) return std::optional<std::string>();
    start.push_back(i);
    start.push_back(0);
  }
  numbers.emplace(start, 0);
  places.push_back(std::move(start));
  trail.push_back({});
  std::vector<Choice> choices;
  for (uint32_t at = 0; at < places.size(); ++at) {
    const std::vector<uint32_t> place = places[at];
    bool covered = false;
    for (size_t j = 1; j < place.size() && !covered; j += 2) {
      covered = others[place[j]].states().accepts[place[j + 1]] != 0;
    }
    if (!covered && sa.accepts[place[0]] != 0) {
      std::string text;
      for (uint32_t p = at; trail[p].from != kNone; p = trail[p].from) {
        text.push_back(static_cast<char>(trail[p].byte));
      }
      std::reverse(text.begin(), text.end());
      return std::optional<std::string>(std::move(text));
    }
    // Where any of them changes its mind, as far as `a` lives.
    std::array<bool, 257> cut{};
    std::array<bool, 257> lives{};
    int64_t cost = 1;
    for (const Edge& edge : EdgesOf(sa, place[0])) {
      cut[edge.first] = cut[edge.last + 1] = true;
      for (int b = edge.first; b <= edge.last; ++b) lives[b] = true;
      ++cost;
    }
    for (size_t j = 1; j < place.size(); j += 2) {
      for (const Edge& edge : EdgesOf(others[place[j]].states(), place[j + 1])) {
        cut[edge.first] = cut[edge.last + 1] = true;
        ++cost;
      }
    }
    cut[256] = true;
    choices.clear();
    for (int first = 0; first < 256;) {
      int end = first + 1;
      while (!cut[end]) ++end;
      if (lives[first]) {
        choices.push_back(
            {NicestOf(static_cast<uint8_t>(first), static_cast<uint8_t>(end - 1)), 0});
      }
      first = end;
    }
    const std::array<uint8_t, 256>& niceness = Niceness();
    std::sort(choices.begin(), choices.end(), [&](const Choice& x, const Choice& y) {
      return niceness[x.byte] < niceness[y.byte];
    });
    for (const Choice& choice : choices) {
      std::vector<uint32_t> next = {Step(sa, place[0], choice.byte)};
      bool dead_end = false;
      for (size_t j = 1; j < place.size() && !dead_end; j += 2) {
        const States& other = others[place[j]].states();
        const uint32_t to = Step(other, place[j + 1], choice.byte);
        if (to == kNone) continue;
        dead_end = other.everything[to] != 0;
        next.push_back(place[j]);
        next.push_back(to);
      }
      cost += static_cast<int64_t>(place.size());
      if (dead_end) continue;
      const auto [it, added] = numbers.try_emplace(next, static_cast<uint32_t>(places.size()));
      if (added) {
        places.push_back(std::move(next));
        trail.push_back({at, choice.byte});
      }
    }
    if (!budget.Spend(cost)) return Spent();
  }
  return std::optional<std::string>();
}

absl::StatusOr<bool> Includes(const Automaton& outer, const Automaton& inner, Budget& budget) {
  const absl::StatusOr<std::optional<std::string>> out =
      FindUncovered(inner, absl::MakeConstSpan(&outer, 1), budget);
  if (!out.ok()) return out.status();
  return !out->has_value();
}

absl::StatusOr<bool> Disjoint(const Automaton& a, const Automaton& b, Budget& budget) {
  if (a.empty() || b.empty()) return true;
  const States& sa = a.states();
  const States& sb = b.states();
  absl::flat_hash_map<uint64_t, bool> seen;
  std::vector<std::pair<uint32_t, uint32_t>> queue = {{0, 0}};
  seen.emplace(0, true);
  while (!queue.empty()) {
    const auto [p, q] = queue.back();
    queue.pop_back();
    // From states that live, acceptance can be reached; so if one takes everything, they meet.
    if ((sa.accepts[p] != 0 && sb.accepts[q] != 0) || sa.everything[p] != 0 ||
        sb.everything[q] != 0) {
      return false;
    }
    const absl::Span<const Edge> ea = EdgesOf(sa, p);
    const absl::Span<const Edge> eb = EdgesOf(sb, q);
    if (!budget.Spend(1 + static_cast<int64_t>(ea.size() + eb.size()))) return Spent();
    for (size_t x = 0, y = 0; x < ea.size() && y < eb.size();) {
      if (std::max(ea[x].first, eb[y].first) <= std::min(ea[x].last, eb[y].last)) {
        const uint32_t to_p = ea[x].to, to_q = eb[y].to;
        if (seen.emplace(static_cast<uint64_t>(to_p) << 32 | to_q, true).second) {
          queue.push_back({to_p, to_q});
        }
      }
      if (ea[x].last < eb[y].last) {
        ++x;
      } else {
        ++y;
      }
    }
  }
  return true;
}

}  // namespace mesh::route::regex
