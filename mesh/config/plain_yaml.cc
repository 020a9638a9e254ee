// YAML as configuration is mostly written, without a parser for all of YAML: block mappings and
// lists, each key and value whole on one line, strings without escapes. Anything else, and whatever
// is wrong, is left to libyaml, which is also what this is held against (plain_yaml_test).
//
// 1. Open collections are on a stack with the column they stand at. A line closes those that stand
//    further right.
// 2. A collection that awaits (a key its value, a dash its item) takes what comes next and stands
//    further right, or, where it is a mapping, a list at its own column. Whatever comes and is not
//    awaited is not for us: the second line of a text, say.
// 3. What is awaited and does not come would be a null: not for us either.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "mesh/config/yaml_tree.h"

namespace mesh::config {
namespace {

// Line feeds and what ASCII can print: no tab, which is no indentation, and nothing that ends a
// line besides.
bool IsPrintable(std::string_view bytes) {
  bool good = true;
  for (const char c : bytes) good &= (c >= 0x20 && c < 0x7F) || c == '\n';
  return good;
}

class PlainReader {
 public:
  PlainReader(std::string_view bytes, int first_line, std::vector<YamlNode>* nodes, size_t* items)
      : bytes_(bytes), line_(first_line), nodes_(*nodes), items_(*items) {
    nodes_.emplace_back();  // number 0 is no node
  }

  bool Read() {
    for (begin_ = 0; begin_ < bytes_.size(); begin_ = end_ + 1, ++line_) {
      end_ = std::min(bytes_.find('\n', begin_), bytes_.size());
      if (!ReadLine()) return false;
    }
    return nodes_.size() > 1 && CloseBeyond(-1);
  }

 private:
  struct Open {
    uint32_t node;
    uint32_t last_child;
    int column;  // 0-based
    bool mapping;
    bool awaits;
  };
  struct Text {
    size_t begin = 0;
    size_t end = 0;
    size_t after = 0;  // behind it, closing quote and spaces included
    YamlNode::Style style = YamlNode::Style::kPlain;
  };

  bool ReadLine() {
    size_t at = SkipSpaces(begin_);
    if (EndsAt(at)) return true;
    if (at == begin_ && (Starts("---") || Starts("..."))) {
      const bool first = !marked_ && nodes_.size() == 1 && bytes_[at] == '-';
      marked_ = true;
      return first && (at + 3 == end_ || bytes_[at + 3] == ' ') && EndsAt(SkipSpaces(at + 3));
    }
    bool item = false;
    while (bytes_[at] == '-' && IsBlank(at + 1)) {
      if (!OpenItem(Column(at))) return false;
      item = true;
      at = SkipSpaces(at + 1);
      if (EndsAt(at)) return true;
    }
    Text text;
    if (!ReadText(at, &text)) return false;
    if (text.after == end_ || bytes_[text.after] != ':') {
      return item && EndsAt(text.after) && Add(text, at);
    }
    // libyaml takes no longer ones.
    if (text.after - at > kLongestKey || !OpenKey(Column(at)) || !Add(text, at)) return false;
    open_.back().awaits = true;
    at = SkipSpaces(text.after + 1);
    return EndsAt(at) || ReadValue(at);
  }

  bool ReadValue(size_t at) {
    if (bytes_[at] == '{' || bytes_[at] == '[') {
      const char close = bytes_[at] == '{' ? '}' : ']';
      if (at + 1 == end_ || bytes_[at + 1] != close) return false;
      if (at + 2 < end_ && bytes_[at + 2] != ' ') return false;
      if (!EndsAt(SkipSpaces(at + 2))) return false;
      Append(close == '}' ? YamlNode::Type::kMapping : YamlNode::Type::kSequence, at);
      open_.back().awaits = false;
      return true;
    }
    Text text;
    return ReadText(at, &text) && EndsAt(text.after) && Add(text, at);
  }

  // A string up to where a comment, the colon of a key, or the line's end may be.
  bool ReadText(size_t at, Text* text) {
    const char first = bytes_[at];
    if (first == '"' || first == '\'') {
      text->style = YamlNode::Style::kString;
      text->begin = at + 1;
      text->end = bytes_.find(first, at + 1);
      if (text->end >= end_) return false;
      if (first == '"' &&
          bytes_.substr(text->begin, text->end - text->begin).find('\\') != bytes_.npos) {
        return false;
      }
      const size_t quote_end = text->end + 1;
      text->after = SkipSpaces(quote_end);
      if (text->after == end_) return true;
      if (bytes_[text->after] == ':') return IsBlank(text->after + 1);
      return bytes_[text->after] == '#' && text->after > quote_end;
    }
    if (!MayBegin(at)) return false;
    text->begin = at;
    text->end = at;  // behind the last character that is no space
    for (; at < end_; ++at) {
      const char c = bytes_[at];
      if (c == ' ') continue;
      if ((c == ':' && IsBlank(at + 1)) || (c == '#' && bytes_[at - 1] == ' ')) break;
      text->end = at + 1;
    }
    text->after = at;
    return true;
  }

  // Whether a string without quotes may begin here.
  bool MayBegin(size_t at) const {
    switch (bytes_[at]) {
      case '-':
      case '?':
      case ':':
        return !IsBlank(at + 1);
      case ',':
      case '[':
      case ']':
      case '{':
      case '}':
      case '#':
      case '&':
      case '*':
      case '!':
      case '|':
      case '>':
      case '\'':
      case '"':
      case '%':
      case '@':
      case '`':
        return false;
      default:
        return true;
    }
  }

  // The dash of an item.
  bool OpenItem(int column) {
    if (!CloseBeyond(column)) return false;
    if (!open_.empty() && !open_.back().mapping && open_.back().column == column) {
      if (open_.back().awaits) return false;
    } else if (!Begin(YamlNode::Type::kSequence, column)) {
      return false;
    }
    open_.back().awaits = true;
    return true;
  }

  // The first character of a key.
  bool OpenKey(int column) {
    if (!CloseBeyond(column)) return false;
    if (open_.size() > 1 && !open_.back().mapping && open_.back().column == column &&
        !open_.back().awaits && open_[open_.size() - 2].column == column) {
      open_.pop_back();  // a list at the column of the mapping it is in
    }
    if (!open_.empty() && open_.back().mapping && open_.back().column == column) {
      return !open_.back().awaits;
    }
    return (open_.empty() || open_.back().column < column) &&
           Begin(YamlNode::Type::kMapping, column);
  }

  // A collection as what the innermost one awaits, or as the document.
  bool Begin(YamlNode::Type type, int column) {
    if (open_.empty() ? nodes_.size() > 1 : !open_.back().awaits) return false;
    if (open_.size() >= YamlTree::kMaxDepth) return false;
    const uint32_t id = Append(type, begin_ + column);
    if (!open_.empty()) open_.back().awaits = false;
    open_.push_back({id, 0, column, type == YamlNode::Type::kMapping, false});
    return true;
  }

  bool CloseBeyond(int column) {
    for (; !open_.empty() && open_.back().column > column; open_.pop_back()) {
      if (open_.back().awaits) return false;
    }
    return true;
  }

  bool Add(const Text& text, size_t at) {
    YamlNode& node = nodes_[Append(YamlNode::Type::kScalar, at)];
    node.style = text.style;
    node.text = text.begin;
    node.size = text.end - text.begin;
    open_.back().awaits = false;
    return true;
  }

  uint32_t Append(YamlNode::Type type, size_t at) {
    const uint32_t id = nodes_.size();
    YamlNode& node = nodes_.emplace_back();
    node.type = type;
    node.line = line_;
    node.column = Column(at) + 1;
    if (open_.empty()) return id;
    Open& open = open_.back();
    (open.last_child == 0 ? nodes_[open.node].first : nodes_[open.last_child].next) = id;
    open.last_child = id;
    ++nodes_[open.node].size;
    items_ += open.mapping ? 0 : 1;
    return id;
  }

  int Column(size_t at) const { return static_cast<int>(at - begin_); }
  bool Starts(std::string_view word) const { return bytes_.substr(begin_, word.size()) == word; }
  bool IsBlank(size_t at) const { return at >= end_ || bytes_[at] == ' '; }
  // Nothing but a comment; behind a space or at the start of a line.
  bool EndsAt(size_t at) const { return at >= end_ || bytes_[at] == '#'; }
  size_t SkipSpaces(size_t at) const {
    while (at < end_ && bytes_[at] == ' ') ++at;
    return at;
  }

  static constexpr size_t kLongestKey = 1000;

  const std::string_view bytes_;
  size_t begin_ = 0;  // of the line
  size_t end_ = 0;
  int line_;
  bool marked_ = false;  // "---" was seen
  std::vector<YamlNode>& nodes_;
  size_t& items_;
  absl::InlinedVector<Open, 24> open_;
};

}  // namespace

bool YamlTree::ReadPlain(std::string_view bytes, int first_line) {
  if (!IsPrintable(bytes)) return false;
  nodes_.clear();
  items_ = 0;
  root_ = 1;
  line_ = first_line;
  text_ = bytes;
  return PlainReader(bytes, first_line, &nodes_, &items_).Read();
}

}  // namespace mesh::config
