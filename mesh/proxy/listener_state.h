// A listener as one worker has it.
#ifndef MESH_PROXY_LISTENER_STATE_H_
#define MESH_PROXY_LISTENER_STATE_H_

#include <memory>
#include <utility>

#include "mesh/proxy/config.h"
#include "mesh/proxy/local_ref.h"
#include "mesh/proxy/stats.h"

namespace mesh::proxy {

// One version of a listener's configuration, held by the requests that began with it. The shared
// pointer's count is touched when a version comes and goes, not for each request.
class PinnedListener final : public LocalCounted {
 public:
  explicit PinnedListener(std::shared_ptr<const ListenerConfig> config)
      : config(std::move(config)) {}
  const std::shared_ptr<const ListenerConfig> config;
};

// Outlives its removal as long as connections refer to it.
class ListenerState final : public LocalCounted {
 public:
  explicit ListenerState(std::shared_ptr<const ListenerConfig> config) {
    Update(std::move(config));
  }
  void Update(std::shared_ptr<const ListenerConfig> config) {
    current = Ref<PinnedListener>(new PinnedListener(std::move(config)));
  }
  const ListenerConfig& config() const { return *current->config; }

  Ref<PinnedListener> current;
  // No new connections; those that are there end with the next response.
  bool draining = false;
  ListenerStats stats;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_LISTENER_STATE_H_
