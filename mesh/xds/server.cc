#include "mesh/xds/server.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "mesh/base/mutex.h"
#include "mesh/base/strings.h"
#include "mesh/xds/stream.h"

namespace mesh::xds {

std::string_view SyncStateName(SyncState state) {
  switch (state) {
    case SyncState::kNotSent:
      return "NOT SENT";
    case SyncState::kSynced:
      return "SYNCED";
    case SyncState::kStale:
      return "STALE";
    case SyncState::kNacked:
      return "NACKED";
  }
  return "";
}

// Streams come and go on gRPC's threads; the worker gives them views.
class Server::Core final : public StreamHost {
 public:
  explicit Core(ServerOptions options) : options_(std::move(options)) {}
  ~Core() override { Stop(); }

  absl::Status Start();
  const std::vector<int>& ports() const { return ports_; }
  void Refresh();
  std::vector<PeerStatus> Status() const;
  Sent LastSent(std::string_view node_id, Type type) const;
  void Stop();

  // StreamHost, on gRPC's threads.
  const ServerOptions& options() const override { return options_; }
  void Admit(const std::shared_ptr<Stream>& stream) override;
  void Forget(Stream* stream) override;

 private:
  using AdsBase = envoy::service::discovery::v3::AggregatedDiscoveryService::
      WithRawCallbackMethod_StreamAggregatedResources<
          envoy::service::discovery::v3::AggregatedDiscoveryService::Service>;
  class Ads final : public AdsBase {
   public:
    Ads(Core* core, const ListenAddress& listen) : core_(core), listen_(listen) {}
    grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StreamAggregatedResources(
        grpc::CallbackServerContext* context) override {
      return Stream::Accept(core_, listen_, context, absl::StrCat(core_->next_stream_++, "-"));
    }

   private:
    Core* const core_;
    const ListenAddress& listen_;  // of the core's options
  };

  absl::Status Listen(const ListenAddress& listen);
  void Work();
  std::vector<std::shared_ptr<Stream>> Newest() const;

  const ServerOptions options_;
  std::atomic<uint64_t> next_stream_{1};
  // In the order of the addresses; each server before its service.
  std::vector<std::unique_ptr<Ads>> ads_;
  std::vector<std::unique_ptr<grpc::Server>> servers_;
  std::vector<int> ports_;
  std::thread worker_;

  mutable Mutex mutex_;
  CondVar changed_;
  // Admitted streams by the order of their coming.
  std::map<uint64_t, std::shared_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_admission_ ABSL_GUARDED_BY(mutex_) = 1;
  // Which streams' views are to be asked for, in order, each once.
  std::deque<uint64_t> queue_ ABSL_GUARDED_BY(mutex_);
  std::set<uint64_t> queued_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::Status Server::Core::Start() {
  if (options_.source == nullptr) return absl::InvalidArgumentError("xds: no view source");
  if (options_.addresses.empty()) return absl::InvalidArgumentError("xds: no address to listen on");
  absl::Status listening;
  for (size_t i = 0; i < options_.addresses.size() && listening.ok(); ++i) {
    listening = Listen(options_.addresses[i]);
  }
  if (!listening.ok()) {
    for (const auto& server : servers_) server->Shutdown(std::chrono::system_clock::now());
    return listening;
  }
  worker_ = std::thread([this] { Work(); });
  return absl::OkStatus();
}

absl::Status Server::Core::Listen(const ListenAddress& listen) {
  grpc::ServerBuilder builder;
  // Two servers on one port would each get some of the proxies.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A proxy that vanished without a word is noticed within 40 s.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000);
  int port = 0;
  builder.AddListeningPort(
      listen.address,
      listen.credentials != nullptr ? listen.credentials : grpc::InsecureServerCredentials(),
      &port);
  ads_.push_back(std::make_unique<Ads>(this, listen));
  builder.RegisterService(ads_.back().get());
  for (grpc::Service* service : listen.services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    if (server != nullptr) server->Shutdown(std::chrono::system_clock::now());
    return absl::UnavailableError(absl::StrCat("xds: cannot listen on ", listen.address));
  }
  servers_.push_back(std::move(server));
  ports_.push_back(port);
  return absl::OkStatus();
}

void Server::Core::Work() {
  for (;;) {
    std::shared_ptr<Stream> stream;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (stopping_) return;
      const uint64_t id = queue_.front();
      queue_.pop_front();
      queued_.erase(id);
      auto it = streams_.find(id);
      if (it == streams_.end()) continue;
      stream = it->second;
    }
    stream->Give(options_.source->ViewOf(stream->peer()));
  }
}

void Server::Core::Admit(const std::shared_ptr<Stream>& stream) {
  {
    MutexLock lock(&mutex_);
    const uint64_t id = next_admission_++;
    stream->set_admission(id);
    streams_.emplace(id, stream);
    queue_.push_back(id);
    queued_.insert(id);
    changed_.NotifyAll();
  }
  if (options_.observer != nullptr) options_.observer->OnConnected(stream->peer());
}

void Server::Core::Forget(Stream* stream) {
  if (options_.observer != nullptr) options_.observer->OnDisconnected(stream->peer());
  MutexLock lock(&mutex_);
  streams_.erase(stream->admission());
  changed_.NotifyAll();
}

void Server::Core::Refresh() {
  MutexLock lock(&mutex_);
  for (const auto& [id, stream] : streams_) {
    if (queued_.insert(id).second) queue_.push_back(id);
  }
  changed_.NotifyAll();
}

std::vector<std::shared_ptr<Stream>> Server::Core::Newest() const {
  std::map<std::string, std::shared_ptr<Stream>> newest;
  {
    MutexLock lock(&mutex_);
    for (const auto& [id, stream] : streams_) newest[stream->peer().node.id()] = stream;
  }
  std::vector<std::shared_ptr<Stream>> streams;
  for (auto& [id, stream] : newest) streams.push_back(std::move(stream));
  return streams;
}

std::vector<PeerStatus> Server::Core::Status() const {
  std::vector<PeerStatus> statuses;
  for (const std::shared_ptr<Stream>& stream : Newest()) statuses.push_back(stream->Status());
  return statuses;
}

Sent Server::Core::LastSent(std::string_view node_id, Type type) const {
  for (const std::shared_ptr<Stream>& stream : Newest()) {
    if (stream->peer().node.id() == node_id) return stream->LastSent(type);
  }
  return {};
}

void Server::Core::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (worker_.joinable()) worker_.join();
  // Cancels the streams; returns when their last callback has run.
  for (const auto& server : servers_) server->Shutdown(std::chrono::system_clock::now());
  for (const auto& server : servers_) server->Wait();
  servers_.clear();
}

Server::Server(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  auto core = std::make_unique<Core>(std::move(options));
  if (absl::Status status = core->Start(); !status.ok()) return status;
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

const std::vector<int>& Server::ports() const { return core_->ports(); }
void Server::Refresh() { core_->Refresh(); }
std::vector<PeerStatus> Server::Status() const { return core_->Status(); }
Sent Server::LastSent(std::string_view node_id, Type type) const {
  return core_->LastSent(node_id, type);
}
void Server::Stop() { core_->Stop(); }

}  // namespace mesh::xds
