#include "mesh/tls/san.h"

#include <arpa/inet.h>

#include <cstdio>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::tls {
namespace {

std::string_view TypeName(SanType type) {
  switch (type) {
    case SanType::kUri:
      return "URI";
    case SanType::kDns:
      return "DNS";
    case SanType::kEmail:
      return "EMAIL";
    case SanType::kIp:
      return "IP";
    case SanType::kOther:
      return "OTHER";
  }
  return "OTHER";
}

// 4 or 16 bytes of an address written as text.
std::optional<std::string> IpBytes(std::string_view text) {
  unsigned char bytes[16];
  const std::string copy(text);
  if (copy.find('\0') != copy.npos) return std::nullopt;
  if (inet_pton(AF_INET, copy.c_str(), bytes) == 1) {
    return std::string(reinterpret_cast<char*>(bytes), 4);
  }
  if (inet_pton(AF_INET6, copy.c_str(), bytes) == 1) {
    return std::string(reinterpret_cast<char*>(bytes), 16);
  }
  return std::nullopt;
}

std::string IpText(std::string_view bytes) {
  char text[INET6_ADDRSTRLEN];
  if (bytes.size() != 4 && bytes.size() != 16) return "";
  return inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
}

bool PrintableAscii(std::string_view s) {
  for (char c : s) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

// `pattern` is what the certificate says.
bool DnsAccepts(std::string_view pattern, std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (!pattern.empty() && pattern.back() == '.') pattern.remove_suffix(1);
  if (pattern.empty() || host.empty()) return false;
  if (pattern.substr(0, 2) != "*.") {
    return pattern.find('*') == pattern.npos && absl::EqualsIgnoreCase(Absl(pattern), Absl(host));
  }
  const std::string_view parent = pattern.substr(1);  // ".example.com"
  if (parent.find('*') != parent.npos || parent.find('.', 1) == parent.npos) return false;
  if (host.size() <= parent.size()) return false;
  const std::string_view label = host.substr(0, host.size() - parent.size());
  return label.find('.') == label.npos && label.find('*') == label.npos &&
         absl::EndsWithIgnoreCase(Absl(host), Absl(parent));
}

}  // namespace

std::string SubjectAltName::ToString() const {
  std::string out = absl::StrCat(Absl(TypeName(type)), ":");
  if (type == SanType::kIp) return out + IpText(bytes);
  for (char c : bytes) {
    if (absl::ascii_isprint(static_cast<unsigned char>(c)) && c != '\\') {
      out.push_back(c);
    } else {
      char hex[5];
      snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
      out += hex;
    }
  }
  return out;
}

bool operator==(const SubjectAltName& a, const SubjectAltName& b) {
  return a.type == b.type && a.bytes == b.bytes;
}

std::string SanMatcher::ToString() const {
  static constexpr std::string_view kKinds[] = {"exact", "prefix", "suffix", "contains"};
  return absl::StrCat(Absl(TypeName(type)), " ", Absl(kKinds[static_cast<int>(kind)]), " ", value,
                      ignore_case ? " (any case)" : "");
}

bool Matches(const SanMatcher& matcher, const SubjectAltName& name) {
  if (matcher.type != name.type || name.type == SanType::kOther) return false;
  std::string text = name.bytes;
  if (name.type == SanType::kIp) {
    if (matcher.kind == SanMatcher::Kind::kExact) return IpBytes(matcher.value) == name.bytes;
    text = IpText(name.bytes);
  }
  if (text.empty() || !PrintableAscii(text)) return false;
  if (name.type == SanType::kDns && matcher.kind == SanMatcher::Kind::kExact) {
    return DnsAccepts(text, matcher.value);
  }
  std::string value = matcher.value;
  // Host names have no case.
  if (matcher.ignore_case || name.type == SanType::kDns) {
    absl::AsciiStrToLower(&text);
    absl::AsciiStrToLower(&value);
  }
  switch (matcher.kind) {
    case SanMatcher::Kind::kExact:
      return text == value;
    case SanMatcher::Kind::kPrefix:
      return absl::StartsWith(text, value);
    case SanMatcher::Kind::kSuffix:
      return absl::EndsWith(text, value);
    case SanMatcher::Kind::kContains:
      return absl::StrContains(text, value);
  }
  return false;
}

bool AnyMatches(absl::Span<const SanMatcher> matchers, absl::Span<const SubjectAltName> names) {
  for (const SubjectAltName& name : names) {
    for (const SanMatcher& matcher : matchers) {
      if (Matches(matcher, name)) return true;
    }
  }
  return false;
}

bool SpeaksFor(absl::Span<const SubjectAltName> names, std::string_view host) {
  SanMatcher matcher;
  matcher.type = IpBytes(host) ? SanType::kIp : SanType::kDns;
  matcher.value = std::string(host);
  return AnyMatches({&matcher, 1}, names);
}

}  // namespace mesh::tls
