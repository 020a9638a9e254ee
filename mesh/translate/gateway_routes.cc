// The routes of a gateway: for each host that a server offers, the rules of all VirtualServices
// that are bound to the server's Gateway and have that host.
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/translate/gateway.h"
#include "mesh/translate/host.h"
#include "mesh/translate/outbound_routes.h"
#include "mesh/translate/route.h"

namespace mesh::translate {
namespace {

namespace route_v3 = ::envoy::config::route::v3;

struct Host {
  std::vector<RouteDraft> routes;
  bool https_only = false;
  Origin origin;
};

std::vector<std::string> Domains(const std::string& host) {
  if (host == "*") return {"*"};
  return {host, absl::StrCat(host, ":*")};
}

std::string WithoutNamespace(const std::string& host) {
  const size_t slash = host.find('/');
  return slash == std::string::npos ? host : host.substr(slash + 1);
}

class RouteBuilder {
 public:
  RouteBuilder(const Index& index, const Scope& scope, const Node& node,
               std::vector<Finding>* findings)
      : index_(index), scope_(scope), node_(node), findings_(findings) {}

  Draft<route_v3::RouteConfiguration> Build(const std::string& name,
                                            const std::vector<const GatewayServer*>& servers) {
    std::map<std::string, Host> hosts;
    const uint32_t port = servers.front()->spec->port().number();
    for (const GatewayServer* server : servers) {
      if (server->spec->tls().https_redirect()) {
        // Nothing is routed: every request is sent to https.
        for (const std::string& offered : server->hosts) {
          Host& host = hosts[WithoutNamespace(offered)];
          host.https_only = true;
          if (host.origin.object.empty()) host.origin = server->OriginOf(".hosts");
        }
        continue;
      }
      AddServer(*server, port, &hosts);
    }
    Draft<route_v3::RouteConfiguration> draft;
    draft.message.set_name(name);
    draft.message.mutable_validate_clusters()->set_value(false);
    if (hosts.empty()) {
      // Answers 404 to everything, which says more than no listener would.
      AddVirtualHost(HostPort("blackhole", port), {"*"}, {}, nullptr, &draft);
      draft.message.mutable_virtual_hosts(0)->clear_include_request_attempt_count();
      return draft;
    }
    for (auto& [hostname, host] : hosts) {
      AddVirtualHost(HostPort(hostname, port), Domains(hostname), std::move(host.routes),
                     &host.origin, &draft);
      if (host.https_only) {
        draft.message.mutable_virtual_hosts(draft.message.virtual_hosts_size() - 1)
            ->set_require_tls(route_v3::VirtualHost::ALL);
      }
    }
    return draft;
  }

 private:
  void AddServer(const GatewayServer& server, uint32_t port, std::map<std::string, Host>* hosts) {
    for (const VirtualServicePtr& virtual_service :
         index_.VirtualServicesFor(server.gateway_name, node_.ns)) {
      const std::vector<std::string> common = CommonHosts(
          HostsForNamespace(server.hosts, virtual_service->ns()), virtual_service->hosts);
      if (common.empty()) continue;
      const RouteContext context{
          index_,   scope_,
          node_,    {server.gateway_name},
          port,     [&](const std::string& host) { return scope_.FindService(host); },
          findings_};
      const std::vector<RouteDraft> routes = VirtualServiceRoutes(context, *virtual_service);
      if (routes.empty()) continue;
      for (const std::string& hostname : common) {
        const auto [it, first] = hosts->try_emplace(hostname);
        Host& host = it->second;
        if (first) {
          host.routes = routes;
          host.origin = OriginIn(*virtual_service->source, "spec.hosts");
        } else {
          host.routes = CombineRoutes(std::move(host.routes), routes);
        }
      }
    }
  }

  const Index& index_;
  const Scope& scope_;
  const Node& node_;
  std::vector<Finding>* const findings_;
};

}  // namespace

std::vector<Draft<route_v3::RouteConfiguration>> GatewayRoutes(const Index& index,
                                                               const Scope& scope, const Node& node,
                                                               const MergedGateway& gateway,
                                                               std::vector<Finding>* findings) {
  std::map<std::string, std::vector<const GatewayServer*>> by_name;
  for (const auto& [port, servers] : gateway.by_port) {
    for (const GatewayServer& server : servers) {
      if (!server.route_name.empty()) by_name[server.route_name].push_back(&server);
    }
  }
  std::vector<Draft<route_v3::RouteConfiguration>> configurations;
  RouteBuilder builder(index, scope, node, findings);
  for (const auto& [name, servers] : by_name) {
    configurations.push_back(builder.Build(name, servers));
  }
  return configurations;
}

}  // namespace mesh::translate
