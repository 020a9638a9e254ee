#include "mesh/config/snapshot.h"

#include <algorithm>

#include "mesh/config/mesh_config.h"

namespace mesh::config {
namespace {

bool Before(const ResourcePtr& a, const ResourcePtr& b) {
  if (a->ns() != b->ns()) return a->ns() < b->ns();
  return a->name() < b->name();
}

}  // namespace

std::shared_ptr<const Snapshot> Snapshot::Of(std::vector<ResourcePtr> resources,
                                             uint64_t generation) {
  std::array<std::vector<ResourcePtr>, kKindCount> lists;
  for (ResourcePtr& resource : resources) {
    lists[static_cast<int>(resource->kind())].push_back(std::move(resource));
  }
  std::shared_ptr<Snapshot> snapshot(new Snapshot());
  snapshot->generation_ = generation;
  for (int kind = 0; kind < kKindCount; ++kind) {
    std::vector<ResourcePtr>& list = lists[kind];
    if (list.empty()) continue;
    std::stable_sort(list.begin(), list.end(), Before);
    list.erase(std::unique(list.begin(), list.end(),
                           [](const ResourcePtr& a, const ResourcePtr& b) {
                             return a->ns() == b->ns() && a->name() == b->name();
                           }),
               list.end());
    snapshot->lists_[kind] = std::make_shared<const std::vector<ResourcePtr>>(std::move(list));
  }
  return snapshot;
}

std::shared_ptr<const Snapshot> Snapshot::WithOnly(absl::Span<const Kind> kinds,
                                                   std::vector<ResourcePtr> resources) const {
  const std::shared_ptr<const Snapshot> few = Of(std::move(resources));
  std::shared_ptr<Snapshot> snapshot(new Snapshot(*this));
  for (Kind kind : kinds) {
    snapshot->lists_[static_cast<int>(kind)] = few->lists_[static_cast<int>(kind)];
  }
  return snapshot;
}

absl::Span<const ResourcePtr> Snapshot::List(Kind kind) const {
  const SortedList& list = lists_[static_cast<int>(kind)];
  return list == nullptr ? absl::Span<const ResourcePtr>() : absl::MakeConstSpan(*list);
}

absl::Span<const ResourcePtr> Snapshot::List(Kind kind, std::string_view ns) const {
  const absl::Span<const ResourcePtr> all = List(kind);
  const auto begin = std::partition_point(all.begin(), all.end(), [ns](const ResourcePtr& r) {
    return std::string_view(r->ns()) < ns;
  });
  const auto end = std::partition_point(
      begin, all.end(), [ns](const ResourcePtr& r) { return std::string_view(r->ns()) == ns; });
  return all.subspan(begin - all.begin(), end - begin);
}

ResourcePtr Snapshot::Find(Kind kind, std::string_view ns, std::string_view name) const {
  const absl::Span<const ResourcePtr> list = List(kind, ns);
  const auto at = std::partition_point(list.begin(), list.end(), [name](const ResourcePtr& r) {
    return std::string_view(r->name()) < name;
  });
  return at != list.end() && std::string_view((*at)->name()) == name ? *at : nullptr;
}

const istio::mesh::v1alpha1::MeshConfig& Snapshot::mesh_config() const {
  const SortedList& list = lists_[static_cast<int>(Kind::kMeshConfig)];
  if (list == nullptr || list->empty()) return DefaultMeshConfig();
  return list->front()->As<istio::mesh::v1alpha1::MeshConfig>();
}

ResourcePtr Snapshot::mesh_config_resource() const {
  const SortedList& list = lists_[static_cast<int>(Kind::kMeshConfig)];
  return list == nullptr || list->empty() ? nullptr : list->front();
}

size_t Snapshot::size() const {
  size_t count = 0;
  for (int kind = 0; kind < kKindCount; ++kind) {
    if (kind == static_cast<int>(Kind::kMeshConfig) || lists_[kind] == nullptr) continue;
    count += lists_[kind]->size();
  }
  return count;
}

}  // namespace mesh::config
