#include "mesh/translate/outbound_routes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "mesh/translate/host.h"
#include "mesh/translate/names.h"
#include "mesh/translate/proto.h"

namespace mesh::translate {
namespace {

namespace route_v3 = ::envoy::config::route::v3;
using registry::Port;
using registry::Protocol;
using registry::Service;
using registry::ServicePtr;

struct VirtualHostDraft {
  std::string name;
  std::vector<std::string> domains;
  std::vector<RouteDraft> routes;
  Origin origin;
};

bool CarriesHttp(const Port& port) {
  return registry::IsHttp(port.protocol) || port.protocol == Protocol::kUnsupported;
}

// What of a host name a client beside it may leave out: "reviews" and "default.svc.cluster.local"
// of "reviews.default.svc.cluster.local" for clients in "default.svc.cluster.local".
std::pair<std::string, std::string> SplitShared(std::string_view host, std::string_view domain) {
  const std::vector<std::string> a = absl::StrSplit(Absl(host), '.');
  const std::vector<std::string> b = absl::StrSplit(Absl(domain), '.');
  size_t shared = 0;
  while (shared < a.size() && shared < b.size() &&
         a[a.size() - 1 - shared] == b[b.size() - 1 - shared]) {
    ++shared;
  }
  const auto join = [&](size_t from, size_t to) {
    std::string text;
    for (size_t i = from; i < to; ++i) absl::StrAppend(&text, i == from ? "" : ".", a[i]);
    return text;
  };
  return {join(0, a.size() - shared), join(a.size() - shared, a.size())};
}

// Builds the virtual hosts of one listener.
class PortRoutes {
 public:
  PortRoutes(const Index& index, const Scope& scope, const Node& node,
             const EgressListener& listener, uint32_t port, std::vector<Finding>* findings)
      : listener_(listener), port_(port), context_{index, scope,   node,    {kMeshGateway},
                                                   port,  nullptr, findings} {
    context_.service_of = [this](const std::string& host) {
      const auto it = services_.find(host);
      return it == services_.end() ? nullptr : it->second;
    };
    for (const ServicePtr& service : listener.services) {
      const Port* at = port == 0 ? nullptr : service->FindPort(port);
      if (port != 0 && at == nullptr) continue;
      ServicePtr shown = service;
      if (at != nullptr && service->ports.size() > 1) {
        auto trimmed = std::make_shared<Service>(*service);
        trimmed->ports = {*at};
        shown = std::move(trimmed);
      }
      if (!services_.emplace(service->hostname, shown).second) continue;
      if (service->hostname[0] == '*') wild_.push_back(shown);
      order_.push_back(std::move(shown));
    }
  }

  // Only what Build finds.
  void Find() {
    names_alone_ = true;
    AddAll();
  }

  std::vector<VirtualHostDraft> Build() {
    AddAll();
    std::vector<VirtualHostDraft> hosts;
    for (auto& [port, made] : by_port_) {
      if (port_ != 0 && port != port_) continue;
      std::move(made.begin(), made.end(), std::back_inserter(hosts));
    }
    std::stable_sort(
        hosts.begin(), hosts.end(),
        [](const VirtualHostDraft& a, const VirtualHostDraft& b) { return a.name < b.name; });
    return hosts;
  }

 private:
  void AddAll() {
    std::set<std::string> covered;
    for (const VirtualServicePtr& virtual_service : listener_.virtual_services) {
      AddVirtualService(*virtual_service, &covered);
    }
    for (const ServicePtr& service : order_) {
      if (covered.count(service->hostname) != 0) continue;
      for (const Port& port : service->ports) {
        if (!CarriesHttp(port)) continue;
        std::vector<RouteDraft> routes;
        if (!names_alone_) routes.push_back(DefaultRoute(context_, *service, port));
        AddService(*service, port.number, std::move(routes), OriginIn(*service->source, ""));
      }
    }
  }

  void AddVirtualService(const VirtualService& virtual_service, std::set<std::string>* covered) {
    // Its hosts are services here, or names that nobody has registered.
    std::vector<std::string> others;
    std::vector<ServicePtr> services;
    for (const std::string& host : virtual_service.hosts) {
      bool found = false;
      if (const ServicePtr service = context_.service_of(host)) {
        services.push_back(service);
        found = true;
      }
      for (const ServicePtr& service : host[0] == '*' ? order_ : wild_) {
        if (service->hostname == host || !HostsMatch(service->hostname, host)) continue;
        services.push_back(service);
        found = true;
      }
      if (!found) others.push_back(host);
    }
    std::map<uint32_t, std::vector<ServicePtr>> by_port;
    for (const ServicePtr& service : services) {
      for (const Port& port : service->ports) {
        if (CarriesHttp(port)) by_port[port.number].push_back(service);
      }
    }
    // Hosts without a service are reached at port 80.
    if (by_port.empty()) by_port[80];
    if (port_ != 0 && by_port.count(port_) == 0) return;
    std::vector<RouteDraft> routes;
    if (!names_alone_) routes = VirtualServiceRoutes(context_, virtual_service);
    if (names_alone_ ? !HasRoutes(context_, virtual_service) : routes.empty()) return;
    const Origin origin = OriginIn(*virtual_service.source, "spec.hosts");
    for (const auto& [port, at_port] : by_port) {
      for (const std::string& host : others) {
        Add(port, HostPort(host, port), {host, HostPort(host, port)}, routes, origin);
      }
      for (const ServicePtr& service : at_port) {
        covered->insert(service->hostname);
        AddService(*service, port, routes, origin);
      }
    }
  }

  void AddService(const Service& service, uint32_t port, std::vector<RouteDraft> routes,
                  const Origin& origin) {
    std::vector<std::string> domains;
    if (!names_alone_) {
      domains = DomainsOf(service, port, context_.node.ns, context_.index.domain());
    }
    Add(port, HostPort(service.hostname, port), domains, std::move(routes), origin);
  }

  // Envoy refuses the same domain twice: the first one keeps it.
  void Add(uint32_t port, std::string name, const std::vector<std::string>& domains,
           std::vector<RouteDraft> routes, const Origin& origin) {
    if (!names_.insert(name).second) {
      context_.findings->push_back(
          {"MSH0102", origin,
           absl::StrCat(name,
                        " has routes of another VirtualService already; these are left "
                        "out")});
      return;
    }
    if (names_alone_) return;
    VirtualHostDraft host;
    for (const std::string& domain : domains) {
      // A listener for all ports tells them apart by the port in the host.
      if (port_ == 0 && port != 80 && domain.find(':') == std::string::npos) continue;
      if (domains_.insert(domain).second) host.domains.push_back(domain);
    }
    if (host.domains.empty()) return;
    host.name = std::move(name);
    host.routes = std::move(routes);
    host.origin = origin;
    by_port_[port].push_back(std::move(host));
  }

  const EgressListener& listener_;
  const uint32_t port_;
  RouteContext context_;
  std::map<std::string, ServicePtr> services_;
  std::vector<ServicePtr> order_;
  std::vector<ServicePtr> wild_;  // those whose hostname is a wildcard
  std::set<std::string> names_, domains_;
  std::map<uint32_t, std::vector<VirtualHostDraft>> by_port_;
  bool names_alone_ = false;
};

// What the name of a route configuration says.
struct Place {
  bool of_one_service = false;
  const EgressListener* listener = nullptr;  // null: there is none
  uint32_t service_port = 0;                 // 0: all
};

Place PlaceOf(const Scope& scope, const std::string& name) {
  Place place;
  const size_t colon = name.find(':');
  place.of_one_service = colon != std::string::npos && !absl::StartsWith(name, "unix:");
  uint32_t port = 0;
  (void)absl::SimpleAtoi(place.of_one_service ? name.substr(colon + 1) : name, &port);
  place.listener = scope.ListenerFor(port);
  place.service_port = port;
  if (place.listener != nullptr && place.listener->has_port() &&
      registry::ParseProtocol(place.listener->spec->port().protocol()) == Protocol::kHttpProxy) {
    place.service_port = 0;
  }
  return place;
}

// Hosts that nobody declared.
void AddCatchAll(const Index& index, const Scope& scope,
                 Draft<route_v3::RouteConfiguration>* configuration) {
  RouteDraft route;
  if (scope.allow_any) {
    std::string cluster = kPassthroughCluster;
    if (scope.egress_proxy != nullptr) {
      cluster = DestinationCluster(*scope.egress_proxy,
                                   scope.FindService(scope.egress_proxy->host()).get(), 0);
    }
    route.message = PlainRoute("allow_any", cluster);
    std::vector<RouteDraft> routes;
    routes.push_back(std::move(route));
    AddVirtualHost("allow_any", {"*"}, std::move(routes), nullptr, configuration);
    return;
  }
  route.message.set_name("block_all");
  route.message.mutable_match()->set_prefix("/");
  route.message.mutable_direct_response()->set_status(502);
  std::vector<RouteDraft> routes;
  routes.push_back(std::move(route));
  AddVirtualHost("block_all", {"*"}, std::move(routes), nullptr, configuration);
}

}  // namespace

void AddVirtualHost(const std::string& name, const std::vector<std::string>& domains,
                    std::vector<RouteDraft> routes, const Origin* origin,
                    Draft<route_v3::RouteConfiguration>* configuration) {
  const std::string path =
      absl::StrCat("virtual_hosts[", configuration->message.virtual_hosts_size(), "]");
  route_v3::VirtualHost* host = configuration->message.add_virtual_hosts();
  host->set_name(name);
  for (const std::string& domain : domains) host->add_domains(domain);
  host->set_include_request_attempt_count(true);
  if (origin != nullptr) configuration->provenance.emplace(path, *origin);
  for (size_t i = 0; i < routes.size(); ++i) {
    *host->add_routes() = std::move(routes[i].message);
    for (auto& [inner, at] : routes[i].provenance) {
      configuration->provenance.emplace(
          absl::StrCat(path, ".routes[", i, "]", inner.empty() ? "" : ".", inner), std::move(at));
    }
  }
}

std::vector<std::string> DomainsOf(const Service& service, uint32_t port, std::string_view ns,
                                   std::string_view domain) {
  std::vector<std::string> domains;
  const auto add = [&](const std::string& name) {
    domains.push_back(name);
    domains.push_back(HostPort(name, port));
  };
  add(service.hostname);
  const auto [own, shared] =
      SplitShared(service.hostname, absl::StrCat(Absl(ns), ".svc.", Absl(domain)));
  if (!shared.empty() && !own.empty()) {
    add(own);
    for (size_t i = shared.size(); i-- > 1;) {
      if (shared[i] == '.') add(absl::StrCat(own, ".", shared.substr(0, i)));
    }
  }
  // A headless service's pods have names of their own.
  if (service.headless) {
    const size_t names = domains.size();
    for (size_t i = 0; i < names; ++i) domains.push_back(absl::StrCat("*.", domains[i]));
  }
  for (const std::string& address : service.addresses) {
    if (IsIp(address)) add(address);
  }
  return domains;
}

Draft<route_v3::RouteConfiguration> OutboundRoutes(const Index& index, const Scope& scope,
                                                   const Node& node, const std::string& name,
                                                   std::vector<Finding>* findings) {
  Draft<route_v3::RouteConfiguration> configuration;
  configuration.message.set_name(name);
  configuration.message.mutable_validate_clusters()->set_value(false);
  const Place place = PlaceOf(scope, name);
  if (place.listener == nullptr) return configuration;
  std::vector<VirtualHostDraft> hosts =
      PortRoutes(index, scope, node, *place.listener, place.service_port, findings).Build();
  if (place.of_one_service) {
    const auto other = [&](const VirtualHostDraft& host) {
      return std::find(host.domains.begin(), host.domains.end(), name) == host.domains.end();
    };
    if (!std::all_of(hosts.begin(), hosts.end(), other)) {
      hosts.erase(std::remove_if(hosts.begin(), hosts.end(), other), hosts.end());
    }
  }
  for (VirtualHostDraft& host : hosts) {
    AddVirtualHost(host.name, host.domains, std::move(host.routes), &host.origin, &configuration);
  }
  if (!place.of_one_service) AddCatchAll(index, scope, &configuration);
  return configuration;
}

void FindInOutboundRoutes(const Index& index, const Scope& scope, const Node& node,
                          const std::string& name, std::vector<Finding>* findings) {
  const Place place = PlaceOf(scope, name);
  if (place.listener == nullptr) return;
  PortRoutes(index, scope, node, *place.listener, place.service_port, findings).Find();
}

}  // namespace mesh::translate
