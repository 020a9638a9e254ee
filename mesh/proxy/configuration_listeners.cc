// The listeners' half of the configuration.

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/proxy/configuration_entries.h"

namespace mesh::proxy {

absl::Status Configuration::TakeListener(const envoy::Listener& listener) {
  const std::string where = absl::StrCat("listener \"", listener.name, "\" ");
  const std::optional<Address> address =
      Address::Parse(listener.address.host, listener.address.port);
  if (!address.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(where, "address: no IP address"));
  }
  for (const auto& [name, other] : listeners_) {
    if (name != listener.name && listener.address.port != 0 &&
        other->listener.address == listener.address &&
        other->listener.bind_to_port == listener.bind_to_port) {
      return absl::InvalidArgumentError(absl::StrCat(where, "address: ", address->ToString(),
                                                     " is that of listener \"", name, "\""));
    }
  }
  // All that can fail comes before anything is changed.
  std::vector<ListenerEntry::Chain> chains;
  std::vector<envoy::FilterChainMatch> matches;
  for (const envoy::FilterChain& chain : listener.chains) matches.push_back(chain.match);
  auto table = envoy::FilterChainTable::Build(matches);
  if (!table.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(where, std::string(table.status().message())));
  }
  for (const envoy::FilterChain* chain : ChainsOf(listener)) {
    const size_t index = chains.size();
    const std::string chain_where = index < listener.chains.size()
                                        ? absl::StrCat(where, "filter_chains[", index, "] ")
                                        : absl::StrCat(where, "default_filter_chain ");
    ListenerEntry::Chain& made = chains.emplace_back();
    const auto* const http = std::get_if<envoy::HttpConnectionManager>(&chain->filter);
    const std::vector<envoy::AccessLogFile>& files =
        http != nullptr ? http->access_logs : std::get<envoy::TcpProxy>(chain->filter).access_logs;
    absl::StatusOr<std::vector<AccessLog>> logs = OpenAccessLogs(files, chain_where);
    if (!logs.ok()) return logs.status();
    made.access_logs = *std::move(logs);
    if (http != nullptr && http->routes != nullptr) {
      absl::StatusOr<std::shared_ptr<const Routes>> routes = PlanRoutes(http->routes);
      if (!routes.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(where, std::string(routes.status().message())));
      }
      made.inline_routes = *std::move(routes);
    }
    const absl::Status tls =
        CheckTls(chain->tls, TlsContexts::Use::kServer, chain_where + "transport_socket");
    if (!tls.ok()) return tls;
  }

  absl::StatusOr<std::vector<AccessLog>> access_logs = OpenAccessLogs(listener.access_logs, where);
  if (!access_logs.ok()) return access_logs.status();

  const auto known = listeners_.find(listener.name);
  ListenerEntry* entry = known == listeners_.end() ? nullptr : known->second.get();
  const bool same_address = entry != nullptr && entry->listener.address == listener.address &&
                            entry->listener.bind_to_port == listener.bind_to_port;
  const auto vacated =
      std::find_if(vacated_.begin(), vacated_.end(), [&listener](const Vacated& v) {
        return listener.bind_to_port && v.address == listener.address;
      });
  std::vector<int> sockets;
  std::string takes_over;
  Address bound = *address;
  if (same_address) {
    bound = entry->bound;
  } else if (vacated != vacated_.end()) {
    bound = vacated->bound;
    takes_over = vacated->name;
    vacated_.erase(vacated);
  } else if (listener.bind_to_port) {
    absl::StatusOr<std::vector<int>> opened = OpenSockets(&bound);
    if (!opened.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, "address: ", std::string(opened.status().message())));
    }
    sockets = *std::move(opened);
  }

  if (entry == nullptr) {
    auto created = std::make_unique<ListenerEntry>(
        loop_,
        [this, name = listener.name] {
          log_->Log(LogLevel::kWarning, "proxy",
                    absl::StrCat("listener \"", name, "\": no routes in time"));
          listeners_[name]->routes_overdue = true;
          TryListener(listeners_[name].get());
          Publish();
        },
        [this, name = listener.name] {
          listeners_[name]->secrets_overdue = true;
          TryListener(listeners_[name].get());
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
  entry->chains = std::move(chains);
  entry->access_logs = *std::move(access_logs);
  entry->table = *std::move(table);
  entry->routes_overdue = entry->secrets_overdue = false;
  entry->routes_timer.Disarm();
  entry->secrets_timer.Disarm();
  TryListener(entry);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AccessLog>> Configuration::OpenAccessLogs(
    const std::vector<envoy::AccessLogFile>& files, const std::string& where) {
  const auto failed = [&where](const absl::Status& status) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "access_log: ", std::string(status.message())));
  };
  std::vector<AccessLog> logs;
  for (const envoy::AccessLogFile& file : files) {
    absl::StatusOr<telemetry::AccessLogFormat> format =
        telemetry::AccessLogFormat::Parse(file.format);
    if (!format.ok()) return failed(format.status());
    absl::StatusOr<telemetry::LogWriter::File*> opened = log_writer_->Open(file.path);
    if (!opened.ok()) return failed(opened.status());
    AccessLog& log = logs.emplace_back();
    log.format = std::make_shared<const telemetry::AccessLogFormat>(*std::move(format));
    log.file = *opened;
    if (!file.response_flags.has_value()) continue;
    // No name stands for every flag.
    log.response_flags = file.response_flags->empty() ? ~0u : 0u;
    for (const std::string& flag : *file.response_flags) {
      *log.response_flags |= telemetry::ResponseFlagBit(flag);
    }
  }
  return logs;
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

void Configuration::TryListener(ListenerEntry* entry) {
  std::optional<absl::Duration> routes_wait, secrets_wait;
  std::set<std::string> missing;
  bool any_ready = false;
  for (const envoy::FilterChain* chain : ChainsOf(entry->listener)) {
    const auto* const http = RoutesByName(*chain);
    if (http != nullptr && routes_.count(http->route_config_name) == 0) {
      routes_wait = Longer(routes_wait.value_or(http->routes_initial_fetch_timeout),
                           http->routes_initial_fetch_timeout);
    }
    if (chain->tls == nullptr || tls_.Missing(*chain->tls).empty()) {
      any_ready = true;
      continue;
    }
    for (std::string& name : tls_.Missing(*chain->tls)) missing.insert(std::move(name));
    secrets_wait = Longer(secrets_wait.value_or(chain->tls->secrets_initial_fetch_timeout),
                          chain->tls->secrets_initial_fetch_timeout);
  }
  if (routes_wait.has_value() && !entry->routes_overdue) {
    if (*routes_wait > absl::ZeroDuration()) entry->routes_timer.Arm(ToNanos(*routes_wait));
    return;
  }
  if (!missing.empty()) {
    if (!entry->secrets_overdue) {
      if (*secrets_wait > absl::ZeroDuration()) entry->secrets_timer.Arm(ToNanos(*secrets_wait));
      return;
    }
    log_->Log(
        LogLevel::kWarning, "proxy",
        absl::StrCat("listener \"", entry->listener.name,
                     any_ready ? "\": connections are turned away" : "\": stays closed",
                     " for a secret that has not come in time: ", absl::StrJoin(missing, ", ")));
    if (!any_ready) return;
  }
  ActivateListener(entry);
}

void Configuration::ActivateListener(ListenerEntry* entry) {
  entry->routes_timer.Disarm();
  entry->secrets_timer.Disarm();
  auto plan = std::make_shared<ListenerPlan>();
  plan->name = entry->listener.name;
  plan->address = *Address::Parse(entry->listener.address.host, entry->listener.address.port);
  plan->bound = entry->listener.bind_to_port;
  plan->hands_off = entry->listener.hands_off;
  plan->inspection = entry->listener.inspection;
  plan->inspects =
      (plan->inspection.tls || plan->inspection.http) && entry->table->depends_on_first_bytes();
  plan->table = entry->table;
  plan->access_logs = entry->access_logs;
  plan->has_default_chain = entry->listener.default_chain.has_value();
  const std::vector<const envoy::FilterChain*> chains = ChainsOf(entry->listener);
  for (size_t i = 0; i < chains.size(); ++i) {
    auto config = std::make_shared<ListenerConfig>();
    config->name = entry->listener.name;
    config->direction = entry->listener.direction;
    config->buffer_limit_bytes = entry->listener.buffer_limit_bytes;
    config->chain = *chains[i];
    config->routes = entry->chains[i].inline_routes;
    if (const auto* const http = RoutesByName(*chains[i])) {
      const auto known = routes_.find(http->route_config_name);
      if (known != routes_.end()) config->routes = known->second;
    }
    config->access_logs = entry->chains[i].access_logs;
    if (chains[i]->tls != nullptr) {
      config->tls = ContextOf(chains[i]->tls, TlsContexts::Use::kServer);
    }
    plan->chains.push_back(std::move(config));
  }
  entry->active = plan;
  for (int fd : entry->sockets) {
    if (listen(fd, static_cast<int>(entry->listener.backlog)) != 0) {
      log_->Log(LogLevel::kError, "proxy",
                absl::StrCat("listener \"", entry->listener.name, "\": cannot listen on ",
                             entry->bound.ToString(), ": ", strerror(errno)));
    }
  }
  pending_.listeners.push_back({std::move(plan), -1, std::exchange(entry->takes_over, "")});
  pending_fds_.push_back(std::exchange(entry->sockets, {}));
}

}  // namespace mesh::proxy
