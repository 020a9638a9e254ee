#include "mesh/translate/translate.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/cluster.h"
#include "mesh/translate/endpoint.h"
#include "mesh/translate/gateway.h"
#include "mesh/translate/inbound.h"
#include "mesh/translate/index.h"
#include "mesh/translate/locality.h"
#include "mesh/translate/names.h"
#include "mesh/translate/outbound_listeners.h"
#include "mesh/translate/outbound_routes.h"

namespace mesh::translate {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;

class Translator {
 public:
  Translator(const World& world, const Node& node)
      : index_(world.index()), cache_(world.cache()), node_(node), scope_(index_.ScopeOf(node)) {
    if (node_.locality.empty()) {
      if (const auto workload = index_.registry().FindWorkloadByIp(node_.ip)) {
        node_.locality = workload->locality;
      }
    }
    output_.findings = index_.findings();
  }

  Output Run() {
    AddOutboundClusters();
    AddCluster(BlackHole(index_));
    if (node_.type == NodeType::kSidecar) {
      AddSidecar();
    } else {
      AddGateway();
    }
    SortFindings();
    return std::move(output_);
  }

 private:
  void AddCluster(Draft<Cluster> draft) {
    // A name belongs to the first that has it, as Envoy takes none twice.
    if (!cluster_names_.insert(draft.message.name()).second) return;
    std::string name = draft.message.name();
    output_.clusters.push_back(cache_.Make(kClusterType, std::move(name), std::move(draft)));
  }

  // What proxies of this scope have in common.
  std::string KeyOf(std::string_view what) const {
    return absl::StrCat(reinterpret_cast<uintptr_t>(scope_.get()), "|", Absl(what));
  }

  View MakeOutboundClusters() const {
    View view;
    std::set<std::string> names;
    for (OutboundClusterDraft& outbound :
         OutboundClusters(index_, *scope_, node_, &view.findings)) {
      const std::string name = outbound.cluster.message.name();
      if (!names.insert(name).second) continue;
      if (outbound.eds) {
        Draft<ClusterLoadAssignment> endpoints;
        endpoints.message =
            LoadAssignment(index_.registry(), *outbound.service,
                           *outbound.service->FindPort(outbound.port), outbound.subset, name);
        if (outbound.locality != nullptr) {
          PreferByLocality(node_.locality, *outbound.locality, outbound.failover,
                           &endpoints.message);
        }
        endpoints.provenance.emplace("", OriginIn(*outbound.service->source, ""));
        view.endpoints.push_back(cache_.Make(kEndpointType, name, std::move(endpoints)));
      }
      view.clusters.push_back(cache_.Make(kClusterType, name, std::move(outbound.cluster)));
    }
    return view;
  }

  void AddOutboundClusters() {
    const auto mode = node_.metadata.find("ROUTER_MODE");
    const std::shared_ptr<const View> view = index_.views().Get(
        KeyOf(absl::StrCat("clusters|", node_.type == NodeType::kRouter ? "router" : "sidecar", "|",
                           mode == node_.metadata.end() ? "" : mode->second, "|", node_.locality)),
        [this] { return MakeOutboundClusters(); });
    for (const ResourcePtr& cluster : view->clusters) cluster_names_.insert(cluster->name);
    output_.clusters = view->clusters;
    output_.endpoints = view->endpoints;
    AddFindings(view->findings);
  }

  void AddFindings(const std::vector<Finding>& findings) {
    output_.findings.insert(output_.findings.end(), findings.begin(), findings.end());
  }

  void AddOutboundRoutes(const std::string& name) {
    std::string key = KeyOf(absl::StrCat("routes|", name));
    if (scope_->by_labels) {
      for (const auto& [label, value] : node_.labels) {
        absl::StrAppend(&key, "|", label, "=", value);
      }
    }
    const std::shared_ptr<const View> view = index_.views().Get(key, [&] {
      View made;
      made.routes.push_back(cache_.Make(
          kRouteType, name, OutboundRoutes(index_, *scope_, node_, name, &made.findings)));
      return made;
    });
    output_.routes.push_back(view->routes.front());
    AddFindings(view->findings);
  }

  void AddSidecar() {
    AddCluster(Passthrough(index_));
    const std::vector<InboundPort> ports = InboundPorts(index_, *scope_, node_);
    for (Draft<Cluster>& cluster : InboundClusters(index_, *scope_, node_, ports)) {
      AddCluster(std::move(cluster));
    }
    AddCluster(InboundPassthrough(index_));
    const InboundAuthorization authorization = AuthorizationFor(index_, node_, &output_.findings);
    for (ListenerDraft& listener : InboundListeners(index_, authorization, ports)) {
      AddListener(std::move(listener));
    }
    OutboundListenerSet outbound = OutboundListeners(index_, *scope_, node_, &output_.findings);
    for (ListenerDraft& listener : outbound.listeners) AddListener(std::move(listener));
    if (node_.interception != Interception::kNone) {
      AddListener(VirtualOutbound(index_, *scope_, node_));
      AddListener(VirtualInbound(index_, node_, authorization, ports));
    }
    for (const std::string& name : outbound.route_names) AddOutboundRoutes(name);
  }

  void AddGateway() {
    const MergedGateway gateway = MergeGateways(index_, node_, &output_.findings);
    for (ListenerDraft& listener :
         GatewayListeners(index_, *scope_, node_, gateway, &output_.findings)) {
      AddListener(std::move(listener));
    }
    for (auto& routes : GatewayRoutes(index_, *scope_, node_, gateway, &output_.findings)) {
      std::string name = routes.message.name();
      output_.routes.push_back(cache_.Make(kRouteType, std::move(name), std::move(routes)));
    }
  }

  void AddListener(ListenerDraft draft) {
    if (!listener_names_.insert(draft.message.name()).second) return;
    std::string name = draft.message.name();
    output_.listeners.push_back(cache_.Make(kListenerType, std::move(name), std::move(draft)));
  }

  void SortFindings() {
    const auto key = [](const Finding& finding) {
      return std::tie(finding.origin.object, finding.origin.field, finding.code, finding.message);
    };
    std::stable_sort(output_.findings.begin(), output_.findings.end(),
                     [&](const Finding& a, const Finding& b) {
                       if (a.origin.position < b.origin.position) return true;
                       if (b.origin.position < a.origin.position) return false;
                       return key(a) < key(b);
                     });
    output_.findings.erase(
        std::unique(output_.findings.begin(), output_.findings.end(),
                    [&](const Finding& a, const Finding& b) { return key(a) == key(b); }),
        output_.findings.end());
  }

  const Index& index_;
  ResourceCache& cache_;
  Node node_;
  const ScopePtr scope_;
  Output output_;
  std::set<std::string> cluster_names_, listener_names_;
};

}  // namespace

Output Translate(const World& world, const Node& node) { return Translator(world, node).Run(); }

}  // namespace mesh::translate
