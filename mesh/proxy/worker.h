// One thread of the data plane.
#ifndef MESH_PROXY_WORKER_H_
#define MESH_PROXY_WORKER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "mesh/proxy/config.h"
#include "mesh/proxy/event_loop.h"
#include "mesh/proxy/exchange.h"
#include "mesh/proxy/inspector.h"
#include "mesh/proxy/listener_state.h"
#include "mesh/proxy/server_connection.h"
#include "mesh/proxy/stats.h"
#include "mesh/proxy/upstream.h"

namespace mesh::proxy {

// What has changed, in the order in which it is safe to take: clusters before the listeners that
// name them, removed clusters last.
struct WorkerUpdate {
  struct ListenerChange {
    std::shared_ptr<const ListenerPlan> plan;
    int fd = -1;  // a new listening socket, the worker's from now on; -1: keeps the one it has
    // Or that of another listener, which it replaces without a moment in which nobody listens.
    std::string takes_over;
  };
  std::vector<std::shared_ptr<const ClusterConfig>> clusters;
  std::vector<ListenerChange> listeners;
  std::vector<std::string> removed_listeners;
  std::vector<std::string> removed_clusters;
};

// A copy of what a worker has counted.
struct WorkerStats {
  struct Cluster {
    ClusterStats stats;
    std::vector<std::pair<std::string, HostStats>> hosts;
  };
  std::vector<std::pair<std::string, Cluster>> clusters;
  std::vector<std::pair<std::string, ListenerStats>> listeners;
  size_t connections = 0;
  size_t busy = 0;  // of them, with something under way
};

// All public methods are for other threads; each is done on the worker's own, in the order called.
class Worker final : private ExchangeHost, private ConnectionTracker {
 public:
  // `networks` makes the seam to the kernel: EpollNetwork where there is no reason for another.
  Worker(int index, std::unique_ptr<Network> network, telemetry::LogWriter* log_writer);
  ~Worker() override;

  // Before Start.
  void set_authorization(AuthorizationClient* client, bool explain_denials) {
    authorization_ = client;
    explain_denials_ = explain_denials;
  }
  void Start();
  void Apply(WorkerUpdate update);
  // `done` is called on the worker's thread.
  void Collect(std::function<void(WorkerStats)> done);
  // No new connections; those that are there end when they can.
  void Drain();
  // Ends all connections and the thread.
  void Stop();

 private:
  class Acceptor;
  struct LogBuffer {
    telemetry::LogWriter::File* file;
    std::string lines;
  };

  EventLoop* loop() override { return &loop_; }
  Random* random() override { return &random_; }
  ClusterState* FindCluster(std::string_view name) override;
  std::string_view date() override;
  absl::Time wall_clock() override;
  AuthorizationClient* authorization() override { return authorization_; }
  bool explain_denials() const override { return explain_denials_; }
  void Log(const ListenerConfig& listener, const telemetry::AccessLogEntry& entry) override {
    Log(listener.access_logs, entry);
  }
  void OnConnectionClosed(TrackedConnection* connection) override;

  void Take(const WorkerUpdate& update);
  void IndexAddresses();
  void RemoveListener(const std::string& name);
  // The listener that a redirected connection was meant for; null: `from` keeps it.
  Ref<ListenerChains> HandOff(const ListenerChains& from, const Address& meant_for) const;
  void OnAccepted(const Ref<ListenerChains>& listener, int fd, const Address& peer);
  // Gives the connection to the chain that takes it.
  void Serve(const Ref<ListenerChains>& listener, const Accepted& accepted,
             const Inspected& inspected);
  void Log(const std::vector<AccessLog>& logs, const telemetry::AccessLogEntry& entry);
  // A connection that no chain takes.
  void LogUnmatched(const ListenerChains& listener, const Accepted& accepted);
  void DrainConnectionsOf(const ListenerState* chain);
  WorkerStats Copy() const;
  void FlushLogs();
  void TerminateAll();

  const int index_;
  telemetry::LogWriter* const log_writer_;
  AuthorizationClient* authorization_ = nullptr;
  bool explain_denials_ = false;
  EventLoop loop_;
  Random random_;
  absl::flat_hash_map<std::string, Ref<ClusterState>> clusters_;
  absl::flat_hash_map<std::string, Ref<ListenerChains>> listeners_;
  // As configured, for what is handed off; empty while no listener does that.
  std::map<Address, Ref<ListenerChains>> by_address_;
  absl::flat_hash_map<std::string, std::unique_ptr<Acceptor>> acceptors_;
  absl::flat_hash_set<TrackedConnection*> connections_;
  uint64_t next_id_ = 0;
  bool draining_ = false;
  Nanos date_second_ = -1;
  std::string date_;
  telemetry::ClockText clock_text_;
  std::vector<LogBuffer> logs_;
  Timer log_timer_;
  std::thread thread_;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_WORKER_H_
