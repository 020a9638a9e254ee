// A tree as text.
#include "mesh/route/regex/syntax.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mesh/route/regex/runes.h"

namespace mesh::route::regex {
namespace {

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

std::string ToString(const Node& node) {
  std::string out;
  Print(node, &out);
  return out;
}

}  // namespace mesh::route::regex
