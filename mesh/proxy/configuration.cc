#include "mesh/proxy/configuration.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mesh::proxy {

struct Configuration::ClusterEntry {
  explicit ClusterEntry(EventLoop* loop, std::function<void()> on_timer)
      : timer(loop, std::move(on_timer)) {}
  envoy::Cluster cluster;  // as wanted
  std::shared_ptr<SharedCounts> counts = std::make_shared<SharedCounts>();
  std::shared_ptr<const ClusterConfig> active;
  // DNS: what each name last resolved to, and which round of questions is being answered.
  uint64_t round = 0;
  size_t unanswered = 0;
  std::vector<std::vector<Address>> resolved;
  Timer timer;  // endpoints' time, or the next round of questions
};

struct Configuration::ListenerEntry {
  explicit ListenerEntry(EventLoop* loop, std::function<void()> on_timer)
      : timer(loop, std::move(on_timer)) {}
  ~ListenerEntry() { CloseSockets(); }
  void CloseSockets() {
    for (int fd : sockets) close(fd);
    sockets.clear();
  }
  envoy::Listener listener;  // as wanted
  std::vector<AccessLog> access_logs;
  std::shared_ptr<const Routes> inline_routes;
  Address bound;
  std::vector<int> sockets;  // one a worker, until it is handed out
  std::string takes_over;    // a listener that workers have, whose sockets become its own
  std::shared_ptr<const ListenerConfig> active;
  Timer timer;  // the routes' time
};

Configuration::Configuration(EventLoop* loop, Resolver* resolver, telemetry::LogWriter* log_writer,
                             std::vector<Worker*> workers, LogSink* log)
    : loop_(loop),
      resolver_(resolver),
      log_writer_(log_writer),
      workers_(std::move(workers)),
      log_(log) {}

Configuration::~Configuration() = default;

absl::Status Configuration::Apply(const ConfigBatch& batch) {
  std::vector<std::string> errors;
  // Clusters and endpoints first: what is new must not point at what is not there.
  for (const envoy::Endpoints& endpoints : batch.endpoints) {
    endpoints_[endpoints.cluster_name] = endpoints;
  }
  for (const envoy::Cluster& cluster : batch.clusters) TakeCluster(cluster);
  if (!batch.endpoints.empty()) {
    std::set<std::string_view> changed;
    for (const envoy::Endpoints& endpoints : batch.endpoints)
      changed.insert(endpoints.cluster_name);
    for (auto& [name, entry] : clusters_) {
      if (entry->cluster.discovery == envoy::Cluster::Discovery::kEds &&
          changed.count(entry->cluster.eds_name) > 0) {
        TryEndpoints(entry.get());
      }
    }
  }
  for (const auto& routes : batch.routes) routes_[routes->config->name] = routes;
  for (const std::string& name : batch.removed_listeners) {
    const auto found = listeners_.find(name);
    if (found == listeners_.end()) continue;
    const ListenerEntry& entry = *found->second;
    const std::string held_by = entry.active != nullptr ? name : entry.takes_over;
    const bool passes_on = std::any_of(
        batch.listeners.begin(), batch.listeners.end(), [&entry](const envoy::Listener& listener) {
          return listener.address == entry.listener.address && listener.name != entry.listener.name;
        });
    if (passes_on && !held_by.empty()) {
      vacated_.push_back({held_by, entry.listener.address, entry.bound});
    } else if (!held_by.empty()) {
      pending_.removed_listeners.push_back(held_by);
    }
    listeners_.erase(found);
  }
  for (const envoy::Listener& listener : batch.listeners) {
    const absl::Status status = TakeListener(listener);
    if (!status.ok()) errors.push_back(std::string(status.message()));
  }
  for (const Vacated& left : vacated_) pending_.removed_listeners.push_back(left.name);
  vacated_.clear();
  for (const auto& routes : batch.routes) {
    for (auto& [name, entry] : listeners_) {
      const auto* const http =
          std::get_if<envoy::HttpConnectionManager>(&entry->listener.chain.filter);
      if (http != nullptr && http->route_config_name == routes->config->name)
        TryRoutes(entry.get());
    }
  }
  for (const std::string& name : batch.removed_clusters) {
    const auto found = clusters_.find(name);
    if (found == clusters_.end()) continue;
    if (found->second->active != nullptr) pending_.removed_clusters.push_back(name);
    clusters_.erase(found);
  }
  // What nobody subscribes to any more is forgotten, so that it is warmed anew when it comes back.
  const std::vector<std::string> endpoint_names = EndpointNames();
  const std::set<std::string> wanted_endpoints(endpoint_names.begin(), endpoint_names.end());
  for (auto it = endpoints_.begin(); it != endpoints_.end();) {
    it = wanted_endpoints.count(it->first) > 0 ? std::next(it) : endpoints_.erase(it);
  }
  const std::vector<std::string> route_names = RouteNames();
  const std::set<std::string> wanted_routes(route_names.begin(), route_names.end());
  for (auto it = routes_.begin(); it != routes_.end();) {
    it = wanted_routes.count(it->first) > 0 ? std::next(it) : routes_.erase(it);
  }
  Publish();
  return errors.empty() ? absl::OkStatus()
                        : absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
}

void Configuration::TakeCluster(const envoy::Cluster& cluster) {
  std::unique_ptr<ClusterEntry>& entry = clusters_[cluster.name];
  if (entry == nullptr) {
    entry = std::make_unique<ClusterEntry>(loop_, [this, name = cluster.name] {
      ClusterEntry* const e = clusters_[name].get();
      if (e->cluster.discovery == envoy::Cluster::Discovery::kStrictDns) return Resolve(e);
      // The endpoints' time is up: the cluster is there, without any.
      log_->Log(LogLevel::kWarning, "proxy",
                absl::StrCat("cluster \"", name, "\": no endpoints in time"));
      ActivateCluster(e, {});
      Publish();
    });
  }
  entry->cluster = cluster;
  entry->timer.Disarm();
  ++entry->round;
  switch (cluster.discovery) {
    case envoy::Cluster::Discovery::kStatic: {
      std::vector<UpstreamAddress> addresses;
      for (const envoy::Endpoint& endpoint : cluster.endpoints.endpoints) {
        const auto address = Address::Parse(endpoint.address.host, endpoint.address.port);
        if (address.has_value()) {
          addresses.push_back({*address, address->ToString(), endpoint.weight, endpoint});
        }
      }
      return ActivateCluster(entry.get(), std::move(addresses));
    }
    case envoy::Cluster::Discovery::kOriginalDst:
      return ActivateCluster(entry.get(), {});
    case envoy::Cluster::Discovery::kEds:
      return TryEndpoints(entry.get());
    case envoy::Cluster::Discovery::kStrictDns:
      entry->resolved.assign(cluster.endpoints.endpoints.size(), {});
      return Resolve(entry.get());
  }
}

void Configuration::TryEndpoints(ClusterEntry* entry) {
  const auto known = endpoints_.find(entry->cluster.eds_name);
  if (known == endpoints_.end()) {
    if (entry->cluster.eds_initial_fetch_timeout > absl::ZeroDuration()) {
      entry->timer.Arm(ToNanos(entry->cluster.eds_initial_fetch_timeout));
    }
    return;
  }
  entry->timer.Disarm();
  std::vector<UpstreamAddress> addresses;
  for (const envoy::Endpoint& endpoint : known->second.endpoints) {
    const auto address = Address::Parse(endpoint.address.host, endpoint.address.port);
    if (address.has_value()) {
      addresses.push_back({*address, address->ToString(), endpoint.weight, endpoint});
    }
  }
  ActivateCluster(entry, std::move(addresses));
}

void Configuration::ActivateCluster(ClusterEntry* entry, std::vector<UpstreamAddress> addresses) {
  auto config = std::make_shared<ClusterConfig>();
  config->cluster = entry->cluster;
  config->endpoints = SelectEndpoints(entry->cluster, std::move(addresses));
  config->counts = entry->counts;
  entry->active = config;
  const auto [place, first] =
      pending_clusters_.emplace(entry->cluster.name, pending_.clusters.size());
  if (first) {
    pending_.clusters.push_back(std::move(config));
  } else {
    pending_.clusters[place->second] = std::move(config);
  }
}

void Configuration::Resolve(ClusterEntry* entry) {
  const envoy::Cluster& cluster = entry->cluster;
  ++entry->round;
  entry->unanswered = cluster.endpoints.endpoints.size();
  if (entry->unanswered == 0) return ActivateCluster(entry, {});
  const Resolver::Family family =
      cluster.dns_ipv4_only
          ? Resolver::Family::kIpv4
          : (cluster.dns_ipv6_only ? Resolver::Family::kIpv6 : Resolver::Family::kAny);
  for (size_t i = 0; i < cluster.endpoints.endpoints.size(); ++i) {
    resolver_->Resolve(cluster.endpoints.endpoints[i].address.host, family,
                       [this, name = cluster.name, round = entry->round,
                        i](const absl::StatusOr<std::vector<Address>>& answer) {
                         OnResolved(name, round, i, answer);
                       });
  }
}

void Configuration::OnResolved(const std::string& name, uint64_t round, size_t index,
                               const absl::StatusOr<std::vector<Address>>& answer) {
  const auto found = clusters_.find(name);
  if (found == clusters_.end() || found->second->round != round) return;
  ClusterEntry* const entry = found->second.get();
  // A name that does not resolve keeps what it last resolved to.
  if (answer.ok()) {
    entry->resolved[index] = *answer;
  } else {
    log_->Log(LogLevel::kWarning, "proxy",
              absl::StrCat("cluster \"", name, "\": ", std::string(answer.status().message())));
  }
  if (--entry->unanswered > 0) return;
  entry->timer.Arm(ToNanos(entry->cluster.dns_refresh));
  std::vector<UpstreamAddress> addresses;
  for (size_t i = 0; i < entry->resolved.size(); ++i) {
    const envoy::Endpoint& endpoint = entry->cluster.endpoints.endpoints[i];
    for (const Address& ip : entry->resolved[i]) {
      const Address address = ip.WithPort(endpoint.address.port);
      addresses.push_back({address, address.ToString(), endpoint.weight, endpoint});
    }
  }
  if (entry->active != nullptr && entry->active->cluster.name == entry->cluster.name) {
    const std::vector<UpstreamAddress>& before = entry->active->endpoints->all;
    const bool same = std::equal(before.begin(), before.end(), addresses.begin(), addresses.end(),
                                 [](const UpstreamAddress& a, const UpstreamAddress& b) {
                                   return a.text == b.text && a.endpoint == b.endpoint;
                                 });
    if (same) return;
  }
  ActivateCluster(entry, std::move(addresses));
  Publish();
}

absl::Status Configuration::TakeListener(const envoy::Listener& listener) {
  const std::string where = absl::StrCat("listener \"", listener.name, "\" ");
  const std::optional<Address> address =
      Address::Parse(listener.address.host, listener.address.port);
  if (!address.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(where, "address: no IP address"));
  }
  for (const auto& [name, other] : listeners_) {
    if (name != listener.name && listener.address.port != 0 &&
        other->listener.address == listener.address) {
      return absl::InvalidArgumentError(absl::StrCat(where, "address: ", address->ToString(),
                                                     " is that of listener \"", name, "\""));
    }
  }
  // All that can fail comes before anything is changed.
  std::vector<AccessLog> access_logs;
  std::shared_ptr<const Routes> inline_routes;
  const auto* const http = std::get_if<envoy::HttpConnectionManager>(&listener.chain.filter);
  const std::vector<envoy::AccessLogFile>& files =
      http != nullptr ? http->access_logs
                      : std::get<envoy::TcpProxy>(listener.chain.filter).access_logs;
  for (const envoy::AccessLogFile& file : files) {
    absl::StatusOr<telemetry::AccessLogFormat> format =
        telemetry::AccessLogFormat::Parse(file.format);
    if (!format.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, "access_log: ", std::string(format.status().message())));
    }
    absl::StatusOr<telemetry::LogWriter::File*> opened = log_writer_->Open(file.path);
    if (!opened.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, "access_log: ", std::string(opened.status().message())));
    }
    access_logs.push_back(
        {std::make_shared<const telemetry::AccessLogFormat>(*std::move(format)), *opened});
  }
  if (http != nullptr && http->routes != nullptr) {
    absl::StatusOr<std::shared_ptr<const Routes>> routes = PlanRoutes(http->routes);
    if (!routes.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, std::string(routes.status().message())));
    }
    inline_routes = *std::move(routes);
  }

  const auto known = listeners_.find(listener.name);
  ListenerEntry* entry = known == listeners_.end() ? nullptr : known->second.get();
  const bool same_address = entry != nullptr && entry->listener.address == listener.address;
  const bool same_kind =
      same_address && entry->listener.chain.filter.index() == listener.chain.filter.index();
  const auto vacated =
      std::find_if(vacated_.begin(), vacated_.end(),
                   [&listener](const Vacated& v) { return v.address == listener.address; });
  std::vector<int> sockets;
  std::string takes_over;
  Address bound = *address;
  if (same_address) {
    bound = entry->bound;
    if (!same_kind && entry->active != nullptr) takes_over = listener.name;
  } else if (vacated != vacated_.end()) {
    bound = vacated->bound;
    takes_over = vacated->name;
    vacated_.erase(vacated);
  } else {
    absl::StatusOr<std::vector<int>> opened = OpenSockets(&bound);
    if (!opened.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, "address: ", std::string(opened.status().message())));
    }
    sockets = *std::move(opened);
  }

  if (entry == nullptr) {
    auto created = std::make_unique<ListenerEntry>(loop_, [this, name = listener.name] {
      log_->Log(LogLevel::kWarning, "proxy",
                absl::StrCat("listener \"", name, "\": no routes in time"));
      ActivateListener(listeners_[name].get(), nullptr);
      Publish();
    });
    entry = created.get();
    listeners_[listener.name] = std::move(created);
  }
  if (!same_address) {
    entry->CloseSockets();
    entry->sockets = std::move(sockets);
    entry->bound = bound;
    // One that it was to take over from, but now stands elsewhere, is nobody's any more.
    if (!entry->takes_over.empty()) pending_.removed_listeners.push_back(entry->takes_over);
    entry->takes_over.clear();
  }
  if (!takes_over.empty()) entry->takes_over = takes_over;
  entry->listener = listener;
  entry->access_logs = std::move(access_logs);
  entry->inline_routes = std::move(inline_routes);
  TryRoutes(entry);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int>> Configuration::OpenSockets(Address* address) {
  // Sharing is for our own workers alone: that somebody else is there must not go unseen.
  if (address->port() != 0) {
    const int probe = BindTo(*address, /*shared=*/false);
    if (probe < 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot bind ", address->ToString(), ": ", strerror(-probe)));
    }
    close(probe);
  }
  std::vector<int> sockets;
  for (size_t i = 0; i < workers_.size(); ++i) {
    const int fd = BindTo(*address, /*shared=*/true);
    if (fd < 0) {
      for (int open : sockets) close(open);
      return absl::UnavailableError(
          absl::StrCat("cannot bind ", address->ToString(), ": ", strerror(-fd)));
    }
    if (i == 0) *address = Address::LocalOf(fd);
    sockets.push_back(fd);
  }
  return sockets;
}

void Configuration::TryRoutes(ListenerEntry* entry) {
  const auto* const http = std::get_if<envoy::HttpConnectionManager>(&entry->listener.chain.filter);
  if (http == nullptr || http->route_config_name.empty()) {
    return ActivateListener(entry, entry->inline_routes);
  }
  const auto known = routes_.find(http->route_config_name);
  if (known != routes_.end()) return ActivateListener(entry, known->second);
  if (http->routes_initial_fetch_timeout > absl::ZeroDuration()) {
    entry->timer.Arm(ToNanos(http->routes_initial_fetch_timeout));
  }
}

void Configuration::ActivateListener(ListenerEntry* entry, std::shared_ptr<const Routes> routes) {
  entry->timer.Disarm();
  auto config = std::make_shared<ListenerConfig>();
  config->listener = entry->listener;
  config->routes = std::move(routes);
  config->access_logs = entry->access_logs;
  entry->active = config;
  for (int fd : entry->sockets) {
    if (listen(fd, static_cast<int>(entry->listener.backlog)) != 0) {
      log_->Log(LogLevel::kError, "proxy",
                absl::StrCat("listener \"", entry->listener.name, "\": cannot listen on ",
                             entry->bound.ToString(), ": ", strerror(errno)));
    }
  }
  pending_.listeners.push_back({std::move(config), -1, std::exchange(entry->takes_over, "")});
  pending_fds_.push_back(std::exchange(entry->sockets, {}));
}

void Configuration::Publish() {
  if (pending_.clusters.empty() && pending_.listeners.empty() &&
      pending_.removed_listeners.empty() && pending_.removed_clusters.empty()) {
    return;
  }
  for (size_t w = 0; w < workers_.size(); ++w) {
    WorkerUpdate update = pending_;
    for (size_t i = 0; i < update.listeners.size(); ++i) {
      if (!pending_fds_[i].empty()) update.listeners[i].fd = pending_fds_[i][w];
    }
    workers_[w]->Apply(std::move(update));
  }
  pending_ = WorkerUpdate();
  pending_fds_.clear();
  pending_clusters_.clear();
}

std::vector<std::string> Configuration::EndpointNames() const {
  std::set<std::string> names;
  for (const auto& [name, entry] : clusters_) {
    if (entry->cluster.discovery == envoy::Cluster::Discovery::kEds) {
      names.insert(entry->cluster.eds_name);
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> Configuration::RouteNames() const {
  std::set<std::string> names;
  for (const auto& [name, entry] : listeners_) {
    const auto* const http =
        std::get_if<envoy::HttpConnectionManager>(&entry->listener.chain.filter);
    if (http != nullptr && !http->route_config_name.empty()) names.insert(http->route_config_name);
  }
  return {names.begin(), names.end()};
}

size_t Configuration::warming() const {
  size_t count = 0;
  for (const auto& [name, entry] : clusters_) count += entry->active == nullptr ? 1 : 0;
  for (const auto& [name, entry] : listeners_) count += entry->active == nullptr ? 1 : 0;
  return count;
}

std::vector<Configuration::ListenerInfo> Configuration::listeners() const {
  std::vector<ListenerInfo> out;
  for (const auto& [name, entry] : listeners_) {
    out.push_back({name, entry->bound, entry->active != nullptr});
  }
  return out;
}

std::vector<Configuration::ClusterInfo> Configuration::clusters() const {
  std::vector<ClusterInfo> out;
  for (const auto& [name, entry] : clusters_) out.push_back({entry->active, name});
  return out;
}

}  // namespace mesh::proxy
