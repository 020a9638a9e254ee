#include "mesh/translate/l4_routes.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/translate/filters.h"
#include "mesh/translate/host.h"
#include "mesh/translate/names.h"
#include "mesh/translate/proto.h"
#include "mesh/translate/route.h"
#include "mesh/translate/route_match.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
namespace listener_v3 = ::envoy::config::listener::v3;
using networking::L4MatchAttributes;
using networking::TLSMatchAttributes;
using registry::Service;

template <class Names>
std::vector<std::string> ToVector(const Names& names) {
  return {names.begin(), names.end()};
}

void SetRanges(std::vector<std::string> cidrs, listener_v3::FilterChain* chain) {
  std::sort(cidrs.begin(), cidrs.end());
  for (const std::string& cidr : cidrs) {
    envoy::config::core::v3::CidrRange range;
    if (!ParseCidr(cidr, &range) || range.address_prefix() == kWildcardAddress) continue;
    *chain->mutable_filter_chain_match()->add_prefix_ranges() = range;
  }
}

ChainDraft RuleChain(const L4Context& context, const VirtualService& virtual_service,
                     const google::protobuf::RepeatedPtrField<networking::RouteDestination>& routes,
                     const std::string& field) {
  ChainDraft draft;
  *draft.message.add_filters() = RouteFilter(context, routes, virtual_service);
  draft.provenance.emplace("", OriginIn(*virtual_service.source, field));
  return draft;
}

// VirtualServices that have something to say about a host.
std::vector<const VirtualService*> ForHost(const std::vector<VirtualServicePtr>& all,
                                           const std::string& host) {
  std::vector<const VirtualService*> found;
  for (const VirtualServicePtr& virtual_service : all) {
    if (std::any_of(virtual_service->hosts.begin(), virtual_service->hosts.end(),
                    [&](const std::string& pattern) { return HostsMatch(pattern, host); })) {
      found.push_back(virtual_service.get());
    }
  }
  return found;
}

// Straight to the service.
ChainDraft ServiceChain(const L4Context& context, const Service& service) {
  // A Sidecar may open another port than the service has.
  const uint32_t port = service.ports.size() == 1 ? service.ports[0].number : context.port;
  const std::string cluster = OutboundCluster(service.hostname, port);
  ChainDraft draft;
  *draft.message.add_filters() = TcpFilter(context.index.mesh(), cluster, cluster);
  draft.provenance.emplace("", OriginIn(*service.source, ""));
  return draft;
}

void AddTlsChains(const L4Context& context, const std::vector<const VirtualService*>& rules,
                  const Service& service, std::string_view bind, const std::string& cidr,
                  std::vector<ChainDraft>* chains) {
  // Two matches that differ only in what is decided here come to the same chain: the first counts.
  std::set<std::string> handled;
  for (const VirtualService* virtual_service : rules) {
    for (int i = 0; i < virtual_service->spec.tls_size(); ++i) {
      const networking::TLSRoute& rule = virtual_service->spec.tls(i);
      for (int j = 0; j < rule.match_size(); ++j) {
        const TLSMatchAttributes& match = rule.match(j);
        if (!AppliesHere(match, context)) continue;
        if (!handled
                 .insert(absl::StrCat(absl::StrJoin(match.sni_hosts(), ","), "|",
                                      absl::StrJoin(match.destination_subnets(), ",")))
                 .second) {
          continue;
        }
        ChainDraft draft = RuleChain(context, *virtual_service, rule.route(),
                                     absl::StrCat("spec.tls[", i, "].match[", j, "]"));
        SetConfigMetadata("virtual-service", virtual_service->ns(), virtual_service->name(),
                          draft.message.mutable_metadata());
        SetServerNames(ToVector(match.sni_hosts()), &draft.message);
        SetRanges(match.destination_subnets().empty() ? std::vector<std::string>{cidr}
                                                      : ToVector(match.destination_subnets()),
                  &draft.message);
        chains->push_back(std::move(draft));
      }
    }
  }
  if (!handled.empty()) return;
  ChainDraft draft = ServiceChain(context, service);
  // With an address of its own the service needs no name to be told apart.
  const bool own_address = !service.addresses.empty() && cidr.empty();
  if (!own_address || bind == kWildcardAddress) {
    SetServerNames({service.hostname}, &draft.message);
  }
  SetRanges({cidr}, &draft.message);
  chains->push_back(std::move(draft));
}

void AddTcpChains(const L4Context& context, const std::vector<const VirtualService*>& rules,
                  const Service& service, const std::string& cidr,
                  std::vector<ChainDraft>* chains) {
  for (const VirtualService* virtual_service : rules) {
    for (int i = 0; i < virtual_service->spec.tcp_size(); ++i) {
      const networking::TCPRoute& rule = virtual_service->spec.tcp(i);
      const std::string field = absl::StrCat("spec.tcp[", i, "]");
      bool any = rule.match().empty();
      std::vector<std::string> subnets;
      for (const L4MatchAttributes& match : rule.match()) {
        if (!AppliesHere(match, context)) continue;
        any |= match.destination_subnets().empty();
        subnets.insert(subnets.end(), match.destination_subnets().begin(),
                       match.destination_subnets().end());
      }
      if (!any && subnets.empty()) continue;
      ChainDraft draft = RuleChain(context, *virtual_service, rule.route(), field);
      SetConfigMetadata("virtual-service", virtual_service->ns(), virtual_service->name(),
                        draft.message.mutable_metadata());
      SetRanges(any ? std::vector<std::string>{cidr} : subnets, &draft.message);
      chains->push_back(std::move(draft));
      // Nothing gets past a rule for every address, or for all that the service has.
      if (any || subnets == std::vector<std::string>{cidr}) return;
    }
  }
  ChainDraft draft = ServiceChain(context, service);
  SetRanges({cidr}, &draft.message);
  chains->push_back(std::move(draft));
}

}  // namespace

void SetServerNames(const std::vector<std::string>& names, listener_v3::FilterChain* chain) {
  std::set<std::string> sorted(names.begin(), names.end());
  if (sorted.count("*") != 0) return;
  for (const std::string& name : sorted) {
    chain->mutable_filter_chain_match()->add_server_names(name);
  }
}

listener_v3::Filter RouteFilter(
    const L4Context& context,
    const google::protobuf::RepeatedPtrField<networking::RouteDestination>& routes,
    const VirtualService& virtual_service) {
  const auto cluster_of = [&](const networking::RouteDestination& route) {
    return DestinationCluster(route.destination(),
                              context.scope.FindService(route.destination().host()).get(),
                              context.port);
  };
  if (routes.size() == 1) {
    const std::string cluster = cluster_of(routes[0]);
    return TcpFilter(context.index.mesh(), cluster, cluster);
  }
  std::vector<WeightedTarget> targets;
  for (const networking::RouteDestination& route : routes) {
    if (route.weight() > 0) {
      targets.push_back({cluster_of(route), static_cast<uint32_t>(route.weight())});
    }
  }
  if (targets.empty()) {
    // Envoy would refuse a choice of nothing.
    return TcpFilter(context.index.mesh(), kBlackHoleCluster, kBlackHoleCluster);
  }
  return TcpFilter(context.index.mesh(),
                   absl::StrCat(virtual_service.name(), ".", virtual_service.ns()), targets);
}

std::vector<ChainDraft> OutboundTcpChains(const L4Context& context, const EgressListener& listener,
                                          const Service& service, registry::Protocol protocol,
                                          std::string_view bind, const std::string& cidr) {
  std::vector<ChainDraft> chains;
  const std::vector<const VirtualService*> rules =
      ForHost(listener.virtual_services, service.hostname);
  if (registry::IsTls(protocol)) {
    AddTlsChains(context, rules, service, bind, cidr, &chains);
  } else {
    AddTcpChains(context, rules, service, cidr, &chains);
  }
  return chains;
}

std::vector<ChainDraft> GatewayTlsChains(const L4Context& context,
                                         const std::vector<VirtualServicePtr>& virtual_services,
                                         const std::vector<std::string>& server_hosts) {
  std::vector<ChainDraft> chains;
  std::set<std::string> names;
  for (const VirtualServicePtr& virtual_service : virtual_services) {
    if (CommonHosts(HostsForNamespace(server_hosts, virtual_service->ns()), virtual_service->hosts)
            .empty()) {
      continue;
    }
    for (int i = 0; i < virtual_service->spec.tls_size(); ++i) {
      const networking::TLSRoute& rule = virtual_service->spec.tls(i);
      for (int j = 0; j < rule.match_size(); ++j) {
        const TLSMatchAttributes& match = rule.match(j);
        if (!AppliesHere(match, context)) continue;
        const std::string field = absl::StrCat("spec.tls[", i, "].match[", j, "]");
        const auto taken =
            std::find_if(match.sni_hosts().begin(), match.sni_hosts().end(),
                         [&](const std::string& name) { return names.count(name) != 0; });
        if (taken != match.sni_hosts().end()) {
          context.findings->push_back({"MSH0113", OriginIn(*virtual_service->source, field),
                                       absl::StrCat("is left out: the server name ", *taken,
                                                    " belongs to a rule before it")});
          continue;
        }
        names.insert(match.sni_hosts().begin(), match.sni_hosts().end());
        ChainDraft draft = RuleChain(context, *virtual_service, rule.route(), field);
        SetServerNames(ToVector(match.sni_hosts()), &draft.message);
        chains.push_back(std::move(draft));
      }
    }
  }
  return chains;
}

std::optional<ChainDraft> GatewayTcpChain(const L4Context& context,
                                          const std::vector<VirtualServicePtr>& virtual_services,
                                          const std::vector<std::string>& server_hosts) {
  for (const VirtualServicePtr& virtual_service : virtual_services) {
    if (CommonHosts(HostsForNamespace(server_hosts, virtual_service->ns()), virtual_service->hosts)
            .empty()) {
      continue;
    }
    for (int i = 0; i < virtual_service->spec.tcp_size(); ++i) {
      const networking::TCPRoute& rule = virtual_service->spec.tcp(i);
      const bool applies =
          rule.match().empty() ||
          std::any_of(rule.match().begin(), rule.match().end(),
                      [&](const L4MatchAttributes& match) { return AppliesHere(match, context); });
      if (applies) {
        return RuleChain(context, *virtual_service, rule.route(),
                         absl::StrCat("spec.tcp[", i, "]"));
      }
    }
  }
  return std::nullopt;
}

}  // namespace mesh::translate
