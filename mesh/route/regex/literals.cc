// Works bottom-up: for each node what its texts begin with, end with and contain, and all of them
// where they are few.
//
// 1. Assertions are taken as the empty text. That only adds texts, so prefix, suffix and longest
//    stay true; the set of texts is then no longer exact and given up.
// 2. A prefix grows over a concatenation as long as the parts so far are single texts; the same
//    from the other end for the suffix.
#include "mesh/route/regex/literals.h"

#include <algorithm>
#include <utility>

#include "mesh/route/regex/runes.h"

namespace mesh::route::regex {
namespace {

// A class with more code points than this is not listed.
constexpr uint32_t kMaxListedRunes = 16;
constexpr size_t kMaxTextBytes = 4096;

struct Facts {
  Literals literals;
  bool single = false;   // at most one text, ignoring assertions: the prefix
  bool nothing = false;  // no text at all
};

std::string CommonPrefix(const std::string& a, const std::string& b) {
  const size_t n = std::min(a.size(), b.size());
  size_t i = 0;
  while (i < n && a[i] == b[i]) ++i;
  return a.substr(0, i);
}

std::string CommonSuffix(const std::string& a, const std::string& b) {
  const size_t n = std::min(a.size(), b.size());
  size_t i = 0;
  while (i < n && a[a.size() - 1 - i] == b[b.size() - 1 - i]) ++i;
  return a.substr(a.size() - i);
}

void KeepLonger(const std::string& candidate, std::string* longest) {
  if (candidate.size() > longest->size()) *longest = candidate;
}

void Sort(std::vector<std::string>* texts) {
  std::sort(texts->begin(), texts->end());
  texts->erase(std::unique(texts->begin(), texts->end()), texts->end());
}

Facts Text(std::string text) {
  Facts facts;
  facts.literals = {text, text, text, true, {text}};
  facts.single = true;
  return facts;
}

Facts Nothing() {
  Facts facts;
  facts.literals.finite = true;
  facts.nothing = true;
  return facts;
}

// What all of `texts` share.
Facts Texts(std::vector<std::string> texts) {
  Sort(&texts);
  if (texts.empty()) return Nothing();
  if (texts.size() == 1) return Text(texts[0]);
  Facts facts;
  facts.literals.prefix = CommonPrefix(texts.front(), texts.back());
  facts.literals.suffix = texts[0];
  for (const std::string& text : texts) {
    facts.literals.suffix = CommonSuffix(facts.literals.suffix, text);
  }
  facts.literals.longest = facts.literals.prefix;
  KeepLonger(facts.literals.suffix, &facts.literals.longest);
  facts.literals.finite = true;
  facts.literals.texts = std::move(texts);
  return facts;
}

// a followed by b.
Facts Then(const Facts& a, const Facts& b) {
  if (a.nothing || b.nothing) return Nothing();
  if (a.literals.finite && b.literals.finite &&
      a.literals.texts.size() * b.literals.texts.size() <= static_cast<size_t>(kMaxTexts)) {
    std::vector<std::string> texts;
    size_t longest = 0;
    for (const std::string& head : a.literals.texts) {
      for (const std::string& tail : b.literals.texts) {
        texts.push_back(head + tail);
        longest = std::max(longest, texts.back().size());
      }
    }
    if (longest <= kMaxTextBytes) {
      Facts facts = Texts(std::move(texts));
      KeepLonger(a.literals.longest, &facts.literals.longest);
      KeepLonger(b.literals.longest, &facts.literals.longest);
      return facts;
    }
  }
  Facts facts;
  Literals& out = facts.literals;
  out.prefix = a.single ? a.literals.prefix + b.literals.prefix : a.literals.prefix;
  out.suffix = b.single ? a.literals.suffix + b.literals.suffix : b.literals.suffix;
  out.longest = a.literals.suffix + b.literals.prefix;
  KeepLonger(a.literals.longest, &out.longest);
  KeepLonger(b.literals.longest, &out.longest);
  KeepLonger(out.prefix, &out.longest);
  KeepLonger(out.suffix, &out.longest);
  facts.single = a.single && b.single;
  return facts;
}

Facts Look(const Node& node);

Facts Either(const std::vector<Node>& children) {
  std::vector<Facts> branches;
  bool finite = true;
  std::vector<std::string> texts;
  for (const Node& child : children) {
    Facts facts = Look(child);
    if (facts.nothing) continue;
    finite = finite && facts.literals.finite;
    if (finite) {
      texts.insert(texts.end(), facts.literals.texts.begin(), facts.literals.texts.end());
    }
    branches.push_back(std::move(facts));
  }
  if (branches.empty()) return Nothing();
  if (finite) {
    Sort(&texts);
    if (texts.size() <= static_cast<size_t>(kMaxTexts)) return Texts(std::move(texts));
  }
  Facts facts;
  facts.literals.prefix = branches[0].literals.prefix;
  facts.literals.suffix = branches[0].literals.suffix;
  for (const Facts& branch : branches) {
    facts.literals.prefix = CommonPrefix(facts.literals.prefix, branch.literals.prefix);
    facts.literals.suffix = CommonSuffix(facts.literals.suffix, branch.literals.suffix);
  }
  facts.literals.longest = facts.literals.prefix;
  KeepLonger(facts.literals.suffix, &facts.literals.longest);
  return facts;
}

Facts Repeat(const Node& node) {
  const Facts once = Look(node.children[0]);
  if (node.max == 0 || (once.nothing && node.min == 0)) return Text("");
  if (once.nothing) return Nothing();
  if (node.max != Node::kUnbounded && once.literals.finite) {
    Facts facts = Text("");
    std::vector<std::string> texts;
    bool fits = true;
    for (int i = 0; i <= node.max && fits; ++i) {
      if (i > 0) facts = Then(facts, once);
      fits = facts.literals.finite;
      if (fits && i >= node.min) {
        texts.insert(texts.end(), facts.literals.texts.begin(), facts.literals.texts.end());
        Sort(&texts);
        fits = texts.size() <= static_cast<size_t>(kMaxTexts);
      }
    }
    if (fits) return Texts(std::move(texts));
  }
  if (node.min == 0) return Facts();
  // At least `min` times: what a few of them and the last one must have.
  Facts facts = once;
  facts.literals.finite = false;
  facts.literals.texts.clear();
  for (int i = 1; i < node.min && once.single && facts.literals.prefix.size() < 256; ++i) {
    facts.literals.prefix += once.literals.prefix;
  }
  if (once.single) {
    facts.literals.suffix = facts.literals.prefix;
    facts.literals.longest = facts.literals.prefix;
    facts.single = false;
  }
  if (node.min > 1 || node.max != 1) facts.single = false;
  return facts;
}

Facts Look(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kEmpty:
      return Text("");
    case Node::Kind::kLiteral:
      return Text(node.literal);
    case Node::Kind::kClass: {
      uint32_t runes = 0;
      for (const RuneRange& range : node.runes) {
        runes += std::min(range.last - range.first + 1, kMaxListedRunes + 1);
        if (runes > kMaxListedRunes) return Facts();
        // RE2 takes more than the code points themselves where a class runs to the last.
        if (range.last == kMaxRune) return Facts();
      }
      std::vector<std::string> texts;
      for (const RuneRange& range : node.runes) {
        for (uint32_t rune = range.first; rune <= range.last; ++rune) {
          texts.emplace_back();
          AppendRune(rune, &texts.back());
        }
      }
      return Texts(std::move(texts));
    }
    case Node::Kind::kAnyByte:
      return Facts();
    case Node::Kind::kConcat: {
      Facts facts = Text("");
      for (const Node& child : node.children) facts = Then(facts, Look(child));
      return facts;
    }
    case Node::Kind::kAlternate:
      return Either(node.children);
    case Node::Kind::kRepeat:
      return Repeat(node);
    case Node::Kind::kAssertion: {
      Facts facts = Text("");
      facts.literals.finite = false;
      facts.literals.texts.clear();
      return facts;
    }
  }
  return Facts();
}

// ^ in front and $ at the end say nothing where the whole text must match.
const Node* WithoutAnchors(const Node& node, Node* storage) {
  if (node.kind == Node::Kind::kAssertion &&
      (node.assertion == Assertion::kBeginText || node.assertion == Assertion::kEndText)) {
    return storage;
  }
  if (node.kind != Node::Kind::kConcat) return &node;
  const auto is = [](const Node& child, Assertion assertion) {
    return child.kind == Node::Kind::kAssertion && child.assertion == assertion;
  };
  size_t first = 0, last = node.children.size();
  while (first < last && is(node.children[first], Assertion::kBeginText)) ++first;
  while (last > first && is(node.children[last - 1], Assertion::kEndText)) --last;
  if (first == 0 && last == node.children.size()) return &node;
  storage->kind = Node::Kind::kConcat;
  storage->children.assign(node.children.begin() + first, node.children.begin() + last);
  return storage;
}

}  // namespace

Literals FindLiterals(const Node& node) {
  Node storage;
  return Look(*WithoutAnchors(node, &storage)).literals;
}

std::string LiteralPrefix(std::string_view regex) {
  const absl::StatusOr<Node> tree = Parse(regex);
  return tree.ok() ? FindLiterals(*tree).prefix : std::string();
}

}  // namespace mesh::route::regex
