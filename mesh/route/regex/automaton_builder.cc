// Minimisation: 1. keep states from which acceptance can be reached; 2. refine a partition of them
// (by acceptance, then by the blocks their edges lead to) until it stands still; 3. number blocks
// breadth-first, so that equal sets get equal automata.
#include "mesh/route/regex/automaton_builder.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mesh::route::regex {
namespace {

constexpr uint32_t kNone = 0xFFFFFFFF;

absl::Status Spent() { return absl::ResourceExhaustedError("the automaton needs too many steps"); }

}  // namespace

absl::StatusOr<Automaton> AutomatonBuilder::Finish(Budget& budget) {
  const uint32_t n = static_cast<uint32_t>(accepts_.size());
  begin_.push_back(static_cast<uint32_t>(edges_.size()));
  if (!budget.Spend(n + static_cast<int64_t>(edges_.size()))) return Spent();

  // Live states, backwards from those that accept.
  std::vector<uint32_t> in_begin(n + 1, 0), in(edges_.size());
  for (const Automaton::Edge& edge : edges_) ++in_begin[edge.to + 1];
  for (uint32_t s = 0; s < n; ++s) in_begin[s + 1] += in_begin[s];
  {
    std::vector<uint32_t> fill(in_begin.begin(), in_begin.end() - 1);
    for (uint32_t s = 0; s < n; ++s) {
      for (uint32_t e = begin_[s]; e < begin_[s + 1]; ++e) in[fill[edges_[e].to]++] = s;
    }
  }
  std::vector<uint8_t> live(n, 0);
  std::vector<uint32_t> queue;
  for (uint32_t s = 0; s < n; ++s) {
    if (accepts_[s] != 0) {
      live[s] = 1;
      queue.push_back(s);
    }
  }
  while (!queue.empty()) {
    const uint32_t s = queue.back();
    queue.pop_back();
    for (uint32_t i = in_begin[s]; i < in_begin[s + 1]; ++i) {
      if (live[in[i]] == 0) {
        live[in[i]] = 1;
        queue.push_back(in[i]);
      }
    }
  }
  if (n == 0 || live[0] == 0) return Automaton();

  // Blocks of states that nothing distinguishes yet.
  std::vector<uint32_t> block(n, kNone);
  uint32_t blocks = 0;
  {
    uint32_t of[2] = {kNone, kNone};
    for (uint32_t s = 0; s < n; ++s) {
      if (live[s] == 0) continue;
      uint32_t& b = of[accepts_[s]];
      if (b == kNone) b = blocks++;
      block[s] = b;
    }
  }
  std::vector<uint32_t> next(n, kNone);
  std::vector<uint32_t> signature;
  while (true) {
    if (!budget.Spend(n + static_cast<int64_t>(edges_.size()))) return Spent();
    absl::flat_hash_map<std::vector<uint32_t>, uint32_t> numbers;
    for (uint32_t s = 0; s < n; ++s) {
      if (live[s] == 0) continue;
      signature.assign(1, block[s]);
      for (uint32_t e = begin_[s]; e < begin_[s + 1]; ++e) {
        const Automaton::Edge& edge = edges_[e];
        if (live[edge.to] == 0) continue;
        const uint32_t to = block[edge.to];
        const size_t size = signature.size();
        if (size >= 3 && signature[size - 1] == to &&
            (signature[size - 2] & 0xFF) + 1 == edge.first) {
          signature[size - 2] = (signature[size - 2] & 0xFF00) | edge.last;
        } else {
          signature.push_back(static_cast<uint32_t>(edge.first) << 8 | edge.last);
          signature.push_back(to);
        }
      }
      next[s] = numbers.try_emplace(signature, static_cast<uint32_t>(numbers.size())).first->second;
    }
    const uint32_t count = static_cast<uint32_t>(numbers.size());
    block.swap(next);
    if (count == blocks) break;
    blocks = count;
  }

  // Number breadth-first and write out.
  auto states = std::make_shared<Automaton::States>();
  std::vector<uint32_t> number(blocks, kNone), order;
  number[block[0]] = 0;
  order.push_back(0);
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t s = order[i];
    states->begin.push_back(static_cast<uint32_t>(states->edges.size()));
    states->accepts.push_back(accepts_[s]);
    for (uint32_t e = begin_[s]; e < begin_[s + 1]; ++e) {
      const Automaton::Edge& edge = edges_[e];
      if (live[edge.to] == 0) continue;
      uint32_t& to = number[block[edge.to]];
      if (to == kNone) {
        to = static_cast<uint32_t>(order.size());
        order.push_back(edge.to);
      }
      std::vector<Automaton::Edge>& out = states->edges;
      if (out.size() > states->begin.back() && out.back().to == to &&
          static_cast<int>(out.back().last) + 1 == edge.first) {
        out.back().last = edge.last;
      } else {
        out.push_back({edge.first, edge.last, to});
      }
    }
  }
  states->begin.push_back(static_cast<uint32_t>(states->edges.size()));
  states->everything.resize(order.size(), 0);
  for (uint32_t s = 0; s < order.size(); ++s) {
    if (states->accepts[s] == 0 || states->begin[s + 1] - states->begin[s] != 1) continue;
    const Automaton::Edge& edge = states->edges[states->begin[s]];
    // In a minimal automaton only one state accepts everything, and it leads to itself.
    states->everything[s] = edge.first == 0 && edge.last == 255 && edge.to == s ? 1 : 0;
  }
  return Automaton(std::move(states));
}

}  // namespace mesh::route::regex
