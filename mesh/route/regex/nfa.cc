// Thompson's construction, built from the end: each node is compiled with the state that follows
// it.
#include "mesh/route/regex/nfa.h"

#include "absl/status/status.h"
#include "mesh/route/regex/runes.h"

namespace mesh::route::regex {
namespace {

class Compiler {
 public:
  explicit Compiler(Budget& budget) : budget_(budget) {}

  absl::StatusOr<Nfa> Run(const Node& tree) {
    Nfa::State accept;
    accept.op = Nfa::Op::kAccept;
    const uint32_t end = Add(accept);
    nfa_.start = Build(tree, end);
    if (spent_) return absl::ResourceExhaustedError("the regex needs too many states");
    return std::move(nfa_);
  }

 private:
  uint32_t Add(const Nfa::State& state) {
    if (!budget_.Spend(1)) spent_ = true;
    if (spent_) return 0;
    nfa_.states.push_back(state);
    return static_cast<uint32_t>(nfa_.states.size() - 1);
  }

  uint32_t Bytes(uint8_t first, uint8_t last, uint32_t next) {
    Nfa::State state;
    state.op = Nfa::Op::kBytes;
    state.first = first;
    state.last = last;
    state.next = next;
    return Add(state);
  }

  uint32_t Split(uint32_t next, uint32_t other) {
    Nfa::State state;
    state.op = Nfa::Op::kSplit;
    state.next = next;
    state.other = other;
    return Add(state);
  }

  uint32_t Class(const std::vector<RuneRange>& runes, uint32_t next) {
    std::vector<ByteSequence> sequences;
    for (const RuneRange& range : runes) AppendByteSequences(range, &sequences);
    if (sequences.empty()) return Add(Nfa::State());
    uint32_t any = 0;
    for (size_t i = 0; i < sequences.size(); ++i) {
      uint32_t state = next;
      for (int j = sequences[i].length; j-- > 0;) {
        state = Bytes(sequences[i].ranges[j].first, sequences[i].ranges[j].last, state);
      }
      any = i == 0 ? state : Split(any, state);
    }
    return any;
  }

  uint32_t Build(const Node& node, uint32_t next) {
    if (spent_) return 0;
    switch (node.kind) {
      case Node::Kind::kEmpty:
        return next;
      case Node::Kind::kLiteral:
        for (size_t i = node.literal.size(); i-- > 0;) {
          const uint8_t byte = static_cast<uint8_t>(node.literal[i]);
          next = Bytes(byte, byte, next);
        }
        return next;
      case Node::Kind::kClass:
        return Class(node.runes, next);
      case Node::Kind::kAnyByte:
        return Bytes(0, 255, next);
      case Node::Kind::kConcat:
        for (size_t i = node.children.size(); i-- > 0;) next = Build(node.children[i], next);
        return next;
      case Node::Kind::kAlternate: {
        uint32_t any = Build(node.children[0], next);
        for (size_t i = 1; i < node.children.size(); ++i) {
          any = Split(any, Build(node.children[i], next));
        }
        return any;
      }
      case Node::Kind::kRepeat: {
        const Node& child = node.children[0];
        if (node.max == Node::kUnbounded) {
          const uint32_t loop = Split(next, next);
          const uint32_t body = Build(child, loop);
          if (spent_) return 0;
          nfa_.states[loop].other = body;
          next = loop;
        } else {
          const uint32_t end = next;
          for (int i = node.min; i < node.max; ++i) next = Split(end, Build(child, next));
        }
        for (int i = 0; i < node.min; ++i) next = Build(child, next);
        return next;
      }
      case Node::Kind::kAssertion: {
        Nfa::State state;
        state.op = Nfa::Op::kAssert;
        state.assertion = node.assertion;
        state.next = next;
        return Add(state);
      }
    }
    return next;
  }

  Budget& budget_;
  bool spent_ = false;
  Nfa nfa_;
};

}  // namespace

absl::StatusOr<Nfa> Compile(const Node& tree, Budget& budget) { return Compiler(budget).Run(tree); }

}  // namespace mesh::route::regex
