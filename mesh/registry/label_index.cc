#include "mesh/registry/label_index.h"

#include <optional>

namespace mesh::registry {

bool Selects(const Labels& selector, const Labels& labels) {
  for (const auto& [key, value] : selector) {
    const auto it = labels.find(key);
    if (it == labels.end() || it->second != value) return false;
  }
  return true;
}

void LabelIndex::Add(std::string_view ns, const Labels& labels, size_t id) {
  const Entry entry{id, &labels};
  all_[HashName(ns)].push_back(entry);
  for (const auto& [key, value] : labels) by_label_[HashName(ns, key, value)].push_back(entry);
}

std::vector<size_t> LabelIndex::Select(std::string_view ns, const Labels& selector) const {
  std::optional<absl::Span<const Entry>> rarest;
  if (selector.empty()) {
    const auto all = all_.find(HashName(ns));
    if (all == all_.end()) return {};
    rarest = all->second;
  }
  for (const auto& [key, value] : selector) {
    const auto carriers = by_label_.find(HashName(ns, key, value));
    if (carriers == by_label_.end()) return {};
    if (!rarest.has_value() || carriers->second.size() < rarest->size()) rarest = carriers->second;
  }
  std::vector<size_t> selected;
  for (const Entry& entry : *rarest) {
    if (Selects(selector, *entry.labels)) selected.push_back(entry.id);
  }
  return selected;
}

}  // namespace mesh::registry
