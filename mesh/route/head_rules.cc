#include "mesh/route/head_rules.h"

#include <algorithm>
#include <string>

#include "mesh/http/host.h"

namespace mesh::route {

HeadRules::HeadRules(const std::vector<Rule>& rules) {
  size_t count = 0;
  bool any_without_case = false;
  std::string shared;
  for (; count < rules.size() && count < kMost; ++count) {
    const PathMatch& path = rules[count].path;
    const bool literal = path.kind == PathMatch::Kind::kPrefix ||
                         path.kind == PathMatch::Kind::kExact ||
                         path.kind == PathMatch::Kind::kSeparatedPrefix;
    if (!literal || !rules[count].conditions.empty()) break;
    any_without_case = any_without_case || path.ignore_case;
    const std::string lower = http::LowerCase(path.text);
    if (count == 0) shared = lower;
    const auto ends = std::mismatch(shared.begin(), shared.end(), lower.begin(), lower.end());
    shared.erase(ends.first, shared.end());
  }
  if (!any_without_case) return;
  at_ = shared.size();
  for (size_t i = 0; i < count; ++i) {
    const PathMatch& path = rules[i].path;
    const std::string text = path.ignore_case ? http::LowerCase(path.text) : path.text;
    Eight eight = {0, 0, path.ignore_case ? size_t{1} : 0};
    const size_t size = std::min<size_t>(8, text.size() - at_);
    const uint64_t all = ~uint64_t{0};
    std::memcpy(&eight.bytes, text.data() + at_, size);
    std::memcpy(&eight.mask, &all, size);
    few_.push_back(eight);
  }
}

}  // namespace mesh::route
