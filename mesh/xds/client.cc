#include "mesh/xds/client.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "mesh/base/mutex.h"
#include "mesh/base/strings.h"
#include "mesh/xds/wire.h"

namespace mesh::xds {
namespace {

using envoy::service::discovery::v3::AggregatedDiscoveryService;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

// One stream: what came waits here for the client's thread, which also writes. Reading goes on when
// the thread has taken what came, so that at most one response waits.
class Call final : public grpc::ClientBidiReactor<DiscoveryRequest, DiscoveryResponse> {
 public:
  // `changed` is notified with `mutex` held whenever something of the call changed.
  Call(Mutex* mutex, CondVar* changed) : mutex_(mutex), changed_(changed) {}

  void Start(AggregatedDiscoveryService::Stub* stub) {
    stub->async()->StreamAggregatedResources(&context_, this);
    StartRead(&incoming_);
    StartCall();
  }
  void Write(DiscoveryRequest request) {
    outgoing_ = std::move(request);
    StartWrite(&outgoing_);
  }
  void ReadOn() { StartRead(&incoming_); }
  void Cancel() { context_.TryCancel(); }
  const DiscoveryResponse& incoming() const { return incoming_; }

  void OnReadDone(bool ok) override {
    MutexLock lock(mutex_);
    if (ok) has_response = true;
    changed_->NotifyAll();
  }
  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing = false;
    if (!ok) write_failed = true;
    changed_->NotifyAll();
  }
  void OnDone(const grpc::Status& s) override {
    MutexLock lock(mutex_);
    status = s;
    done = true;
    changed_->NotifyAll();
  }

  // Guarded by the client's mutex.
  bool has_response = false;
  bool writing = false;
  bool write_failed = false;
  bool done = false;
  grpc::Status status;

 private:
  Mutex* const mutex_;
  CondVar* const changed_;
  grpc::ClientContext context_;
  DiscoveryRequest outgoing_;
  DiscoveryResponse incoming_;
};

std::string Words(const grpc::Status& status) {
  return status.error_message().empty() ? absl::StrCat("code ", status.error_code())
                                        : status.error_message();
}

}  // namespace

class Client::Core {
 public:
  explicit Core(ClientOptions options)
      : options_(std::move(options)), random_(std::random_device{}()) {}

  void Start(Client* client) {
    client_ = client;
    {
      MutexLock lock(&mutex_);
      subscriptions_[static_cast<int>(Type::kCluster)].wanted = true;
      subscriptions_[static_cast<int>(Type::kListener)].wanted = true;
    }
    thread_ = std::thread([this] { Run(); });
  }
  void SetNames(Type type, std::vector<std::string> names);
  void Reconnect() {
    MutexLock lock(&mutex_);
    reconnect_ = true;
    changed_.NotifyAll();
  }
  ClientStats stats() const {
    MutexLock lock(&mutex_);
    return stats_;
  }
  void Stop();

 private:
  // What is subscribed to and what is to be said next. Guarded by mutex_.
  struct Subscription {
    bool wanted = false;
    std::vector<std::string> names;  // sorted, unique
    bool unsaid = false;             // names changed, or the stream is new
    std::string version;             // acknowledged last
    std::string nonce;               // of this stream's last response
    bool answer = false;             // an acknowledgement or rejection is to be sent
    std::string rejection;           // of that answer; empty: acknowledged
  };

  void Run();
  // Runs one stream to its end; true if the server answered on it.
  bool RunStream();
  std::optional<DiscoveryRequest> NextRequest(bool first) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Receive(const DiscoveryResponse& response);
  absl::Status Load(Type type, const DiscoveryResponse& response);
  void Forget(Type type) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // False: it is time to stop. Reconnect() ends the wait.
  bool AwaitRetry(int failures);

  const ClientOptions options_;
  Client* client_ = nullptr;
  std::thread thread_;
  // Of the client's thread only.
  std::mt19937 random_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool reconnect_ ABSL_GUARDED_BY(mutex_) = false;
  std::array<Subscription, kTypeCount> subscriptions_ ABSL_GUARDED_BY(mutex_);
  std::array<std::map<std::string, ReceivedPtr>, kTypeCount> held_ ABSL_GUARDED_BY(mutex_);
  ClientStats stats_ ABSL_GUARDED_BY(mutex_);
};

void Client::Core::SetNames(Type type, std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  MutexLock lock(&mutex_);
  Subscription& subscription = subscriptions_[static_cast<int>(type)];
  if (IsWildcardType(type) || subscription.names == names) return;
  subscription.wanted = true;
  subscription.names = std::move(names);
  subscription.unsaid = true;
  Forget(type);
  changed_.NotifyAll();
}

void Client::Core::Forget(Type type) {
  const std::vector<std::string>& names = subscriptions_[static_cast<int>(type)].names;
  auto& held = held_[static_cast<int>(type)];
  for (auto it = held.begin(); it != held.end();) {
    it = std::binary_search(names.begin(), names.end(), it->first) ? std::next(it) : held.erase(it);
  }
}

void Client::Core::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

bool Client::Core::AwaitRetry(int failures) {
  const double most = absl::ToDoubleSeconds(options_.max_backoff);
  double wait = absl::ToDoubleSeconds(options_.min_backoff);
  for (int i = 1; i < failures && wait < most; ++i) wait *= 2;
  wait = std::min(wait, most);
  wait = std::uniform_real_distribution<double>(wait / 2, wait)(random_);
  const auto deadline =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(absl::Seconds(wait));
  MutexLock lock(&mutex_);
  while (!stopping_ && !reconnect_ && changed_.WaitUntil(&mutex_, deadline)) {
  }
  return !stopping_;
}

void Client::Core::Run() {
  int failures = 0;
  do {
    failures = RunStream() ? 1 : failures + 1;
  } while (AwaitRetry(failures));
}

bool Client::Core::RunStream() {
  {
    // Before the credentials are asked for: a Reconnect from now on is for others.
    MutexLock lock(&mutex_);
    reconnect_ = false;
  }
  grpc::ChannelArguments arguments;
  // A connection of its own, whose only back-off is ours.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  if (!options_.server_name.empty()) arguments.SetSslTargetNameOverride(options_.server_name);
  const auto channel = grpc::CreateCustomChannel(
      options_.address,
      options_.credentials != nullptr ? options_.credentials() : grpc::InsecureChannelCredentials(),
      arguments);
  const auto stub = AggregatedDiscoveryService::NewStub(channel);

  Call call(&mutex_, &changed_);
  {
    MutexLock lock(&mutex_);
    if (stopping_) return false;
    ++stats_.streams;
    for (Subscription& subscription : subscriptions_) {
      subscription.unsaid = subscription.wanted;
      subscription.nonce.clear();
      subscription.answer = false;
    }
  }
  call.Start(stub.get());

  bool first = true, answered = false, cancelled = false;
  for (;;) {
    std::optional<DiscoveryRequest> request;
    bool received = false, cancel = false;
    {
      MutexLock lock(&mutex_);
      for (;;) {
        if (call.done) break;
        if ((stopping_ || reconnect_) && !cancelled) {
          cancel = cancelled = true;
          break;
        }
        if (!cancelled && !call.writing && !call.write_failed) {
          request = NextRequest(first);
          if (request.has_value()) {
            call.writing = true;
            break;
          }
        }
        if (!cancelled && call.has_response) {
          call.has_response = false;
          received = true;
          break;
        }
        changed_.Wait(&mutex_);
      }
      if (call.done) break;
    }
    if (cancel) call.Cancel();
    if (request.has_value()) {
      call.Write(*std::move(request));
      first = false;
    }
    if (received) {
      if (!answered) {
        answered = true;
        {
          MutexLock lock(&mutex_);
          stats_.connected = true;
        }
        if (options_.on_connection) options_.on_connection(true);
      }
      Receive(call.incoming());
      call.ReadOn();
    }
  }

  {
    MutexLock lock(&mutex_);
    stats_.connected = false;
    if (!cancelled) ++stats_.stream_failures;
  }
  if (!cancelled) {
    options_.log->Log(answered ? LogLevel::kWarning : LogLevel::kDebug, "xds-client",
                      absl::StrCat("stream to ", options_.address, " ended: ", Words(call.status)));
  }
  if (answered && options_.on_connection) options_.on_connection(false);
  return answered;
}

std::optional<DiscoveryRequest> Client::Core::NextRequest(bool first) {
  // Names before answers: a server that is told of new names before the acknowledgement of what
  // brought them can send them before anything that depends on them.
  Subscription* next = nullptr;
  Type type = Type::kCluster;
  for (const bool answers : {false, true}) {
    for (Type candidate : kPushOrder) {
      Subscription& subscription = subscriptions_[static_cast<int>(candidate)];
      if (!subscription.wanted) continue;
      const bool names_only = subscription.unsaid && !subscription.answer;
      if (next == nullptr && (answers ? subscription.answer : names_only)) {
        next = &subscription;
        type = candidate;
      }
    }
  }
  if (next == nullptr) return std::nullopt;
  DiscoveryRequest request;
  if (first) *request.mutable_node() = options_.node;
  request.set_type_url(std::string(TypeUrl(type)));
  request.set_version_info(next->version);
  request.set_response_nonce(next->nonce);
  for (const std::string& name : next->names) request.add_resource_names(name);
  if (next->answer && !next->rejection.empty()) {
    request.mutable_error_detail()->set_code(static_cast<int>(absl::StatusCode::kInvalidArgument));
    request.mutable_error_detail()->set_message(next->rejection);
  }
  next->answer = false;
  next->rejection.clear();
  next->unsaid = false;
  return request;
}

void Client::Core::Receive(const DiscoveryResponse& response) {
  const std::optional<Type> type = TypeFromUrl(response.type_url());
  if (!type.has_value()) return;  // never asked for
  const absl::Status status = Load(*type, response);
  {
    MutexLock lock(&mutex_);
    Subscription& subscription = subscriptions_[static_cast<int>(*type)];
    ClientTypeStats& stats = stats_.types[static_cast<int>(*type)];
    subscription.nonce = response.nonce();
    subscription.answer = true;
    if (status.ok()) {
      subscription.version = response.version_info();
      ++stats.update_success;
      stats.version = response.version_info();
      stats.last_update = absl::Now();
    } else {
      subscription.rejection =
          status.message().empty() ? "rejected" : std::string(status.message());
      ++stats.update_rejected;
    }
  }
  if (!status.ok()) {
    options_.log->Log(LogLevel::kWarning, "xds-client",
                      absl::StrCat("rejected ", std::string(ShortName(*type)), " ",
                                   response.version_info(), ": ", status.message()));
  }
}

absl::Status Client::Core::Load(Type type, const DiscoveryResponse& response) {
  const std::string_view url = TypeUrl(type);
  std::map<std::string, ReceivedPtr> before, after;
  {
    MutexLock lock(&mutex_);
    before = held_[static_cast<int>(type)];
  }
  // Endpoints and routes that did not come again stay as they are.
  if (!IsWildcardType(type)) after = before;
  Update update;
  update.type = type;
  update.version = response.version_info();
  update.client = client_;
  for (const auto& any : response.resources()) {
    if (any.type_url() != url) {
      return absl::InvalidArgumentError(
          absl::StrCat("a resource of type ", any.type_url(), " in a response of ", Absl(url)));
    }
    std::string name(FirstField(any.value()));
    if (name.empty()) return absl::InvalidArgumentError("a resource without a name");
    auto old = before.find(name);
    if (old != before.end() && old->second->message == any.value()) {
      after[name] = old->second;
      continue;
    }
    after[name] = std::make_shared<const Received>(Received{name, any.value()});
    update.changed.push_back(std::move(name));
  }
  std::sort(update.changed.begin(), update.changed.end());
  update.changed.erase(std::unique(update.changed.begin(), update.changed.end()),
                       update.changed.end());
  for (const auto& [name, resource] : before) {
    if (after.find(name) == after.end()) update.removed.push_back(name);
  }
  for (const auto& [name, resource] : after) update.resources.push_back(resource);
  if (absl::Status status = options_.on_update(update); !status.ok()) return status;
  MutexLock lock(&mutex_);
  held_[static_cast<int>(type)] = std::move(after);
  // SetNames may have come meanwhile.
  if (!IsWildcardType(type)) Forget(type);
  return absl::OkStatus();
}

Client::Client(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Client::~Client() { core_->Stop(); }

absl::StatusOr<std::unique_ptr<Client>> Client::Start(ClientOptions options) {
  if (options.address.empty()) return absl::InvalidArgumentError("xds client: no address");
  if (options.node.id().empty()) return absl::InvalidArgumentError("xds client: no node id");
  if (!options.on_update) return absl::InvalidArgumentError("xds client: no on_update");
  std::unique_ptr<Client> client(new Client(std::make_unique<Core>(std::move(options))));
  client->core_->Start(client.get());
  return client;
}

void Client::SetNames(Type type, std::vector<std::string> names) {
  core_->SetNames(type, std::move(names));
}
void Client::Reconnect() { core_->Reconnect(); }
ClientStats Client::stats() const { return core_->stats(); }
void Client::Stop() { core_->Stop(); }

}  // namespace mesh::xds
