#include "mesh/route/proof/host_overlap.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "mesh/http/host.h"

namespace mesh::route::proof {
namespace {

enum class Kind { kExact, kSuffix, kPrefix };  // in order of precedence

struct Domain {
  uint32_t virtual_host = 0;
  uint32_t index = 0;
  Kind kind = Kind::kExact;
  std::string text;  // lower case, without the '*'
};

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}
bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// A host that both accept; `a` is no later in precedence than `b`.
std::optional<std::string> Shared(const Domain& a, const Domain& b) {
  const std::string& x = a.text;
  const std::string& y = b.text;
  if (a.kind == Kind::kExact) {
    const bool fits = b.kind == Kind::kExact    ? x == y
                      : b.kind == Kind::kSuffix ? x.size() > y.size() && EndsWith(x, y)
                                                : x.size() > y.size() && StartsWith(x, y);
    if (!fits) return std::nullopt;
    return x;
  }
  if (a.kind == b.kind) {
    const std::string& longer = x.size() >= y.size() ? x : y;
    const std::string& shorter = x.size() >= y.size() ? y : x;
    if (a.kind == Kind::kSuffix ? !EndsWith(longer, shorter) : !StartsWith(longer, shorter)) {
      return std::nullopt;
    }
    return a.kind == Kind::kSuffix ? "a" + longer : longer + "a";
  }
  // "*suffix" and "prefix*": the prefix, something, the suffix.
  return y + "a" + x;
}

}  // namespace

std::vector<HostOverlap> FindHostOverlaps(
    const std::vector<std::shared_ptr<const VirtualHost>>& virtual_hosts) {
  std::vector<Domain> domains;
  for (uint32_t i = 0; i < virtual_hosts.size(); ++i) {
    for (uint32_t j = 0; j < virtual_hosts[i]->domains.size(); ++j) {
      const std::string text = http::LowerCase(virtual_hosts[i]->domains[j]);
      if (text == "*") continue;
      if (!text.empty() && text.front() == '*') {
        domains.push_back({i, j, Kind::kSuffix, text.substr(1)});
      } else if (!text.empty() && text.back() == '*') {
        domains.push_back({i, j, Kind::kPrefix, text.substr(0, text.size() - 1)});
      } else {
        domains.push_back({i, j, Kind::kExact, text});
      }
    }
  }
  // By precedence: exact, longest suffix, longest prefix; as given among the same.
  std::stable_sort(domains.begin(), domains.end(), [](const Domain& a, const Domain& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    return a.kind != Kind::kExact && a.text.size() > b.text.size();
  });
  const size_t first_wildcard =
      std::find_if(domains.begin(), domains.end(),
                   [](const Domain& domain) { return domain.kind != Kind::kExact; }) -
      domains.begin();

  std::vector<HostOverlap> overlaps;
  const auto compare = [&](const Domain& a, const Domain& b) {
    const bool duplicate = a.kind == b.kind && a.text == b.text;
    if (a.virtual_host == b.virtual_host && !duplicate) return;
    std::optional<std::string> host = Shared(a, b);
    if (!host) return;
    overlaps.push_back(
        {a.virtual_host, a.index, b.virtual_host, b.index, *std::move(host), duplicate});
  };
  absl::flat_hash_map<std::string_view, size_t> exact;
  for (size_t i = 0; i < domains.size(); ++i) {
    if (i < first_wildcard) {
      const auto [it, added] = exact.try_emplace(domains[i].text, i);
      if (!added) compare(domains[it->second], domains[i]);
    }
    for (size_t j = std::max(i + 1, first_wildcard); j < domains.size(); ++j) {
      compare(domains[i], domains[j]);
    }
  }
  return overlaps;
}

}  // namespace mesh::route::proof
