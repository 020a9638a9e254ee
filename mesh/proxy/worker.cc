#include "mesh/proxy/worker.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/proxy/tcp_session.h"

namespace mesh::proxy {
namespace {

constexpr size_t kLogBatchBytes = 32 * 1024;
constexpr Nanos kLogInterval = 200 * kMillisecond;
constexpr int kAcceptsPerTurn = 64;
constexpr Nanos kAcceptPause = 100 * kMillisecond;

}  // namespace

// Takes connections off a listening socket, which it owns.
class Worker::Acceptor final : public EventHandler {
 public:
  void set_listener(Ref<ListenerChains> listener) { listener_ = std::move(listener); }

  Acceptor(Worker* worker, Ref<ListenerChains> listener, int fd)
      : worker_(worker),
        listener_(std::move(listener)),
        fd_(fd),
        pause_timer_(&worker->loop_, [this] { Watch(); }) {
    Watch();
  }
  ~Acceptor() override { Stop(); }

  void Watch() { worker_->loop_.network().Watch(fd_, this, {/*reads=*/true, /*writes=*/false}); }

  void OnReady(const ReadyEvent&) override {
    if (fd_ < 0) return;
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      Address peer;
      const int accepted = worker_->loop_.network().Accept(fd_, &peer);
      if (accepted >= 0) {
        worker_->OnAccepted(listener_, accepted, peer);
        continue;
      }
      if (accepted == -EMFILE || accepted == -ENFILE || accepted == -ENOBUFS ||
          accepted == -ENOMEM) {
        // The connection stays in the queue: asking again at once would be a loop.
        worker_->loop_.network().Unwatch(fd_);
        pause_timer_.Arm(kAcceptPause);
      }
      if (accepted != -ECONNABORTED && accepted != -EINTR) return;
    }
  }

  // Whoever is in the queue has been promised a connection.
  void AcceptRest() {
    if (fd_ < 0) return;
    for (;;) {
      Address peer;
      const int accepted = worker_->loop_.network().Accept(fd_, &peer);
      if (accepted < 0) return;
      worker_->OnAccepted(listener_, accepted, peer);
    }
  }

  void Stop() {
    if (fd_ < 0) return;
    pause_timer_.Disarm();
    worker_->loop_.network().Close(fd_);
    fd_ = -1;
  }

 private:
  Worker* const worker_;
  Ref<ListenerChains> listener_;
  int fd_;
  Timer pause_timer_;
};

Worker::Worker(int index, std::unique_ptr<Network> network, telemetry::LogWriter* log_writer)
    : index_(index),
      log_writer_(log_writer),
      loop_(std::move(network)),
      log_timer_(&loop_, [this] { FlushLogs(); }) {}

Worker::~Worker() { Stop(); }

void Worker::Start() {
  thread_ = std::thread([this] { loop_.Run(); });
  pthread_setname_np(thread_.native_handle(), absl::StrCat("worker-", index_).c_str());
}

void Worker::Apply(WorkerUpdate update) {
  loop_.Post([this, update = std::move(update)] { Take(update); });
}

void Worker::Collect(std::function<void(WorkerStats)> done) {
  loop_.Post([this, done = std::move(done)] { done(Copy()); });
}

void Worker::Drain() {
  loop_.Post([this] {
    draining_ = true;
    for (const auto& [name, acceptor] : acceptors_) {
      acceptor->AcceptRest();
      acceptor->Stop();
    }
    for (TrackedConnection* connection : connections_) connection->Drain();
  });
}

void Worker::Stop() {
  if (!thread_.joinable()) return;
  loop_.Post([this] {
    TerminateAll();
    loop_.Stop();
  });
  thread_.join();
}

void Worker::TerminateAll() {
  for (auto& [name, acceptor] : acceptors_) acceptor->Stop();
  // Closing one takes it out of the set.
  while (!connections_.empty()) (*connections_.begin())->Terminate();
  for (auto& [name, cluster] : clusters_) cluster->Remove();
  FlushLogs();
  // Acceptors and states go with the worker, after the loop's last turn.
}

void Worker::Take(const WorkerUpdate& update) {
  for (const auto& config : update.clusters) {
    Ref<ClusterState>& state = clusters_[config->cluster.name];
    if (!state) state = Ref<ClusterState>(new ClusterState(&loop_, &random_));
    state->Update(config);
  }
  for (const WorkerUpdate::ListenerChange& change : update.listeners) {
    const std::string& name = change.plan->name;
    const Ref<ListenerChains> known =
        listeners_.contains(name) ? listeners_[name] : Ref<ListenerChains>();
    if (known && change.fd < 0 && change.takes_over.empty() &&
        known->plan().bound == change.plan->bound) {
      // Connections take the new version of their chain with their next request; where there is
      // none, they end.
      for (const Ref<ListenerState>& gone : known->Update(change.plan)) {
        DrainConnectionsOf(gone.get());
      }
      continue;
    }
    // Another address, or another listener at the same: old connections end with the old one.
    Ref<ListenerChains> created(new ListenerChains(change.plan));
    std::unique_ptr<Acceptor> acceptor;
    if (!change.takes_over.empty()) {
      acceptor = std::move(acceptors_[change.takes_over]);
      acceptors_.erase(change.takes_over);
      acceptor->set_listener(created);
      RemoveListener(change.takes_over);
    } else if (change.plan->bound) {
      acceptor = std::make_unique<Acceptor>(this, created, change.fd);
    }
    RemoveListener(name);
    if (acceptor != nullptr) {
      if (draining_) acceptor->Stop();
      acceptors_[name] = std::move(acceptor);
    }
    listeners_[name] = std::move(created);
  }
  for (const std::string& name : update.removed_listeners) RemoveListener(name);
  if (!update.listeners.empty() || !update.removed_listeners.empty()) IndexAddresses();
  for (const std::string& name : update.removed_clusters) {
    const auto found = clusters_.find(name);
    if (found == clusters_.end()) continue;
    found->second->Remove();
    clusters_.erase(found);
  }
}

void Worker::IndexAddresses() {
  by_address_.clear();
  if (std::none_of(listeners_.begin(), listeners_.end(),
                   [](const auto& listener) { return listener.second->plan().hands_off; })) {
    return;
  }
  // One that is bound stands behind one that only gets connections handed.
  for (const bool bound : {false, true}) {
    for (const auto& [name, listener] : listeners_) {
      if (listener->plan().bound == bound) by_address_.emplace(listener->plan().address, listener);
    }
  }
}

void Worker::RemoveListener(const std::string& name) {
  const auto found = listeners_.find(name);
  if (found == listeners_.end()) return;
  const auto acceptor = acceptors_.find(name);
  if (acceptor != acceptors_.end()) {
    acceptor->second->AcceptRest();
    acceptor->second->Stop();
    // An event of this turn may still name it.
    loop_.DeleteLater(std::move(acceptor->second));
    acceptors_.erase(acceptor);
  }
  found->second->Drain();
  for (const Ref<ListenerState>& chain : found->second->chains()) DrainConnectionsOf(chain.get());
  listeners_.erase(found);
}

void Worker::DrainConnectionsOf(const ListenerState* chain) {
  for (TrackedConnection* connection : connections_) {
    if (connection->listener() == chain) connection->Drain();
  }
}

Ref<ListenerChains> Worker::HandOff(const ListenerChains& from, const Address& meant_for) const {
  const Address any = *Address::Parse(meant_for.family() == AF_INET6 ? "::" : "0.0.0.0", 0);
  for (const Address& address : {meant_for, any.WithPort(meant_for.port())}) {
    const auto found = by_address_.find(address);
    if (found != by_address_.end() && found->second.get() != &from) return found->second;
  }
  return {};
}

void Worker::OnAccepted(const Ref<ListenerChains>& first, int fd, const Address& peer) {
  Ref<ListenerChains> listener = first;
  Accepted accepted;
  accepted.fd = fd;
  // Ids of different workers do not meet.
  accepted.id = (++next_id_ << 8) | static_cast<uint64_t>(index_ & 0xff);
  accepted.peer = peer;
  accepted.local = first->plan().inspection.original_destination
                       ? Address::OriginalDestinationOf(fd)
                       : Address::LocalOf(fd);
  if (first->plan().hands_off) {
    if (auto meant = HandOff(*first, accepted.local)) listener = std::move(meant);
  }
  const envoy::Inspection& inspection = listener->plan().inspection;
  const uint16_t port = accepted.local.port();
  if (!listener->plan().inspects || !inspection.Looks(port)) {
    return Serve(listener, accepted, {});
  }
  auto* const inspector =
      new Inspector(&loop_, this, listener, std::move(accepted),
                    [this](const Ref<ListenerChains>& l, Accepted a, const Inspected& inspected) {
                      Serve(l, a, inspected);
                    });
  connections_.insert(inspector);
  if (draining_) inspector->Drain();
  inspector->Start();
}

void Worker::Serve(const Ref<ListenerChains>& listener, const Accepted& accepted,
                   const Inspected& inspected) {
  const std::string to = accepted.local.ip(), from = accepted.peer.ip();
  envoy::ConnectionFacts facts;
  facts.destination_ip = to;
  facts.destination_port = accepted.local.port();
  facts.source_ip = from;
  facts.source_port = accepted.peer.port();
  facts.transport_protocol = inspected.transport_protocol;
  facts.server_name = accepted.server_name;
  facts.application_protocols = inspected.application_protocols;
  const Ref<ListenerState> chain(listener->Find(facts));
  // A chain with TLS that waits for a secret turns away: it never falls back to plaintext.
  if (!chain || (chain->config().chain.tls != nullptr && chain->config().tls == nullptr)) {
    ++(chain ? listener->stats().secrets_not_ready : listener->stats().no_filter_chain_match);
    if (!chain && !listener->plan().access_logs.empty()) LogUnmatched(*listener, accepted);
    return loop_.network().Close(accepted.fd);
  }
  if (chain->config().http() != nullptr) {
    auto* const connection = new ServerConnection(this, this, chain, accepted);
    connections_.insert(connection);
    connection->Start(accepted);
    if (draining_ || chain->draining) connection->Drain();
  } else {
    auto* const session = new TcpSession(this, this, chain, accepted);
    connections_.insert(session);
    session->Start(accepted);
  }
}

void Worker::OnConnectionClosed(TrackedConnection* connection) { connections_.erase(connection); }

ClusterState* Worker::FindCluster(std::string_view name) {
  const auto found = clusters_.find(Absl(name));
  return found == clusters_.end() ? nullptr : found->second.get();
}

std::string_view Worker::date() {
  const Nanos second = loop_.now() / 1000000000;
  if (second != date_second_) {
    date_second_ = second;
    date_ = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone());
  }
  return date_;
}

absl::Time Worker::wall_clock() { return absl::Now(); }

void Worker::LogUnmatched(const ListenerChains& listener, const Accepted& accepted) {
  const std::string local = accepted.local.ToString(), remote = accepted.peer.ToString();
  telemetry::AccessLogEntry e;
  e.start = absl::Now();
  e.response_flags = telemetry::Bit(telemetry::ResponseFlag::kNoRouteFound);
  e.response_code_details = "filter_chain_not_found";
  e.connection_id = accepted.id;
  e.downstream_local_address = local;
  e.downstream_remote_address = remote;
  e.downstream_direct_remote_address = remote;
  e.requested_server_name = accepted.server_name;
  Log(listener.plan().access_logs, e);
}

void Worker::Log(const std::vector<AccessLog>& logs, const telemetry::AccessLogEntry& entry) {
  for (const AccessLog& log : logs) {
    if (log.response_flags.has_value() && (entry.response_flags & *log.response_flags) == 0) {
      continue;
    }
    LogBuffer* buffer = nullptr;
    for (LogBuffer& known : logs_) {
      if (known.file == log.file) buffer = &known;
    }
    if (buffer == nullptr) {
      logs_.push_back({log.file, std::string()});
      buffer = &logs_.back();
    }
    log.format->Append(entry, &clock_text_, &buffer->lines);
    if (buffer->lines.size() >= kLogBatchBytes) {
      log_writer_->Write(buffer->file, std::move(buffer->lines));
      buffer->lines.clear();
    } else if (!log_timer_.armed()) {
      log_timer_.Arm(kLogInterval);
    }
  }
}

void Worker::FlushLogs() {
  for (LogBuffer& buffer : logs_) {
    if (buffer.lines.empty()) continue;
    log_writer_->Write(buffer.file, std::move(buffer.lines));
    buffer.lines.clear();
  }
}

WorkerStats Worker::Copy() const {
  WorkerStats out;
  for (const auto& [name, cluster] : clusters_) {
    WorkerStats::Cluster copy;
    copy.stats = cluster->stats;
    for (const Ref<Host>& host : cluster->hosts()) copy.hosts.push_back({host->text, host->stats});
    out.clusters.push_back({name, std::move(copy)});
  }
  for (const auto& [name, listener] : listeners_) {
    out.listeners.push_back({name, listener->stats()});
  }
  out.connections = connections_.size();
  for (const TrackedConnection* connection : connections_) out.busy += connection->busy() ? 1 : 0;
  return out;
}

}  // namespace mesh::proxy
