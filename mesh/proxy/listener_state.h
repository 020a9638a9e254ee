// A listener and its filter chains as one worker has them.
#ifndef MESH_PROXY_LISTENER_STATE_H_
#define MESH_PROXY_LISTENER_STATE_H_

#include <memory>
#include <utility>
#include <vector>

#include "mesh/proxy/config.h"
#include "mesh/proxy/local_ref.h"
#include "mesh/proxy/stats.h"

namespace mesh::proxy {

// One version of a filter chain's configuration, held by the requests that began with it. The
// shared pointer's count is touched when a version comes and goes, not for each request.
class PinnedListener final : public LocalCounted {
 public:
  explicit PinnedListener(std::shared_ptr<const ListenerConfig> config)
      : config(std::move(config)) {}
  const std::shared_ptr<const ListenerConfig> config;
};

// What all chains of a listener count together.
class ListenerCounts final : public LocalCounted {
 public:
  ListenerStats stats;
};

// One filter chain of a listener. Outlives its removal as long as connections refer to it.
class ListenerState final : public LocalCounted {
 public:
  ListenerState(std::shared_ptr<const ListenerConfig> config, Ref<ListenerCounts> counts)
      : counts_(std::move(counts)), stats(counts_->stats) {
    Update(std::move(config));
  }
  void Update(std::shared_ptr<const ListenerConfig> config) {
    current = Ref<PinnedListener>(new PinnedListener(std::move(config)));
  }
  const ListenerConfig& config() const { return *current->config; }

 private:
  const Ref<ListenerCounts> counts_;

 public:
  Ref<PinnedListener> current;
  // No new connections; those that are there end with the next response.
  bool draining = false;
  ListenerStats& stats;
};

// A listener: the chains of its newest version.
class ListenerChains final : public LocalCounted {
 public:
  explicit ListenerChains(std::shared_ptr<const ListenerPlan> plan);

  // Connections of a chain that stays, which is one with the same match, kind and TLS settings, go
  // on with its new version. The chains that went are returned, draining.
  std::vector<Ref<ListenerState>> Update(std::shared_ptr<const ListenerPlan> plan);
  void Drain();

  const ListenerPlan& plan() const { return *plan_; }
  // Null where no chain takes the connection.
  ListenerState* Find(const envoy::ConnectionFacts& connection) const;
  const std::vector<Ref<ListenerState>>& chains() const { return chains_; }
  ListenerStats& stats() { return counts_->stats; }

 private:
  std::shared_ptr<const ListenerPlan> plan_;
  Ref<ListenerCounts> counts_;
  std::vector<Ref<ListenerState>> chains_;  // as plan_->chains
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_LISTENER_STATE_H_
