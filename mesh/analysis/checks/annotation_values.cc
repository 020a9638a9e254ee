#include "mesh/analysis/checks/annotation_values.h"

#include <arpa/inet.h>

#include <cstdint>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"
#include "re2/re2.h"

namespace mesh::analysis {
namespace {

bool IsNumber(absl::string_view text, uint32_t most) {
  uint32_t number;
  return !text.empty() && absl::ascii_isdigit(text.front()) && absl::SimpleAtoi(text, &number) &&
         number <= most;
}
bool IsPort(absl::string_view text) { return IsNumber(absl::StripAsciiWhitespace(text), 65535); }

bool ArePorts(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return true;
  for (absl::string_view port : absl::StrSplit(text, ',')) {
    if (!IsPort(port)) return false;
  }
  return true;
}

// An address, a slash and a length.
bool IsRange(absl::string_view text) {
  const size_t slash = text.find('/');
  if (slash == absl::string_view::npos) return false;
  const std::string address(text.substr(0, slash));
  unsigned char bytes[16];
  const bool four = inet_pton(AF_INET, address.c_str(), bytes) == 1;
  if (!four && inet_pton(AF_INET6, address.c_str(), bytes) != 1) return false;
  const absl::string_view length = text.substr(slash + 1);
  return IsNumber(length, four ? 32 : 128) && (length.size() == 1 || length.front() != '0');
}

bool AreRanges(absl::string_view text) {
  if (text.empty()) return true;
  for (absl::string_view range : absl::StrSplit(text, ',')) {
    if (!IsRange(range)) return false;
  }
  return true;
}

bool IsBoolean(const std::string& text) {
  static const RE2* const kBoolean = new RE2("1|t|T|TRUE|true|True|0|f|F|FALSE|false|False");
  return RE2::FullMatch(text, *kBoolean);
}

// As Linux names them.
bool AreInterfaces(absl::string_view text) {
  static const RE2* const kName = new RE2("[a-zA-Z][a-zA-Z0-9._-]{0,14}");
  if (text.empty()) return true;
  for (absl::string_view name : absl::StrSplit(text, ',')) {
    if (!RE2::FullMatch(std::string(absl::StripAsciiWhitespace(name)), *kName)) return false;
  }
  return true;
}

// Kubernetes' amounts of something.
bool IsQuantity(const std::string& text) {
  static const RE2* const kQuantity =
      new RE2("[+-]?(\\d+\\.?\\d*|\\.\\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\\d+)?");
  return RE2::FullMatch(text, *kQuantity);
}

// Read where it goes: as the mesh's defaultConfig.
std::string ProxyConfigProblem(const std::string& text) {
  std::string nested = "defaultConfig:\n";
  bool empty = true;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&nested, "  ", line, "\n");
    const absl::string_view words = absl::StripAsciiWhitespace(line);
    empty = empty && (words.empty() || words.front() == '#');
  }
  if (empty) return "";
  const config::ReadResult read = config::ReadMeshConfig("", nested);
  if (!read.errors.empty()) {
    return absl::StrCat("a ProxyConfig in YAML: ", read.errors.front().message);
  }
  for (const config::ResourcePtr& mesh : read.resources) {
    const auto errors = config::ValidateResource(*mesh);
    if (!errors.empty()) return absl::StrCat("a ProxyConfig: ", errors.front().message);
  }
  return "";
}

}  // namespace

std::string AnnotationProblem(AnnotationValue wanted, const std::string& value) {
  const auto unless = [](bool fine, const char* wish) { return fine ? "" : wish; };
  switch (wanted) {
    case AnnotationValue::kAny:
      return "";
    case AnnotationValue::kNumber:
      return unless(IsNumber(value, UINT32_MAX), "a whole number, not negative");
    case AnnotationValue::kPort:
      return unless(IsPort(value), "a port number");
    case AnnotationValue::kTrueOrFalse:
      return unless(value == "true" || value == "false", "\"true\" or \"false\"");
    case AnnotationValue::kBoolean:
      return unless(IsBoolean(value), "\"true\" or \"false\"");
    case AnnotationValue::kPorts:
      return unless(ArePorts(value), "port numbers with commas between them");
    case AnnotationValue::kPortsOrAll:
      return unless(value == "*" || ArePorts(value), "port numbers with commas between them, or *");
    case AnnotationValue::kRanges:
      return unless(AreRanges(value), "ranges such as 10.0.0.0/8 with commas between them");
    case AnnotationValue::kRangesOrAll:
      return unless(value == "*" || AreRanges(value),
                    "ranges such as 10.0.0.0/8 with commas between them, or *");
    case AnnotationValue::kInterception:
      return unless(value == "REDIRECT" || value == "TPROXY" || value == "NONE",
                    "REDIRECT, TPROXY or NONE");
    case AnnotationValue::kInterfaces:
      return unless(AreInterfaces(value), "names of interfaces with commas between them");
    case AnnotationValue::kQuantity:
      return unless(IsQuantity(value), "an amount such as 100m, 2 or 1Gi");
    case AnnotationValue::kProxyConfig:
      return ProxyConfigProblem(value);
  }
  return "";
}

}  // namespace mesh::analysis
