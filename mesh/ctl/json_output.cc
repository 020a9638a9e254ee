#include "mesh/ctl/json_output.h"

#include <cctype>
#include <ostream>
#include <string_view>

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;

std::string Quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Whether a YAML reader takes the bare word for this very string: letters first, then nothing that
// YAML gives a meaning to, and none of the words that are booleans or nulls in YAML 1.1 or 1.2.
bool PlainIsSafe(const std::string& text) {
  if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0]))) return false;
  for (char c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) &&
        std::string_view("_-./ ()").find(c) == std::string_view::npos) {
      return false;
    }
  }
  if (text.back() == ' ') return false;
  std::string lower;
  for (char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (std::string_view word : {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}) {
    if (lower == word) return false;
  }
  return true;
}

std::string Scalar(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return PlainIsSafe(text) ? text : Quoted(text);
  }
  if (value.is_array()) return "[]";
  if (value.is_object()) return "{}";
  return value.dump();
}

bool IsBlock(const Json& value) { return value.is_structured() && !value.empty(); }

// Writes the lines of `value`; the first line is not indented when `inline_first` (it continues the
// line of a "- ").
void WriteBlock(const Json& value, int indent, bool inline_first, std::ostream& out) {
  bool first = inline_first;
  const auto pad = [&] {
    if (!first) out << std::string(indent, ' ');
    first = false;
  };
  if (value.is_object()) {
    for (const auto& [key, child] : value.items()) {
      pad();
      out << (PlainIsSafe(key) ? key : Quoted(key)) << ":";
      if (IsBlock(child)) {
        out << "\n";
        WriteBlock(child, child.is_array() ? indent : indent + 2, false, out);
      } else {
        out << " " << Scalar(child) << "\n";
      }
    }
    return;
  }
  for (const Json& child : value) {
    pad();
    out << "- ";
    if (IsBlock(child)) {
      WriteBlock(child, indent + 2, true, out);
    } else {
      out << Scalar(child) << "\n";
    }
  }
}

}  // namespace

void WriteJson(const Json& value, const std::string& format, std::ostream& out) {
  if (format == "yaml") {
    if (IsBlock(value)) {
      WriteBlock(value, 0, false, out);
    } else {
      out << Scalar(value) << "\n";
    }
    return;
  }
  out << value.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace mesh::ctl
