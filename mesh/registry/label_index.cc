#include "mesh/registry/label_index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::registry {
namespace {

std::string KeyOf(std::string_view ns, const std::string& key, const std::string& value) {
  return absl::StrCat(Absl(ns), "\n", key, "\n", value);
}

}  // namespace

void LabelIndex::Add(std::string_view ns, const Labels& labels, size_t id) {
  const Entry entry{id, &labels};
  all_[std::string(ns)].push_back(entry);
  for (const auto& [key, value] : labels) by_label_[KeyOf(ns, key, value)].push_back(entry);
}

std::vector<size_t> LabelIndex::Select(std::string_view ns, const Labels& selector) const {
  const std::vector<Entry>* rarest = nullptr;
  if (selector.empty()) {
    const auto all = all_.find(std::string(ns));
    if (all == all_.end()) return {};
    rarest = &all->second;
  }
  for (const auto& [key, value] : selector) {
    const auto carriers = by_label_.find(KeyOf(ns, key, value));
    if (carriers == by_label_.end()) return {};
    if (rarest == nullptr || carriers->second.size() < rarest->size()) rarest = &carriers->second;
  }
  std::vector<size_t> selected;
  for (const Entry& entry : *rarest) {
    const bool carries_all = std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
      const auto label = entry.labels->find(wanted.first);
      return label != entry.labels->end() && label->second == wanted.second;
    });
    if (carries_all) selected.push_back(entry.id);
  }
  return selected;
}

}  // namespace mesh::registry
