#include "mesh/route/host_index.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"

namespace mesh::route {

bool HostIndex::AddTo(std::vector<Wildcards>* wildcards, std::string_view part, uint32_t host) {
  auto found = std::find_if(wildcards->begin(), wildcards->end(),
                            [&](const Wildcards& w) { return w.length == part.size(); });
  if (found == wildcards->end()) found = wildcards->insert(found, Wildcards{part.size(), {}});
  return found->parts.emplace(std::string(part), host).second;
}

HostIndex::Added HostIndex::Add(std::string_view domain, uint32_t virtual_host) {
  if (domain == "*") {
    if (any_ != kNone) return Added::kSecondAny;
    any_ = virtual_host;
    return Added::kAdded;
  }
  bool added;
  if (!domain.empty() && domain.front() == '*') {
    added = AddTo(&suffixes_, domain.substr(1), virtual_host);
  } else if (!domain.empty() && domain.back() == '*') {
    added = AddTo(&prefixes_, domain.substr(0, domain.size() - 1), virtual_host);
  } else {
    added = exact_.emplace(std::string(domain), virtual_host).second;
    longest_exact_ = std::max(longest_exact_, domain.size());
  }
  return added ? Added::kAdded : Added::kDuplicate;
}

void HostIndex::Finish() {
  const auto longest_first = [](const Wildcards& a, const Wildcards& b) {
    return a.length > b.length;
  };
  std::sort(suffixes_.begin(), suffixes_.end(), longest_first);
  std::sort(prefixes_.begin(), prefixes_.end(), longest_first);
}

HostIndex::Found HostIndex::Find(std::string_view host) const {
  const bool only_any = exact_.empty() && suffixes_.empty() && prefixes_.empty();
  const Found any = {any_, any_ == kNone ? How::kNone : How::kAny, 0};
  if (only_any) return any;
  // Where domains are named, a request without a host has no virtual host at all.
  if (host.empty()) return {};
  // No more of the host than some domain could equal, so that a long one is not copied.
  size_t needed = longest_exact_ + 1;
  if (!suffixes_.empty()) needed = std::max(needed, suffixes_[0].length);
  if (!prefixes_.empty()) needed = std::max(needed, prefixes_[0].length);
  const auto lower = [&](std::string_view part, absl::InlinedVector<char, 256>* out) {
    out->resize(part.size());
    for (size_t i = 0; i < part.size(); ++i) (*out)[i] = http::LowerCase(part[i]);
    return absl::string_view(out->data(), out->size());
  };
  absl::InlinedVector<char, 256> buffer;
  absl::string_view front = lower(host.substr(0, needed), &buffer);
  if (host.size() <= longest_exact_) {
    if (const auto found = exact_.find(front); found != exact_.end()) {
      return {found->second, How::kExact, 0};
    }
  }
  if (!suffixes_.empty()) {
    absl::InlinedVector<char, 256> end_buffer;
    absl::string_view back = front;
    if (host.size() > needed) back = lower(host.substr(host.size() - needed), &end_buffer);
    for (const Wildcards& w : suffixes_) {
      // A wildcard stands for one byte at least.
      if (w.length >= host.size()) continue;
      const auto found = w.parts.find(back.substr(back.size() - w.length));
      if (found != w.parts.end()) {
        return {found->second, How::kSuffix, static_cast<uint32_t>(w.length)};
      }
    }
  }
  for (const Wildcards& w : prefixes_) {
    if (w.length >= host.size()) continue;
    const auto found = w.parts.find(front.substr(0, w.length));
    if (found != w.parts.end()) {
      return {found->second, How::kPrefix, static_cast<uint32_t>(w.length)};
    }
  }
  return any;
}

}  // namespace mesh::route
