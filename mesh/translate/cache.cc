#include "mesh/translate/cache.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/base/content_hash.h"
#include "mesh/base/strings.h"
#include "mesh/translate/proto.h"

namespace mesh::translate {

std::shared_ptr<const View> ViewCache::Get(const std::string& key,
                                           const std::function<View()>& make) {
  {
    MutexLock lock(&mutex_);
    if (const auto it = views_.find(key); it != views_.end()) return it->second;
  }
  // Two threads may make the same: the first one's stays.
  auto made = std::make_shared<const View>(make());
  MutexLock lock(&mutex_);
  return views_.emplace(key, std::move(made)).first->second;
}

ResourcePtr ResourceCache::Make(std::string_view type_url, std::string name,
                                std::unique_ptr<google::protobuf::Message> message,
                                Provenance provenance) {
  auto made = std::make_shared<Resource>();
  made->name = std::move(name);
  made->type_url = type_url;
  made->bytes = Serialize(*message);
  made->version = ContentHash(made->bytes);
  made->provenance = std::move(provenance);
  made->message = std::move(message);
  const std::string key = absl::StrCat(Absl(type_url), "#", made->version);
  MutexLock lock(&mutex_);
  std::vector<std::weak_ptr<const Resource>>& same = known_[key];
  for (const std::weak_ptr<const Resource>& weak : same) {
    ResourcePtr known = weak.lock();
    if (known != nullptr && known->name == made->name && known->bytes == made->bytes &&
        known->provenance == made->provenance) {
      return known;
    }
  }
  same.erase(
      std::remove_if(same.begin(), same.end(), [](const auto& weak) { return weak.expired(); }),
      same.end());
  same.push_back(made);
  if (known_.size() > sweep_at_) {
    for (auto it = known_.begin(); it != known_.end();) {
      const bool used = std::any_of(it->second.begin(), it->second.end(),
                                    [](const auto& weak) { return !weak.expired(); });
      it = used ? std::next(it) : known_.erase(it);
    }
    sweep_at_ = std::max<size_t>(1024, 2 * known_.size());
  }
  return made;
}

}  // namespace mesh::translate
