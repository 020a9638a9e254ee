#include "mesh/config/validation/host_set.h"

#include <algorithm>

namespace mesh::config {
namespace {

// No domain name is longer; of one that is, what comes last decides.
constexpr size_t kLongest = 256;

bool IsWild(std::string_view host) { return !host.empty() && host[0] == '*'; }

}  // namespace

void HostSet::Add(std::string_view host, size_t number) {
  if (IsWild(host)) {
    wild_.emplace(host.substr(1), number);
  } else {
    exact_.emplace(host, number);
  }
}

size_t HostSet::FindCovering(std::string_view host) const { return FindCovering(host, kNone); }

size_t HostSet::FindCovering(std::string_view host, size_t but) const {
  std::string_view text = host;
  if (IsWild(host)) {
    text.remove_prefix(1);
  } else if (const auto at = exact_.find(host); at != exact_.end() && at->second != but) {
    return at->second;
  }
  if (wild_.empty()) return kNone;
  for (size_t i = text.size() > kLongest ? text.size() - kLongest : 0; i <= text.size(); ++i) {
    const auto at = wild_.find(text.substr(i));
    if (at != wild_.end() && at->second != but) return at->second;
  }
  return kNone;
}

}  // namespace mesh::config
