#include "mesh/http/path.h"

#include <vector>

#include "mesh/http/host.h"

namespace mesh::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = LowerCase(c);
  if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
  return -1;
}

// The byte that "%XX" at `at` stands for, or -1.
int Escaped(std::string_view text, size_t at) {
  if (at + 2 >= text.size() || text[at] != '%') return -1;
  const int high = HexDigit(text[at + 1]);
  const int low = HexDigit(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// RFC 3986 §2.3.
bool Unreserved(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// What a path may not hold as it stands.
bool NeedsEscape(unsigned char c) {
  return c <= 0x20 || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '`' || c == '{' ||
         c == '}';
}

// Unescapes what need not be escaped, escapes what must be, turns '\' into '/', removes dot
// segments (RFC 3986 §5.2.4, §6.2.2). Nothing where the path does not begin with '/'.
std::optional<std::string> Canonical(std::string_view path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  if (path.empty() || (path[0] != '/' && path[0] != '\\')) return std::nullopt;
  std::string flat;
  flat.reserve(path.size());
  for (size_t i = 0; i < path.size(); ++i) {
    const unsigned char c = path[i];
    const int escaped = Escaped(path, i);
    if (escaped >= 0 && Unreserved(static_cast<unsigned char>(escaped))) {
      flat += static_cast<char>(escaped);
      i += 2;
    } else if (escaped == 0) {
      return std::nullopt;
    } else if (c == '\\') {
      flat += '/';
    } else if (NeedsEscape(c)) {
      flat += '%';
      flat += kHex[c >> 4];
      flat += kHex[c & 15];
    } else {
      flat += static_cast<char>(c);
    }
  }
  std::string out;
  out.reserve(flat.size());
  size_t at = 0;  // always at a '/'
  while (at < flat.size()) {
    const size_t next = std::min(flat.find('/', at + 1), flat.size());
    const std::string_view segment = std::string_view(flat).substr(at + 1, next - at - 1);
    const bool last = next == flat.size();
    if (segment == ".") {
      if (last) out += '/';
    } else if (segment == "..") {
      const size_t cut = out.rfind('/');
      out.resize(cut == std::string::npos ? 0 : cut);
      if (last) out += '/';
    } else {
      out += '/';
      out += segment;
    }
    at = next;
  }
  if (out.empty()) out = "/";
  return out;
}

}  // namespace

std::string_view QueryOf(std::string_view path) {
  const size_t mark = path.find('?');
  return mark == std::string_view::npos ? std::string_view() : path.substr(mark + 1);
}

std::optional<std::string_view> QueryParameter(std::string_view path, std::string_view name) {
  const size_t mark = path.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  size_t start = mark + 1;
  while (start < path.size()) {
    const size_t end = std::min(path.find('&', start), path.size());
    const std::string_view parameter = path.substr(start, end - start);
    const size_t equals = parameter.find('=');
    if (parameter.substr(0, equals) == name) {
      return equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
    }
    start = end + 1;
  }
  return std::nullopt;
}

namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::string_view> Cookie(std::string_view header, std::string_view name) {
  size_t start = 0;
  while (start < header.size()) {
    const size_t end = std::min(header.find(';', start), header.size());
    const std::string_view pair = Trim(header.substr(start, end - start));
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      std::string_view value = pair.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      return value;
    }
    start = end + 1;
  }
  return std::nullopt;
}

namespace {

PathOutcome NormalizeOnce(const PathNormalization& options, std::string* path) {
  const std::string_view whole = *path;
  const size_t end = std::min(whole.find_first_of("?#"), whole.size());
  std::string only(whole.substr(0, end));
  const std::string rest(whole.substr(end));
  bool redirect = false;
  if (options.escaped_slashes != EscapedSlashes::kKeep) {
    std::string unescaped;
    for (size_t i = 0; i < only.size(); ++i) {
      const int byte = Escaped(only, i);
      if (byte == '/' || byte == '\\') {
        if (options.escaped_slashes == EscapedSlashes::kReject) return PathOutcome::kReject;
        unescaped += static_cast<char>(byte);
        i += 2;
        redirect = options.escaped_slashes == EscapedSlashes::kUnescapeAndRedirect;
      } else {
        unescaped += only[i];
      }
    }
    only = std::move(unescaped);
  }
  if (options.normalize) {
    std::optional<std::string> canonical = Canonical(only);
    if (!canonical) return PathOutcome::kReject;
    only = *std::move(canonical);
  }
  if (options.merge_slashes) {
    std::string merged;
    for (const char c : only) {
      if (c != '/' || merged.empty() || merged.back() != '/') merged += c;
    }
    only = std::move(merged);
  }
  std::string result = only + rest;
  if (result == *path) return PathOutcome::kUnchanged;
  *path = std::move(result);
  return redirect ? PathOutcome::kRedirect : PathOutcome::kChanged;
}

}  // namespace

PathOutcome NormalizePath(const PathNormalization& options, std::string* path) {
  const PathOutcome outcome = NormalizeOnce(options, path);
  if (outcome == PathOutcome::kUnchanged || outcome == PathOutcome::kReject) return outcome;
  // What was unescaped must not have become another escape ("%%361"): then whoever reads the path
  // next would read another one.
  std::string again = *path;
  return NormalizeOnce(options, &again) == PathOutcome::kUnchanged ? outcome : PathOutcome::kReject;
}

}  // namespace mesh::http
