#include "mesh/translate/scope.h"

#include <utility>

#include "api/mesh/v1alpha1/config.pb.h"
#include "mesh/registry/protocol.h"
#include "mesh/translate/host.h"
#include "mesh/translate/index.h"
#include "mesh/translate/names.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
using registry::Service;
using registry::ServicePtr;

// The hosts of an egress listener by namespace.
using HostsByNamespace = std::map<std::string, std::vector<std::string>, std::less<>>;

HostsByNamespace ReadHosts(const networking::IstioEgressListener& listener, std::string_view ns) {
  HostsByNamespace hosts;
  for (const std::string& host : listener.hosts()) {
    const size_t slash = host.find('/');
    if (slash == std::string::npos) {
      hosts["*"].push_back(host);
      continue;
    }
    const std::string owner = host.substr(0, slash);
    hosts[owner == "." ? std::string(ns) : owner].push_back(host.substr(slash + 1));
  }
  return hosts;
}

// Those for objects of `owner`: its own list and that for every namespace.
bool Imported(const HostsByNamespace& hosts, std::string_view owner,
              const std::vector<std::string>& names) {
  for (const std::string_view key : {owner, std::string_view("*")}) {
    const auto it = hosts.find(key);
    if (it == hosts.end()) continue;
    for (const std::string& pattern : it->second) {
      for (const std::string& name : names) {
        if (HostWithin(name, pattern)) return true;
      }
    }
  }
  return false;
}

// With a port, what is left of the service at that port; null where it has none such.
ServicePtr AtPort(const ServicePtr& service, const networking::IstioEgressListener& listener) {
  const uint32_t number = listener.port().number();
  if (!listener.has_port() || number == 0 ||
      registry::ParseProtocol(listener.port().protocol()) == registry::Protocol::kHttpProxy) {
    return service;
  }
  const registry::Port* port = service->FindPort(number);
  if (port == nullptr) return nullptr;
  if (service->ports.size() == 1) return service;
  auto trimmed = std::make_shared<Service>(*service);
  trimmed->ports = {*port};
  return trimmed;
}

std::vector<ServicePtr> SelectServices(const std::vector<ServicePtr>& all,
                                       const networking::IstioEgressListener& listener,
                                       std::string_view ns) {
  const HostsByNamespace hosts = ReadHosts(listener, ns);
  std::vector<ServicePtr> imported;
  for (const ServicePtr& service : all) {
    if (!Imported(hosts, service->ns, {service->hostname})) continue;
    if (ServicePtr left = AtPort(service, listener)) imported.push_back(std::move(left));
  }
  // One namespace for each host: the proxy's own, else the first.
  std::map<std::string, std::string> namespaces;
  for (const ServicePtr& service : imported) {
    const auto [it, first] = namespaces.emplace(service->hostname, service->ns);
    if (!first && service->ns == ns) it->second = service->ns;
  }
  std::vector<ServicePtr> selected;
  for (ServicePtr& service : imported) {
    if (namespaces[service->hostname] == service->ns) selected.push_back(std::move(service));
  }
  return selected;
}

// Collects the services of several listeners.
class Union {
 public:
  explicit Union(Scope* scope) : scope_(scope) {}

  void Add(const ServicePtr& service) {
    const auto [it, first] = positions_.emplace(service->hostname, scope_->services.size());
    if (first) {
      scope_->services.push_back(service);
      return;
    }
    ServicePtr& known = scope_->services[it->second];
    if (known->ns != service->ns) return;
    std::shared_ptr<Service> merged;
    for (const registry::Port& port : service->ports) {
      if (known->FindPort(port.number) != nullptr) continue;
      if (merged == nullptr) merged = std::make_shared<Service>(*known);
      merged->ports.push_back(port);
    }
    if (merged != nullptr) known = std::move(merged);
  }

 private:
  Scope* const scope_;
  std::map<std::string, size_t> positions_;
};

template <class Visit>
void EachDestination(const networking::VirtualService& spec, const Visit& visit) {
  for (const networking::HTTPRoute& rule : spec.http()) {
    for (const auto& route : rule.route()) visit(route.destination().host());
    if (rule.has_mirror()) visit(rule.mirror().host());
  }
  for (const networking::TLSRoute& rule : spec.tls()) {
    for (const auto& route : rule.route()) visit(route.destination().host());
  }
  for (const networking::TCPRoute& rule : spec.tcp()) {
    for (const auto& route : rule.route()) visit(route.destination().host());
  }
}

template <class Rules>
bool AnyByLabels(const Rules& rules) {
  for (const auto& rule : rules) {
    for (const auto& match : rule.match()) {
      if (!match.source_labels().empty()) return true;
    }
  }
  return false;
}

}  // namespace

ServicePtr Scope::FindService(std::string_view host) const {
  const auto it = by_host.find(host);
  return it == by_host.end() ? nullptr : it->second;
}

const EgressListener* Scope::ListenerFor(uint32_t port) const {
  for (const EgressListener& listener : egress) {
    if (!listener.has_port() || listener.spec->port().number() == port) return &listener;
  }
  return nullptr;
}

ScopePtr MakeScope(const Index& index, const config::ResourcePtr& sidecar, std::string_view ns) {
  auto scope = std::make_shared<Scope>();
  scope->ns = std::string(ns);
  scope->allow_any = index.mesh().outbound_traffic_policy().mode() !=
                     istio::mesh::v1alpha1::MeshConfig::OutboundTrafficPolicy::REGISTRY_ONLY;
  const std::vector<ServicePtr> visible = index.VisibleServices(ns);
  const std::vector<VirtualServicePtr> virtual_services =
      index.VirtualServicesFor(kMeshGateway, ns);
  if (sidecar != nullptr) {
    scope->sidecar = sidecar;
    scope->spec = &sidecar->As<networking::Sidecar>();
    if (scope->spec->has_outbound_traffic_policy()) {
      scope->allow_any = scope->spec->outbound_traffic_policy().mode() ==
                         networking::OutboundTrafficPolicy::ALLOW_ANY;
      if (scope->spec->outbound_traffic_policy().has_egress_proxy()) {
        scope->egress_proxy = &scope->spec->outbound_traffic_policy().egress_proxy();
      }
    }
  }
  Union all(scope.get());
  if (scope->spec == nullptr || scope->spec->egress().empty()) {
    EgressListener& everything = scope->egress.emplace_back();
    everything.virtual_services = virtual_services;
    networking::IstioEgressListener any;
    any.add_hosts("*/*");
    everything.services = SelectServices(visible, any, ns);
  } else {
    for (int i = 0; i < scope->spec->egress_size(); ++i) {
      const networking::IstioEgressListener& spec = scope->spec->egress(i);
      EgressListener& listener = scope->egress.emplace_back();
      listener.spec = &spec;
      listener.index = i;
      listener.services = SelectServices(visible, spec, ns);
      const HostsByNamespace hosts = ReadHosts(spec, ns);
      for (const VirtualServicePtr& virtual_service : virtual_services) {
        if (Imported(hosts, virtual_service->ns(), virtual_service->hosts)) {
          listener.virtual_services.push_back(virtual_service);
        }
      }
    }
  }
  for (const EgressListener& listener : scope->egress) {
    for (const ServicePtr& service : listener.services) all.Add(service);
    // What a VirtualService leads to is needed too, imported or not.
    for (const VirtualServicePtr& virtual_service : listener.virtual_services) {
      const networking::VirtualService& spec = virtual_service->spec;
      scope->by_labels |=
          AnyByLabels(spec.http()) || AnyByLabels(spec.tls()) || AnyByLabels(spec.tcp());
      EachDestination(virtual_service->spec, [&](const std::string& host) {
        ServicePtr found;
        for (const ServicePtr& service : index.registry().FindServices(host)) {
          if (!index.Visible(*service, ns)) continue;
          if (found == nullptr || service->ns == ns) found = service;
        }
        if (found != nullptr) all.Add(found);
      });
    }
  }
  for (const ServicePtr& service : scope->services)
    scope->by_host.emplace(service->hostname, service);
  return scope;
}

}  // namespace mesh::translate
