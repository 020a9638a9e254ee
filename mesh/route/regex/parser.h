// Reads RE2's syntax. Private to mesh/route/regex.
#ifndef MESH_ROUTE_REGEX_PARSER_H_
#define MESH_ROUTE_REGEX_PARSER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mesh/route/regex/runes.h"
#include "mesh/route/regex/syntax.h"

namespace mesh::route::regex {

// A recursive descent over RE2's grammar: alternation, concatenation, repetition, atom. What reads
// characters and classes of them stands in parser_classes.cc.
class Parser {
 public:
  Parser(std::string_view text, Alphabet alphabet)
      : text_(text), ascii_(alphabet == Alphabet::kAscii) {}

  absl::StatusOr<Node> Run();

 private:
  struct Flags {
    bool fold = false;         // i
    bool multiline = false;    // m
    bool dot_newline = false;  // s
  };

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
  bool Alternation(int depth, Node* out);
  bool Concatenation(int depth, Node* out);
  static Node Join(std::vector<Node> items);
  // Whether '{' begins a count, as in {2}, {2,} or {2,5}; everything else is a literal '{'.
  bool Count(int* min, int* max);
  bool IsRepetition();
  bool Repetitions(Node* node);
  static Node LiteralRune(std::string bytes);
  static Node Assert(Assertion assertion);
  // A single code point as the flags have it.
  bool Literal(uint32_t rune, std::optional<Node>* out);
  // Leaves *out empty for what stands for nothing: flags, \Q\E.
  bool Atom(int depth, std::optional<Node>* out);
  bool Group(int depth, std::optional<Node>* out);
  bool Backslash(std::optional<Node>* out);
  // \Q...\E, one entry of quoted_ for each character; the repetition behind it takes the last.
  bool Quoted(std::optional<Node>* out);

  // Characters and classes.
  // Adds first..last and, under (?i), what RE2 takes for the same without case.
  bool AddFolded(uint32_t first, uint32_t last, RuneSet* set);
  // An ASCII letter in both cases, with those beyond ASCII that RE2 takes for the same.
  static void AddLetter(uint32_t r, RuneSet* set);
  Node Class(RuneSet set);
  // \d \D \s \S \w \W at the place; false (with error_ ok) if it is none.
  bool PerlClass(RuneSet* set);
  // \pN, \PN, \p{Name}, \p{^Name}: as far as ASCII goes.
  bool UnicodeClass(RuneSet* set);
  void AddGroup(const std::vector<RuneRange>& ranges, bool negated, RuneSet* set);
  // [:alpha:] at the place; false (with error_ ok) if it is none.
  bool PosixClass(RuneSet* set);
  bool BracketClass(std::optional<Node>* out);
  bool ClassRune(uint32_t* rune);
  static int HexDigit(char c);
  // A '\' and what stands for one character.
  bool Escape(uint32_t* rune);

  const std::string_view text_;
  const bool ascii_;
  size_t at_ = 0;
  Flags flags_;
  std::vector<std::string> quoted_;  // the characters of the \Q...\E just read
  bool alternations_ = false;
  bool reaches_last_rune_partly_ = false;
  absl::Status error_;
};

}  // namespace mesh::route::regex

#endif  // MESH_ROUTE_REGEX_PARSER_H_
