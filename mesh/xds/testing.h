// A world of plain strings, its views and a client that records, for tests of mesh/xds.
#ifndef MESH_XDS_TESTING_H_
#define MESH_XDS_TESTING_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mesh/base/content_hash.h"
#include "mesh/base/mutex.h"
#include "mesh/xds/client.h"
#include "mesh/xds/server.h"

namespace mesh::xds {

// Names and contents. The message is a valid resource in so far as its field 1 is its name.
using Contents = std::vector<std::pair<std::string, std::string>>;

inline std::string MessageOf(const std::string& name, const std::string& content) {
  std::string message = "\x0a";
  message.push_back(static_cast<char>(name.size()));
  message += name;
  message += "\x12";
  message.push_back(static_cast<char>(content.size()));
  return message + content;
}

inline ResourceListPtr ListOf(Type type, const Contents& contents) {
  std::vector<EncodedResourcePtr> resources;
  for (const auto& [name, content] : contents) {
    resources.push_back(
        EncodedResource::Make(type, name, ContentHash(content), MessageOf(name, content)));
  }
  return ResourceList::Make(std::move(resources));
}

struct World {
  Contents clusters, endpoints, listeners, routes, secrets = {};
};

inline ViewPtr ViewOf(const World& world, uint64_t generation = 1) {
  auto view = std::make_shared<View>();
  view->Set(Type::kCluster, ListOf(Type::kCluster, world.clusters));
  view->Set(Type::kEndpoint, ListOf(Type::kEndpoint, world.endpoints));
  view->Set(Type::kListener, ListOf(Type::kListener, world.listeners));
  view->Set(Type::kRoute, ListOf(Type::kRoute, world.routes));
  view->Set(Type::kSecret, ListOf(Type::kSecret, world.secrets));
  view->generation = generation;
  return view;
}

// Something to wait for, with a deadline that only a hanging test reaches. Looks again now and then
// by itself, for conditions that nobody announces.
class Event {
 public:
  bool Await(const std::function<bool()>& holds) {
    const auto now = [] { return std::chrono::steady_clock::now(); };
    const auto deadline = now() + std::chrono::seconds(20);
    MutexLock lock(&mutex_);
    while (!holds()) {
      if (now() > deadline) return false;
      changed_.WaitUntil(&mutex_, now() + std::chrono::milliseconds(5));
    }
    return true;
  }
  void Do(const std::function<void()>& change) {
    MutexLock lock(&mutex_);
    change();
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
};

// Gives every node the same view.
class FixedSource final : public ViewSource {
 public:
  explicit FixedSource(ViewPtr view) : view_(std::move(view)) {}
  absl::StatusOr<ViewPtr> ViewOf(const Peer& peer) override {
    MutexLock lock(&mutex_);
    return view_;
  }
  void Set(absl::StatusOr<ViewPtr> view) {
    MutexLock lock(&mutex_);
    view_ = std::move(view);
  }

 private:
  Mutex mutex_;
  absl::StatusOr<ViewPtr> view_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::xds

#endif  // MESH_XDS_TESTING_H_
