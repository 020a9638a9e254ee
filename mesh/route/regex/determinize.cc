// The subset construction with assertions.
//
// 1. A state is a sorted set of NFA states, of the kinds that wait for something: bytes,
// assertions,
//    acceptance; and what stood before it, as far as assertions can ask (Before). Sets are closed
//    over unconditional steps only.
// 2. Whether an assertion holds depends on what stands before and on the byte that follows (or the
//    end). So before a byte is followed, the set is closed again over the assertions that hold
//    between the two, and likewise before asking whether it accepts.
// 3. Bytes that no range and no assertion tells apart form one class; a state is stepped once for
//    each class.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "mesh/route/regex/automaton_builder.h"
#include "mesh/route/regex/nfa.h"

namespace mesh::route::regex {
namespace {

enum class Before : uint32_t { kBegin, kNewline, kWord, kOther };
constexpr int kEnd = 256;  // in place of a following byte

bool IsWord(int byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '_';
}

Before BeforeAfter(int byte) {
  if (byte == '\n') return Before::kNewline;
  return IsWord(byte) ? Before::kWord : Before::kOther;
}

bool Holds(Assertion assertion, Before before, int next) {
  switch (assertion) {
    case Assertion::kBeginText:
      return before == Before::kBegin;
    case Assertion::kEndText:
      return next == kEnd;
    case Assertion::kBeginLine:
      return before == Before::kBegin || before == Before::kNewline;
    case Assertion::kEndLine:
      return next == kEnd || next == '\n';
    case Assertion::kWordBoundary:
      return (before == Before::kWord) != (next != kEnd && IsWord(next));
    case Assertion::kNoWordBoundary:
      return (before == Before::kWord) == (next != kEnd && IsWord(next));
  }
  return false;
}

class Construction {
 public:
  Construction(const Nfa& nfa, Budget& budget) : nfa_(nfa), budget_(budget) {
    marks_.resize(nfa.states.size(), 0);
  }

  absl::StatusOr<Automaton> Run() {
    FindByteClasses();
    std::vector<uint32_t> start;
    NewMark();
    Close(nfa_.start, &start);
    if (!Number(std::move(start), Before::kBegin).has_value()) return Spent();
    AutomatonBuilder builder;
    std::vector<uint32_t> now, next;
    for (size_t i = 0; i < sets_.size(); ++i) {
      // A copy: Number grows sets_.
      const std::vector<uint32_t> key = sets_[i];
      const Before before = static_cast<Before>(key[0]);
      builder.Begin(Accepts(key, before));
      for (size_t c = 0; c + 1 < class_begin_.size(); ++c) {
        const int first = class_begin_[c];
        Resolve(key, before, first, &now);
        next.clear();
        NewMark();
        for (uint32_t s : now) {
          const Nfa::State& state = nfa_.states[s];
          if (state.op == Nfa::Op::kBytes && state.first <= first && first <= state.last) {
            Close(state.next, &next);
          }
        }
        if (!budget_.Spend(1 + static_cast<int64_t>(now.size()) / 4)) return Spent();
        if (next.empty()) continue;
        const std::optional<uint32_t> to = Number(next, BeforeAfter(first));
        if (!to.has_value()) return Spent();
        builder.Edge(static_cast<uint8_t>(first), static_cast<uint8_t>(class_begin_[c + 1] - 1),
                     *to);
      }
    }
    return builder.Finish(budget_);
  }

 private:
  static absl::Status Spent() {
    return absl::ResourceExhaustedError("the regex's automaton needs too many steps");
  }

  void FindByteClasses() {
    std::vector<bool> cut(257, false);
    cut[0] = cut[256] = true;
    const auto cut_range = [&cut](int first, int last) { cut[first] = cut[last + 1] = true; };
    for (const Nfa::State& state : nfa_.states) {
      if (state.op == Nfa::Op::kBytes) cut_range(state.first, state.last);
      if (state.op != Nfa::Op::kAssert) continue;
      if (state.assertion == Assertion::kBeginLine || state.assertion == Assertion::kEndLine) {
        cut_range('\n', '\n');
      }
      if (state.assertion == Assertion::kWordBoundary ||
          state.assertion == Assertion::kNoWordBoundary) {
        cut_range('0', '9');
        cut_range('A', 'Z');
        cut_range('_', '_');
        cut_range('a', 'z');
      }
    }
    for (int b = 0; b <= 256; ++b) {
      if (cut[b]) class_begin_.push_back(b);
    }
  }

  void NewMark() { ++mark_; }

  // Adds what `s` leads to without a byte or an assertion.
  void Close(uint32_t s, std::vector<uint32_t>* out) {
    stack_.push_back(s);
    while (!stack_.empty()) {
      const uint32_t at = stack_.back();
      stack_.pop_back();
      if (marks_[at] == mark_) continue;
      marks_[at] = mark_;
      const Nfa::State& state = nfa_.states[at];
      switch (state.op) {
        case Nfa::Op::kSplit:
          stack_.push_back(state.next);
          stack_.push_back(state.other);
          break;
        case Nfa::Op::kFail:
          break;
        default:
          out->push_back(at);
          break;
      }
    }
  }

  // The set `key` stands for once the assertions between `before` and `next` are decided.
  void Resolve(const std::vector<uint32_t>& key, Before before, int next,
               std::vector<uint32_t>* out) {
    out->assign(key.begin() + 1, key.end());
    NewMark();
    for (uint32_t s : *out) marks_[s] = mark_;
    for (size_t i = 0; i < out->size(); ++i) {
      const Nfa::State& state = nfa_.states[(*out)[i]];
      if (state.op == Nfa::Op::kAssert && Holds(state.assertion, before, next)) {
        Close(state.next, out);
      }
    }
  }

  bool Accepts(const std::vector<uint32_t>& key, Before before) {
    std::vector<uint32_t> set;
    Resolve(key, before, kEnd, &set);
    return std::any_of(set.begin(), set.end(),
                       [this](uint32_t s) { return nfa_.states[s].op == Nfa::Op::kAccept; });
  }

  // key[0] is what stood before, as far as the set's assertions care.
  std::optional<uint32_t> Number(std::vector<uint32_t> set, Before before) {
    if (!budget_.Spend(1 + static_cast<int64_t>(set.size()) / 4)) return std::nullopt;
    const bool asks = std::any_of(set.begin(), set.end(), [this](uint32_t s) {
      return nfa_.states[s].op == Nfa::Op::kAssert;
    });
    std::sort(set.begin(), set.end());
    set.insert(set.begin(), static_cast<uint32_t>(asks ? before : Before::kOther));
    const auto [it, added] = numbers_.try_emplace(set, static_cast<uint32_t>(sets_.size()));
    if (added) sets_.push_back(std::move(set));
    return it->second;
  }

  const Nfa& nfa_;
  Budget& budget_;
  std::vector<int> class_begin_;  // ascending, from 0 to 256
  std::vector<uint32_t> marks_;
  uint32_t mark_ = 0;
  std::vector<uint32_t> stack_;
  std::vector<std::vector<uint32_t>> sets_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> numbers_;
};

}  // namespace

absl::StatusOr<Automaton> Determinize(const Node& tree, Budget& budget) {
  const absl::StatusOr<Nfa> nfa = Compile(tree, budget);
  if (!nfa.ok()) return nfa.status();
  return Construction(*nfa, budget).Run();
}

}  // namespace mesh::route::regex
