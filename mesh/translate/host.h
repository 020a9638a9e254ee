// Host names as Istio's configuration writes them: full names, short names, `*.example.com`, `*`.
// Private to this folder.
#ifndef MESH_TRANSLATE_HOST_H_
#define MESH_TRANSLATE_HOST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::translate {

// Whether some host is meant by both.
bool HostsMatch(std::string_view a, std::string_view b);

// Whether every host that `a` means is meant by `b`.
bool HostWithin(std::string_view a, std::string_view b);

// What both lists mean: the narrower of each pair that overlaps, without duplicates, in order of
// `a`.
std::vector<std::string> CommonHosts(const std::vector<std::string>& a,
                                     const std::vector<std::string>& b);

// The narrowest of `patterns`, a map with less<>, that `host` is within: itself first, then the
// longest wildcard. Cost: O(log patterns + wildcards).
template <class Patterns>
std::optional<std::string> NarrowestPattern(std::string_view host, const Patterns& patterns) {
  if (const auto exact = patterns.find(host); exact != patterns.end()) return exact->first;
  std::optional<std::string> best;
  // "*" comes before every other character that names begin with, "+" after it.
  const auto end = patterns.lower_bound(std::string_view("+"));
  for (auto entry = patterns.lower_bound(std::string_view("*")); entry != end; ++entry) {
    const std::string& pattern = entry->first;
    if (!HostWithin(host, pattern)) continue;
    if (!best.has_value() || pattern.size() > best->size()) best = pattern;
  }
  return best;
}

// Whether it stays in every namespace: whatever has a dot, and "*".
bool IsFullHost(std::string_view host);
// "reviews" is reviews.NS.svc.DOMAIN; a full host stays.
std::string FullHost(std::string_view host, std::string_view ns, std::string_view domain);

// A VirtualService's gateway as "namespace/name": "gw" is of its own namespace, so is "./gw", and
// "gw.other.svc.cluster.local" the old way to write "other/gw". "mesh" stays.
std::string FullGateway(std::string_view gateway, std::string_view ns);

// Of hosts written "namespace/host" or "host", those for a namespace, without it.
std::vector<std::string> HostsForNamespace(const std::vector<std::string>& hosts,
                                           std::string_view ns);

// "host:port"; port 0 leaves it out.
std::string HostPort(std::string_view host, uint32_t port);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_HOST_H_
