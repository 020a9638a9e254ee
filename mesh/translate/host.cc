#include "mesh/translate/host.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::translate {
namespace {

bool Wild(std::string_view host) { return !host.empty() && host[0] == '*'; }

bool EndsWith(std::string_view text, std::string_view suffix) {
  return absl::EndsWith(Absl(text), Absl(suffix));
}

}  // namespace

bool HostsMatch(std::string_view a, std::string_view b) {
  if (Wild(a) && Wild(b)) {
    return a.size() < b.size() ? EndsWith(b.substr(1), a.substr(1))
                               : EndsWith(a.substr(1), b.substr(1));
  }
  if (Wild(a)) return EndsWith(b, a.substr(1));
  if (Wild(b)) return EndsWith(a, b.substr(1));
  return a == b;
}

bool HostWithin(std::string_view a, std::string_view b) {
  if (Wild(a) && Wild(b)) return a.size() >= b.size() && EndsWith(a.substr(1), b.substr(1));
  if (Wild(a)) return false;
  if (Wild(b)) return EndsWith(a, b.substr(1));
  return a == b;
}

std::vector<std::string> CommonHosts(const std::vector<std::string>& a,
                                     const std::vector<std::string>& b) {
  std::vector<std::string> common;
  const auto add = [&](const std::string& host) {
    if (std::find(common.begin(), common.end(), host) == common.end()) common.push_back(host);
  };
  for (const std::string& left : a) {
    for (const std::string& right : b) {
      if (HostWithin(left, right)) {
        add(left);
      } else if (HostWithin(right, left)) {
        add(right);
      }
    }
  }
  return common;
}

bool IsFullHost(std::string_view host) {
  return host == "*" || host.empty() || host.find('.') != std::string_view::npos;
}

std::string FullHost(std::string_view host, std::string_view ns, std::string_view domain) {
  if (IsFullHost(host) || ns.empty()) return std::string(host);
  return absl::StrCat(Absl(host), ".", Absl(ns), ".svc.", Absl(domain));
}

std::string FullGateway(std::string_view gateway, std::string_view ns) {
  if (gateway == "mesh") return "mesh";
  const size_t slash = gateway.find('/');
  if (slash != std::string_view::npos) {
    if (gateway.substr(0, slash) != ".") return std::string(gateway);
    return absl::StrCat(Absl(ns), "/", Absl(gateway.substr(slash + 1)));
  }
  const size_t dot = gateway.find('.');
  if (dot == std::string_view::npos) return absl::StrCat(Absl(ns), "/", Absl(gateway));
  const std::string_view rest = gateway.substr(dot + 1);
  return absl::StrCat(Absl(rest.substr(0, rest.find('.'))), "/", Absl(gateway.substr(0, dot)));
}

std::vector<std::string> HostsForNamespace(const std::vector<std::string>& hosts,
                                           std::string_view ns) {
  std::vector<std::string> result;
  for (const std::string& host : hosts) {
    const size_t slash = host.find('/');
    if (slash == std::string::npos) {
      result.push_back(host);
    } else if (host[0] == '*' || std::string_view(host).substr(0, slash) == ns) {
      result.push_back(host.substr(slash + 1));
    }
  }
  return result;
}

std::string HostPort(std::string_view host, uint32_t port) {
  return port == 0 ? std::string(host) : absl::StrCat(Absl(host), ":", port);
}

}  // namespace mesh::translate
