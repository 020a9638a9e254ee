// What each proxy sees of the present world, encoded once for all that see the same. Private to
// mesh/discovery.
#ifndef MESH_DISCOVERY_VIEWS_H_
#define MESH_DISCOVERY_VIEWS_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/translate/resource.h"
#include "mesh/translate/world.h"
#include "mesh/xds/server.h"

namespace mesh::discovery {

// What an EncodedResource was made from.
const translate::Resource& TranslatedOf(const xds::EncodedResource& resource);

// Thread-safe; ViewOf is called by the xDS server, one call at a time.
class Views final : public xds::ViewSource {
 public:
  explicit Views(LogSink* log) : log_(log) {}

  // From now on views are of this world, which came to be at `since`.
  void SetWorld(std::shared_ptr<const translate::World> world, absl::Time since);
  std::shared_ptr<const translate::World> world() const;

  // InvalidArgument when the node's id is not one of a proxy of ours; PermissionDenied when the
  // peer is proven to be somebody else than its node says.
  absl::StatusOr<xds::ViewPtr> ViewOf(const xds::Peer& peer) override;

 private:
  // Equal content has one object, as long as somebody holds it.
  xds::EncodedResourcePtr Encode(xds::Type type, const translate::ResourcePtr& resource);
  xds::ResourceListPtr Share(xds::Type type, const std::vector<translate::ResourcePtr>& resources);
  void Say(const std::vector<translate::Finding>& findings);
  xds::ResourceListPtr CredentialsFor(const translate::World& world, const std::string& ns);

  LogSink* const log_;

  mutable Mutex mutex_;
  std::shared_ptr<const translate::World> world_ ABSL_GUARDED_BY(mutex_);
  absl::Time since_ ABSL_GUARDED_BY(mutex_);
  bool swept_ ABSL_GUARDED_BY(mutex_) = true;
  // Findings are said once as long as they last.
  std::set<std::string> said_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> said_before_ ABSL_GUARDED_BY(mutex_);

  // Of the thread that calls ViewOf.
  using ResourceKey = std::tuple<xds::Type, std::string, std::string>;  // type, name, version
  using ListKey = std::pair<xds::Type, std::string>;                    // type, version
  std::map<ResourceKey, std::weak_ptr<const xds::EncodedResource>> resources_;
  std::map<ListKey, std::weak_ptr<const xds::ResourceList>> lists_;
  // By namespace, of the present world.
  std::map<std::string, xds::ResourceListPtr> credentials_;
};

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_VIEWS_H_
