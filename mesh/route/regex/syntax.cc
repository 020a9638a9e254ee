#include "mesh/route/regex/syntax.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mesh/route/regex/runes.h"

namespace mesh::route::regex {
namespace {

// RE2 refuses counts above this.
constexpr int kMaxRepeat = 1000;

struct Flags {
  bool fold = false;         // i
  bool multiline = false;    // m
  bool dot_newline = false;  // s
};

// A recursive descent over RE2's grammar: alternation, concatenation, repetition, atom.
class Parser {
 public:
  Parser(std::string_view text, Alphabet alphabet)
      : text_(text), ascii_(alphabet == Alphabet::kAscii) {}

  absl::StatusOr<Node> Run() {
    Node root;
    if (!Alternation(0, &root)) return error_;
    if (at_ != text_.size()) return Fail("a ')' without '('"), error_;
    if (alternations_ && reaches_last_rune_partly_ && !ascii_) {
      at_ = 0;
      return Fail("an alternation beside a class that ends with the last code point"), error_;
    }
    return root;
  }

 private:
  bool Fail(std::string_view what) {
    if (error_.ok()) {
      error_ = absl::UnimplementedError(
          absl::StrCat("at byte ", at_, ": not understood: ", std::string(what)));
    }
    return false;
  }

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  bool Next(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  // One code point; RE2 refuses patterns that are not UTF-8.
  bool Rune(uint32_t* rune) {
    const int length = DecodeRune(text_.substr(at_), rune);
    if (length == 0) return Fail("malformed UTF-8");
    at_ += length;
    return true;
  }

  // Flags set inside hold until the group ends, over its '|' too.
  bool Alternation(int depth, Node* out) {
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

  bool Concatenation(int depth, Node* out) {
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

  static Node Join(std::vector<Node> items) {
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

  // Whether '{' begins a count, as in {2}, {2,} or {2,5}; everything else is a literal '{'.
  bool Count(int* min, int* max) {
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

  bool IsRepetition() {
    if (done()) return false;
    if (peek() == '*' || peek() == '+' || peek() == '?') return true;
    const size_t saved = at_;
    int min = 0, max = 0;
    const bool is = Count(&min, &max);
    at_ = saved;
    return is;
  }

  bool Repetitions(Node* node) {
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

  static Node LiteralRune(std::string bytes) {
    Node node;
    node.kind = Node::Kind::kLiteral;
    node.literal = std::move(bytes);
    return node;
  }
  static Node Assert(Assertion assertion) {
    Node node;
    node.kind = Node::Kind::kAssertion;
    node.assertion = assertion;
    return node;
  }

  // A single code point as the flags have it.
  bool Literal(uint32_t rune, std::optional<Node>* out) {
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

  // Adds first..last and, under (?i), what RE2 takes for the same without case.
  bool AddFolded(uint32_t first, uint32_t last, RuneSet* set) {
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

  // An ASCII letter in both cases, with those beyond ASCII that RE2 takes for the same.
  static void AddLetter(uint32_t r, RuneSet* set) {
    const uint32_t lower = r | 0x20;
    if (lower < 'a' || lower > 'z') return;
    set->Add(lower, lower);
    set->Add(lower ^ 0x20, lower ^ 0x20);
    if (lower == 'k') set->Add(0x212A, 0x212A);  // the Kelvin sign
    if (lower == 's') set->Add(0x17F, 0x17F);    // the long s
  }

  Node Class(RuneSet set) {
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

  // Leaves *out empty for what stands for nothing: flags, \Q\E.
  bool Atom(int depth, std::optional<Node>* out) {
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

  bool Group(int depth, std::optional<Node>* out) {
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

  bool Backslash(std::optional<Node>* out) {
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

  // \Q...\E, one entry of quoted_ for each character; the repetition behind it takes the last.
  bool Quoted(std::optional<Node>* out) {
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

  // \d \D \s \S \w \W at the place; false (with error_ ok) if it is none.
  bool PerlClass(RuneSet* set) {
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

  // \pN, \PN, \p{Name}, \p{^Name}: as far as ASCII goes.
  bool UnicodeClass(RuneSet* set) {
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

  void AddGroup(const std::vector<RuneRange>& ranges, bool negated, RuneSet* set) {
    RuneSet group;
    for (const RuneRange& range : ranges) AddFolded(range.first, range.last, &group);
    if (negated) group.Negate();
    set->AddAll(group);
  }

  // [:alpha:] at the place; false (with error_ ok) if it is none.
  bool PosixClass(RuneSet* set) {
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

  bool BracketClass(std::optional<Node>* out) {
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

  bool ClassRune(uint32_t* rune) {
    if (done()) return Fail("a class without an end");
    return peek() == '\\' ? Escape(rune) : Rune(rune);
  }

  static int HexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }

  // A '\' and what stands for one character.
  bool Escape(uint32_t* rune) {
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

  const std::string_view text_;
  const bool ascii_;
  size_t at_ = 0;
  Flags flags_;
  std::vector<std::string> quoted_;  // the characters of the \Q...\E just read
  bool alternations_ = false;
  bool reaches_last_rune_partly_ = false;
  absl::Status error_;
};

void PrintRune(uint32_t rune, std::string* out) {
  if (rune > 0x20 && rune < 0x7F) {
    const char c = static_cast<char>(rune);
    if (std::string_view("\\.+*?()|[]{}^$-&~#/").find(c) != std::string_view::npos && c != '/') {
      out->push_back('\\');
    }
    out->push_back(c);
  } else {
    absl::StrAppendFormat(out, "\\x{%x}", rune);
  }
}

void PrintLiteral(std::string_view text, std::string* out) {
  while (!text.empty()) {
    uint32_t rune = 0;
    const int length = DecodeRune(text, &rune);
    if (length == 0) return;  // a parser makes none
    PrintRune(rune, out);
    text.remove_prefix(length);
  }
}

void Print(const Node& node, std::string* out) {
  switch (node.kind) {
    case Node::Kind::kEmpty:
      out->append("(?:)");
      return;
    case Node::Kind::kLiteral:
      PrintLiteral(node.literal, out);
      return;
    case Node::Kind::kClass:
      if (node.runes.empty()) {
        out->append("[^\\x00-\\x{10ffff}]");
        return;
      }
      out->push_back('[');
      for (const RuneRange& range : node.runes) {
        PrintRune(range.first, out);
        if (range.last != range.first) {
          out->push_back('-');
          PrintRune(range.last, out);
        }
      }
      out->push_back(']');
      return;
    case Node::Kind::kAnyByte:
      out->append("\\C");
      return;
    case Node::Kind::kConcat:
      for (const Node& child : node.children) Print(child, out);
      return;
    case Node::Kind::kAlternate: {
      out->append("(?:");
      for (size_t i = 0; i < node.children.size(); ++i) {
        if (i > 0) out->push_back('|');
        Print(node.children[i], out);
      }
      out->push_back(')');
      return;
    }
    case Node::Kind::kRepeat: {
      out->append("(?:");
      Print(node.children[0], out);
      out->push_back(')');
      if (node.max == Node::kUnbounded && node.min == 0) {
        out->push_back('*');
      } else if (node.max == Node::kUnbounded && node.min == 1) {
        out->push_back('+');
      } else if (node.max == Node::kUnbounded) {
        absl::StrAppend(out, "{", node.min, ",}");
      } else if (node.min == 0 && node.max == 1) {
        out->push_back('?');
      } else if (node.min == node.max) {
        absl::StrAppend(out, "{", node.min, "}");
      } else {
        absl::StrAppend(out, "{", node.min, ",", node.max, "}");
      }
      return;
    }
    case Node::Kind::kAssertion:
      switch (node.assertion) {
        case Assertion::kBeginText:
          out->append("\\A");
          return;
        case Assertion::kEndText:
          out->append("\\z");
          return;
        case Assertion::kBeginLine:
          out->append("(?m:^)");
          return;
        case Assertion::kEndLine:
          out->append("(?m:$)");
          return;
        case Assertion::kWordBoundary:
          out->append("\\b");
          return;
        case Assertion::kNoWordBoundary:
          out->append("\\B");
          return;
      }
      return;
  }
}

}  // namespace

absl::StatusOr<Node> Parse(std::string_view regex, Alphabet alphabet) {
  return Parser(regex, alphabet).Run();
}

std::string ToString(const Node& node) {
  std::string out;
  Print(node, &out);
  return out;
}

}  // namespace mesh::route::regex
