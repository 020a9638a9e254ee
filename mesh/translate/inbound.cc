#include "mesh/translate/inbound.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mesh/translate/cluster.h"
#include "mesh/translate/filters.h"
#include "mesh/translate/names.h"
#include "mesh/translate/proto.h"
#include "mesh/translate/request_authentication.h"
#include "mesh/translate/route.h"
#include "mesh/translate/tls.h"

namespace mesh::translate {
namespace {

namespace listener_v3 = ::envoy::config::listener::v3;
namespace route_v3 = ::envoy::config::route::v3;
namespace networking = ::istio::networking::v1alpha3;
using envoy::config::cluster::v3::Cluster;
using registry::Protocol;

// What the inspectors may find: HTTP in plain text, HTTP and TCP between two sidecars.
constexpr const char* kPlainHttp[] = {"http/1.0", "http/1.1", "h2c"};
constexpr const char* kMutualHttp[] = {"istio-http/1.0", "istio-http/1.1", "istio-h2"};
constexpr const char* kMutualTcp[] = {"istio-peer-exchange", "istio"};

constexpr int kVirtualInboundPort = 15006;
// How long the virtual listener looks into a connection: a client that waits for the server to
// speak waits that long.
constexpr int kInspectionSeconds = 1;

template <size_t N>
void Protocols(const char* const (&protocols)[N], listener_v3::FilterChainMatch* match) {
  for (const char* protocol : protocols) match->add_application_protocols(protocol);
}

std::vector<std::string> TrustDomains(const Index& index) {
  std::vector<std::string> domains = {index.mesh().trust_domain()};
  for (const std::string& alias : index.mesh().trust_domain_aliases()) domains.push_back(alias);
  return domains;
}

route_v3::RouteConfiguration InboundRoutes(const std::string& cluster, const std::string& host,
                                           uint32_t port) {
  route_v3::RouteConfiguration routes;
  routes.set_name(cluster);
  routes.mutable_validate_clusters()->set_value(false);
  route_v3::VirtualHost* everything = routes.add_virtual_hosts();
  everything->set_name(absl::StrCat("inbound|http|", port));
  everything->add_domains("*");
  route_v3::Route* route = everything->add_routes();
  *route = PlainRoute("default", cluster);
  route->mutable_decorator()->set_operation(absl::StrCat(host, ":", port, "/*"));
  return routes;
}

// Makes the filter chains of one port, or of all ports that nobody named.
class Chains {
 public:
  Chains(const Index& index, const InboundAuthorization& authorization, std::string name,
         const std::string& cluster, const route_v3::RouteConfiguration& routes,
         std::string stat_prefix, const listener_v3::FilterChainMatch& base,
         google::protobuf::RepeatedPtrField<listener_v3::FilterChain>* out)
      : index_(index),
        authorization_(authorization),
        name_(std::move(name)),
        cluster_(cluster),
        routes_(routes),
        stat_prefix_(std::move(stat_prefix)),
        base_(base),
        out_(out) {}

  listener_v3::FilterChainMatch* Http(bool tls, Protocol protocol) {
    listener_v3::FilterChain* chain = Begin(tls, /*tcp=*/false);
    HttpFilterOptions options;
    options.side = HttpSide::kInbound;
    options.stat_prefix = stat_prefix_;
    options.routes = &routes_;
    options.http2 = registry::IsHttp2(protocol);
    options.grpc_web = protocol == Protocol::kGrpcWeb;
    options.authorization = &authorization_;
    *chain->add_filters() = HttpFilter(index_.mesh(), options);
    return Match(chain);
  }

  listener_v3::FilterChainMatch* Tcp(bool tls) {
    listener_v3::FilterChain* chain = Begin(tls, /*tcp=*/true);
    for (const AuthorizationStep& step : authorization_.tcp) {
      *chain->add_filters() = TcpAuthorizationFilter(step);
    }
    *chain->add_filters() = TcpFilter(index_.mesh(), cluster_, cluster_);
    return Match(chain);
  }

 private:
  listener_v3::FilterChain* Begin(bool tls, bool tcp) {
    listener_v3::FilterChain* chain = out_->Add();
    chain->set_name(name_);
    if (tls) {
      *chain->mutable_transport_socket() = TlsSocket(InboundContext(TrustDomains(index_), tcp));
    }
    return chain;
  }

  listener_v3::FilterChainMatch* Match(listener_v3::FilterChain* chain) {
    if (base_.ByteSizeLong() != 0) *chain->mutable_filter_chain_match() = base_;
    return chain->mutable_filter_chain_match();
  }

  const Index& index_;
  const InboundAuthorization& authorization_;
  const std::string name_;
  const std::string& cluster_;
  const route_v3::RouteConfiguration& routes_;
  const std::string stat_prefix_;
  const listener_v3::FilterChainMatch& base_;
  google::protobuf::RepeatedPtrField<listener_v3::FilterChain>* const out_;
};

struct Needs {
  bool tls_inspector = false;
  bool http_inspector = false;
};

Needs AddPortChains(const Index& index, const InboundAuthorization& authorization,
                    const InboundPort& port, bool by_port,
                    google::protobuf::RepeatedPtrField<listener_v3::FilterChain>* out) {
  const std::string cluster = port.Cluster();
  const std::string bind = port.bind_to_port ? port.bind : kWildcardAddress;
  const route_v3::RouteConfiguration routes =
      InboundRoutes(cluster, port.service->hostname, port.port.number);
  listener_v3::FilterChainMatch base;
  if (by_port) base.mutable_destination_port()->set_value(port.listen_port);
  const std::string name = absl::StrCat(bind, "_", port.listen_port);
  Chains chains(index, authorization, by_port ? name : "", cluster, routes,
                absl::StrCat("inbound_", name), base, out);
  const Protocol protocol = port.port.protocol;
  const bool mutual = port.mutual_tls != MutualTls::kDisable;
  const bool plain = port.mutual_tls != MutualTls::kStrict;
  Needs needs;
  needs.tls_inspector = mutual;
  if (registry::IsHttp(protocol)) {
    if (mutual) {
      auto* match = chains.Http(true, protocol);
      if (plain) {
        match->add_application_protocols("istio");
        Protocols(kMutualHttp, match);
      }
    }
    if (plain) chains.Http(false, protocol);
  } else if (protocol != Protocol::kUnsupported) {
    if (mutual) {
      auto* match = chains.Tcp(true);
      if (plain) Protocols(kMutualTcp, match);
    }
    if (plain) chains.Tcp(false);
  } else {
    needs.http_inspector = true;
    if (mutual) {
      auto* match = chains.Http(true, protocol);
      match->set_transport_protocol("tls");
      Protocols(kMutualHttp, match);
      match = chains.Tcp(true);
      match->set_transport_protocol("tls");
      if (plain) Protocols(kMutualTcp, match);
    }
    if (plain) {
      Protocols(kPlainHttp, chains.Http(false, protocol));
      // TLS of the application's own, then anything else.
      if (mutual) chains.Tcp(false)->set_transport_protocol("tls");
      chains.Tcp(false);
    }
  }
  return needs;
}

// Ports that no service names: on to where the connection was going.
Needs AddPassthroughChains(const Index& index, const Node& node,
                           const InboundAuthorization& authorization,
                           google::protobuf::RepeatedPtrField<listener_v3::FilterChain>* out) {
  const std::string cluster = kInboundPassthroughCluster;
  const route_v3::RouteConfiguration routes = InboundRoutes(cluster, "", 0);
  listener_v3::FilterChainMatch base;
  auto* range = base.add_prefix_ranges();
  range->set_address_prefix(kWildcardAddress);
  range->mutable_prefix_len()->set_value(0);
  const MutualTls mode = index.peer_authentications().OfWorkload(node.ns, node.labels, 0);
  const bool mutual = mode != MutualTls::kDisable;
  const bool plain = mode != MutualTls::kStrict;
  Chains tcp(index, authorization, "virtualInbound", cluster, routes, cluster, base, out);
  if (mutual) {
    auto* match = tcp.Tcp(true);
    match->set_transport_protocol("tls");
    if (plain) Protocols(kMutualTcp, match);
  }
  if (plain) tcp.Tcp(false);
  Chains http(index, authorization, "virtualInbound-catchall-http", cluster, routes, cluster, base,
              out);
  if (mutual) {
    auto* match = http.Http(true, Protocol::kHttp);
    match->set_transport_protocol("tls");
    Protocols(kPlainHttp, match);
    Protocols(kMutualHttp, match);
  }
  if (plain) Protocols(kPlainHttp, http.Http(false, Protocol::kHttp));
  return {mutual, true};
}

// "127.0.0.1:8080", ":8080", "unix:///path"; false when it is none of them.
bool ParseEndpoint(const std::string& text, InboundPort* port) {
  if (absl::StartsWith(text, "unix://")) {
    port->endpoint_address = text;
    return true;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port->endpoint_port)) {
    return false;
  }
  port->endpoint_address = kLocalhost;
  return true;
}

std::vector<InboundPort> SidecarPorts(const Index& index, const Scope& scope, const Node& node,
                                      const std::vector<registry::Instance>& instances) {
  std::vector<InboundPort> ports;
  for (int i = 0; i < scope.spec->ingress_size(); ++i) {
    const networking::IstioIngressListener& ingress = scope.spec->ingress(i);
    InboundPort port;
    if (!ParseEndpoint(ingress.default_endpoint(), &port)) continue;
    port.port.number = ingress.port().number();
    port.port.name = ingress.port().name();
    port.port.protocol = registry::ParseProtocol(ingress.port().protocol());
    port.listen_port = port.port.number;
    port.bind_to_port = node.interception == Interception::kNone ||
                        ingress.capture_mode() == networking::CaptureMode::NONE;
    port.bind = ingress.bind().empty() ? kWildcardAddress : ingress.bind();
    for (const registry::Instance& instance : instances) {
      if (instance.endpoint.port == port.listen_port) {
        port.service = instance.service;
        break;
      }
    }
    if (port.service == nullptr) {
      auto made_up = std::make_shared<registry::Service>();
      made_up->hostname = absl::StrCat(scope.sidecar->name(), ".", scope.sidecar->ns());
      made_up->name = scope.sidecar->name();
      made_up->ns = scope.sidecar->ns();
      port.service = std::move(made_up);
    }
    port.origin = OriginIn(*scope.sidecar, absl::StrCat("spec.ingress[", i, "]"));
    ports.push_back(std::move(port));
  }
  for (InboundPort& port : ports) {
    port.mutual_tls =
        index.peer_authentications().OfWorkload(node.ns, node.labels, port.listen_port);
  }
  return ports;
}

}  // namespace

std::string InboundPort::Cluster() const {
  return InboundCluster(service->hostname, port.number, port.name);
}

std::vector<InboundPort> InboundPorts(const Index& index, const Scope& scope, const Node& node) {
  const std::vector<registry::Instance> instances =
      index.registry().InstancesOf(node.ip, node.ns, node.labels);
  if (scope.spec != nullptr && !scope.spec->ingress().empty()) {
    return SidecarPorts(index, scope, node, instances);
  }
  std::vector<InboundPort> ports;
  if (node.interception == Interception::kNone) return ports;
  for (const registry::Instance& instance : instances) {
    if (instance.service_port->protocol == Protocol::kUdp) continue;
    InboundPort port;
    port.service = instance.service;
    port.port = *instance.service_port;
    port.listen_port = instance.endpoint.port;
    port.endpoint_address = kLocalhost;
    port.endpoint_port = instance.endpoint.port;
    port.mutual_tls =
        index.peer_authentications().OfWorkload(node.ns, node.labels, port.listen_port);
    port.origin = OriginIn(*instance.service->source, "");
    ports.push_back(std::move(port));
  }
  return ports;
}

std::vector<Draft<Cluster>> InboundClusters(const Index& index, const Scope& scope,
                                            const Node& node,
                                            const std::vector<InboundPort>& ports) {
  std::vector<Draft<Cluster>> clusters;
  std::set<std::string> names;
  for (const InboundPort& port : ports) {
    const std::string name = port.Cluster();
    if (!names.insert(name).second) continue;
    clusters.push_back(InboundClusterDraft(index, scope, node, name, *port.service, port.port,
                                           port.endpoint_address, port.endpoint_port));
  }
  return clusters;
}

InboundAuthorization AuthorizationFor(const Index& index, const Node& node,
                                      std::vector<Finding>* findings) {
  const std::vector<config::ResourcePtr> policies =
      index.authorization_policies().For(node.ns, node.labels);
  const auto asked = node.metadata.find(kPolicyPositions);
  const bool positions = asked != node.metadata.end() && asked->second == "true";
  return {TranslateRequestAuthentication(index.request_authentications().For(node.ns, node.labels),
                                         index.options().key_sets.get(), findings),
          TranslateAuthorization(policies, index.mesh(), &index.registry(), {false, positions},
                                 findings),
          TranslateAuthorization(policies, index.mesh(), &index.registry(), {true, positions},
                                 findings)};
}

std::vector<Draft<listener_v3::Listener>> InboundListeners(
    const Index& index, const InboundAuthorization& authorization,
    const std::vector<InboundPort>& ports) {
  std::vector<Draft<listener_v3::Listener>> listeners;
  std::set<std::string> names;
  for (const InboundPort& port : ports) {
    if (!port.bind_to_port) continue;
    Draft<listener_v3::Listener> draft;
    listener_v3::Listener& listener = draft.message;
    listener.set_name(absl::StrCat(port.bind, "_", port.listen_port));
    if (!names.insert(listener.name()).second) continue;
    *listener.mutable_address() = MakeAddress(port.bind, port.listen_port);
    listener.set_traffic_direction(envoy::config::core::v3::INBOUND);
    const Needs needs = AddPortChains(index, authorization, port, /*by_port=*/false,
                                      listener.mutable_filter_chains());
    for (listener_v3::FilterChain& chain : *listener.mutable_filter_chains()) {
      if (chain.filter_chain_match().ByteSizeLong() == 0) chain.clear_filter_chain_match();
    }
    if (needs.tls_inspector) *listener.add_listener_filters() = TlsInspector();
    if (needs.http_inspector) *listener.add_listener_filters() = HttpInspector();
    *listener.mutable_listener_filters_timeout() = index.mesh().protocol_detection_timeout();
    listener.set_continue_on_listener_filters_timeout(true);
    draft.provenance.emplace("", port.origin);
    listeners.push_back(std::move(draft));
  }
  return listeners;
}

Draft<listener_v3::Listener> VirtualInbound(const Index& index, const Node& node,
                                            const InboundAuthorization& authorization,
                                            const std::vector<InboundPort>& ports) {
  Draft<listener_v3::Listener> draft;
  listener_v3::Listener& listener = draft.message;
  listener.set_name("virtualInbound");
  *listener.mutable_address() = MakeAddress(kWildcardAddress, kVirtualInboundPort);
  listener.set_traffic_direction(envoy::config::core::v3::INBOUND);
  if (node.interception == Interception::kTproxy) listener.mutable_transparent()->set_value(true);
  Needs needs = AddPassthroughChains(index, node, authorization, listener.mutable_filter_chains());
  std::set<uint32_t> taken;
  for (const InboundPort& port : ports) {
    if (port.bind_to_port || !taken.insert(port.listen_port).second) continue;
    const int first = listener.filter_chains_size();
    const Needs more = AddPortChains(index, authorization, port, /*by_port=*/true,
                                     listener.mutable_filter_chains());
    needs.tls_inspector |= more.tls_inspector;
    for (int i = first; i < listener.filter_chains_size(); ++i) {
      draft.provenance.emplace(absl::StrCat("filter_chains[", i, "]"), port.origin);
    }
  }
  *listener.add_listener_filters() = OriginalDestinationInspector();
  if (needs.tls_inspector) *listener.add_listener_filters() = TlsInspector();
  *listener.add_listener_filters() = HttpInspector();
  *listener.mutable_listener_filters_timeout() = Seconds(kInspectionSeconds);
  listener.set_continue_on_listener_filters_timeout(true);
  return draft;
}

}  // namespace mesh::translate
