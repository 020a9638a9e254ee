#include "mesh/discovery/control_plane.h"

#include <arpa/inet.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/base/count.h"
#include "mesh/base/mutex.h"
#include "mesh/config/store.h"
#include "mesh/discovery/authority_pages.h"
#include "mesh/discovery/http_pages.h"
#include "mesh/discovery/kept_state.h"
#include "mesh/discovery/key_fetcher.h"
#include "mesh/discovery/metrics.h"
#include "mesh/discovery/pages.h"
#include "mesh/discovery/rejection.h"
#include "mesh/discovery/views.h"
#include "mesh/telemetry/metrics_text.h"
#include "nlohmann/json.hpp"

namespace mesh::discovery {
namespace {

constexpr char kComponent[] = "discovery";
// More objects than this are counted, not named, in one line of the log.
constexpr size_t kMostNames = 5;

// "VirtualService default/reviews, Service default/ratings, …"
std::string NamesOf(std::vector<std::string> names) {
  if (names.size() > kMostNames) {
    names.resize(kMostNames);
    names.push_back("…");
  }
  return absl::StrJoin(names, ", ");
}

// "2 changed (VirtualService default/reviews, Service default/ratings)"
std::string Summary(const std::vector<config::Change>& changes) {
  std::vector<std::string> names;
  for (const config::Change& change : changes) {
    names.push_back(config::ObjectName(change.key.kind, change.key.ns, change.key.name));
    if (names.size() > kMostNames) break;
  }
  return absl::StrCat(changes.size(), " changed (", NamesOf(std::move(names)), ")");
}

// Whether that HOST:PORT can be reached from elsewhere. A name that is not "localhost" may be
// anything.
bool BeyondLoopback(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  in6_addr v6;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 != 127;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return !IN6_IS_ADDR_LOOPBACK(&v6);
  return host != "localhost" && host != "unix";
}

}  // namespace

// The way of a change: a source's thread queues it, Work() applies it to the store at once and,
// when changes pause, builds the world and asks the xDS server to push.
class ControlPlane::Core final : public xds::Observer {
 public:
  explicit Core(ControlPlaneOptions options) : options_(std::move(options)), views_(options_.log) {}
  ~Core() override { Stop(); }

  absl::Status Start();
  void Stop();

  int xds_port() const { return xds_->ports()[0]; }
  int secure_port() const { return authority_ == nullptr ? 0 : xds_->ports()[1]; }
  Authority* authority() const { return authority_.get(); }
  int monitoring_port() const { return pages_ == nullptr ? 0 : pages_->port(); }
  config::SnapshotPtr snapshot() const;
  std::vector<xds::PeerStatus> Status() const { return xds_->Status(); }
  bool WaitInSync(size_t proxies, uint64_t generation, absl::Duration timeout) const;
  std::string MetricsText() const;

 private:
  struct SourceChange {
    std::string source;
    config::SourceUpdate update;
  };

  // xds::Observer.
  void OnConnected(const xds::Peer& peer) override { Notify(); }
  void OnDisconnected(const xds::Peer& peer) override { Notify(); }
  void OnSent(const xds::Peer& peer, xds::Type type, std::string_view version,
              size_t bytes) override {
    metrics_.CountPush(type, bytes);
  }
  void OnRejected(const xds::Peer& peer, xds::Type type, std::string_view version,
                  std::string_view reason) override;
  void OnSynced(const xds::Peer& peer, const xds::View& view) override;

  void Notify() {
    MutexLock lock(&mutex_);
    ++events_;
    changed_.NotifyAll();
  }
  void Work();
  // Applies changes; true if anything is now different.
  bool Apply(std::vector<SourceChange> changes);
  // Builds the world of the store's snapshot, which changed at `since`.
  void Publish(absl::Time since);
  absl::Status StartAuthority();
  void WarnOfPlaintext() const;
  // Applies what the sources have, with what was in force when a control plane last ran here.
  absl::Status ApplyFirst(std::vector<SourceChange> changes);
  // Node ids of the proxies that came over TLS.
  std::vector<std::string> SecureNodes() const;
  std::map<std::string, HttpPages::Handler> Pages();
  std::map<std::string, HttpPages::Handler> Actions();
  void Log(LogLevel level, const std::string& text) const {
    options_.log->Log(level, kComponent, text);
  }

  ControlPlaneOptions options_;
  config::Store store_;
  std::unique_ptr<KeptState> kept_;  // null: nothing is kept
  Views views_;
  PilotMetrics metrics_;
  std::unique_ptr<Authority> authority_;  // before the server of its services
  std::unique_ptr<xds::Server> xds_;
  std::atomic<const xds::Server*> serving_{nullptr};  // xds_ for its own callbacks, once it is set
  std::unique_ptr<HttpPages> pages_;
  std::unique_ptr<KeyFetcher> keys_;
  std::thread worker_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::vector<SourceChange> queue_ ABSL_GUARDED_BY(mutex_);
  bool keys_changed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t events_ ABSL_GUARDED_BY(mutex_) = 0;  // what WaitInSync looks again for
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time published_ ABSL_GUARDED_BY(mutex_);
};

absl::Status ControlPlane::Core::Start() {
  for (ControlPlaneOptions::NamedSource& named : options_.sources) {
    const absl::Status status =
        named.source->Start([this, name = named.name](config::SourceUpdate update) {
          MutexLock lock(&mutex_);
          queue_.push_back({name, std::move(update)});
          changed_.NotifyAll();
        });
    if (!status.ok()) return status;
  }
  std::vector<SourceChange> first;
  {
    MutexLock lock(&mutex_);
    first.swap(queue_);
  }
  if (absl::Status status = ApplyFirst(std::move(first)); !status.ok()) return status;
  options_.keys.log = options_.log;
  options_.keys.on_change = [this] {
    MutexLock lock(&mutex_);
    keys_changed_ = true;
    changed_.NotifyAll();
  };
  keys_ = std::make_unique<KeyFetcher>(options_.keys);
  keys_->Want(translate::KeySetUris(*store_.Current()));
  (void)keys_->WaitTried(options_.keys_first);
  Publish(options_.clock->Now());

  WarnOfPlaintext();
  xds::ServerOptions server;
  server.addresses = {{options_.xds_address, nullptr}};
  if (options_.authority.has_value()) {
    if (absl::Status status = StartAuthority(); !status.ok()) return status;
    xds::ListenAddress secure;
    secure.address = options_.secure_address;
    secure.credentials = authority_->Credentials();
    secure.services = authority_->services();
    secure.authenticate = [this](const grpc::CallbackServerContext& context)
        -> absl::StatusOr<std::vector<std::string>> {
      auto identity = authority_->IdentityOf(context);
      if (!identity.ok()) return identity.status();
      return std::vector<std::string>{*std::move(identity)};
    };
    server.addresses.push_back(std::move(secure));
  }
  server.source = &views_;
  server.observer = this;
  server.log = options_.log;
  server.clock = options_.clock;
  server.identifier = options_.identifier;
  absl::StatusOr<std::unique_ptr<xds::Server>> xds = xds::Server::Start(std::move(server));
  if (!xds.ok()) return xds.status();
  xds_ = *std::move(xds);
  serving_ = xds_.get();
  if (!options_.monitoring_address.empty()) {
    auto pages = HttpPages::Start(options_.monitoring_address, Pages(), Actions());
    if (!pages.ok()) return pages.status();
    pages_ = *std::move(pages);
  }
  worker_ = std::thread([this] { Work(); });
  Log(LogLevel::kInfo,
      absl::StrCat("serving generation ", snapshot()->generation(), " (",
                   Count(snapshot()->size(), "object"), "): xDS on port ", xds_port(),
                   ", HTTP on port ", monitoring_port(),
                   authority_ == nullptr
                       ? ""
                       : absl::StrCat(", xDS and certificates over TLS on port ", secure_port())));
  return absl::OkStatus();
}

void ControlPlane::Core::WarnOfPlaintext() const {
  if (BeyondLoopback(options_.xds_address)) {
    Log(LogLevel::kWarning,
        absl::StrCat("xDS in plaintext listens on ", options_.xds_address,
                     ", beyond loopback: whoever reaches it is given the configuration of any "
                     "proxy, and nobody proves who it is. Listen on 127.0.0.1 there (meshd: "
                     "--xds_address), and let proxies connect over TLS (--ca_dir, "
                     "--secure_address)"));
  }
  if (!options_.monitoring_address.empty() && BeyondLoopback(options_.monitoring_address)) {
    Log(LogLevel::kWarning,
        absl::StrCat("the monitoring pages listen in plaintext on ", options_.monitoring_address,
                     ", beyond loopback: whoever reaches them reads the configuration of all "
                     "proxies. Listen on 127.0.0.1 there (meshd: --monitoring_address)"));
  }
}

absl::Status ControlPlane::Core::ApplyFirst(std::vector<SourceChange> changes) {
  if (options_.state_directory.empty()) {
    Apply(std::move(changes));
    return absl::OkStatus();
  }
  auto kept = KeptState::Open(options_.state_directory, options_.log);
  if (!kept.ok()) return kept.status();
  std::vector<config::KeptUnit> units = (*kept)->Load();
  std::vector<config::ResourcePtr> before;
  for (const config::KeptUnit& unit : units) {
    before.insert(before.end(), unit.objects.begin(), unit.objects.end());
  }
  store_.Remember(std::move(units));
  Apply(std::move(changes));
  std::vector<std::string> names;
  const config::SnapshotPtr snapshot = store_.Current();
  for (const config::ResourcePtr& object : before) {
    if (snapshot->Find(object->kind(), object->ns(), object->name()) == object) {
      names.push_back(object->ObjectName());
    }
  }
  if (!names.empty()) {
    Log(LogLevel::kInfo, absl::StrCat("in force as before the restart: ", NamesOf(names)));
  }
  kept_ = *std::move(kept);
  kept_->Save(store_.Kept());
  return absl::OkStatus();
}

absl::Status ControlPlane::Core::StartAuthority() {
  AuthorityOptions options = *options_.authority;
  if (options.trust_domain.empty()) {
    options.trust_domain = views_.world()->mesh_config().trust_domain();
  }
  options.clock = options_.clock;
  options.log = options_.log;
  auto authority = Authority::Start(std::move(options));
  if (!authority.ok()) return authority.status();
  authority_ = *std::move(authority);
  return absl::OkStatus();
}

std::vector<std::string> ControlPlane::Core::SecureNodes() const {
  std::vector<std::string> nodes;
  for (const xds::PeerStatus& peer : Status()) {
    if (!peer.peer.authenticated.empty()) nodes.push_back(peer.peer.node.id());
  }
  return nodes;
}

void ControlPlane::Core::Stop() {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    stopping_ = true;
    changed_.NotifyAll();
  }
  for (ControlPlaneOptions::NamedSource& named : options_.sources) named.source->Stop();
  if (keys_ != nullptr) keys_->Stop();
  if (worker_.joinable()) worker_.join();
  if (kept_ != nullptr) kept_->Stop();
  if (pages_ != nullptr) pages_->Stop();
  if (xds_ != nullptr) xds_->Stop();
  if (authority_ != nullptr) authority_->Stop();
}

void ControlPlane::Core::Work() {
  using std::chrono::steady_clock;
  const auto quiet = absl::ToChronoNanoseconds(options_.debounce);
  const auto most = absl::ToChronoNanoseconds(options_.debounce_max);
  bool dirty = false;
  absl::Time since;
  steady_clock::time_point publish_at, publish_before;
  for (;;) {
    std::vector<SourceChange> changes;
    bool keys_came = false;
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && queue_.empty() && !keys_changed_) {
        if (!dirty) {
          changed_.Wait(&mutex_);
        } else if (steady_clock::now() >= publish_at || !changed_.WaitUntil(&mutex_, publish_at)) {
          if (queue_.empty()) break;
        }
      }
      if (stopping_) return;
      changes.swap(queue_);
      keys_came = std::exchange(keys_changed_, false);
    }
    const auto now = steady_clock::now();
    if (keys_came) {
      if (!dirty) since = options_.clock->Now();
      dirty = true;
      publish_at = publish_before = now;
    }
    if (!changes.empty()) {
      const absl::Time arrived = options_.clock->Now();
      if (Apply(std::move(changes))) {
        if (!dirty) {
          since = arrived;
          publish_before = now + most;
        }
        dirty = true;
        publish_at = std::min(now + quiet, publish_before);
      }
    }
    if (dirty && steady_clock::now() >= publish_at) {
      dirty = false;
      Publish(since);
      xds_->Refresh();
    }
  }
}

bool ControlPlane::Core::Apply(std::vector<SourceChange> changes) {
  bool changed = false;
  for (SourceChange& change : changes) {
    const config::ApplyResult result = store_.Apply(std::move(change.update), change.source);
    for (const FieldError& error : result.new_errors) Log(LogLevel::kError, error.ToString());
    metrics_.CountRejectedConfigs(result.new_errors.size());
    if (result.changes.empty()) continue;
    changed = true;
    metrics_.CountTrigger();
    Log(LogLevel::kInfo,
        absl::StrCat("generation ", result.snapshot->generation(), ": ", Summary(result.changes)));
  }
  if (changed && kept_ != nullptr) kept_->Save(store_.Kept());
  return changed;
}

void ControlPlane::Core::Publish(absl::Time since) {
  const std::shared_ptr<const translate::World> before = views_.world();
  const config::SnapshotPtr snapshot = store_.Current();
  keys_->Want(translate::KeySetUris(*snapshot));
  options_.world.key_sets = keys_->keys();
  views_.SetWorld(translate::World::Build(snapshot, options_.world, before.get()), since);
  MutexLock lock(&mutex_);
  published_ = since;
  ++events_;
  changed_.NotifyAll();
}

config::SnapshotPtr ControlPlane::Core::snapshot() const {
  const std::shared_ptr<const translate::World> world = views_.world();
  return config::SnapshotPtr(world, &world->snapshot());
}

bool ControlPlane::Core::WaitInSync(size_t proxies, uint64_t generation,
                                    absl::Duration timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  for (;;) {
    uint64_t events;
    {
      MutexLock lock(&mutex_);
      events = events_;
      if (stopping_) return false;
    }
    const std::vector<xds::PeerStatus> peers = Status();
    bool all = peers.size() >= proxies;
    for (const xds::PeerStatus& peer : peers) all &= peer.acknowledged_generation >= generation;
    if (all) return true;
    MutexLock lock(&mutex_);
    while (events_ == events && !stopping_) {
      if (!changed_.WaitUntil(&mutex_, deadline) && events_ == events) return false;
    }
  }
}

void ControlPlane::Core::OnRejected(const xds::Peer& peer, xds::Type type, std::string_view version,
                                    std::string_view reason) {
  metrics_.CountReject(type);
  if (const xds::Server* server = serving_) {
    const std::string blame = BlameFor(reason, server->LastSent(peer.node.id(), type).resources);
    if (!blame.empty()) {
      Log(LogLevel::kWarning,
          absl::StrCat(ProxyName(peer.node), " rejected ", blame, ": ", std::string(reason)));
    }
  }
  Notify();
}

void ControlPlane::Core::OnSynced(const xds::Peer& peer, const xds::View& view) {
  // From the change, or from its coming where the proxy came later.
  metrics_.CountConverged(options_.clock->Now() - std::max(view.since, peer.connected_since));
  Notify();
}

std::string ControlPlane::Core::MetricsText() const {
  const std::shared_ptr<const translate::World> world = views_.world();
  PilotMetrics::Now now;
  now.version = options_.version;
  const std::vector<xds::PeerStatus> peers = Status();
  now.proxies = peers.size();
  for (const xds::PeerStatus& peer : peers) {
    for (xds::Type type : xds::kPushOrder) {
      if (peer.of(type).state == xds::SyncState::kNacked) {
        ++now.rejected[static_cast<int>(type)];
      }
    }
  }
  now.services = world->registry().services().size();
  now.virtual_services = world->snapshot().List(config::Kind::kVirtualService).size();
  now.config_errors = store_.Errors().size();
  telemetry::MetricsText text;
  metrics_.Write(now, &text);
  if (authority_ != nullptr) authority_->WriteMetrics(&text);
  return text.text();
}

std::map<std::string, HttpPages::Handler> ControlPlane::Core::Pages() {
  using Query = HttpPages::Query;
  const LastSent sent = [this](std::string_view node, xds::Type type) {
    return xds_->LastSent(node, type);
  };
  const auto json = [](std::string body) { return Page{200, "application/json", std::move(body)}; };
  std::map<std::string, HttpPages::Handler> pages;
  // It answers at all only once the first configuration is in force.
  pages["/ready"] = [](const Query&) { return Page{200, "text/plain", "ready\n"}; };
  pages["/metrics"] = [this](const Query&) {
    return Page{200, std::string(telemetry::MetricsText::kContentType), MetricsText()};
  };
  pages["/version"] = [this, json](const Query&) {
    const nlohmann::ordered_json version = {{"meshd", options_.version}, {"istio", "1.7.3"}};
    return json(version.dump(2) + "\n");
  };
  pages["/debug/syncz"] = [this, sent, json](const Query&) {
    return json(SynczPage(Status(), sent, options_.identifier));
  };
  pages["/debug/config_dump"] = [this, sent](const Query& query) {
    const auto proxy = query.find("proxyID");
    Page page;
    if (!ConfigDumpPage(Status(), sent, proxy == query.end() ? "" : proxy->second, &page.body)) {
      page.status = 404;
      page.content_type = "text/plain";
    }
    return page;
  };
  pages["/debug/connections"] = [this, json](const Query&) {
    return json(ConnectionsPage(Status()));
  };
  pages["/debug/configz"] = [this, json](const Query&) { return json(ConfigPage(*snapshot())); };
  pages["/debug/registryz"] = [this, json](const Query&) {
    return json(RegistryPage(views_.world()->registry()));
  };
  pages["/debug/endpointz"] = [this, json](const Query&) {
    return json(EndpointPage(views_.world()->registry()));
  };
  pages["/debug/push_status"] = [this, json](const Query&) {
    absl::Time since;
    {
      MutexLock lock(&mutex_);
      since = published_;
    }
    return json(
        PushStatusPage(Status(), snapshot()->generation(), since, store_.Errors(),
                       authority_ == nullptr ? std::vector<std::string>() : authority_->Alarms()));
  };
  pages["/debug/secrets"] = [this, sent](const Query& query) {
    const auto proxy = query.find("proxyID");
    Page page;
    if (!SecretsPage(Status(), sent, authority_.get(), proxy == query.end() ? "" : proxy->second,
                     options_.clock->Now(), &page.body)) {
      page.status = 404;
      page.content_type = "text/plain";
    }
    return page;
  };
  if (authority_ == nullptr) return pages;
  pages["/debug/ca"] = [this, json](const Query&) {
    return json(AuthorityPage(*authority_, SecureNodes(), options_.clock->Now()));
  };
  return pages;
}

std::map<std::string, HttpPages::Handler> ControlPlane::Core::Actions() {
  std::map<std::string, HttpPages::Handler> actions;
  if (authority_ == nullptr || !options_.authority->rotation_over_http) return actions;
  actions["/ca/rotate"] = [this](const HttpPages::Query&) {
    const absl::Status stepped = authority_->TakeNextStep(SecureNodes());
    if (!stepped.ok()) return Page{409, "text/plain", absl::StrCat(stepped.message(), "\n")};
    return Page{200, "application/json",
                AuthorityPage(*authority_, SecureNodes(), options_.clock->Now())};
  };
  return actions;
}

ControlPlane::ControlPlane(std::unique_ptr<Core> core) : core_(std::move(core)) {}
ControlPlane::~ControlPlane() = default;

absl::StatusOr<std::unique_ptr<ControlPlane>> ControlPlane::Start(ControlPlaneOptions options) {
  auto core = std::make_unique<Core>(std::move(options));
  if (absl::Status status = core->Start(); !status.ok()) return status;
  return std::unique_ptr<ControlPlane>(new ControlPlane(std::move(core)));
}

int ControlPlane::xds_port() const { return core_->xds_port(); }
int ControlPlane::monitoring_port() const { return core_->monitoring_port(); }
int ControlPlane::secure_port() const { return core_->secure_port(); }
Authority* ControlPlane::authority() const { return core_->authority(); }
config::SnapshotPtr ControlPlane::snapshot() const { return core_->snapshot(); }
std::vector<xds::PeerStatus> ControlPlane::Status() const { return core_->Status(); }
bool ControlPlane::WaitInSync(size_t proxies, uint64_t generation, absl::Duration timeout) const {
  return core_->WaitInSync(proxies, generation, timeout);
}
std::string ControlPlane::Metrics() const { return core_->MetricsText(); }
void ControlPlane::Stop() { core_->Stop(); }

}  // namespace mesh::discovery
