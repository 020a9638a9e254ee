#include "mesh/config/yaml_events.h"

#include <yaml.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/config/surrogates.h"

namespace mesh::config {
namespace {

bool IsAscii(std::string_view bytes) {
  uint64_t seen = 0;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    seen |= word;
  }
  for (; i < bytes.size(); ++i) seen |= static_cast<unsigned char>(bytes[i]);
  return (seen & 0x8080808080808080) == 0;
}

// What libyaml calls a line ends where YAML 1.1 says, also at a bare CR, NEL, LS and PS, and its
// columns count characters; and behind the last byte it sees one more line. Ours, as editors and
// compilers count: a line ends at its line feed, a column is a byte. Walks along with libyaml's
// marks, which go forward, and counts anew.
class Places {
 public:
  explicit Places(std::string_view bytes) : bytes_(bytes) {
    same_ = IsAscii(bytes);
    for (size_t at = bytes.find('\r'); same_ && at != std::string_view::npos;
         at = bytes.find('\r', at + 1)) {
      same_ = at + 1 < bytes.size() && bytes[at + 1] == '\n';
    }
  }

  struct Place {
    size_t line = 0;    // 0-based
    size_t column = 0;  // 0-based
    size_t offset = 0;  // of its byte
  };
  Place Of(const yaml_mark_t& mark) {
    if (same_ && mark.index < bytes_.size()) {
      // The walk to the end begins at the last place before it.
      index_ = offset_ = mark.index;
      line_ = mark.line;
      line_start_ = mark.index - mark.column;
      return {mark.line, mark.column, mark.index};
    }
    if (mark.index < index_) index_ = offset_ = line_ = line_start_ = 0;
    for (; index_ < mark.index && offset_ < bytes_.size(); ++index_) {
      if (bytes_[offset_++] == '\n') {
        ++line_;
        line_start_ = offset_;
      }
      while (offset_ < bytes_.size() && (bytes_[offset_] & 0xC0) == 0x80) ++offset_;
    }
    return {line_, offset_ - line_start_, offset_};
  }

 private:
  const std::string_view bytes_;
  bool same_ = true;  // both ways of counting come to the same
  size_t index_ = 0;  // in characters
  size_t offset_ = 0;
  size_t line_ = 0;
  size_t line_start_ = 0;
};

std::string_view View(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

class LibyamlEvents final : public YamlEvents {
 public:
  LibyamlEvents(std::string_view bytes, int first_line)
      : bytes_(bytes), first_line_(first_line), places_(bytes), pairs_(bytes) {
    ready_ = yaml_parser_initialize(&parser_) == 1;
    if (!ready_) {
      Fail("out of memory", yaml_mark_t{});
      return;
    }
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    const std::string_view covered = pairs_.covered();
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(covered.data()),
                                 covered.size());
  }
  ~LibyamlEvents() override {
    Release();
    if (ready_) yaml_parser_delete(&parser_);
  }
  LibyamlEvents(const LibyamlEvents&) = delete;
  LibyamlEvents& operator=(const LibyamlEvents&) = delete;

  bool Next(YamlEvent* out) override {
    Release();
    if (!ready_ || !error_.message.empty()) return false;
    if (yaml_parser_parse(&parser_, &event_) == 0) {
      FailAsParser();
      return false;
    }
    holds_event_ = true;
    if (event_.type == YAML_STREAM_START_EVENT || event_.type == YAML_NO_EVENT) return Next(out);
    // Field by field: a whole one would be made elsewhere and copied, once for each event.
    // And each by itself: one copied from the last would wait until that is written.
    out->value = std::string_view();
    out->anchor = std::string_view();
    out->tag = std::string_view();
    out->plain = false;
    const Places::Place place = places_.Of(event_.start_mark);
    out->line = first_line_ + place.line;
    out->column = 1 + place.column;
    switch (event_.type) {
      case YAML_DOCUMENT_START_EVENT:
        out->type = YamlEvent::Type::kDocumentStart;
        break;
      case YAML_DOCUMENT_END_EVENT:
        out->type = YamlEvent::Type::kDocumentEnd;
        break;
      case YAML_ALIAS_EVENT:
        out->type = YamlEvent::Type::kAlias;
        out->value = View(event_.data.alias.anchor);
        break;
      case YAML_SCALAR_EVENT:
        out->type = YamlEvent::Type::kScalar;
        out->value = std::string_view(reinterpret_cast<const char*>(event_.data.scalar.value),
                                      event_.data.scalar.length);
        if (!pairs_.empty()) out->value = pairs_.Restore(out->value, place.offset);
        out->anchor = View(event_.data.scalar.anchor);
        out->tag = View(event_.data.scalar.tag);
        out->plain = event_.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        break;
      case YAML_SEQUENCE_START_EVENT:
        out->type = YamlEvent::Type::kSequenceStart;
        out->anchor = View(event_.data.sequence_start.anchor);
        break;
      case YAML_SEQUENCE_END_EVENT:
        out->type = YamlEvent::Type::kSequenceEnd;
        break;
      case YAML_MAPPING_START_EVENT:
        out->type = YamlEvent::Type::kMappingStart;
        out->anchor = View(event_.data.mapping_start.anchor);
        break;
      case YAML_MAPPING_END_EVENT:
        out->type = YamlEvent::Type::kMappingEnd;
        break;
      default:
        out->type = YamlEvent::Type::kStreamEnd;
        break;
    }
    return true;
  }

  const YamlError& error() const override { return error_; }

 private:
  void Release() {
    if (holds_event_) yaml_event_delete(&event_);
    holds_event_ = false;
  }

  void Fail(std::string message, const yaml_mark_t& mark) {
    const Places::Place place = places_.Of(mark);
    error_.message = std::move(message);
    error_.line = first_line_ + place.line;
    error_.column = 1 + place.column;
  }

  void FailAsParser() {
    const std::string problem = parser_.problem == nullptr ? "out of memory" : parser_.problem;
    if (parser_.error == YAML_READER_ERROR) {
      // It has no mark, only an offset.
      const size_t offset = std::min<size_t>(parser_.problem_offset, bytes_.size());
      const std::string_view before = bytes_.substr(0, offset);
      error_.message = problem;
      error_.line = first_line_ + std::count(before.begin(), before.end(), '\n');
      const size_t newline = before.rfind('\n');
      error_.column = offset - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
      return;
    }
    // It points behind the \u, at the digits.
    if (const size_t at = places_.Of(parser_.problem_mark).offset;
        problem == "found invalid Unicode character escape code" && at >= 2 &&
        SurrogatePairs::HalfAt(bytes_, at - 2) >= 0) {
      yaml_mark_t mark = parser_.problem_mark;
      mark.index -= 2;
      mark.column -= 2;
      Fail(absl::StrCat(Absl(bytes_.substr(at - 2, 6)),
                        " is half of a character: write both halves, as in \\ud83d\\ude00, or the "
                        "character itself"),
           mark);
      return;
    }
    std::string message = problem;
    if (parser_.context != nullptr) {
      absl::StrAppend(&message, " ", parser_.context);
      const size_t begins = places_.Of(parser_.context_mark).line;
      if (begins != places_.Of(parser_.problem_mark).line) {
        absl::StrAppend(&message, " that begins at line ", first_line_ + begins);
      }
    }
    Fail(std::move(message), parser_.problem_mark);
  }

  const std::string_view bytes_;
  const int first_line_;
  Places places_;
  SurrogatePairs pairs_;
  yaml_parser_t parser_;
  yaml_event_t event_;
  bool ready_ = false;
  bool holds_event_ = false;
  YamlError error_;
};

}  // namespace

std::unique_ptr<YamlEvents> ParseYaml(std::string_view bytes, int first_line) {
  return std::make_unique<LibyamlEvents>(bytes, first_line);
}

}  // namespace mesh::config
