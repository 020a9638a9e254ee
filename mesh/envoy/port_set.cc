#include "mesh/envoy/port_set.h"

#include <algorithm>

namespace mesh::envoy {

PortSet::PortSet(uint32_t begin, uint32_t end) {
  end = std::min(end, kEnd);
  if (begin < end) ranges_.emplace_back(begin, end);
}

bool PortSet::Contains(uint16_t port) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [port](const auto& range) {
    return range.first <= port && port < range.second;
  });
}

PortSet PortSet::Union(const PortSet& other) const {
  std::vector<std::pair<uint32_t, uint32_t>> all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  std::sort(all.begin(), all.end());
  PortSet out;
  for (const auto& range : all) {
    if (!out.ranges_.empty() && range.first <= out.ranges_.back().second) {
      out.ranges_.back().second = std::max(out.ranges_.back().second, range.second);
    } else {
      out.ranges_.push_back(range);
    }
  }
  return out;
}

PortSet PortSet::Intersection(const PortSet& other) const {
  return Complement().Union(other.Complement()).Complement();
}

PortSet PortSet::Complement() const {
  PortSet out;
  uint32_t begin = 0;
  for (const auto& range : ranges_) {
    if (begin < range.first) out.ranges_.emplace_back(begin, range.first);
    begin = range.second;
  }
  if (begin < kEnd) out.ranges_.emplace_back(begin, kEnd);
  return out;
}

}  // namespace mesh::envoy
