#include "mesh/route/regex/parser.h"

#include <algorithm>
#include <utility>

namespace mesh::route::regex {
namespace {

// RE2 refuses counts above this.
constexpr int kMaxRepeat = 1000;

}  // namespace

absl::StatusOr<Node> Parser::Run() {
  Node root;
  if (!Alternation(0, &root)) return error_;
  if (at_ != text_.size()) return Fail("a ')' without '('"), error_;
  if (alternations_ && reaches_last_rune_partly_ && !ascii_) {
    at_ = 0;
    return Fail("an alternation beside a class that ends with the last code point"), error_;
  }
  return root;
}

bool Parser::Alternation(int depth, Node* out) {
  if (depth > kMaxNesting / 2) return Fail("groups nested too deeply");
  const Flags saved = flags_;
  std::vector<Node> branches;
  do {
    Node branch;
    if (!Concatenation(depth, &branch)) return false;
    branches.push_back(std::move(branch));
  } while (Next("|"));
  flags_ = saved;
  if (branches.size() == 1) {
    *out = std::move(branches[0]);
  } else {
    alternations_ = true;
    out->kind = Node::Kind::kAlternate;
    out->children = std::move(branches);
  }
  return true;
}

bool Parser::Concatenation(int depth, Node* out) {
  std::vector<Node> items;
  while (!done() && peek() != '|' && peek() != ')') {
    const size_t start = at_;
    std::optional<Node> item;
    if (!Atom(depth, &item)) return false;
    if (!item.has_value()) {
      // Flags, or an empty \Q\E. What a '*' right behind would repeat, RE2 must say.
      if (!done() && (peek() == '*' || peek() == '+' || peek() == '?')) {
        return Fail("a repetition of nothing");
      }
      continue;
    }
    // A repetition binds to the last character of a \Q...\E.
    if (quoted_.size() > 1 && IsRepetition()) {
      std::string last = std::move(quoted_.back());
      quoted_.pop_back();
      for (std::string& rune : quoted_) items.push_back(LiteralRune(rune));
      item = LiteralRune(last);
    } else if (quoted_.size() > 1) {
      for (size_t i = 0; i + 1 < quoted_.size(); ++i) items.push_back(LiteralRune(quoted_[i]));
      item = LiteralRune(quoted_.back());
    }
    quoted_.clear();
    if (!Repetitions(&*item)) return false;
    items.push_back(std::move(*item));
    if (at_ == start) return Fail("no progress");
  }
  *out = Join(std::move(items));
  return true;
}

Node Parser::Join(std::vector<Node> items) {
  Node node;
  std::vector<Node> flat;
  for (Node& item : items) {
    std::vector<Node> parts;
    if (item.kind == Node::Kind::kConcat) {
      parts = std::move(item.children);
    } else {
      parts.push_back(std::move(item));
    }
    for (Node& part : parts) {
      if (part.kind == Node::Kind::kEmpty) continue;
      if (part.kind == Node::Kind::kLiteral && !flat.empty() &&
          flat.back().kind == Node::Kind::kLiteral) {
        flat.back().literal += part.literal;
      } else {
        flat.push_back(std::move(part));
      }
    }
  }
  if (flat.empty()) return node;
  if (flat.size() == 1) return std::move(flat[0]);
  node.kind = Node::Kind::kConcat;
  node.children = std::move(flat);
  return node;
}

bool Parser::Count(int* min, int* max) {
  size_t at = at_;
  if (at >= text_.size() || text_[at] != '{') return false;
  ++at;
  auto number = [&](int* value) {
    const size_t start = at;
    int64_t n = 0;
    while (at < text_.size() && text_[at] >= '0' && text_[at] <= '9') {
      n = std::min<int64_t>(n * 10 + (text_[at] - '0'), 1 << 20);
      ++at;
    }
    if (at == start || (text_[start] == '0' && at - start > 1)) return false;
    *value = static_cast<int>(n);
    return true;
  };
  if (!number(min)) return false;
  *max = *min;
  if (at < text_.size() && text_[at] == ',') {
    ++at;
    if (at < text_.size() && text_[at] == '}') {
      *max = Node::kUnbounded;
    } else if (!number(max)) {
      return false;
    }
  }
  if (at >= text_.size() || text_[at] != '}') return false;
  at_ = at + 1;
  return true;
}

bool Parser::IsRepetition() {
  if (done()) return false;
  if (peek() == '*' || peek() == '+' || peek() == '?') return true;
  const size_t saved = at_;
  int min = 0, max = 0;
  const bool is = Count(&min, &max);
  at_ = saved;
  return is;
}

bool Parser::Repetitions(Node* node) {
  if (!IsRepetition()) return true;
  int min = 0, max = Node::kUnbounded;
  if (Next("*")) {
  } else if (Next("+")) {
    min = 1;
  } else if (Next("?")) {
    max = 1;
  } else {
    Count(&min, &max);
    if (min > kMaxRepeat || max > kMaxRepeat || (max != Node::kUnbounded && max < min)) {
      return Fail("a count that RE2 refuses");
    }
  }
  Next("?");  // not greedy, or greedy under (?U): the same texts
  if (IsRepetition()) return Fail("a repetition of a repetition");
  if (node->kind == Node::Kind::kEmpty) return true;
  Node repeat;
  repeat.kind = Node::Kind::kRepeat;
  repeat.min = min;
  repeat.max = max;
  repeat.children.push_back(std::move(*node));
  *node = std::move(repeat);
  return true;
}

Node Parser::LiteralRune(std::string bytes) {
  Node node;
  node.kind = Node::Kind::kLiteral;
  node.literal = std::move(bytes);
  return node;
}

Node Parser::Assert(Assertion assertion) {
  Node node;
  node.kind = Node::Kind::kAssertion;
  node.assertion = assertion;
  return node;
}

bool Parser::Literal(uint32_t rune, std::optional<Node>* out) {
  if (flags_.fold) {
    RuneSet set;
    if (!AddFolded(rune, rune, &set)) return false;
    *out = Class(std::move(set));
    return true;
  }
  std::string bytes;
  AppendRune(rune, &bytes);
  *out = LiteralRune(std::move(bytes));
  return true;
}

bool Parser::Atom(int depth, std::optional<Node>* out) {
  switch (peek()) {
    case '(':
      return Group(depth, out);
    case '[':
      return BracketClass(out);
    case '.': {
      ++at_;
      RuneSet set;
      if (flags_.dot_newline) {
        set.Add(0, kMaxRune);
      } else {
        set.Add(0, '\n' - 1);
        set.Add('\n' + 1, kMaxRune);
      }
      *out = Class(std::move(set));
      return true;
    }
    case '^':
      ++at_;
      *out = Assert(flags_.multiline ? Assertion::kBeginLine : Assertion::kBeginText);
      return true;
    case '$':
      ++at_;
      *out = Assert(flags_.multiline ? Assertion::kEndLine : Assertion::kEndText);
      return true;
    case '*':
    case '+':
    case '?':
      return Fail("a repetition of nothing");
    case '{': {
      const size_t saved = at_;
      int min = 0, max = 0;
      if (Count(&min, &max)) {
        at_ = saved;
        return Fail("a repetition of nothing");
      }
      ++at_;
      return Literal('{', out);
    }
    case '\\':
      return Backslash(out);
    default: {
      uint32_t rune = 0;
      return Rune(&rune) && Literal(rune, out);
    }
  }
}

bool Parser::Group(int depth, std::optional<Node>* out) {
  ++at_;
  if (Next("?")) {
    if (Next("P<") || Next("<")) {
      const size_t end = text_.find('>', at_);
      if (end == std::string_view::npos || end == at_) return Fail("a group without a name");
      for (size_t i = at_; i < end; ++i) {
        const char c = text_[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '_')) {
          return Fail("a group's name");
        }
      }
      at_ = end + 1;
    } else {
      bool on = true, any = false, ended = false;
      Flags flags = flags_;
      while (!done() && !ended) {
        switch (peek()) {
          case 'i':
            flags.fold = on;
            break;
          case 'm':
            flags.multiline = on;
            break;
          case 's':
            flags.dot_newline = on;
            break;
          case 'U':
            break;
          case '-':
            if (!on) return Fail("flags");
            on = false;
            any = false;
            ++at_;
            continue;
          case ':':
          case ')':
            if (!on && !any) return Fail("flags");
            ended = true;
            continue;
          default:
            return Fail("flags");
        }
        any = true;
        ++at_;
      }
      if (done()) return Fail("a group without an end");
      if (Next(")")) {
        flags_ = flags;  // until the group around ends
        return true;
      }
      Next(":");
      const Flags saved = flags_;
      flags_ = flags;
      Node inner;
      if (!Alternation(depth + 1, &inner)) return false;
      flags_ = saved;
      if (!Next(")")) return Fail("a group without an end");
      *out = std::move(inner);
      return true;
    }
  }
  Node inner;
  if (!Alternation(depth + 1, &inner)) return false;
  if (!Next(")")) return Fail("a group without an end");
  *out = std::move(inner);
  return true;
}

bool Parser::Backslash(std::optional<Node>* out) {
  if (at_ + 1 >= text_.size()) return Fail("a lone '\\'");
  switch (text_[at_ + 1]) {
    case 'A':
      at_ += 2;
      *out = Assert(Assertion::kBeginText);
      return true;
    case 'z':
      at_ += 2;
      *out = Assert(Assertion::kEndText);
      return true;
    case 'b':
      at_ += 2;
      *out = Assert(Assertion::kWordBoundary);
      return true;
    case 'B':
      at_ += 2;
      *out = Assert(Assertion::kNoWordBoundary);
      return true;
    case 'C': {
      at_ += 2;
      Node node;
      node.kind = Node::Kind::kAnyByte;
      *out = std::move(node);
      return true;
    }
    case 'Q':
      at_ += 2;
      return Quoted(out);
    case 'p':
    case 'P': {
      RuneSet set;
      if (!UnicodeClass(&set)) return false;
      *out = Class(std::move(set));
      return true;
    }
    default:
      break;
  }
  RuneSet set;
  if (PerlClass(&set)) {
    *out = Class(std::move(set));
    return error_.ok();
  }
  uint32_t rune = 0;
  return Escape(&rune) && Literal(rune, out);
}

bool Parser::Quoted(std::optional<Node>* out) {
  quoted_.clear();
  if (flags_.fold) return Fail("\\Q under (?i)");
  while (!done() && !Next("\\E")) {
    uint32_t rune = 0;
    if (!Rune(&rune)) return false;
    std::string bytes;
    AppendRune(rune, &bytes);
    quoted_.push_back(std::move(bytes));
  }
  if (quoted_.empty()) {
    if (IsRepetition()) return Fail("a repetition of nothing");
    return true;
  }
  *out = LiteralRune(quoted_.size() == 1 ? quoted_[0] : std::string("?"));
  return true;
}

absl::StatusOr<Node> Parse(std::string_view regex, Alphabet alphabet) {
  return Parser(regex, alphabet).Run();
}

}  // namespace mesh::route::regex
