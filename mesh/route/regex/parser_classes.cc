// One character and sets of them: escapes, \d, \pN, [:alpha:], [a-z], with and without case.
#include <algorithm>
#include <utility>

#include "mesh/route/regex/parser.h"

namespace mesh::route::regex {

bool Parser::AddFolded(uint32_t first, uint32_t last, RuneSet* set) {
  set->Add(first, last);
  if (!flags_.fold) return true;
  if (last > 0x7F && ascii_) {
    // What ASCII characters are the same as these.
    if (first <= 0x212A && 0x212A <= last) AddLetter('k', set);
    if (first <= 0x17F && 0x17F <= last) AddLetter('s', set);
  } else if (last > 0x7F) {
    if (first <= 'A' && last == kMaxRune) return true;
    return Fail("(?i) on characters beyond ASCII");
  }
  for (uint32_t r = first; r <= last && r < 0x80; ++r) AddLetter(r, set);
  return true;
}

void Parser::AddLetter(uint32_t r, RuneSet* set) {
  const uint32_t lower = r | 0x20;
  if (lower < 'a' || lower > 'z') return;
  set->Add(lower, lower);
  set->Add(lower ^ 0x20, lower ^ 0x20);
  if (lower == 'k') set->Add(0x212A, 0x212A);  // the Kelvin sign
  if (lower == 's') set->Add(0x17F, 0x17F);    // the long s
}

Node Parser::Class(RuneSet set) {
  Node node;
  node.runes = set.Normalized();
  // Where RE2 merges such a class with its neighbours in an alternation, the union can become
  // U+0080..U+10FFFF, for which it also accepts malformed sequences; see Run.
  for (const RuneRange& range : node.runes) {
    if (range.last == kMaxRune && range.first > 0x80) reaches_last_rune_partly_ = true;
  }
  if (node.runes.size() == 1 && node.runes[0].first == node.runes[0].last) {
    node.kind = Node::Kind::kLiteral;
    AppendRune(node.runes[0].first, &node.literal);
    node.runes.clear();
    return node;
  }
  node.kind = Node::Kind::kClass;
  return node;
}

bool Parser::PerlClass(RuneSet* set) {
  if (at_ + 1 >= text_.size() || peek() != '\\') return false;
  std::vector<RuneRange> ranges;
  switch (text_[at_ + 1] | 0x20) {
    case 'd':
      ranges = {{'0', '9'}};
      break;
    case 's':
      ranges = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
      break;
    case 'w':
      ranges = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
      break;
    default:
      return false;
  }
  const bool negated = (text_[at_ + 1] & 0x20) == 0;
  at_ += 2;
  AddGroup(ranges, negated, set);
  return true;
}

bool Parser::UnicodeClass(RuneSet* set) {
  if (!ascii_) return Fail("a Unicode class");
  bool negated = text_[at_ + 1] == 'P';
  at_ += 2;
  if (done()) return Fail("a Unicode class");
  std::string_view name;
  if (Next("{")) {
    const size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return Fail("a Unicode class");
    name = text_.substr(at_, end - at_);
    at_ = end + 1;
  } else {
    name = text_.substr(at_, 1);
    ++at_;
  }
  if (!name.empty() && name[0] == '^') {
    negated = !negated;
    name.remove_prefix(1);
  }
  // General categories with members in ASCII, and the script that has its letters. Categories
  // without: the empty text.
  struct Named {
    std::string_view name;
    std::string_view members;
  };
  static constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
  static constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static constexpr Named kNamed[] = {
      {"L", kLetters},
      {"Latin", kLetters},
      {"Ll", kLower},
      {"Lu", kUpper},
      {"N", "0123456789"},
      {"Nd", "0123456789"},
      {"P", "!\"#%&'()*,-./:;?@[\\]_{}"},
      {"Pc", "_"},
      {"Pd", "-"},
      {"Pe", ")]}"},
      {"Po", "!\"#%&'*,./:;?@\\"},
      {"Ps", "([{"},
      {"S", "$+<=>^`|~"},
      {"Sc", "$"},
      {"Sk", "^`"},
      {"Sm", "+<=>|~"},
      {"Z", " "},
      {"Zs", " "},
      {"Lm", ""},
      {"Lo", ""},
      {"Lt", ""},
      {"M", ""},
      {"Mc", ""},
      {"Me", ""},
      {"Mn", ""},
      {"Nl", ""},
      {"No", ""},
      {"Pf", ""},
      {"Pi", ""},
      {"So", ""},
      {"Zl", ""},
      {"Zp", ""},
      {"Arabic", ""},
      {"Cyrillic", ""},
      {"Greek", ""},
      {"Han", ""},
      {"Hangul", ""},
      {"Hebrew", ""},
      {"Hiragana", ""},
      {"Katakana", ""},
  };
  for (const Named& named : kNamed) {
    if (named.name != name) continue;
    std::vector<RuneRange> ranges;
    for (char c : named.members) {
      ranges.push_back({static_cast<uint8_t>(c), static_cast<uint8_t>(c)});
    }
    AddGroup(ranges, negated, set);
    return true;
  }
  return Fail("a Unicode class");
}

void Parser::AddGroup(const std::vector<RuneRange>& ranges, bool negated, RuneSet* set) {
  RuneSet group;
  for (const RuneRange& range : ranges) AddFolded(range.first, range.last, &group);
  if (negated) group.Negate();
  set->AddAll(group);
}

bool Parser::PosixClass(RuneSet* set) {
  if (text_.substr(at_, 2) != "[:") return false;
  const size_t end = text_.find(":]", at_ + 2);
  if (end == std::string_view::npos) return false;
  std::string_view name = text_.substr(at_ + 2, end - at_ - 2);
  const bool negated = !name.empty() && name[0] == '^';
  if (negated) name.remove_prefix(1);
  struct Named {
    std::string_view name;
    std::vector<RuneRange> ranges;
  };
  static const auto* const kNamed = new std::vector<Named>{
      {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
      {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
      {"ascii", {{0, 0x7F}}},
      {"blank", {{'\t', '\t'}, {' ', ' '}}},
      {"cntrl", {{0, 0x1F}, {0x7F, 0x7F}}},
      {"digit", {{'0', '9'}}},
      {"graph", {{'!', '~'}}},
      {"lower", {{'a', 'z'}}},
      {"print", {{' ', '~'}}},
      {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
      {"space", {{'\t', '\r'}, {' ', ' '}}},
      {"upper", {{'A', 'Z'}}},
      {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
      {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
  };
  for (const Named& named : *kNamed) {
    if (named.name == name) {
      at_ = end + 2;
      AddGroup(named.ranges, negated, set);
      return true;
    }
  }
  return !Fail("a class of this name");
}

bool Parser::BracketClass(std::optional<Node>* out) {
  ++at_;
  const bool negated = Next("^");
  RuneSet set;
  for (bool first = true;; first = false) {
    if (done()) return Fail("a class without an end");
    if (peek() == ']' && !first) break;
    if (text_.substr(at_, 2) == "[:") {
      if (PosixClass(&set)) {
        if (!error_.ok()) return false;
        continue;
      }
      if (!error_.ok()) return false;
    }
    if (text_.substr(at_, 2) == "\\p" || text_.substr(at_, 2) == "\\P") {
      if (!UnicodeClass(&set)) return false;
      continue;
    }
    if (PerlClass(&set)) {
      if (!error_.ok()) return false;
      continue;
    }
    uint32_t low = 0;
    if (!ClassRune(&low)) return false;
    uint32_t high = low;
    if (at_ + 1 < text_.size() && peek() == '-' && text_[at_ + 1] != ']') {
      ++at_;
      if (!ClassRune(&high)) return false;
      if (high < low) return Fail("a range that runs backwards");
    }
    if (!AddFolded(low, high, &set)) return false;
  }
  ++at_;
  if (negated) set.Negate();
  *out = Class(std::move(set));
  return true;
}

bool Parser::ClassRune(uint32_t* rune) {
  if (done()) return Fail("a class without an end");
  return peek() == '\\' ? Escape(rune) : Rune(rune);
}

int Parser::HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool Parser::Escape(uint32_t* rune) {
  ++at_;
  if (done()) return Fail("a lone '\\'");
  const char c = peek();
  ++at_;
  auto octal = [this] { return !done() && peek() >= '0' && peek() <= '7'; };
  switch (c) {
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
      if (!octal()) return Fail("a back-reference");
      [[fallthrough]];
    case '0':
      *rune = c - '0';
      for (int i = 0; i < 2 && octal(); ++i) *rune = *rune * 8 + (text_[at_++] - '0');
      return true;
    case 'x': {
      *rune = 0;
      if (Next("{")) {
        int digits = 0;
        while (!done() && peek() != '}') {
          const int digit = HexDigit(peek());
          if (digit < 0) return Fail("\\x{...}");
          *rune = *rune * 16 + digit;
          if (*rune > kMaxRune) return Fail("a code point beyond the last");
          ++at_;
          ++digits;
        }
        if (digits == 0 || !Next("}")) return Fail("\\x{...}");
      } else {
        for (int i = 0; i < 2; ++i) {
          const int digit = done() ? -1 : HexDigit(peek());
          if (digit < 0) return Fail("\\x");
          *rune = *rune * 16 + digit;
          ++at_;
        }
      }
      // RE2 takes surrogates for U+FFFD in places.
      if (*rune >= 0xD800 && *rune <= 0xDFFF) return Fail("a surrogate");
      return true;
    }
    case 'a':
      *rune = '\a';
      return true;
    case 'f':
      *rune = '\f';
      return true;
    case 'n':
      *rune = '\n';
      return true;
    case 'r':
      *rune = '\r';
      return true;
    case 't':
      *rune = '\t';
      return true;
    case 'v':
      *rune = '\v';
      return true;
    default: {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (letter || (c >= '0' && c <= '9') || (c & 0x80) != 0) return Fail("this escape");
      *rune = static_cast<uint8_t>(c);
      return true;
    }
  }
}

}  // namespace mesh::route::regex
