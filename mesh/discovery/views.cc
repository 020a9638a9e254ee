#include "mesh/discovery/views.h"

#include <utility>

#include "absl/status/statusor.h"
#include "mesh/config/snapshot.h"
#include "mesh/translate/translate.h"

namespace mesh::discovery {
namespace {

template <class Map>
void EraseExpired(Map* map) {
  for (auto it = map->begin(); it != map->end();) {
    it = it->second.expired() ? map->erase(it) : std::next(it);
  }
}

}  // namespace

const translate::Resource& TranslatedOf(const xds::EncodedResource& resource) {
  return *static_cast<const translate::Resource*>(resource.attachment().get());
}

void Views::SetWorld(std::shared_ptr<const translate::World> world, absl::Time since) {
  MutexLock lock(&mutex_);
  world_ = std::move(world);
  since_ = since;
  swept_ = false;
  said_before_ = std::move(said_);
  said_.clear();
}

std::shared_ptr<const translate::World> Views::world() const {
  MutexLock lock(&mutex_);
  return world_;
}

xds::EncodedResourcePtr Views::Encode(xds::Type type, const translate::ResourcePtr& resource) {
  auto& known = resources_[{type, resource->name, resource->version}];
  if (xds::EncodedResourcePtr encoded = known.lock()) {
    // Where the same content now stands elsewhere in the files, rejections are to say where.
    if (encoded->attachment().get() == resource.get() ||
        TranslatedOf(*encoded).provenance == resource->provenance) {
      return encoded;
    }
  }
  auto encoded = xds::EncodedResource::Make(type, resource->name, resource->version,
                                            resource->bytes, resource);
  known = encoded;
  return encoded;
}

xds::ResourceListPtr Views::Share(xds::Type type,
                                  const std::vector<translate::ResourcePtr>& resources) {
  std::vector<xds::EncodedResourcePtr> encoded;
  encoded.reserve(resources.size());
  for (const translate::ResourcePtr& resource : resources) {
    encoded.push_back(Encode(type, resource));
  }
  xds::ResourceListPtr list = xds::ResourceList::Make(std::move(encoded));
  auto& known = lists_[{type, list->version()}];
  if (xds::ResourceListPtr same = known.lock()) {
    const auto a = same->resources(), b = list->resources();
    if (std::equal(a.begin(), a.end(), b.begin(), b.end())) return same;
  }
  known = list;
  return list;
}

void Views::Say(const std::vector<translate::Finding>& findings) {
  std::vector<std::string> news;
  {
    MutexLock lock(&mutex_);
    for (const translate::Finding& finding : findings) {
      std::string text = finding.ToString();
      if (!said_.insert(text).second || said_before_.count(text) != 0) continue;
      news.push_back(std::move(text));
    }
  }
  for (const std::string& text : news) log_->Log(LogLevel::kWarning, "discovery", text);
}

absl::StatusOr<xds::ViewPtr> Views::ViewOf(const xds::Peer& peer) {
  std::shared_ptr<const translate::World> world;
  absl::Time since;
  {
    MutexLock lock(&mutex_);
    world = world_;
    since = since_;
    if (!swept_) {
      EraseExpired(&resources_);
      EraseExpired(&lists_);
      swept_ = true;
    }
  }
  absl::StatusOr<translate::Node> node = translate::ParseNode(peer.node);
  if (!node.ok()) return node.status();
  const translate::Output output = translate::Translate(*world, *node);
  Say(output.findings);
  auto view = std::make_shared<xds::View>();
  view->generation = world->snapshot().generation();
  view->since = since;
  view->Set(xds::Type::kCluster, Share(xds::Type::kCluster, output.clusters));
  view->Set(xds::Type::kEndpoint, Share(xds::Type::kEndpoint, output.endpoints));
  view->Set(xds::Type::kListener, Share(xds::Type::kListener, output.listeners));
  view->Set(xds::Type::kRoute, Share(xds::Type::kRoute, output.routes));
  return view;
}

}  // namespace mesh::discovery
