// Asking over HTTP, and nobody who may not be asked.
#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "httplib.h"
#include "mesh/authz/jwt.h"
#include "mesh/discovery/key_fetcher.h"
#include "nlohmann/json.hpp"

namespace mesh::discovery {
namespace {

constexpr int kMaxHops = 4;  // redirects, and from a configuration to its keys

using Bytes = std::array<uint8_t, 16>;  // IPv4 mapped into IPv6

struct Block {
  Bytes address = {};
  int bits = 128;
};

std::optional<Block> ParseBlock(const std::string& text) {
  const size_t slash = text.find('/');
  const std::string ip = text.substr(0, slash);
  Block block;
  int size = 128, offset = 0;
  if (inet_pton(AF_INET, ip.c_str(), block.address.data() + 12) == 1) {
    block.address[10] = block.address[11] = 0xff;
    size = 32;
    offset = 96;
  } else if (inet_pton(AF_INET6, ip.c_str(), block.address.data()) != 1) {
    return std::nullopt;
  }
  int bits = size;
  if (slash != std::string::npos &&
      (!absl::SimpleAtoi(text.substr(slash + 1), &bits) || bits < 0 || bits > size)) {
    return std::nullopt;
  }
  block.bits = offset + bits;
  return block;
}

bool Contains(const Block& block, const Bytes& address) {
  for (int i = 0; i < block.bits; ++i) {
    if (((block.address[i / 8] ^ address[i / 8]) >> (7 - i % 8) & 1) != 0) return false;
  }
  return true;
}

// What is not the Internet's (RFC 6890 and its kin).
constexpr const char* kNotPublic[] = {
    "0.0.0.0/8",       "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12",   "192.0.0.0/24",   "192.0.2.0/24",  "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",    "::/96",
    "64:ff9b::/96",    "64:ff9b:1::/48", "100::/64",      "2001::/23",      "2001:db8::/32",
    "2002::/16",       "fc00::/7",       "fe80::/10",     "fec0::/10",      "ff00::/8"};

bool MayAsk(const Bytes& address, const std::vector<std::string>& allowed) {
  const auto within = [&](const std::string& text) {
    const std::optional<Block> block = ParseBlock(text);
    return block.has_value() && Contains(*block, address);
  };
  if (std::any_of(allowed.begin(), allowed.end(), within)) return true;
  return std::none_of(std::begin(kNotPublic), std::end(kNotPublic), within);
}

struct Uri {
  bool tls = false;
  std::string host;  // without brackets
  int port = 0;
  std::string target;
};

std::optional<Uri> ParseUri(const std::string& text) {
  Uri uri;
  absl::string_view rest = text;
  if (absl::StartsWithIgnoreCase(rest, "https://")) {
    uri.tls = true;
    rest.remove_prefix(8);
  } else if (absl::StartsWithIgnoreCase(rest, "http://")) {
    rest.remove_prefix(7);
  } else {
    return std::nullopt;
  }
  for (const char c : rest) {
    if (c <= ' ' || c == '\\' || c == 0x7f) return std::nullopt;
  }
  const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const absl::string_view authority = rest.substr(0, end);
  uri.target = std::string(rest.substr(end, rest.find('#', end) - end));
  if (uri.target.empty() || uri.target[0] != '/') uri.target.insert(0, "/");
  if (absl::StrContains(authority, '@')) return std::nullopt;
  size_t colon = authority.rfind(':');
  if (!authority.empty() && authority[0] == '[') {
    const size_t bracket = authority.find(']');
    if (bracket == authority.npos) return std::nullopt;
    uri.host = std::string(authority.substr(1, bracket - 1));
    colon = bracket + 1 < authority.size() ? bracket + 1 : authority.npos;
    if (colon != authority.npos && authority[colon] != ':') return std::nullopt;
  } else {
    uri.host = std::string(authority.substr(0, colon));
  }
  uri.port = uri.tls ? 443 : 80;
  if (colon != authority.npos && (!absl::SimpleAtoi(authority.substr(colon + 1), &uri.port) ||
                                  uri.port < 1 || uri.port > 65535)) {
    return std::nullopt;
  }
  if (uri.host.empty()) return std::nullopt;
  return uri;
}

// An address of the host that may be asked, as text.
absl::StatusOr<std::string> Resolve(const Uri& uri, const std::vector<std::string>& allowed) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(uri.host.c_str(), nullptr, &hints, &found);
  if (failed != 0) {
    return absl::UnavailableError(absl::StrCat(uri.host, ": ", gai_strerror(failed)));
  }
  std::string chosen, refused;
  for (const addrinfo* a = found; a != nullptr && chosen.empty(); a = a->ai_next) {
    char text[INET6_ADDRSTRLEN] = "";
    Bytes bytes = {};
    if (a->ai_family == AF_INET) {
      const auto* const in = reinterpret_cast<const sockaddr_in*>(a->ai_addr);
      bytes[10] = bytes[11] = 0xff;
      memcpy(bytes.data() + 12, &in->sin_addr, 4);
      inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    } else if (a->ai_family == AF_INET6) {
      const auto* const in6 = reinterpret_cast<const sockaddr_in6*>(a->ai_addr);
      memcpy(bytes.data(), &in6->sin6_addr, 16);
      inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    } else {
      continue;
    }
    (MayAsk(bytes, allowed) ? chosen : refused) = text;
  }
  freeaddrinfo(found);
  if (!chosen.empty()) return chosen;
  return absl::PermissionDeniedError(
      absl::StrCat(uri.host, " is ", refused,
                   ", an address that may not be asked for keys; meshd's --jwks_allow lists those "
                   "that may though they are private"));
}

struct Answer {
  int status = 0;
  std::string location, body;
};

absl::StatusOr<Answer> Get(const Uri& uri, const std::string& address,
                           const KeyFetcherOptions& options) {
  const bool v6 = absl::StrContains(uri.host, ':');
  httplib::Client client(absl::StrCat(uri.tls ? "https://" : "http://", v6 ? "[" : "", uri.host,
                                      v6 ? "]" : "", ":", uri.port));
  // What was judged is what is connected to, whatever the name says a moment later.
  client.set_hostname_addr_map({{uri.host, address}});
  client.set_follow_location(false);
  const time_t seconds = std::max<int64_t>(1, absl::ToInt64Seconds(options.timeout));
  client.set_connection_timeout(seconds);
  client.set_read_timeout(seconds);
  client.set_write_timeout(seconds);
  Answer answer;
  bool too_large = false;
  const absl::Time deadline = absl::Now() + options.timeout;
  const httplib::Result result = client.Get(uri.target, [&](const char* data, size_t size) {
    too_large = answer.body.size() + size > options.max_bytes;
    if (too_large || absl::Now() > deadline) return false;
    answer.body.append(data, size);
    return true;
  });
  if (too_large) return absl::UnavailableError("the answer is too large");
  if (!result) return absl::UnavailableError(httplib::to_string(result.error()));
  answer.status = result->status;
  answer.location = result->get_header_value("Location");
  return answer;
}

// Where a redirect leads.
std::string Target(const Uri& from, const std::string& location) {
  if (!absl::StartsWith(location, "/") || absl::StartsWith(location, "//")) return location;
  const bool v6 = absl::StrContains(from.host, ':');
  return absl::StrCat(from.tls ? "https://" : "http://", v6 ? "[" : "", from.host, v6 ? "]" : "",
                      ":", from.port, location);
}

}  // namespace

absl::StatusOr<std::string> FetchKeySet(const std::string& first,
                                        const KeyFetcherOptions& options) {
  std::string at = first;
  bool was_tls = false;
  for (int hop = 0; hop < kMaxHops; ++hop) {
    const std::optional<Uri> uri = ParseUri(at);
    if (!uri.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("\"", at, "\" is no http or https URI"));
    }
    if (was_tls && !uri->tls) {
      return absl::PermissionDeniedError("led from https to http");
    }
    was_tls = uri->tls;
    const absl::StatusOr<std::string> address = Resolve(*uri, options.allowed);
    if (!address.ok()) return address.status();
    const absl::StatusOr<Answer> answer = Get(*uri, *address, options);
    if (!answer.ok()) return answer.status();
    if (answer->status >= 301 && answer->status <= 308 && !answer->location.empty()) {
      at = Target(*uri, answer->location);
      continue;
    }
    if (answer->status != 200) {
      return absl::UnavailableError(absl::StrCat("answered ", answer->status));
    }
    const nlohmann::json json = nlohmann::json::parse(answer->body, nullptr, false);
    if (json.is_object() && json.contains("keys") && json["keys"].is_array()) {
      // A stock Envoy would refuse a listener with keys that it cannot use.
      const auto keys = authz::KeySet::Parse(answer->body);
      if (!keys.ok()) return keys.status();
      return answer->body;
    }
    if (json.is_object() && json.contains("jwks_uri") && json["jwks_uri"].is_string()) {
      at = json["jwks_uri"].get<std::string>();
      continue;
    }
    return absl::InvalidArgumentError("what stands there is no key set");
  }
  return absl::UnavailableError("led too far");
}

}  // namespace mesh::discovery
