#include "mesh/proxy/configuration.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/proxy/configuration_entries.h"

namespace mesh::proxy {

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
  TakeSecrets(batch.secrets);
  // Clusters and endpoints first: what is new must not point at what is not there.
  for (const envoy::Endpoints& endpoints : batch.endpoints) {
    endpoints_[endpoints.cluster_name] = endpoints;
  }
  for (const envoy::Cluster& cluster : batch.clusters) {
    const absl::Status status = TakeCluster(cluster);
    if (!status.ok()) errors.push_back(std::string(status.message()));
  }
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
          return listener.bind_to_port && entry.listener.bind_to_port &&
                 listener.address == entry.listener.address && listener.name != entry.listener.name;
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
  std::set<std::string_view> changed_routes;
  for (const auto& routes : batch.routes) changed_routes.insert(routes->config->name);
  for (auto& [name, entry] : listeners_) {
    const std::vector<const envoy::FilterChain*> chains = ChainsOf(entry->listener);
    const bool waits = std::any_of(chains.begin(), chains.end(), [&](const auto* chain) {
      const auto* const http = RoutesByName(*chain);
      return http != nullptr && changed_routes.count(http->route_config_name) > 0;
    });
    if (waits) TryListener(entry.get());
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

absl::Status Configuration::TakeCluster(const envoy::Cluster& cluster) {
  const std::string where = absl::StrCat("cluster \"", cluster.name, "\" ");
  absl::Status status =
      CheckTls(cluster.tls, TlsContexts::Use::kHttpClient, absl::StrCat(where, "transport_socket"));
  for (size_t i = 0; status.ok() && i < cluster.transport_socket_matches.size(); ++i) {
    status = CheckTls(cluster.transport_socket_matches[i].tls, TlsContexts::Use::kHttpClient,
                      absl::StrCat(where, "transport_socket_matches[", i, "].transport_socket"));
  }
  if (!status.ok()) return status;
  std::unique_ptr<ClusterEntry>& entry = clusters_[cluster.name];
  if (entry == nullptr) {
    entry = std::make_unique<ClusterEntry>(
        loop_,
        [this, name = cluster.name] {
          ClusterEntry* const e = clusters_[name].get();
          if (e->cluster.discovery == envoy::Cluster::Discovery::kStrictDns) return Resolve(e);
          // The endpoints' time is up: the cluster is there, without any.
          log_->Log(LogLevel::kWarning, "proxy",
                    absl::StrCat("cluster \"", name, "\": no endpoints in time"));
          e->addresses.emplace();
          TryCluster(e);
          Publish();
        },
        [this, name = cluster.name] {
          clusters_[name]->secrets_overdue = true;
          TryCluster(clusters_[name].get());
          Publish();
        });
  }
  entry->cluster = cluster;
  entry->addresses.reset();
  entry->timer.Disarm();
  entry->secrets_timer.Disarm();
  entry->secrets_overdue = false;
  ++entry->round;
  switch (cluster.discovery) {
    case envoy::Cluster::Discovery::kStatic: {
      entry->addresses.emplace();
      for (const envoy::Endpoint& endpoint : cluster.endpoints.endpoints) {
        const auto address = Address::Parse(endpoint.address.host, endpoint.address.port);
        if (address.has_value()) {
          entry->addresses->push_back({*address, address->ToString(), endpoint.weight, endpoint});
        }
      }
      TryCluster(entry.get());
      break;
    }
    case envoy::Cluster::Discovery::kOriginalDst:
      entry->addresses.emplace();
      TryCluster(entry.get());
      break;
    case envoy::Cluster::Discovery::kEds:
      TryEndpoints(entry.get());
      break;
    case envoy::Cluster::Discovery::kStrictDns:
      entry->resolved.assign(cluster.endpoints.endpoints.size(), {});
      Resolve(entry.get());
      break;
  }
  return absl::OkStatus();
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
  entry->addresses.emplace();
  for (const envoy::Endpoint& endpoint : known->second.endpoints) {
    const auto address = Address::Parse(endpoint.address.host, endpoint.address.port);
    if (address.has_value()) {
      entry->addresses->push_back({*address, address->ToString(), endpoint.weight, endpoint});
    }
  }
  TryCluster(entry);
}

void Configuration::TryCluster(ClusterEntry* entry) {
  if (!entry->addresses.has_value()) return;
  // One value for all endpoints that are connected to in the same way.
  std::map<const envoy::TlsSettings*, std::shared_ptr<const UpstreamTls>> made;
  std::set<std::string> missing;
  std::optional<absl::Duration> wait;
  for (UpstreamAddress& address : *entry->addresses) {
    const envoy::TransportSocket& tls = envoy::TransportSocketFor(entry->cluster, address.endpoint);
    address.tls = nullptr;
    address.reachable = true;
    if (tls == nullptr) continue;
    const auto [known, first] = made.emplace(tls.get(), nullptr);
    if (first) {
      auto upstream = std::make_shared<UpstreamTls>();
      upstream->server_name = tls->server_name;
      upstream->settings = absl::StrCat(tls->server_name, "\n", tls->bytes);
      upstream->http = ContextOf(tls, TlsContexts::Use::kHttpClient);
      upstream->tcp = ContextOf(tls, TlsContexts::Use::kTcpClient);
      if (upstream->http != nullptr && upstream->tcp != nullptr) {
        known->second = std::move(upstream);
      } else {
        for (std::string& name : tls_.Missing(*tls)) missing.insert(std::move(name));
        wait = wait.has_value() ? Longer(*wait, tls->secrets_initial_fetch_timeout)
                                : tls->secrets_initial_fetch_timeout;
      }
    }
    address.tls = known->second;
    address.reachable = address.tls != nullptr;
  }
  if (!missing.empty() && !entry->secrets_overdue) {
    if (*wait > absl::ZeroDuration()) entry->secrets_timer.Arm(ToNanos(*wait));
    return;
  }
  if (!missing.empty()) {
    log_->Log(LogLevel::kWarning, "proxy",
              absl::StrCat("cluster \"", entry->cluster.name,
                           "\": its endpoints wait for a secret that has not come in time: ",
                           absl::StrJoin(missing, ", ")));
  }
  entry->secrets_timer.Disarm();
  ActivateCluster(entry);
}

void Configuration::ActivateCluster(ClusterEntry* entry) {
  auto config = std::make_shared<ClusterConfig>();
  config->cluster = entry->cluster;
  config->endpoints = SelectEndpoints(entry->cluster, *entry->addresses);
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
  if (entry->unanswered == 0) {
    entry->addresses.emplace();
    return TryCluster(entry);
  }
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
  if (entry->addresses.has_value()) {
    const std::vector<UpstreamAddress>& before = *entry->addresses;
    const bool same = std::equal(before.begin(), before.end(), addresses.begin(), addresses.end(),
                                 [](const UpstreamAddress& a, const UpstreamAddress& b) {
                                   return a.text == b.text && a.endpoint == b.endpoint;
                                 });
    if (same) return;
  }
  entry->addresses = std::move(addresses);
  TryCluster(entry);
  Publish();
}

absl::Status Configuration::CheckTls(const envoy::TransportSocket& tls, TlsContexts::Use use,
                                     const std::string& where) {
  if (tls == nullptr) return absl::OkStatus();
  const auto context = tls_.Get(*tls, use);
  if (context.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": ", std::string(context.status().message())));
}

std::shared_ptr<const tls::Context> Configuration::ContextOf(const envoy::TransportSocket& tls,
                                                             TlsContexts::Use use) {
  absl::StatusOr<std::shared_ptr<const tls::Context>> context = tls_.Get(*tls, use);
  if (context.ok()) return *std::move(context);
  log_->Log(LogLevel::kError, "proxy",
            absl::StrCat("TLS with certificate \"", tls->certificate_secret,
                         "\": ", std::string(context.status().message())));
  return nullptr;
}

void Configuration::TakeSecrets(const std::vector<Secret>& secrets) {
  std::set<std::string> changed;
  for (const Secret& secret : secrets) {
    if (tls_.Set(secret)) changed.insert(secret.name);
  }
  if (changed.empty()) return;
  const auto concerns = [&changed](const envoy::TransportSocket& tls) {
    return tls != nullptr && (changed.count(tls->certificate_secret) > 0 ||
                              changed.count(tls->validation_secret) > 0);
  };
  for (auto& [name, entry] : clusters_) {
    const auto& matches = entry->cluster.transport_socket_matches;
    if (concerns(entry->cluster.tls) ||
        std::any_of(matches.begin(), matches.end(),
                    [&concerns](const auto& match) { return concerns(match.tls); })) {
      TryCluster(entry.get());
    }
  }
  for (auto& [name, entry] : listeners_) {
    const std::vector<const envoy::FilterChain*> chains = ChainsOf(entry->listener);
    if (std::any_of(chains.begin(), chains.end(),
                    [&concerns](const auto* chain) { return concerns(chain->tls); })) {
      TryListener(entry.get());
    }
  }
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
    for (const envoy::FilterChain* chain : ChainsOf(entry->listener)) {
      const auto* const http = RoutesByName(*chain);
      if (http != nullptr) names.insert(http->route_config_name);
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> Configuration::SecretNames() const {
  std::set<std::string> names;
  const auto add = [&names](const envoy::TransportSocket& tls) {
    if (tls == nullptr) return;
    names.insert(tls->certificate_secret);
    names.insert(tls->validation_secret);
  };
  for (const auto& [name, entry] : clusters_) {
    add(entry->cluster.tls);
    for (const auto& match : entry->cluster.transport_socket_matches) add(match.tls);
  }
  for (const auto& [name, entry] : listeners_) {
    for (const envoy::FilterChain* chain : ChainsOf(entry->listener)) add(chain->tls);
  }
  names.erase("");
  return {names.begin(), names.end()};
}

size_t Configuration::warming() const {
  size_t count = 0;
  for (const auto& [name, entry] : clusters_) count += entry->active == nullptr ? 1 : 0;
  for (const auto& [name, entry] : listeners_) {
    // One whose secrets have not come in time is given up for the time being.
    count += entry->active == nullptr && !entry->secrets_overdue ? 1 : 0;
  }
  return count;
}

std::vector<Configuration::ListenerInfo> Configuration::listeners() const {
  std::vector<ListenerInfo> out;
  for (const auto& [name, entry] : listeners_) {
    out.push_back({name, entry->bound, entry->active != nullptr});
  }
  return out;
}

std::shared_ptr<const ClusterConfig> Configuration::FindCluster(const std::string& name) const {
  const auto found = clusters_.find(name);
  return found == clusters_.end() ? nullptr : found->second->active;
}

std::vector<Configuration::ClusterInfo> Configuration::clusters() const {
  std::vector<ClusterInfo> out;
  for (const auto& [name, entry] : clusters_) out.push_back({entry->active, name});
  return out;
}

}  // namespace mesh::proxy
