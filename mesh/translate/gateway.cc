#include "mesh/translate/gateway.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/translate/filters.h"
#include "mesh/translate/inbound.h"
#include "mesh/translate/l4_routes.h"
#include "mesh/translate/names.h"
#include "mesh/translate/proto.h"
#include "mesh/translate/tls.h"

namespace mesh::translate {
namespace {

namespace listener_v3 = ::envoy::config::listener::v3;
namespace networking = ::istio::networking::v1alpha3;
using networking::ServerTLSSettings;
using registry::Protocol;

std::string RouteName(const networking::Server& server, Protocol protocol,
                      const config::Resource& gateway) {
  const uint32_t port = server.port().number();
  if (registry::IsHttp(protocol)) return absl::StrCat("http.", port);
  const bool passes_on = server.tls().mode() == ServerTLSSettings::PASSTHROUGH ||
                         server.tls().mode() == ServerTLSSettings::AUTO_PASSTHROUGH;
  if (protocol == Protocol::kHttps && server.has_tls() && !passes_on) {
    return absl::StrCat("https.", port, ".", server.port().name(), ".", gateway.name(), ".",
                        gateway.ns());
  }
  return "";
}

// The server names of a server that terminates TLS.
std::vector<std::string> ServerNames(const GatewayServer& server) {
  std::vector<std::string> names;
  for (const std::string& host : server.hosts) {
    const size_t slash = host.find('/');
    names.push_back(slash == std::string::npos ? host : host.substr(slash + 1));
  }
  return names;
}

// Why a server cannot join those that its port has already; empty when it can.
std::string Obstacle(const std::vector<GatewayServer>& present, const GatewayServer& server) {
  const GatewayServer& first = present.front();
  const auto by = [](const GatewayServer& other) {
    return absl::StrCat(other.gateway->ObjectName(), " spec.servers[", other.index, "]");
  };
  const bool plain = registry::IsHttp(server.protocol) || !server.spec->has_tls();
  const bool first_plain = registry::IsHttp(first.protocol) || !first.spec->has_tls();
  if (plain != first_plain ||
      (plain && !(registry::IsHttp(server.protocol) && registry::IsHttp(first.protocol)))) {
    return absl::StrCat("port ", server.spec->port().number(), " is ",
                        registry::ProtocolName(first.protocol) == "UnsupportedProtocol"
                            ? "another protocol"
                            : std::string(registry::ProtocolName(first.protocol)),
                        " of ", by(first), " already");
  }
  if (plain) return "";
  for (const GatewayServer& other : present) {
    if (!server.route_name.empty() && other.route_name == server.route_name) {
      return absl::StrCat("the port's name \"", server.spec->port().name(), "\" is that of ",
                          by(other));
    }
    const std::vector<std::string> names = ServerNames(other);
    for (const std::string& name : ServerNames(server)) {
      if (std::find(names.begin(), names.end(), name) != names.end()) {
        return absl::StrCat("the server name ", name, " belongs to ", by(other),
                            ", and Envoy takes none twice");
      }
    }
  }
  return "";
}

// Where a gateway listens for a server: at its pod's port behind the Service's.
uint32_t ListenPort(const std::vector<registry::Instance>& instances, uint32_t port) {
  for (const registry::Instance& instance : instances) {
    if (instance.service_port->number == port && instance.endpoint.port != 0) {
      return instance.endpoint.port;
    }
  }
  return port;
}

class ListenerBuilder {
 public:
  ListenerBuilder(const Index& index, const Scope& scope, const Node& node,
                  std::vector<Finding>* findings)
      : index_(index),
        scope_(scope),
        node_(node),
        findings_(findings),
        authorization_(AuthorizationFor(index, node, findings)) {}

  // Nothing where no server leads anywhere.
  std::optional<Draft<listener_v3::Listener>> Build(const std::vector<GatewayServer>& servers,
                                                    uint32_t port) {
    Draft<listener_v3::Listener> draft;
    listener_v3::Listener& listener = draft.message;
    const std::string bind =
        servers.front().spec->bind().empty() ? kWildcardAddress : servers.front().spec->bind();
    listener.set_name(absl::StrCat(bind, "_", port));
    *listener.mutable_address() = MakeAddress(bind, port);
    listener.set_traffic_direction(envoy::config::core::v3::OUTBOUND);
    draft.provenance.emplace("", servers.front().OriginOf());
    if (registry::IsHttp(servers.front().protocol)) {
      // Their routes are one configuration.
      *listener.add_filter_chains() = HttpChain(servers.front(), listener.name());
      return draft;
    }
    bool inspect = false;
    for (const GatewayServer& server : servers) {
      for (ChainDraft& chain : Chains(server, listener.name())) {
        inspect |= chain.message.has_transport_socket() ||
                   !chain.message.filter_chain_match().server_names().empty();
        const std::string path = absl::StrCat("filter_chains[", listener.filter_chains_size(), "]");
        draft.provenance.emplace(path, server.OriginOf());
        for (auto& [inner, origin] : chain.provenance) {
          draft.provenance[absl::StrCat(path, inner.empty() ? "" : ".", inner)] = origin;
        }
        *listener.add_filter_chains() = std::move(chain.message);
      }
    }
    if (listener.filter_chains().empty()) return std::nullopt;
    if (inspect) *listener.add_listener_filters() = TlsInspector();
    return draft;
  }

 private:
  listener_v3::FilterChain HttpChain(const GatewayServer& server, const std::string& name) {
    HttpFilterOptions options;
    options.side = HttpSide::kGateway;
    options.stat_prefix = absl::StrCat("outbound_", name);
    options.route_name = server.route_name;
    options.grpc_web = server.protocol == Protocol::kGrpcWeb;
    options.authorization = &authorization_;
    listener_v3::FilterChain chain;
    *chain.add_filters() = HttpFilter(index_.mesh(), options);
    return chain;
  }

  void Terminate(const GatewayServer& server, listener_v3::FilterChain* chain) {
    SetServerNames(ServerNames(server), chain);
    std::vector<std::string> trust_domains = {index_.mesh().trust_domain()};
    *chain->mutable_transport_socket() =
        TlsSocket(ServerContext(server.spec->tls(), trust_domains));
  }

  std::vector<ChainDraft> Chains(const GatewayServer& server, const std::string& name) {
    std::vector<ChainDraft> chains;
    if (!server.route_name.empty()) {
      ChainDraft& chain = chains.emplace_back();
      chain.message = HttpChain(server, name);
      Terminate(server, &chain.message);
      return chains;
    }
    const L4Context context{
        index_, scope_, node_, {server.gateway_name}, server.spec->port().number(), findings_};
    const std::vector<VirtualServicePtr> virtual_services =
        index_.VirtualServicesFor(server.gateway_name, node_.ns);
    if (server.PassesTlsOn()) {
      if (server.spec->tls().mode() == ServerTLSSettings::AUTO_PASSTHROUGH) {
        ChainDraft& chain = chains.emplace_back();
        SetServerNames(ServerNames(server), &chain.message);
        *chain.message.add_filters() = ServerNameFilter();
        *chain.message.add_filters() =
            TcpFilter(index_.mesh(), kBlackHoleCluster, kBlackHoleCluster);
      } else {
        chains = GatewayTlsChains(context, virtual_services, server.hosts);
      }
    } else if (auto chain = GatewayTcpChain(context, virtual_services, server.hosts)) {
      if (server.spec->has_tls()) Terminate(server, &chain->message);
      chains.push_back(*std::move(chain));
    }
    for (ChainDraft& chain : chains) {
      listener_v3::FilterChain guarded = chain.message;
      guarded.clear_filters();
      for (const AuthorizationStep& step : authorization_.tcp) {
        *guarded.add_filters() = TcpAuthorizationFilter(step);
      }
      guarded.mutable_filters()->MergeFrom(chain.message.filters());
      chain.message = std::move(guarded);
    }
    if (chains.empty()) {
      findings_->push_back({"MSH0115", server.OriginOf(),
                            "gets no listener: no VirtualService of this gateway has a TCP or TLS "
                            "rule for its hosts and port"});
    }
    return chains;
  }

  const Index& index_;
  const Scope& scope_;
  const Node& node_;
  std::vector<Finding>* const findings_;
  const InboundAuthorization authorization_;
};

}  // namespace

bool GatewayServer::TerminatesTls() const { return spec->has_tls() && !PassesTlsOn(); }

bool GatewayServer::PassesTlsOn() const {
  return spec->has_tls() && (spec->tls().mode() == ServerTLSSettings::PASSTHROUGH ||
                             spec->tls().mode() == ServerTLSSettings::AUTO_PASSTHROUGH);
}

Origin GatewayServer::OriginOf(const std::string& field) const {
  return OriginIn(*gateway, absl::StrCat("spec.servers[", index, "]", field));
}

MergedGateway MergeGateways(const Index& index, const Node& node, std::vector<Finding>* findings) {
  MergedGateway merged;
  for (const config::ResourcePtr& gateway : index.GatewaysFor(node.labels)) {
    const auto& spec = gateway->As<networking::Gateway>();
    for (int i = 0; i < spec.servers_size(); ++i) {
      GatewayServer server;
      server.gateway = gateway;
      server.index = i;
      server.spec = &spec.servers(i);
      server.gateway_name = absl::StrCat(gateway->ns(), "/", gateway->name());
      for (const std::string& host : server.spec->hosts()) {
        server.hosts.push_back(
            host.compare(0, 2, "./") == 0 ? absl::StrCat(gateway->ns(), host.substr(1)) : host);
      }
      server.protocol = registry::ParseProtocol(server.spec->port().protocol());
      server.route_name = RouteName(*server.spec, server.protocol, *gateway);
      std::vector<GatewayServer>& present = merged.by_port[server.spec->port().number()];
      if (!present.empty()) {
        if (const std::string obstacle = Obstacle(present, server); !obstacle.empty()) {
          findings->push_back(
              {"MSH0116", server.OriginOf(), absl::StrCat("is left out: ", obstacle)});
          continue;
        }
      }
      present.push_back(std::move(server));
    }
  }
  return merged;
}

std::vector<Draft<listener_v3::Listener>> GatewayListeners(const Index& index, const Scope& scope,
                                                           const Node& node,
                                                           const MergedGateway& gateway,
                                                           std::vector<Finding>* findings) {
  const std::vector<registry::Instance> instances =
      index.registry().InstancesOf(node.ip, node.ns, node.labels);
  std::vector<Draft<listener_v3::Listener>> listeners;
  std::set<std::string> names;
  ListenerBuilder builder(index, scope, node, findings);
  for (const auto& [port, servers] : gateway.by_port) {
    auto listener = builder.Build(servers, ListenPort(instances, port));
    if (!listener.has_value()) continue;
    if (!names.insert(listener->message.name()).second) {
      findings->push_back({"MSH0116", servers.front().OriginOf(),
                           absl::StrCat("is left out: another server listens on ",
                                        listener->message.name(), " already")});
      continue;
    }
    listeners.push_back(*std::move(listener));
  }
  return listeners;
}

}  // namespace mesh::translate
