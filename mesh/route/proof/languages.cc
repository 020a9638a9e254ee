#include "mesh/route/proof/languages.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mesh/route/path_template.h"

namespace mesh::route::proof {
namespace {

using regex::Automaton;
using regex::Node;

Node Text(std::string text) {
  Node node;
  if (text.empty()) return node;
  node.kind = Node::Kind::kLiteral;
  node.literal = std::move(text);
  return node;
}

Node Runes(std::vector<regex::RuneRange> runes) {
  Node node;
  node.kind = Node::Kind::kClass;
  node.runes = std::move(runes);
  return node;
}

Node Digits(char first, char last) {
  return Runes({{static_cast<uint32_t>(first), static_cast<uint32_t>(last)}});
}

Node Concat(std::vector<Node> children) {
  Node node;
  node.kind = Node::Kind::kConcat;
  node.children = std::move(children);
  return node;
}

Node Either(std::vector<Node> children) {
  if (children.empty()) return Runes({});
  if (children.size() == 1) return std::move(children[0]);
  Node node;
  node.kind = Node::Kind::kAlternate;
  node.children = std::move(children);
  return node;
}

Node Repeat(Node of, int min, int max) {
  Node node;
  node.kind = Node::Kind::kRepeat;
  node.min = min;
  node.max = max;
  node.children.push_back(std::move(of));
  return node;
}

Node AnyBytes(int min) {
  Node any;
  any.kind = Node::Kind::kAnyByte;
  return Repeat(std::move(any), min, Node::kUnbounded);
}

// `text`, ASCII letters in either case where asked for.
Node TextInCase(const std::string& text, bool ignore_case) {
  if (!ignore_case) return Text(text);
  std::vector<Node> bytes;
  for (char c : text) {
    const uint8_t lower = static_cast<uint8_t>(c) | 0x20;
    if (lower >= 'a' && lower <= 'z') {
      const uint32_t upper = lower ^ 0x20u;
      bytes.push_back(Runes({{upper, upper}, {lower, lower}}));
    } else {
      bytes.push_back(Text(std::string(1, c)));
    }
  }
  if (bytes.empty()) return Node();
  return bytes.size() == 1 ? std::move(bytes[0]) : Concat(std::move(bytes));
}

// Digit texts of the same length as both, between them.
Node Between(const std::string& low, const std::string& high, size_t at) {
  if (at == low.size()) return Node();
  const int rest = static_cast<int>(low.size() - at - 1);
  const auto any = [rest] { return Repeat(Digits('0', '9'), rest, rest); };
  if (low[at] == high[at]) {
    return Concat({Text(std::string(1, low[at])), Between(low, high, at + 1)});
  }
  std::vector<Node> ways;
  ways.push_back(
      Concat({Text(std::string(1, low[at])), Between(low, std::string(low.size(), '9'), at + 1)}));
  if (low[at] + 1 < high[at]) {
    ways.push_back(
        Concat({Digits(static_cast<char>(low[at] + 1), static_cast<char>(high[at] - 1)), any()}));
  }
  ways.push_back(Concat(
      {Text(std::string(1, high[at])), Between(std::string(high.size(), '0'), high, at + 1)}));
  return Either(std::move(ways));
}

// Numbers low..high without sign, with any zeros in front.
Node Unsigned(uint64_t low, uint64_t high) {
  std::vector<Node> lengths;
  std::string from = absl::StrCat(low);
  const std::string to = absl::StrCat(high);
  while (from.size() < to.size()) {
    lengths.push_back(Between(from, std::string(from.size(), '9'), 0));
    from = "1" + std::string(from.size(), '0');
  }
  lengths.push_back(Between(from, to, 0));
  return Concat({Repeat(Text("0"), 0, Node::kUnbounded), Either(std::move(lengths))});
}

uint64_t Magnitude(int64_t n) {
  return n < 0 ? ~static_cast<uint64_t>(n) + 1 : static_cast<uint64_t>(n);
}

}  // namespace

absl::StatusOr<Automaton> Languages::FromTree(const std::string& key, const Node& tree) {
  if (const auto it = known_.find(key); it != known_.end()) return it->second;
  regex::Budget budget(std::min(steps_per_set_, budget_.left()));
  const int64_t before = budget.left();
  absl::StatusOr<Automaton> automaton = Automaton::FromTree(tree, budget);
  budget_.Spend(before - budget.left());
  known_.emplace(key, automaton);
  return automaton;
}

absl::StatusOr<Automaton> Languages::FromRegex(const std::string& regex) {
  const std::string key = "r" + regex;
  if (const auto it = known_.find(key); it != known_.end()) return it->second;
  const absl::StatusOr<Node> tree = regex::Parse(regex, alphabet_);
  if (!tree.ok()) {
    known_.emplace(key, tree.status());
    return tree.status();
  }
  return FromTree(key, *tree);
}

absl::StatusOr<Automaton> Languages::Of(const StringMatch& match) {
  const std::string key =
      absl::StrCat("s", static_cast<int>(match.kind), match.ignore_case ? "i" : "c", match.text);
  const auto text = [&match] { return TextInCase(match.text, match.ignore_case); };
  switch (match.kind) {
    case StringMatch::Kind::kExact:
      return FromTree(key, text());
    case StringMatch::Kind::kPrefix:
      return FromTree(key, Concat({text(), AnyBytes(0)}));
    case StringMatch::Kind::kSuffix:
      return FromTree(key, Concat({AnyBytes(0), text()}));
    case StringMatch::Kind::kContains:
      return FromTree(key, Concat({AnyBytes(0), text(), AnyBytes(0)}));
    case StringMatch::Kind::kRegex:
      return FromRegex(match.text);
  }
  return absl::UnimplementedError("a string matcher of a new kind");
}

absl::StatusOr<Automaton> Languages::Of(const PathMatch& match) {
  const std::string key =
      absl::StrCat("p", static_cast<int>(match.kind), match.ignore_case ? "i" : "c", match.text);
  const auto text = [&match] { return TextInCase(match.text, match.ignore_case); };
  switch (match.kind) {
    case PathMatch::Kind::kPrefix:
      return FromTree(key, Concat({text(), AnyBytes(0)}));
    case PathMatch::Kind::kExact:
      return FromTree(key, text());
    case PathMatch::Kind::kRegex:
      return FromRegex(match.text);
    case PathMatch::Kind::kSeparatedPrefix:
      return FromTree(key, Concat({text(), Repeat(Concat({Text("/"), AnyBytes(0)}), 0, 1)}));
    case PathMatch::Kind::kTemplate: {
      const absl::StatusOr<std::string> regex = TemplateRegex(match.text);
      if (!regex.ok()) return regex.status();
      return FromRegex(*regex);
    }
    case PathMatch::Kind::kConnect:
      break;
  }
  return absl::UnimplementedError("a path matcher of a new kind");
}

absl::StatusOr<Automaton> Languages::Integers(int64_t begin, int64_t end) {
  if (begin >= end) return Automaton();
  const int64_t last = end - 1;
  std::vector<Node> ways;
  if (last >= 0) {
    const uint64_t low = begin > 0 ? static_cast<uint64_t>(begin) : 0;
    ways.push_back(Concat({Repeat(Text("+"), 0, 1), Unsigned(low, static_cast<uint64_t>(last))}));
  }
  if (begin <= 0 && last >= 0) ways.push_back(Concat({Text("-"), Repeat(Text("0"), 1, -1)}));
  if (begin < 0) {
    ways.push_back(
        Concat({Text("-"), Unsigned(Magnitude(last < -1 ? last : -1), Magnitude(begin))}));
  }
  const Node blank = Repeat(Runes({{'\t', '\r'}, {' ', ' '}}), 0, Node::kUnbounded);
  return FromTree(absl::StrCat("i", begin, ",", end),
                  Concat({blank, Either(std::move(ways)), blank}));
}

absl::StatusOr<Automaton> Languages::Fraction(uint32_t numerator, uint32_t denominator) {
  int digits = 0;
  if (denominator == 100) digits = 2;
  if (denominator == 10'000) digits = 4;
  if (denominator == 1'000'000) digits = 6;
  if (digits == 0) return absl::UnimplementedError("a fraction with this denominator");
  const Node any = Digits('0', '9');
  if (numerator >= denominator) {
    return FromTree("f", Repeat(any, 6, 6));
  }
  // The lowest digit first: some digit is below the numerator's, those above it are the same.
  std::vector<Node> ways;
  uint32_t rest = numerator;
  std::vector<int> digit;
  for (int i = 0; i < digits; ++i, rest /= 10) digit.push_back(static_cast<int>(rest % 10));
  for (int i = 0; i < digits; ++i) {
    if (digit[i] == 0) continue;
    std::vector<Node> way;
    way.push_back(Repeat(any, i, i));
    way.push_back(Digits('0', static_cast<char>('0' + digit[i] - 1)));
    for (int j = i + 1; j < digits; ++j) {
      way.push_back(Text(std::string(1, static_cast<char>('0' + digit[j]))));
    }
    way.push_back(Repeat(any, 6 - digits, 6 - digits));
    ways.push_back(Concat(std::move(way)));
  }
  return FromTree(absl::StrCat("f", numerator, "/", denominator), Either(std::move(ways)));
}

absl::StatusOr<Automaton> Languages::Domains(const std::vector<std::string>& domains,
                                             bool ignore_port, bool at_most) {
  // Bytes of a host without a port; with RE2's rules about code points out of the way.
  const auto host_bytes = [&](int min) {
    if (!ignore_port || !at_most) return AnyBytes(min);
    return Repeat(Runes({{0, ':' - 1}, {':' + 1, 0x7F}}), min, Node::kUnbounded);
  };
  std::string key = absl::StrCat("d", ignore_port, at_most);
  std::vector<Node> hosts;
  for (const std::string& domain : domains) {
    absl::StrAppend(&key, domain, ",");
    if (domain == "*") {
      hosts.push_back(host_bytes(0));
    } else if (!domain.empty() && domain.front() == '*') {
      hosts.push_back(Concat({host_bytes(1), TextInCase(domain.substr(1), true)}));
    } else if (!domain.empty() && domain.back() == '*') {
      hosts.push_back(
          Concat({TextInCase(domain.substr(0, domain.size() - 1), true), host_bytes(1)}));
    } else {
      hosts.push_back(TextInCase(domain, true));
    }
  }
  Node all = Either(std::move(hosts));
  if (ignore_port) {
    Node port = AnyBytes(0);
    if (at_most) port = Repeat(Digits('0', '9'), 0, Node::kUnbounded);
    all = Concat({std::move(all), Repeat(Concat({Text(":"), std::move(port)}), 0, 1)});
  }
  return FromTree(key, all);
}

}  // namespace mesh::route::proof
