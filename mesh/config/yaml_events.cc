#include "mesh/config/yaml_events.h"

#include <yaml.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace mesh::config {
namespace {

// libyaml counts columns in characters, and its lines end where YAML 1.1 says: also at NEL, LS, PS.
// Walks along with it, as its marks only go forward, and says the column in bytes.
class ByteColumns {
 public:
  explicit ByteColumns(std::string_view bytes)
      : bytes_(bytes), ascii_(std::all_of(bytes.begin(), bytes.end(), [](char c) {
          return static_cast<unsigned char>(c) < 0x80;
        })) {}

  // Of 0-based line and column; the answer is 0-based.
  size_t At(size_t line, size_t column) {
    if (ascii_) return column;
    if (line < line_) Reset(0, 0);
    while (line_ < line && line_start_ < bytes_.size()) {
      size_t at = line_start_;
      while (at < bytes_.size() && BreakAt(at) == 0) ++at;
      at += BreakAt(at);
      Reset(line_ + 1, std::min(at, bytes_.size()));
    }
    if (column < column_) Reset(line_, line_start_);
    while (column_ < column && offset_ < bytes_.size()) {
      ++offset_;
      while (offset_ < bytes_.size() && (bytes_[offset_] & 0xC0) == 0x80) ++offset_;
      ++column_;
    }
    return offset_ - line_start_;
  }

 private:
  void Reset(size_t line, size_t line_start) {
    line_ = line;
    line_start_ = offset_ = line_start;
    column_ = 0;
  }

  size_t BreakAt(size_t at) const {
    const auto is = [&](size_t i, int c) {
      return i < bytes_.size() && static_cast<unsigned char>(bytes_[i]) == c;
    };
    if (is(at, '\r')) return is(at + 1, '\n') ? 2 : 1;
    if (is(at, '\n')) return 1;
    if (is(at, 0xC2) && is(at + 1, 0x85)) return 2;
    if (is(at, 0xE2) && is(at + 1, 0x80) && (is(at + 2, 0xA8) || is(at + 2, 0xA9))) return 3;
    return 0;
  }

  const std::string_view bytes_;
  const bool ascii_;
  size_t line_ = 0;
  size_t line_start_ = 0;
  size_t column_ = 0;  // in characters
  size_t offset_ = 0;  // of column_
};

std::string_view View(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

class LibyamlEvents final : public YamlEvents {
 public:
  LibyamlEvents(std::string_view bytes, int first_line)
      : bytes_(bytes), first_line_(first_line), columns_(bytes) {
    ready_ = yaml_parser_initialize(&parser_) == 1;
    if (!ready_) {
      Fail("out of memory", 0, 0);
      return;
    }
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(bytes.data()),
                                 bytes.size());
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
    *out = YamlEvent();
    out->line = first_line_ + event_.start_mark.line;
    out->column = 1 + columns_.At(event_.start_mark.line, event_.start_mark.column);
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

  void Fail(std::string message, size_t line, size_t column) {
    error_.message = std::move(message);
    error_.line = first_line_ + line;
    error_.column = 1 + columns_.At(line, column);
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
    std::string message = problem;
    if (parser_.context != nullptr) {
      absl::StrAppend(&message, " ", parser_.context);
      if (parser_.context_mark.line != parser_.problem_mark.line) {
        absl::StrAppend(&message, " that begins at line ", first_line_ + parser_.context_mark.line);
      }
    }
    Fail(std::move(message), parser_.problem_mark.line, parser_.problem_mark.column);
  }

  const std::string_view bytes_;
  const int first_line_;
  ByteColumns columns_;
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
