#include "mesh/discovery/views.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mesh/config/snapshot.h"
#include "mesh/discovery/gateway_credentials.h"
#include "mesh/tls/spiffe.h"
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
      // `meshctl analyze --explain CODE` says more.
      std::string text = absl::StrCat(finding.ToString(), " [", finding.code, "]");
      if (!said_.insert(text).second || said_before_.count(text) != 0) continue;
      news.push_back(std::move(text));
    }
  }
  for (const std::string& text : news) log_->Log(LogLevel::kWarning, "discovery", text);
}

namespace {

// Whether a proxy is who it says: its namespace and service account are those of its certificate,
// and the pod that it names, where that is known, runs under that account.
absl::Status CheckIdentity(const xds::Peer& peer, const translate::Node& node,
                           const translate::World& world) {
  if (peer.authenticated.empty()) return absl::OkStatus();  // plaintext: nothing is proven
  const auto identity = tls::SpiffeId::Parse(peer.authenticated.front());
  if (!identity.ok()) return absl::PermissionDeniedError(identity.status().message());
  const std::string pod = absl::StrCat(node.name, ".", node.ns);
  const auto refuse = [&](absl::string_view what) {
    return absl::PermissionDeniedError(
        absl::StrCat(identity->ToString(), " may not be the proxy of ", pod, ": ", what));
  };
  if (identity->ns() != node.ns) return refuse("that is another namespace");
  const std::string account(identity->service_account());
  if (!node.service_account.empty() && node.service_account != account) {
    return refuse(absl::StrCat("it says that its account is ", node.service_account));
  }
  const auto known = world.NodeOf(pod);
  if (known.ok() && !known->service_account.empty() && known->service_account != account) {
    return refuse(absl::StrCat("the pod's account is ", known->service_account));
  }
  return absl::OkStatus();
}

}  // namespace

xds::ResourceListPtr Views::CredentialsFor(const translate::World& world, const std::string& ns) {
  const auto [entry, first] = credentials_.try_emplace(ns);
  if (first) {
    std::vector<translate::Finding> findings;
    entry->second = GatewayCredentials(world.snapshot(), ns, &findings);
    Say(findings);
  }
  return entry->second;
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
      credentials_.clear();
      swept_ = true;
    }
  }
  absl::StatusOr<translate::Node> node = translate::ParseNode(peer.node);
  if (!node.ok()) return node.status();
  if (absl::Status status = CheckIdentity(peer, *node, *world); !status.ok()) return status;
  const translate::Output output = translate::Translate(*world, *node);
  Say(output.findings);
  auto view = std::make_shared<xds::View>();
  view->generation = world->snapshot().generation();
  view->since = since;
  view->Set(xds::Type::kCluster, Share(xds::Type::kCluster, output.clusters));
  view->Set(xds::Type::kEndpoint, Share(xds::Type::kEndpoint, output.endpoints));
  view->Set(xds::Type::kListener, Share(xds::Type::kListener, output.listeners));
  view->Set(xds::Type::kRoute, Share(xds::Type::kRoute, output.routes));
  if (!peer.authenticated.empty() && node->type == translate::NodeType::kRouter) {
    // CheckIdentity: the namespace is proven.
    view->Set(xds::Type::kSecret, CredentialsFor(*world, node->ns));
  }
  return view;
}

}  // namespace mesh::discovery
