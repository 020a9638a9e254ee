// For configuration*.cc only: a cluster and a listener as the configuration thread keeps them.
#ifndef MESH_PROXY_CONFIGURATION_ENTRIES_H_
#define MESH_PROXY_CONFIGURATION_ENTRIES_H_

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mesh/proxy/configuration.h"

namespace mesh::proxy {

struct Configuration::ClusterEntry {
  ClusterEntry(EventLoop* loop, std::function<void()> on_timer,
               std::function<void()> on_secrets_timer)
      : timer(loop, std::move(on_timer)), secrets_timer(loop, std::move(on_secrets_timer)) {}
  envoy::Cluster cluster;  // as wanted
  std::shared_ptr<SharedCounts> counts = std::make_shared<SharedCounts>();
  // Nothing while they are waited for.
  std::optional<std::vector<UpstreamAddress>> addresses;
  std::shared_ptr<const ClusterConfig> active;
  // DNS: what each name last resolved to, and which round of questions is being answered.
  uint64_t round = 0;
  size_t unanswered = 0;
  std::vector<std::vector<Address>> resolved;
  Timer timer;  // endpoints' time, or the next round of questions
  bool secrets_overdue = false;
  Timer secrets_timer;
};

struct Configuration::ListenerEntry {
  ListenerEntry(EventLoop* loop, std::function<void()> on_routes_timer,
                std::function<void()> on_secrets_timer)
      : routes_timer(loop, std::move(on_routes_timer)),
        secrets_timer(loop, std::move(on_secrets_timer)) {}
  ~ListenerEntry() { CloseSockets(); }
  void CloseSockets() {
    for (int fd : sockets) close(fd);
    sockets.clear();
  }

  // What of a chain is worked out once.
  struct Chain {
    std::vector<AccessLog> access_logs;
    std::shared_ptr<const Routes> inline_routes;
  };

  envoy::Listener listener;   // as wanted
  std::vector<Chain> chains;  // the default chain last, as ChainsOf
  std::vector<AccessLog> access_logs;
  std::shared_ptr<const envoy::FilterChainTable> table;
  Address bound;
  std::vector<int> sockets;  // one a worker, until it is handed out
  std::string takes_over;    // a listener that workers have, whose sockets become its own
  std::shared_ptr<const ListenerPlan> active;
  bool routes_overdue = false;
  bool secrets_overdue = false;
  Timer routes_timer;
  Timer secrets_timer;
};

// All chains of a listener, the default one last.
inline std::vector<const envoy::FilterChain*> ChainsOf(const envoy::Listener& listener) {
  std::vector<const envoy::FilterChain*> chains;
  for (const envoy::FilterChain& chain : listener.chains) chains.push_back(&chain);
  if (listener.default_chain.has_value()) chains.push_back(&*listener.default_chain);
  return chains;
}

// The connection manager of a chain that asks for its routes by name; else null.
inline const envoy::HttpConnectionManager* RoutesByName(const envoy::FilterChain& chain) {
  const auto* const http = std::get_if<envoy::HttpConnectionManager>(&chain.filter);
  return http == nullptr || http->route_config_name.empty() ? nullptr : http;
}

// The longer of two times to wait, of which zero is for ever.
inline absl::Duration Longer(absl::Duration a, absl::Duration b) {
  if (a == absl::ZeroDuration() || b == absl::ZeroDuration()) return absl::ZeroDuration();
  return std::max(a, b);
}

}  // namespace mesh::proxy

#endif  // MESH_PROXY_CONFIGURATION_ENTRIES_H_
