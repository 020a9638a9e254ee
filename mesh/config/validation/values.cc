#include "mesh/config/validation/values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "re2/re2.h"

namespace mesh::config {
namespace {

constexpr size_t kMaxLabel = 63;
constexpr size_t kMaxDomain = 255;

bool IsAlnum(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool AllDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

// Letters and digits, with `inner` allowed but at the ends.
bool IsName(std::string_view text, std::string_view inner) {
  if (text.empty() || !IsAlnum(text.front()) || !IsAlnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [inner](char c) {
    return IsAlnum(c) || inner.find(c) != std::string_view::npos;
  });
}

std::string Quote(std::string_view text) {
  std::string_view shown = text.substr(0, 100);
  while (shown.size() < text.size() && !shown.empty() && (text[shown.size()] & 0xC0) == 0x80) {
    shown.remove_suffix(1);
  }
  return absl::StrCat("\"", Absl(shown), shown.size() < text.size() ? "..." : "", "\"");
}

std::string CheckLength(std::string_view domain) {
  if (domain.empty()) return "a domain name is wanted, this is empty";
  if (domain.size() > kMaxDomain) {
    return absl::StrCat(Quote(domain), " is longer than ", kMaxDomain, " characters");
  }
  return "";
}

std::string CheckLabels(std::string_view domain, std::string_view whole) {
  const std::vector<std::string_view> labels = [&] {
    std::vector<std::string_view> parts;
    for (absl::string_view part : absl::StrSplit(Absl(domain), '.')) parts.push_back(Std(part));
    return parts;
  }();
  if (AllDigits(labels.back()) && labels.back().size() <= 18) {
    return absl::StrCat(Quote(whole), " is not a domain name: it ends in a number");
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (i + 1 == labels.size() && labels[i].empty()) return "";  // istio.io.
    if (!IsDnsLabel(labels[i])) {
      return absl::StrCat(Quote(whole), " is not a domain name: ", Quote(labels[i]),
                          " may have letters, digits and - inside, at most ", kMaxLabel,
                          " characters");
    }
  }
  return "";
}

bool ParseIpv4(std::string_view text) {
  int parts = 0;
  while (true) {
    size_t digits = 0;
    int value = 0;
    while (digits < text.size() && IsDigit(text[digits])) {
      value = value * 10 + (text[digits] - '0');
      if (value > 255) return false;
      ++digits;
    }
    if (digits == 0) return false;
    text.remove_prefix(digits);
    ++parts;
    if (text.empty()) return parts == 4;
    if (text[0] != '.' || parts == 4) return false;
    text.remove_prefix(1);
  }
}

}  // namespace

bool IsDnsLabel(std::string_view text) { return text.size() <= kMaxLabel && IsName(text, "-"); }

bool IsIpAddress(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return ParseIpv4(text);
  in6_addr address;
  return text.size() < 64 && ::inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

bool IsCidr(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view address = text.substr(0, slash);
  const std::string_view bits = text.substr(slash + 1);
  if (!IsIpAddress(address) || !AllDigits(bits) || bits.size() > 3) return false;
  const int limit = address.find(':') == std::string_view::npos ? 32 : 128;
  return std::stoi(std::string(bits)) <= limit;
}

std::optional<int64_t> ParseNumber(std::string_view text) {
  const std::string_view digits =
      !text.empty() && (text[0] == '+' || text[0] == '-') ? text.substr(1) : text;
  int64_t number = 0;
  if (!AllDigits(digits) || !absl::SimpleAtoi(Absl(text), &number)) return std::nullopt;
  return number;
}

std::string CheckFqdn(std::string_view domain) {
  std::string problem = CheckLength(domain);
  return problem.empty() ? CheckLabels(domain, domain) : problem;
}

std::string CheckWildcardDomain(std::string_view domain) {
  std::string problem = CheckLength(domain);
  if (!problem.empty()) return problem;
  const size_t dot = domain.find('.');
  const std::string_view first = domain.substr(0, dot);
  std::string_view label = first;
  if (label != "*") {
    if (absl::StartsWith(Absl(label), "*-")) {
      label.remove_prefix(2);
    } else if (absl::StartsWith(Absl(label), "*")) {
      label.remove_prefix(1);
    }
    if (first.size() > kMaxLabel || !IsDnsLabel(label)) {
      return absl::StrCat(Quote(domain), " is not a domain name: ", Quote(first),
                          " may have letters, digits, - inside and one * in front, at most ",
                          kMaxLabel, " characters");
    }
  }
  return dot == std::string_view::npos ? "" : CheckLabels(domain.substr(dot + 1), domain);
}

std::string CheckIpAddress(std::string_view address) {
  return IsIpAddress(address) ? "" : absl::StrCat(Quote(address), " is not an IP address");
}

std::string CheckSubnet(std::string_view subnet) {
  if (subnet.find('/') == std::string_view::npos) return CheckIpAddress(subnet);
  return IsCidr(subnet) ? "" : absl::StrCat(Quote(subnet), " is not a subnet such as 10.0.0.0/8");
}

std::string CheckPort(int64_t number) {
  return number >= 1 && number <= 65535 ? "" : absl::StrCat("port ", number, " is not 1 to 65535");
}

std::string CheckPortName(std::string_view name) {
  if (name.empty()) return "the port needs a name, such as http";
  return IsDnsLabel(name) ? ""
                          : absl::StrCat(Quote(name),
                                         " is not a name for a port: letters, digits and - "
                                         "inside, at most 63 characters");
}

std::string CheckUnixAddress(std::string_view path) {
  if (path.empty()) return "a path is wanted after unix://";
  if (path[0] == '@') return "";
  return path[0] == '/' && path.back() != '/'
             ? ""
             : absl::StrCat(Quote(path), " is not an absolute path of a file");
}

std::string CheckHostAndPort(std::string_view address) {
  const std::string wanted = absl::StrCat(Quote(address), " is not HOST:PORT");
  std::string_view host;
  std::string_view port;
  if (!address.empty() && address[0] == '[') {
    const size_t end = address.find("]:");
    if (end == std::string_view::npos) return wanted;
    host = address.substr(1, end - 1);
    port = address.substr(end + 2);
  } else {
    const size_t colon = address.find(':');
    if (colon == std::string_view::npos) return absl::StrCat(wanted, ": the port is missing");
    host = address.substr(0, colon);
    port = address.substr(colon + 1);
  }
  if (!AllDigits(port) || port.size() > 9) return absl::StrCat(wanted, ": the port is no number");
  std::string problem = CheckPort(std::stoi(std::string(port)));
  if (!problem.empty()) return problem;
  if (!IsIpAddress(host) && !CheckFqdn(host).empty()) {
    return absl::StrCat(wanted, ": ", Quote(host), " is neither a domain name nor an IP address");
  }
  return "";
}

namespace {

enum class Protocol { kUnknown, kHttp, kTls, kOther };

Protocol ParseProtocol(std::string_view text) {
  const std::string name = absl::AsciiStrToLower(Absl(text));
  for (const char* http : {"http", "http2", "grpc", "grpc-web", "http_proxy"}) {
    if (name == http) return Protocol::kHttp;
  }
  if (name == "https" || name == "tls") return Protocol::kTls;
  for (const char* other : {"tcp", "udp", "mongo", "redis", "mysql", "thrift"}) {
    if (name == other) return Protocol::kOther;
  }
  return Protocol::kUnknown;
}

}  // namespace

std::string CheckProtocol(std::string_view protocol) {
  if (ParseProtocol(protocol) != Protocol::kUnknown) return "";
  return absl::StrCat(
      protocol.empty() ? "a protocol is wanted" : absl::StrCat(Quote(protocol), " is no protocol"),
      "; there is HTTP, HTTP2, GRPC, GRPC-WEB, HTTPS, TLS, TCP, UDP, MONGO, "
      "REDIS, MYSQL");
}

bool IsHttpProtocol(std::string_view protocol) {
  return ParseProtocol(protocol) == Protocol::kHttp;
}
bool IsTlsProtocol(std::string_view protocol) { return ParseProtocol(protocol) == Protocol::kTls; }

std::string CheckDuration(const google::protobuf::Duration& duration) {
  if (duration.seconds() < 0 || duration.nanos() < 0 ||
      (duration.seconds() == 0 && duration.nanos() < 1000000)) {
    return "a duration is at least 1ms here";
  }
  return duration.nanos() % 1000000 == 0 ? "" : "a duration is in whole milliseconds here";
}

std::string CheckPercent(int64_t percent) {
  return percent >= 0 && percent <= 100 ? ""
                                        : absl::StrCat(percent, " is not a percentage, 0 to 100");
}

std::string CheckFractionalPercent(double percent) {
  if (percent == 0 || (percent >= 0.0001 && percent <= 100)) return "";
  return absl::StrCat(percent, " is not a percentage: 0, or 0.0001 to 100");
}

std::string CheckHeaderName(std::string_view name) {
  return name.empty() ? "the name of a header is empty" : "";
}

std::string CheckRegex(std::string_view pattern) {
  if (pattern.empty()) return "";
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (regex.ok()) return "";
  return absl::StrCat(Quote(pattern), " is not a regular expression of RE2: ", regex.error());
}

std::string CheckSubsetName(std::string_view name) {
  if (name.empty()) return "the subset needs a name";
  return IsDnsLabel(name) ? ""
                          : absl::StrCat(Quote(name),
                                         " is not a name for a subset: letters, digits and - "
                                         "inside, at most 63 characters");
}

std::string CheckLabelKey(std::string_view key) {
  std::string_view name = key;
  bool good = true;
  if (const size_t slash = key.find('/'); slash != std::string_view::npos) {
    const std::string_view prefix = key.substr(0, slash);
    name = key.substr(slash + 1);
    good = prefix.size() <= 253;
    for (absl::string_view label : absl::StrSplit(Absl(prefix), '.')) {
      good = good && IsName(Std(label), "-");
    }
  }
  good = good && name.size() <= 63 && IsName(name, "-_.");
  return good ? ""
              : absl::StrCat(Quote(key),
                             " is not a key of a label: letters, digits and -_. inside, at most "
                             "63 characters, perhaps after a domain name and /");
}

std::string CheckLabelValue(std::string_view value) {
  return value.empty() || IsName(value, "-_.")
             ? ""
             : absl::StrCat(Quote(value),
                            " is not a value of a label: letters, digits and -_. inside");
}

std::string CheckHttpUrl(std::string_view url) {
  const std::string wanted = absl::StrCat(Quote(url), " is not a URL such as https://HOST/PATH");
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) return wanted;
  const std::string scheme = absl::AsciiStrToLower(Absl(url.substr(0, colon)));
  if (scheme != "http" && scheme != "https") return wanted;
  for (size_t i = 0; i < url.size(); ++i) {
    const unsigned char c = url[i];
    if (c < 0x20 || c == 0x7F) return wanted;
    if (c == '%' && (i + 2 >= url.size() || !absl::ascii_isxdigit(url[i + 1]) ||
                     !absl::ascii_isxdigit(url[i + 2]))) {
      return absl::StrCat(wanted, ": % is followed by two hexadecimal digits");
    }
  }
  std::string_view rest = url.substr(colon + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
  std::string_view port;
  if (!rest.empty() && rest[0] == '[') {
    const size_t end = rest.find(']');
    if (end == std::string_view::npos) return wanted;
    port = rest.substr(end + 1);
  } else {
    if (rest.find_first_of(" <>\"\\^`{|}") != std::string_view::npos) return wanted;
    const size_t at = rest.find(':');
    if (at != std::string_view::npos) port = rest.substr(at);
  }
  if (port.size() > 1 && !AllDigits(port.substr(1))) {
    return absl::StrCat(wanted, ": the port is no number");
  }
  return "";
}

}  // namespace mesh::config
