#include "mesh/translate/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/translate/endpoint.h"
#include "mesh/translate/locality.h"
#include "mesh/translate/names.h"
#include "mesh/translate/proto.h"
#include "mesh/translate/tls.h"
#include "mesh/translate/traffic_policy.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
using envoy::config::cluster::v3::Cluster;
using networking::ClientTLSSettings;
using registry::Port;
using registry::Protocol;
using registry::Resolution;
using registry::Service;
using registry::ServicePtr;

constexpr char kDestinationRuleKind[] = "destination-rule";

// What one service port is for a node, while its cluster and subsets are built.
class OutboundPort {
 public:
  OutboundPort(const Index& index, const Node& node, const ServicePtr& service, const Port& port,
               bool by_server_name, std::vector<Finding>* findings)
      : index_(index),
        node_(node),
        service_(service),
        port_(port),
        by_server_name_(by_server_name),
        findings_(findings),
        rule_(index.RuleFor(*service, node)) {
    type_ = Cluster::EDS;
    if (service->resolution == Resolution::kDns) type_ = Cluster::STRICT_DNS;
    // A gateway does not know where a connection was going.
    if (service->resolution == Resolution::kPassthrough && node.type == NodeType::kSidecar) {
      type_ = Cluster::ORIGINAL_DST;
    }
  }

  void Build(std::vector<OutboundClusterDraft>* out) const {
    AddCluster(/*subset=*/-1, out);
    if (rule_ == nullptr) return;
    for (int i = 0; i < rule_->spec.subsets_size(); ++i) AddCluster(i, out);
  }

 private:
  std::string Name(const std::string& subset) const {
    return by_server_name_ ? ClusterServerName(service_->hostname, port_.number, subset)
                           : OutboundCluster(service_->hostname, port_.number, subset);
  }

  // Whether the mesh's own TLS is used although nobody says so.
  bool AutomaticMutualTls() const {
    if (by_server_name_ || service_->mesh_external || !index_.mesh().enable_auto_mtls().value()) {
      return false;
    }
    if (index_.peer_authentications().OfNamespace(service_->ns) == MutualTls::kDisable) {
      return false;
    }
    if (service_->resolution != Resolution::kPassthrough) return true;
    // Without endpoints to choose by, only when all of them speak it.
    const auto endpoints = index_.registry().EndpointsOf(*service_, port_);
    for (const registry::Endpoint* endpoint : endpoints) {
      if (!endpoint->mutual_tls) return false;
    }
    return !endpoints.empty();
  }

  void ApplyTls(const ClientTLSSettings* tls, const std::string& subset, const Origin& origin,
                ClusterBuilder& builder) const {
    Cluster& cluster = builder.cluster();
    const std::string server_name = ClusterServerName(service_->hostname, port_.number, subset);
    if (tls == nullptr) {
      if (!AutomaticMutualTls()) return;
      const auto context = MutualTlsContext(server_name, {}, builder.http2());
      cluster.clear_transport_socket_matches();
      if (cluster.type() == Cluster::ORIGINAL_DST) {
        *cluster.mutable_transport_socket() = TlsSocket(context);
        return;
      }
      auto* mutual = cluster.add_transport_socket_matches();
      mutual->set_name("tlsMode-istio");
      (*mutual->mutable_match()->mutable_fields())["tlsMode"].set_string_value("istio");
      *mutual->mutable_transport_socket() = TlsSocket(context);
      auto* plain = cluster.add_transport_socket_matches();
      plain->set_name("tlsMode-disabled");
      plain->mutable_match();
      *plain->mutable_transport_socket() = PlainSocket();
      return;
    }
    // Clusters that stand for a server name forward what is encrypted already.
    if (by_server_name_) return;
    switch (tls->mode()) {
      case ClientTLSSettings::DISABLE:
        cluster.clear_transport_socket();
        cluster.clear_transport_socket_matches();
        return;
      case ClientTLSSettings::ISTIO_MUTUAL:
        *cluster.mutable_transport_socket() = TlsSocket(MutualTlsContext(
            tls->sni().empty() ? server_name : tls->sni(),
            {tls->subject_alt_names().begin(), tls->subject_alt_names().end()}, builder.http2()));
        break;
      case ClientTLSSettings::SIMPLE:
      case ClientTLSSettings::MUTUAL:
        *cluster.mutable_transport_socket() = TlsSocket(ClientContext(*tls, builder.http2()));
        break;
      default:
        return;
    }
    if (!cluster.transport_socket_matches().empty()) {
      findings_->push_back(
          {"MSH0110", origin,
           "does not reach endpoints with a sidecar, which automatic mutual TLS keeps using, nor "
           "others, which get plain text; set trafficPolicy.tls of the whole rule as well"});
    }
  }

  void AddCluster(int subset, std::vector<OutboundClusterDraft>* out) const {
    static const networking::Subset kWhole;
    const networking::Subset& part = subset < 0 ? kWhole : rule_->spec.subsets(subset);
    OutboundClusterDraft draft;
    draft.service = service_;
    draft.port = port_.number;
    draft.subset.insert(part.labels().begin(), part.labels().end());
    ClusterBuilder builder(index_.mesh(), Name(part.name()), type_);
    if (type_ == Cluster::STRICT_DNS) {
      auto assignment = LoadAssignment(index_.registry(), *service_, port_, draft.subset,
                                       builder.cluster().name());
      if (assignment.endpoints().empty()) {
        Origin origin =
            subset < 0 ? OriginIn(*service_->source, "spec") : rule_->SubsetOrigin(subset);
        findings_->push_back({"MSH0111", std::move(origin),
                              absl::StrCat("no endpoint to resolve for ", service_->hostname,
                                           " port ", port_.number, "; it gets no cluster")});
        return;
      }
      *builder.cluster().mutable_load_assignment() = std::move(assignment);
    }
    if (registry::IsHttp2(port_.protocol)) builder.UseHttp2();
    // What nobody named is looked into by sidecars, and not by gateways.
    if (port_.protocol == Protocol::kUnsupported && node_.type == NodeType::kSidecar) {
      builder.UseDownstreamProtocol();
    }
    Provenance provenance;
    provenance.emplace("", OriginIn(*service_->source, ""));
    if (rule_ != nullptr) {
      ApplyRule(subset, part, builder, provenance);
    } else {
      ApplyTls(nullptr, "", {}, builder);
    }
    SetPreference(part, &draft);
    Cluster& cluster = builder.cluster();
    if (type_ == Cluster::STRICT_DNS && draft.locality != nullptr) {
      PreferByLocality(node_.locality, *draft.locality, draft.failover,
                       cluster.mutable_load_assignment());
    }
    if (cluster.type() == Cluster::EDS) {
      auto* eds = cluster.mutable_eds_cluster_config();
      *eds->mutable_eds_config() = AdsSource();
      eds->set_service_name(cluster.name());
      draft.eds = true;
    } else if (cluster.type() == Cluster::ORIGINAL_DST) {
      cluster.clear_load_assignment();
    }
    draft.cluster.message = builder.Finish();
    draft.cluster.provenance = std::move(provenance);
    out->push_back(std::move(draft));
  }

  // The part's own blocks, else the rule's.
  void SetPreference(const networking::Subset& part, OutboundClusterDraft* draft) const {
    PortPolicy whole, own;
    if (rule_ != nullptr) {
      whole = PolicyAt(rule_->spec.traffic_policy(), port_.number);
      own = PolicyAt(part.traffic_policy(), port_.number);
    }
    draft->locality = LocalitySettings(
        index_.mesh(), own.load_balancer != nullptr ? own.load_balancer : whole.load_balancer);
    draft->failover = own.outlier_detection != nullptr || whole.outlier_detection != nullptr;
  }

  void ApplyRule(int subset, const networking::Subset& part, ClusterBuilder& builder,
                 Provenance& provenance) const {
    const PortPolicy whole = PolicyAt(rule_->spec.traffic_policy(), port_.number);
    const Origin policy_origin = rule_->PolicyOrigin(
        whole.port_level < 0
            ? "spec.trafficPolicy"
            : absl::StrCat("spec.trafficPolicy.portLevelSettings[", whole.port_level, "]"));
    if (rule_->spec.has_traffic_policy()) {
      for (const char* field : {"lb_policy", "circuit_breakers", "outlier_detection",
                                "transport_socket", "connect_timeout"}) {
        provenance[field] = policy_origin;
      }
    }
    builder.Apply(whole, port_.protocol);
    ApplyTls(whole.tls, part.name(), policy_origin, builder);
    SetConfigMetadata(kDestinationRuleKind, rule_->source->ns(), rule_->source->name(),
                      builder.cluster().mutable_metadata());
    if (subset < 0) return;
    provenance[""] = rule_->SubsetOrigin(subset);
    (*(*builder.cluster().mutable_metadata()->mutable_filter_metadata())["istio"]
          .mutable_fields())["subset"]
        .set_string_value(part.name());
    if (!part.has_traffic_policy()) return;
    const PortPolicy own = PolicyAt(part.traffic_policy(), port_.number);
    builder.Apply(own, port_.protocol);
    if (own.tls != nullptr) {
      Origin origin = rule_->SubsetOrigin(subset);
      ApplyTls(own.tls, part.name(), origin, builder);
    }
  }

  const Index& index_;
  const Node& node_;
  const ServicePtr& service_;
  const Port& port_;
  const bool by_server_name_;
  std::vector<Finding>* const findings_;
  const DestinationRulePtr rule_;
  Cluster::DiscoveryType type_;
};

bool RoutesByServerName(const Node& node) {
  const auto mode = node.metadata.find("ROUTER_MODE");
  return node.type == NodeType::kRouter && mode != node.metadata.end() &&
         mode->second == "sni-dnat";
}

void AddClustersOf(const Index& index, const Node& node, const ServicePtr& service,
                   bool by_server_name, std::vector<Finding>* findings,
                   std::vector<OutboundClusterDraft>* clusters) {
  for (const Port& port : service->ports) {
    if (port.protocol == Protocol::kUdp) continue;
    OutboundPort(index, node, service, port, by_server_name, findings).Build(clusters);
  }
}

}  // namespace

std::vector<OutboundClusterDraft> OutboundClusters(const Index& index, const Scope& scope,
                                                   const Node& node,
                                                   std::vector<Finding>* findings) {
  std::vector<OutboundClusterDraft> clusters;
  for (const bool by_server_name : {false, true}) {
    if (by_server_name && !RoutesByServerName(node)) break;
    for (const ServicePtr& service : scope.services) {
      AddClustersOf(index, node, service, by_server_name, findings, &clusters);
    }
  }
  return clusters;
}

void FindInOutboundClusters(const Index& index, const Scope& scope, const Node& node,
                            std::vector<Finding>* findings) {
  std::vector<OutboundClusterDraft> unused;
  for (const ServicePtr& service : scope.services) {
    // Only names are resolved in vain, and only TLS of subsets may not reach.
    bool may_find = service->resolution == Resolution::kDns;
    if (!may_find) {
      if (const DestinationRulePtr rule = index.RuleFor(*service, node)) {
        const auto& subsets = rule->spec.subsets();
        may_find = std::any_of(subsets.begin(), subsets.end(),
                               [](const auto& subset) { return subset.has_traffic_policy(); });
      }
    }
    if (!may_find) continue;
    AddClustersOf(index, node, service, false, findings, &unused);
    if (RoutesByServerName(node)) AddClustersOf(index, node, service, true, findings, &unused);
    unused.clear();
  }
}

Draft<Cluster> InboundClusterDraft(const Index& index, const Scope& scope, const Node& node,
                                   const std::string& name, const Service& service,
                                   const Port& port, std::string_view address, uint32_t number) {
  ClusterBuilder builder(index.mesh(), name, Cluster::STATIC);
  auto* assignment = builder.cluster().mutable_load_assignment();
  assignment->set_cluster_name(name);
  *assignment->add_endpoints()->add_lb_endpoints()->mutable_endpoint()->mutable_address() =
      MakeAddress(address, number);
  if (registry::IsHttp2(port.protocol)) builder.UseHttp2();
  if (port.protocol == Protocol::kUnsupported) builder.UseDownstreamProtocol();
  Draft<Cluster> draft;
  if (service.source != nullptr) {
    draft.provenance.emplace("", OriginIn(*service.source, ""));
    // The server must bear what its clients are allowed to send.
    if (const DestinationRulePtr rule = index.RuleFor(service, node);
        rule != nullptr && rule->spec.has_traffic_policy()) {
      const PortPolicy policy = PolicyAt(rule->spec.traffic_policy(), port.number);
      if (policy.connection_pool != nullptr) builder.ApplyConnectionPool(*policy.connection_pool);
      SetConfigMetadata(kDestinationRuleKind, rule->source->ns(), rule->source->name(),
                        builder.cluster().mutable_metadata());
    }
  } else if (scope.sidecar != nullptr) {
    draft.provenance.emplace("", OriginIn(*scope.sidecar, ""));
  }
  draft.message = builder.Finish();
  return draft;
}

Draft<Cluster> BlackHole(const Index& index) {
  Draft<Cluster> draft;
  draft.message.set_name(kBlackHoleCluster);
  draft.message.set_type(Cluster::STATIC);
  *draft.message.mutable_connect_timeout() = index.mesh().connect_timeout();
  return draft;
}

namespace {

ClusterBuilder OriginalDestination(const Index& index, const char* name) {
  ClusterBuilder builder(index.mesh(), name, Cluster::ORIGINAL_DST);
  builder.UseDownstreamProtocol();
  return builder;
}

}  // namespace

Draft<Cluster> Passthrough(const Index& index) {
  return {OriginalDestination(index, kPassthroughCluster).Finish(), {}};
}

Draft<Cluster> InboundPassthrough(const Index& index) {
  ClusterBuilder builder = OriginalDestination(index, kInboundPassthroughCluster);
  auto* source = builder.cluster().mutable_upstream_bind_config()->mutable_source_address();
  source->set_address("127.0.0.6");
  source->set_port_value(0);
  return {builder.Finish(), {}};
}

}  // namespace mesh::translate
