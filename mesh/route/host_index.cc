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
  return found->parts.Add(part, host);
}

HostIndex::Added HostIndex::Add(std::string_view domain, uint32_t virtual_host) {
  if (domain == "*") {
    if (any_ != kNone) return Added::kSecondAny;
    any_ = virtual_host;
    return Added::kAdded;
  }
  only_any_ = false;
  longest_ = std::max(longest_, domain.size());
  bool added;
  if (!domain.empty() && domain.front() == '*') {
    added = AddTo(&suffixes_, domain.substr(1), virtual_host);
  } else if (!domain.empty() && domain.back() == '*') {
    added = AddTo(&prefixes_, domain.substr(0, domain.size() - 1), virtual_host);
  } else {
    added = exact_.Add(domain, virtual_host);
  }
  return added ? Added::kAdded : Added::kDuplicate;
}

void HostIndex::Finish() {
  const auto longest_first = [](const Wildcards& a, const Wildcards& b) {
    return a.length > b.length;
  };
  std::sort(suffixes_.begin(), suffixes_.end(), longest_first);
  std::sort(prefixes_.begin(), prefixes_.end(), longest_first);
  exact_.Finish();
  for (Wildcards& wildcards : suffixes_) wildcards.parts.Finish();
  for (Wildcards& wildcards : prefixes_) wildcards.parts.Finish();
}

HostIndex::Found HostIndex::FindWildcard(std::string_view front, std::string_view back,
                                         size_t size) const {
  for (const Wildcards& w : suffixes_) {
    // A wildcard stands for one byte at least.
    if (w.length >= size) continue;
    const uint32_t found = w.parts.Find(back.substr(back.size() - w.length));
    if (found != kNone) return {found, How::kSuffix, static_cast<uint32_t>(w.length)};
  }
  for (const Wildcards& w : prefixes_) {
    if (w.length >= size) continue;
    const uint32_t found = w.parts.Find(front.substr(0, w.length));
    if (found != kNone) return {found, How::kPrefix, static_cast<uint32_t>(w.length)};
  }
  return {any_, any_ == kNone ? How::kNone : How::kAny, 0};
}

// The host has capitals: as Find, of a copy. Of a long one no more is copied than some domain could
// equal, at both ends.
HostIndex::Found HostIndex::FindLower(std::string_view host) const {
  const auto lower = [](std::string_view part, absl::InlinedVector<char, 256>* out) {
    out->resize(part.size());
    for (size_t i = 0; i < part.size(); ++i) (*out)[i] = http::LowerCase(part[i]);
    return std::string_view(out->data(), out->size());
  };
  absl::InlinedVector<char, 256> front_bytes, back_bytes;
  const std::string_view front = lower(host.substr(0, longest_ + 1), &front_bytes);
  if (front.size() == host.size()) {
    const uint32_t exact = exact_.Find(front);
    if (exact != kNone) return {exact, How::kExact, 0};
    return FindWildcard(front, front, host.size());
  }
  const std::string_view back = lower(host.substr(host.size() - longest_), &back_bytes);
  return FindWildcard(front, back, host.size());
}

HostIndex::Found HostIndex::FindOther(std::string_view host) const {
  // Where domains are named, a request without a host has no virtual host at all.
  if (host.empty()) return {};
  const bool capitals =
      std::any_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  return capitals ? FindLower(host) : FindWildcard(host, host, host.size());
}

}  // namespace mesh::route
