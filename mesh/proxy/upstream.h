// A cluster as one worker has it: its hosts, their idle connections, the balancer and the limits.
#ifndef MESH_PROXY_UPSTREAM_H_
#define MESH_PROXY_UPSTREAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "mesh/proxy/config.h"
#include "mesh/proxy/event_loop.h"
#include "mesh/proxy/local_ref.h"
#include "mesh/proxy/random.h"
#include "mesh/proxy/stats.h"

namespace mesh::proxy {

class ClientConnection;

// One address of a cluster. Outlives its removal while a connection or an exchange refers to it.
class Host final : public LocalCounted {
 public:
  explicit Host(const UpstreamAddress& from)
      : address(from.address), text(from.text), tls(from.tls) {}

  const Address address;
  const std::string text;
  // How connections are made from now on; null: in plaintext. With other settings, which are not
  // just newer certificates, the address is another host.
  std::shared_ptr<const UpstreamTls> tls;
  bool removed = false;
  uint32_t active_requests = 0;
  HostStats stats;
  // The last one used comes first.
  std::vector<ClientConnection*> idle;
};

// Whoever waits for a connection because the cluster has as many as it may.
class ConnectionWaiter {
 public:
  virtual ~ConnectionWaiter() = default;
  virtual void OnConnectionFree() = 0;
};

// Not thread-safe: belongs to a worker.
class ClusterState final : public LocalCounted {
 public:
  ClusterState(EventLoop* loop, Random* random)
      : random_(random), serve_timer_(loop, [this] { ServeWaiting(); }) {}

  // Hosts that stay keep their connections; those that go lose their idle ones now and the others
  // when they are done.
  void Update(std::shared_ptr<const ClusterConfig> config);
  // The cluster is gone: as if it had no hosts.
  void Remove();
  bool removed() const { return removed_; }
  const envoy::Cluster& cluster() const { return config_->cluster; }
  const std::string& name() const { return config_->cluster.name; }

  // Null where there is none. Hosts in `avoid` are passed over as long as `attempts` last.
  Host* Pick(absl::Span<const Ref<Host>> avoid, int64_t attempts);

  // Limits. Each true must be given back by the matching Release; counted across workers only where
  // the configuration has a limit.
  bool TryRequest(bool* counted) {
    return Try(&SharedCounts::requests, limits().max_requests, counted);
  }
  bool TryConnection(bool* counted) {
    return Try(&SharedCounts::connections, limits().max_connections, counted);
  }
  bool TryPending(bool* counted) {
    return Try(&SharedCounts::pending, limits().max_pending_requests, counted);
  }
  bool TryRetry(bool* counted) {
    return Try(&SharedCounts::retries, limits().max_retries, counted);
  }
  void ReleaseRequest(bool counted) { Release(&SharedCounts::requests, counted); }
  void ReleaseConnection(bool counted) {
    Release(&SharedCounts::connections, counted);
    WakeWaiting();
  }
  void ReleasePending(bool counted) { Release(&SharedCounts::pending, counted); }
  void ReleaseRetry(bool counted) { Release(&SharedCounts::retries, counted); }

  void Wait(ConnectionWaiter* waiter) { waiting_.push_back(waiter); }
  void StopWaiting(ConnectionWaiter* waiter);
  // A connection has become idle or has gone.
  void WakeWaiting() {
    if (!waiting_.empty() && !serve_timer_.armed()) serve_timer_.Arm(0);
  }

  void CloseIdle();

  ClusterStats stats;
  const std::vector<Ref<Host>>& hosts() const { return hosts_; }

 private:
  const envoy::Cluster::Limits& limits() const { return config_->cluster.limits; }
  bool Try(std::atomic<uint32_t> SharedCounts::*count, uint32_t limit, bool* counted) {
    *counted = false;
    if (limit == envoy::Cluster::kUnlimited) return true;
    std::atomic<uint32_t>& shared = (*config_->counts).*count;
    if (shared.fetch_add(1, std::memory_order_relaxed) >= limit) {
      shared.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    *counted = true;
    return true;
  }
  void Release(std::atomic<uint32_t> SharedCounts::*count, bool counted) {
    if (counted) ((*config_->counts).*count).fetch_sub(1, std::memory_order_relaxed);
  }
  Host* PickOne();
  void ServeWaiting();

  struct Turn {  // earliest deadline first: the weights' shares, evenly spread
    double deadline;
    uint32_t host;  // index into usable_
  };

  Random* const random_;
  std::shared_ptr<const ClusterConfig> config_;
  bool removed_ = false;
  std::vector<Ref<Host>> hosts_;  // as in config_->endpoints->all
  std::vector<uint32_t> usable_;  // indices into hosts_
  uint32_t next_ = 0;             // round robin with equal weights
  std::vector<Turn> turns_;       // a heap, with others
  std::vector<ConnectionWaiter*> waiting_;
  Timer serve_timer_;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_UPSTREAM_H_
