// Makes resources out of messages, one for each content. Private to this folder.
#ifndef MESH_TRANSLATE_CACHE_H_
#define MESH_TRANSLATE_CACHE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/base/mutex.h"
#include "mesh/translate/resource.h"

namespace mesh::translate {

// Resources that all proxies of one kind are sent, and what was left out making them.
struct View {
  std::vector<ResourcePtr> clusters, endpoints, routes;
  std::vector<Finding> findings;
};

// Views of one world by a key that names all that they depend on. Thread-safe.
class ViewCache {
 public:
  std::shared_ptr<const View> Get(const std::string& key, const std::function<View()>& make);

 private:
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<const View>> views_ ABSL_GUARDED_BY(mutex_);
};

// A resource while it is being built.
template <class M>
struct Draft {
  M message;
  Provenance provenance;
};

// Equal resources become one, whichever proxy they were made for, across worlds. Thread-safe.
class ResourceCache {
 public:
  ResourcePtr Make(std::string_view type_url, std::string name,
                   std::unique_ptr<google::protobuf::Message> message, Provenance provenance);

  template <class M>
  ResourcePtr Make(std::string_view type_url, std::string name, Draft<M> draft) {
    return Make(type_url, std::move(name), std::make_unique<M>(std::move(draft.message)),
                std::move(draft.provenance));
  }

 private:
  Mutex mutex_;
  // By type and version; those that nobody uses any more are dropped when the map has doubled.
  std::map<std::string, std::vector<std::weak_ptr<const Resource>>> known_ ABSL_GUARDED_BY(mutex_);
  size_t sweep_at_ ABSL_GUARDED_BY(mutex_) = 1024;
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_CACHE_H_
