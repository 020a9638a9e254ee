// 1. An expression becomes a union of sequences of parts. Concatenation multiplies, alternation
//    adds; both stop at kMaxTemplates. Alternations of literals alone become one part (a choice),
//    so that /(a|b|c)/x is one template.
// 2. A run over a class is taken only where counting bytes is counting code points: ASCII sets, or
//    sets with all of U+0080.. and a count of "any" or "at least one".
// 3. ^ counts as nothing where only the empty text can stand before it, likewise $ at the end;
//    elsewhere the expression is no template.
#include "mesh/route/regex/template.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "mesh/route/regex/literals.h"

namespace mesh::route::regex {
namespace {

using Part = TemplatePart;
using Sequence = std::vector<Part>;
using Sequences = std::vector<Sequence>;

Part LiteralPart(std::string text) {
  Part part;
  part.kind = Part::Kind::kLiteral;
  part.literal = std::move(text);
  return part;
}

void Append(const Part& part, Sequence* out) {
  if (part.kind == Part::Kind::kLiteral) {
    if (part.literal.empty()) return;
    if (!out->empty() && out->back().kind == Part::Kind::kLiteral) {
      out->back().literal += part.literal;
      return;
    }
  }
  out->push_back(part);
}

// The bytes of a class where a run of it is a run of bytes; has_non_ascii() then means all of
// U+0080 to U+10FFFF.
std::optional<ByteSet> Bytes(const Node& node) {
  ByteSet set;
  if (node.kind == Node::Kind::kLiteral) {
    if (node.literal.size() != 1 || static_cast<uint8_t>(node.literal[0]) >= 0x80) {
      return std::nullopt;
    }
    set.Add(static_cast<uint8_t>(node.literal[0]));
    return set;
  }
  if (node.kind != Node::Kind::kClass) return std::nullopt;
  for (const RuneRange& range : node.runes) {
    if (range.last >= 0x80) {
      if (range.last != kMaxRune || range.first > 0x80) return std::nullopt;
      set = set | ByteSet::Range(0x80, 0xFF);
    }
    for (uint32_t rune = range.first; rune <= range.last && rune < 0x80; ++rune) {
      set.Add(static_cast<uint8_t>(rune));
    }
  }
  if (set.empty()) return std::nullopt;
  return set;
}

std::optional<Part> Run(const Node& of, int min, int max) {
  const std::optional<ByteSet> bytes = Bytes(of);
  if (!bytes.has_value()) return std::nullopt;
  if (bytes->has_non_ascii() && (min > 1 || max != Node::kUnbounded)) return std::nullopt;
  Part part;
  part.kind = bytes->Has('/') ? Part::Kind::kRest : Part::Kind::kSegment;
  part.bytes = *bytes;
  part.min = min;
  part.max = max == Node::kUnbounded ? Part::kUnbounded : max;
  return part;
}

std::optional<Sequences> Expand(const Node& node, bool at_begin, bool at_end);

// One part for a few texts.
Sequence FewTexts(std::vector<std::string> texts) {
  Sequence out;
  if (texts.size() == 1) {
    Append(LiteralPart(texts[0]), &out);
  } else {
    Part part;
    part.kind = Part::Kind::kChoice;
    part.choices = std::move(texts);
    out.push_back(std::move(part));
  }
  return out;
}

bool OnlyEmpty(const Node& node) {
  return node.kind == Node::Kind::kEmpty || node.kind == Node::Kind::kAssertion;
}

std::optional<Sequences> Concat(const Node& node, bool at_begin, bool at_end) {
  Sequences out = {{}};
  const std::vector<Node>& children = node.children;
  for (size_t i = 0; i < children.size(); ++i) {
    const bool begins = at_begin && std::all_of(children.begin(), children.begin() + i, OnlyEmpty);
    const bool ends = at_end && std::all_of(children.begin() + i + 1, children.end(), OnlyEmpty);
    const std::optional<Sequences> next = Expand(children[i], begins, ends);
    if (!next.has_value()) return std::nullopt;
    Sequences product;
    for (const Sequence& head : out) {
      for (const Sequence& tail : *next) {
        Sequence both = head;
        for (const Part& part : tail) Append(part, &both);
        product.push_back(std::move(both));
      }
    }
    if (product.size() > static_cast<size_t>(kMaxTemplates)) return std::nullopt;
    out = std::move(product);
  }
  return out;
}

std::optional<Sequences> Alternate(const std::vector<Node>& children, bool at_begin, bool at_end) {
  Sequences out;
  for (const Node& child : children) {
    std::optional<Sequences> branch = Expand(child, at_begin, at_end);
    if (!branch.has_value()) return std::nullopt;
    for (Sequence& sequence : *branch) out.push_back(std::move(sequence));
    if (out.size() > static_cast<size_t>(kMaxTemplates)) return std::nullopt;
  }
  return out;
}

std::optional<Sequences> Expand(const Node& node, bool at_begin, bool at_end) {
  if (node.kind != Node::Kind::kAssertion) {
    // Before all else: a few texts. ^ and $ inside make them not so, and FindLiterals then does not
    // say finite. At the very ends it drops them, which is right only there.
    const bool anchored = !at_begin || !at_end;
    const bool may_drop =
        node.kind == Node::Kind::kConcat && (node.children.front().kind == Node::Kind::kAssertion ||
                                             node.children.back().kind == Node::Kind::kAssertion);
    if (!(anchored && may_drop)) {
      Literals literals = FindLiterals(node);
      if (literals.finite) {
        if (literals.texts.empty()) return Sequences();
        return Sequences{FewTexts(std::move(literals.texts))};
      }
    }
  }
  switch (node.kind) {
    case Node::Kind::kEmpty:
      return Sequences{{}};
    case Node::Kind::kLiteral: {
      Sequence sequence;
      Append(LiteralPart(node.literal), &sequence);
      return Sequences{sequence};
    }
    case Node::Kind::kClass: {
      const std::optional<Part> run = Run(node, 1, 1);
      if (!run.has_value()) return std::nullopt;
      return Sequences{{*run}};
    }
    case Node::Kind::kAnyByte:
      return std::nullopt;
    case Node::Kind::kConcat:
      return Concat(node, at_begin, at_end);
    case Node::Kind::kAlternate:
      return Alternate(node.children, at_begin, at_end);
    case Node::Kind::kRepeat: {
      if (const auto run = Run(node.children[0], node.min, node.max); run.has_value()) {
        return Sequences{{*run}};
      }
      if (node.min == 1 && node.max == 1) return Expand(node.children[0], at_begin, at_end);
      if (node.min != 0 || node.max != 1) return std::nullopt;
      Node nothing;
      return Alternate({nothing, node.children[0]}, at_begin, at_end);
    }
    case Node::Kind::kAssertion:
      if ((node.assertion == Assertion::kBeginText && at_begin) ||
          (node.assertion == Assertion::kEndText && at_end)) {
        return Sequences{{}};
      }
      return std::nullopt;
  }
  return std::nullopt;
}

// Merges runs that stand side by side over the same set: [^/]+ from `.?.*` and the like.
void MergeRuns(Sequence* parts) {
  Sequence out;
  for (Part& part : *parts) {
    const bool run = part.kind == Part::Kind::kSegment || part.kind == Part::Kind::kRest;
    if (run && !out.empty() && out.back().kind == part.kind && out.back().bytes == part.bytes) {
      Part& last = out.back();
      const uint64_t min = uint64_t{last.min} + part.min;
      const bool unbounded = last.max == Part::kUnbounded || part.max == Part::kUnbounded;
      const uint64_t max = unbounded ? 0 : uint64_t{last.max} + part.max;
      if (!part.bytes.has_non_ascii() || min <= 1) {
        last.min = static_cast<uint32_t>(min);
        last.max = unbounded ? Part::kUnbounded : static_cast<uint32_t>(max);
        continue;
      }
    }
    out.push_back(std::move(part));
  }
  *parts = std::move(out);
}

bool Deterministic(const Sequence& parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    const bool last = i + 1 == parts.size();
    if (part.kind == Part::Kind::kChoice && !last) {
      // Of choices where one begins another ("" begins all), several may fit.
      for (size_t a = 0; a + 1 < part.choices.size(); ++a) {
        const std::string& shorter = part.choices[a];
        if (part.choices[a + 1].compare(0, shorter.size(), shorter) == 0) return false;
      }
    }
    if (last || (part.kind != Part::Kind::kSegment && part.kind != Part::Kind::kRest)) continue;
    const Part& next = parts[i + 1];
    if (next.kind == Part::Kind::kLiteral) {
      if (part.bytes.Has(static_cast<uint8_t>(next.literal[0]))) return false;
    } else if (next.kind == Part::Kind::kChoice) {
      const bool ends = i + 2 == parts.size();
      for (const std::string& choice : next.choices) {
        if (choice.empty() ? !ends : part.bytes.Has(static_cast<uint8_t>(choice[0]))) return false;
      }
    } else {
      return false;
    }
  }
  return true;
}

// The most frequent shape without a tree: text, [^/]+, [^/]*, .+ and .*, as AsTemplates(Node) has
// it.
std::optional<Template> PlainTemplate(std::string_view regex) {
  constexpr std::string_view kPlain = "/-_~%=,:;@!&'\"<> ", kRepeats = "*+?{";
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  Template pattern;
  Sequence& parts = pattern.parts;
  for (size_t at = 0; at < regex.size();) {
    const bool segment = regex.substr(at, 4) == "[^/]";
    if (segment || regex[at] == '.') {
      at += segment ? 4 : 1;
      if (at == regex.size() || (regex[at] != '+' && regex[at] != '*')) return std::nullopt;
      // Runs side by side may be one.
      if (!parts.empty() && parts.back().kind != Part::Kind::kLiteral) return std::nullopt;
      parts.emplace_back();
      Part& run = parts.back();
      run.kind = segment ? Part::Kind::kSegment : Part::Kind::kRest;
      run.bytes = ByteSet::All();
      run.bytes.Remove(segment ? '/' : '\n');
      run.min = regex[at] == '+' ? 1 : 0;
    } else if (is_letter(regex[at]) || kPlain.find(regex[at]) != std::string_view::npos) {
      if (parts.empty() || parts.back().kind != Part::Kind::kLiteral) parts.emplace_back();
      parts.back().literal += regex[at];
    } else {
      return std::nullopt;
    }
    ++at;
    if (at < regex.size() && kRepeats.find(regex[at]) != std::string_view::npos) {
      return std::nullopt;
    }
  }
  if (parts.empty()) return std::nullopt;
  pattern.deterministic = Deterministic(parts);
  return pattern;
}

bool MatchFrom(const Sequence& parts, size_t i, std::string_view text) {
  if (i == parts.size()) return text.empty();
  const Part& part = parts[i];
  const auto starts = [&](const std::string& with) { return text.substr(0, with.size()) == with; };
  switch (part.kind) {
    case Part::Kind::kLiteral:
      return starts(part.literal) && MatchFrom(parts, i + 1, text.substr(part.literal.size()));
    case Part::Kind::kChoice:
      for (const std::string& choice : part.choices) {
        if (starts(choice) && MatchFrom(parts, i + 1, text.substr(choice.size()))) return true;
      }
      return false;
    case Part::Kind::kSegment:
    case Part::Kind::kRest: {
      size_t longest = 0;
      while (longest < text.size() && longest < part.max &&
             part.bytes.Has(static_cast<uint8_t>(text[longest]))) {
        ++longest;
      }
      for (size_t n = longest + 1; n-- > part.min;) {
        if (part.bytes.has_non_ascii() && !IsRuneSequence(text.substr(0, n))) continue;
        if (MatchFrom(parts, i + 1, text.substr(n))) return true;
      }
      return false;
    }
  }
  return false;
}

}  // namespace

std::vector<Template> AsTemplates(std::string_view regex) {
  if (std::optional<Template> plain = PlainTemplate(regex)) {
    std::vector<Template> out;
    out.push_back(*std::move(plain));
    return out;
  }
  const absl::StatusOr<Node> tree = Parse(regex);
  return tree.ok() ? AsTemplates(*tree) : std::vector<Template>();
}

std::vector<Template> AsTemplates(const Node& node) {
  std::optional<Sequences> sequences = Expand(node, /*at_begin=*/true, /*at_end=*/true);
  std::vector<Template> out;
  if (!sequences.has_value()) return out;
  for (Sequence& sequence : *sequences) {
    MergeRuns(&sequence);
    Template pattern;
    pattern.deterministic = Deterministic(sequence);
    pattern.parts = std::move(sequence);
    out.push_back(std::move(pattern));
  }
  return out;
}

bool Matches(const Template& pattern, std::string_view text) {
  return MatchFrom(pattern.parts, 0, text);
}

bool IsRuneSequence(std::string_view bytes) {
  size_t i = 0;
  while (i < bytes.size()) {
    const uint8_t lead = static_cast<uint8_t>(bytes[i++]);
    if (lead < 0x80) continue;
    int tail = 0;
    if (lead >= 0xC2 && lead <= 0xDF) {
      tail = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      tail = 2;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      tail = 3;
    } else {
      return false;
    }
    for (; tail > 0; --tail, ++i) {
      if (i >= bytes.size() || (static_cast<uint8_t>(bytes[i]) & 0xC0) != 0x80) return false;
    }
  }
  return true;
}

}  // namespace mesh::route::regex
