// Several services may want one address and port. The rules, as in Istio 1.7 with its looking into
// unnamed protocols on:
//  1. HTTP joins HTTP or an unnamed protocol: they share a connection manager, routes tell them
//  apart.
//  2. HTTP and TCP on one address share the listener: the HTTP chain is for connections in which
//  the
//     inspector finds HTTP, the TCP chains for the rest.
//  3. TCP joins TCP: each brings its filter chains; a chain whose match is taken is left out.
//  4. Protocols in which the server speaks first (Mongo, MySQL) cannot be looked into: whoever
//  comes
//     second is left out.
//  5. What a Sidecar's listener with a port of its own made is locked: later listeners add nothing.
#include "mesh/translate/outbound_listeners.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/translate/filters.h"
#include "mesh/translate/l4_routes.h"
#include "mesh/translate/names.h"
#include "mesh/translate/proto.h"
#include "mesh/translate/route.h"

namespace mesh::translate {
namespace {

namespace listener_v3 = ::envoy::config::listener::v3;
using registry::Port;
using registry::Protocol;
using registry::Resolution;
using registry::Service;
using registry::ServicePtr;

constexpr const char* kPlainHttp[] = {"http/1.0", "http/1.1", "h2c"};

bool ServerSpeaksFirst(Protocol protocol) {
  return protocol == Protocol::kMongo || protocol == Protocol::kMySql;
}

// Connections in which the inspector found HTTP.
void OnlyHttp(listener_v3::FilterChain* chain) {
  auto* match = chain->mutable_filter_chain_match();
  for (const char* protocol : kPlainHttp) {
    const auto& known = match->application_protocols();
    if (std::find(known.begin(), known.end(), protocol) == known.end()) {
      match->add_application_protocols(protocol);
    }
  }
}

std::string MatchKey(const listener_v3::FilterChain& chain) {
  return Serialize(chain.filter_chain_match());
}

// Where connections go that no service is for.
std::string FallThroughCluster(const Scope& scope) {
  if (scope.egress_proxy != nullptr) {
    return DestinationCluster(*scope.egress_proxy,
                              scope.FindService(scope.egress_proxy->host()).get(), 0);
  }
  return scope.allow_any ? kPassthroughCluster : kBlackHoleCluster;
}

struct Wish {
  const EgressListener& egress;
  ServicePtr service;
  std::string bind;  // empty: the service's own address, or all
  uint32_t port;
  Protocol protocol;
  bool bind_to_port;
};

class Builder {
 public:
  Builder(const Index& index, const Scope& scope, const Node& node, std::vector<Finding>* findings)
      : index_(index), scope_(scope), node_(node), findings_(findings) {}

  OutboundListenerSet Build() {
    for (const EgressListener& egress : scope_.egress) {
      const bool bind_to_port =
          node_.interception == Interception::kNone ||
          (egress.spec != nullptr &&
           egress.spec->capture_mode() == istio::networking::v1alpha3::CaptureMode::NONE);
      std::string bind = egress.spec != nullptr ? egress.spec->bind() : "";
      if (bind.empty() && bind_to_port) bind = kLocalhost;
      if (egress.has_port()) {
        for (const ServicePtr& service : egress.services) {
          Add({egress, service, bind, egress.spec->port().number(),
               registry::ParseProtocol(egress.spec->port().protocol()), bind_to_port});
        }
        continue;
      }
      for (auto& [key, entry] : entries_) entry->locked = true;
      for (const ServicePtr& service : egress.services) {
        for (const Port& port : service->ports) {
          AddServicePort(egress, service, port, bind, bind_to_port);
        }
      }
    }
    OutboundListenerSet set;
    for (auto& [key, entry] : entries_) set.listeners.push_back(Finish(*entry));
    set.route_names = std::move(route_names_);
    return set;
  }

 private:
  struct Entry {
    std::string bind;
    uint32_t port = 0;
    Protocol protocol = Protocol::kUnsupported;
    bool bind_to_port = false;
    bool inspect_http = false;
    bool locked = false;
    std::vector<ChainDraft> chains;
    Origin origin;
  };

  void AddServicePort(const EgressListener& egress, const ServicePtr& service, const Port& port,
                      const std::string& bind, bool bind_to_port) {
    const bool headless = service->resolution == Resolution::kPassthrough &&
                          service->addresses.empty() && bind.empty();
    const bool by_address =
        registry::IsTcp(port.protocol) || port.protocol == Protocol::kUnsupported;
    if (headless && by_address) {
      const auto endpoints = index_.registry().EndpointsOf(*service, port);
      if (!endpoints.empty() || service->kubernetes || !service->selector.empty()) {
        // A listener for each of its pods, but the proxy's own.
        for (const registry::Endpoint* endpoint : endpoints) {
          if (!IsIp(endpoint->address) || endpoint->address == node_.ip) continue;
          Add({egress, service, endpoint->address, port.number, port.protocol, bind_to_port});
        }
        return;
      }
    }
    Add({egress, service, bind, port.number, port.protocol, bind_to_port});
  }

  void Add(const Wish& wish) {
    if (wish.protocol == Protocol::kUdp) return;
    if (registry::IsHttp(wish.protocol)) {
      AddHttp(wish);
      return;
    }
    // Each address of a service that has several.
    if (wish.bind.empty() && wish.service->addresses.size() > 1) {
      for (const std::string& address : wish.service->addresses) AddTcp(wish, address);
    } else {
      AddTcp(wish, wish.service->addresses.empty() ? "" : wish.service->addresses[0]);
    }
  }

  static std::string Key(const std::string& bind, uint32_t port) {
    return port == 0 ? bind : absl::StrCat(bind, "_", port);
  }

  ChainDraft HttpChain(const std::string& bind, const Wish& wish, const std::string& route_name) {
    HttpFilterOptions options;
    options.side = HttpSide::kOutbound;
    options.stat_prefix = absl::StrCat("outbound_", bind, "_", wish.port);
    options.route_name = route_name;
    ChainDraft draft;
    *draft.message.add_filters() = HttpFilter(index_.mesh(), options);
    route_names_.insert(route_name);
    return draft;
  }

  void AddHttp(const Wish& wish) {
    const std::string bind = wish.bind.empty() ? kWildcardAddress : wish.bind;
    Entry* entry = Find(bind, wish.port);
    if (entry != nullptr && (entry->locked || registry::IsHttp(entry->protocol) ||
                             entry->protocol == Protocol::kUnsupported)) {
      return;
    }
    const std::string route_name = wish.port == 0 ? bind : absl::StrCat(wish.port);
    // Only behind interception may anything else come to the port.
    const bool inspect = bind == kWildcardAddress && wish.protocol != Protocol::kHttpProxy;
    if (entry != nullptr && (!inspect || ServerSpeaksFirst(entry->protocol))) {
      Conflict(wish, *entry);
      return;
    }
    ChainDraft chain = HttpChain(bind, wish, route_name);
    if (inspect) OnlyHttp(&chain.message);
    if (entry == nullptr) {
      entry = Create(bind, wish);
    } else {
      entry->protocol = Protocol::kUnsupported;
    }
    entry->inspect_http |= inspect;
    entry->chains.push_back(std::move(chain));
  }

  void AddTcp(const Wish& wish, const std::string& address) {
    std::string bind = wish.bind;
    std::string cidr;
    if (bind.empty()) {
      bind = address.empty() ? kWildcardAddress : address;
      if (absl::StrContains(address, "/")) {
        cidr = address;
        bind = kWildcardAddress;
      }
    }
    Entry* entry = Find(bind, wish.port);
    const bool unnamed = wish.protocol == Protocol::kUnsupported;
    if (entry != nullptr) {
      if (entry->locked) return;
      if (unnamed && entry->protocol == Protocol::kUnsupported) return;
      if (ServerSpeaksFirst(entry->protocol) != ServerSpeaksFirst(wish.protocol)) {
        Conflict(wish, *entry);
        return;
      }
    }
    const L4Context context{index_, scope_, node_, {kMeshGateway}, wish.port, findings_};
    std::vector<ChainDraft> chains =
        OutboundTcpChains(context, wish.egress, *wish.service, wish.protocol, bind, cidr);
    const bool joins_http = entry != nullptr && registry::IsHttp(entry->protocol);
    if (unnamed && !joins_http) {
      const std::string route_name = bind == kWildcardAddress
                                         ? absl::StrCat(wish.port)
                                         : absl::StrCat(wish.service->hostname, ":", wish.port);
      ChainDraft http = HttpChain(bind, wish, route_name);
      OnlyHttp(&http.message);
      chains.push_back(std::move(http));
    }
    if (entry == nullptr) {
      entry = Create(bind, wish);
    } else if (unnamed || joins_http) {
      entry->protocol = Protocol::kUnsupported;
      for (ChainDraft& chain : entry->chains) {
        if (joins_http) OnlyHttp(&chain.message);
      }
    }
    entry->inspect_http |= unnamed || joins_http;
    for (ChainDraft& chain : chains) {
      const std::string key = MatchKey(chain.message);
      const bool taken =
          std::any_of(entry->chains.begin(), entry->chains.end(),
                      [&](const ChainDraft& known) { return MatchKey(known.message) == key; });
      if (taken) {
        Conflict(wish, *entry);
      } else {
        entry->chains.push_back(std::move(chain));
      }
    }
  }

  void Conflict(const Wish& wish, const Entry& entry) {
    findings_->push_back({"MSH0114", OriginIn(*wish.service->source, ""),
                          absl::StrCat(wish.service->hostname, " port ", wish.port,
                                       " gets no listener: ", entry.bind, ":", entry.port,
                                       " belongs to ", entry.origin.object, " already")});
  }

  Entry* Find(const std::string& bind, uint32_t port) {
    const auto it = entries_.find(Key(bind, port));
    return it == entries_.end() ? nullptr : it->second.get();
  }

  Entry* Create(const std::string& bind, const Wish& wish) {
    std::unique_ptr<Entry>& entry = entries_[Key(bind, wish.port)];
    entry = std::make_unique<Entry>();
    entry->bind = bind;
    entry->port = wish.port;
    entry->protocol = wish.protocol;
    entry->bind_to_port = wish.bind_to_port;
    entry->origin =
        wish.egress.has_port()
            ? OriginIn(*scope_.sidecar, absl::StrCat("spec.egress[", wish.egress.index, "]"))
            : OriginIn(*wish.service->source, "");
    return entry.get();
  }

  ListenerDraft Finish(Entry& entry) {
    ListenerDraft draft;
    listener_v3::Listener& listener = draft.message;
    listener.set_name(Key(entry.bind, entry.port));
    *listener.mutable_address() = MakeAddress(entry.bind, entry.port);
    listener.set_traffic_direction(envoy::config::core::v3::OUTBOUND);
    if (!entry.bind_to_port) listener.mutable_bind_to_port()->set_value(false);
    draft.provenance.emplace("", entry.origin);
    bool server_names = false, everything = false;
    for (ChainDraft& chain : entry.chains) {
      const auto& match = chain.message.filter_chain_match();
      server_names |= !match.server_names().empty();
      everything |= MatchKey(chain.message).empty();
      for (auto& [path, origin] : chain.provenance) {
        draft.provenance.emplace(absl::StrCat("filter_chains[", listener.filter_chains_size(), "]",
                                              path.empty() ? "" : ".", path),
                                 std::move(origin));
      }
      *listener.add_filter_chains() = std::move(chain.message);
    }
    if (!everything) {
      listener_v3::FilterChain* rest = listener.add_filter_chains();
      rest->mutable_filter_chain_match();
      rest->set_name("PassthroughFilterChain");
      const std::string cluster = FallThroughCluster(scope_);
      *rest->add_filters() = TcpFilter(index_.mesh(), cluster, cluster);
    }
    if (server_names || entry.inspect_http) *listener.add_listener_filters() = TlsInspector();
    if (entry.inspect_http) {
      *listener.add_listener_filters() = HttpInspector();
      // A client that waits for the server to speak gets the TCP chain after that.
      *listener.mutable_listener_filters_timeout() = index_.mesh().protocol_detection_timeout();
      listener.set_continue_on_listener_filters_timeout(true);
    }
    return draft;
  }

  const Index& index_;
  const Scope& scope_;
  const Node& node_;
  std::vector<Finding>* const findings_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  std::set<std::string> route_names_;
};

}  // namespace

OutboundListenerSet OutboundListeners(const Index& index, const Scope& scope, const Node& node,
                                      std::vector<Finding>* findings) {
  return Builder(index, scope, node, findings).Build();
}

ListenerDraft VirtualOutbound(const Index& index, const Scope& scope, const Node& node) {
  ListenerDraft draft;
  listener_v3::Listener& listener = draft.message;
  listener.set_name("virtualOutbound");
  *listener.mutable_address() = MakeAddress(kWildcardAddress, index.mesh().proxy_listen_port());
  listener.set_traffic_direction(envoy::config::core::v3::OUTBOUND);
  listener.mutable_use_original_dst()->set_value(true);
  if (node.interception == Interception::kTproxy) listener.mutable_transparent()->set_value(true);
  listener_v3::FilterChain* chain = listener.add_filter_chains();
  chain->set_name("virtualOutbound-catchall-tcp");
  const std::string cluster = FallThroughCluster(scope);
  *chain->add_filters() = TcpFilter(index.mesh(), cluster, cluster);
  return draft;
}

}  // namespace mesh::translate
