#include "mesh/route/path_template.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::route {
namespace {

constexpr size_t kMaxVariables = 5;
constexpr size_t kMaxNameLength = 16;
constexpr char kSegmentByte[] = "a-zA-Z0-9\\-._~%!$&'()+,;:@=";

// RFC 3986 pchar without '*', as Envoy has it.
bool LiteralByte(char c) {
  return absl::ascii_isalnum(c) ||
         std::string_view("-._~%!$&'()+,;:@=").find(c) != std::string_view::npos;
}

void AppendLiteral(char c, std::string* regex) {
  if (!absl::ascii_isalnum(c) && c != '/') *regex += '\\';
  *regex += c;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::Status Parse() {
    if (text_.empty() || text_[0] != '/') return Error("does not begin with '/'");
    bool after_slash = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '/') {
        if (after_slash) return Error("has an empty segment");
        if (done_) return Error("has a segment behind \"**\"");
        regex += '/';
        ++at_;
        after_slash = true;
        segment_operator_ = false;
        continue;
      }
      after_slash = false;
      if (c == '{') {
        if (absl::Status status = Variable(); !status.ok()) return status;
      } else if (c == '*') {
        if (absl::Status status = Operator(); !status.ok()) return status;
      } else if (LiteralByte(c)) {
        AppendLiteral(c, &regex);
        ++at_;
      } else {
        return Error(absl::StrCat("has the character '", std::string(1, c), "' in a segment"));
      }
    }
    return absl::OkStatus();
  }

  std::string regex;
  std::vector<std::string> variables;

 private:
  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("path template \"", Absl(text_), "\" ", Absl(what)));
  }

  // '*' or "**".
  absl::Status Operator() {
    if (done_) return Error("has an operator behind \"**\"");
    if (segment_operator_) return Error("has two operators in one segment");
    segment_operator_ = true;
    ++at_;
    if (at_ < text_.size() && text_[at_] == '*') {
      ++at_;
      done_ = true;
      absl::StrAppend(&regex, "[", kSegmentByte, "/]*");
    } else {
      absl::StrAppend(&regex, "[", kSegmentByte, "]+");
    }
    return absl::OkStatus();
  }

  absl::Status Variable() {
    const size_t close = text_.find('}', at_);
    if (close == std::string_view::npos) return Error("has a '{' without its '}'");
    const std::string_view inside = text_.substr(at_ + 1, close - at_ - 1);
    const size_t equals = inside.find('=');
    const std::string name(inside.substr(0, equals));
    if (name.empty() || name.size() > kMaxNameLength || !absl::ascii_isalpha(name[0]) ||
        !std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; })) {
      return Error(absl::StrCat("has \"", name,
                                "\" for a variable; names are a letter and up to 15 letters, "
                                "digits and '_'"));
    }
    if (std::find(variables.begin(), variables.end(), name) != variables.end()) {
      return Error(absl::StrCat("has the variable \"", name, "\" twice"));
    }
    if (variables.size() == kMaxVariables) return Error("has more than 5 variables");
    variables.push_back(name);
    absl::StrAppend(&regex, "(?P<", name, ">");
    if (equals == std::string_view::npos) {
      at_ = close + 1;
      if (done_) return Error("has an operator behind \"**\"");
      if (segment_operator_) return Error("has two operators in one segment");
      segment_operator_ = true;
      absl::StrAppend(&regex, "[", kSegmentByte, "]+)");
      return absl::OkStatus();
    }
    const std::string_view pattern = inside.substr(equals + 1);
    if (pattern.empty()) return Error(absl::StrCat("has an empty pattern for \"", name, "\""));
    const size_t end = close;
    at_ += 1 + equals + 1;
    bool after_slash = false;
    while (at_ < end) {
      const char c = text_[at_];
      if (c == '*') {
        if (absl::Status status = Operator(); !status.ok()) return status;
        after_slash = false;
      } else if (c == '/') {
        if (done_) return Error("has a segment behind \"**\"");
        if (after_slash) return Error("has an empty segment");
        regex += '/';
        ++at_;
        after_slash = true;
        segment_operator_ = false;
      } else if (LiteralByte(c)) {
        AppendLiteral(c, &regex);
        ++at_;
        after_slash = false;
      } else {
        return Error(absl::StrCat("has the character '", std::string(1, c), "' in a variable"));
      }
    }
    at_ = close + 1;
    regex += ')';
    return absl::OkStatus();
  }

  const std::string_view text_;
  size_t at_ = 0;
  bool done_ = false;              // behind "**"
  bool segment_operator_ = false;  // this segment has its operator
};

}  // namespace

absl::StatusOr<std::string> TemplateRegex(std::string_view path_template) {
  Parser parser(path_template);
  if (absl::Status status = parser.Parse(); !status.ok()) return status;
  return std::move(parser.regex);
}

std::vector<std::string> TemplateVariables(std::string_view path_template) {
  Parser parser(path_template);
  if (!parser.Parse().ok()) return {};
  return std::move(parser.variables);
}

absl::StatusOr<TemplateRewrite> ParseTemplateRewrite(std::string_view rewrite) {
  const auto error = [&](std::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("path template rewrite \"", Absl(rewrite), "\" ", Absl(what)));
  };
  if (rewrite.empty() || rewrite[0] != '/') return error("does not begin with '/'");
  TemplateRewrite result;
  size_t at = 0;
  while (at < rewrite.size()) {
    if (rewrite[at] == '{') {
      const size_t close = rewrite.find('}', at);
      if (close == std::string_view::npos) return error("has a '{' without its '}'");
      const std::string name(rewrite.substr(at + 1, close - at - 1));
      if (name.empty() || !std::all_of(name.begin(), name.end(),
                                       [](char c) { return absl::ascii_isalnum(c) || c == '_'; })) {
        return error(absl::StrCat("has \"", name, "\" for a variable"));
      }
      result.parts.push_back({"", name});
      at = close + 1;
      continue;
    }
    const size_t end = std::min(rewrite.find('{', at), rewrite.size());
    const std::string_view literal = rewrite.substr(at, end - at);
    for (size_t i = 0; i < literal.size(); ++i) {
      const char c = literal[i];
      if (c != '/' && !LiteralByte(c)) {
        return error(absl::StrCat("has the character '", std::string(1, c), "'"));
      }
      if (c == '/' && at + i > 0 && rewrite[at + i - 1] == '/') {
        return error("has an empty segment");
      }
    }
    result.parts.push_back({std::string(literal), ""});
    at = end;
  }
  return result;
}

}  // namespace mesh::route
