#include "mesh/translate/findings.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "mesh/config/snapshot.h"
#include "mesh/translate/authorization.h"
#include "mesh/translate/cluster.h"
#include "mesh/translate/gateway.h"
#include "mesh/translate/inbound.h"
#include "mesh/translate/index.h"
#include "mesh/translate/names.h"
#include "mesh/translate/outbound_listeners.h"
#include "mesh/translate/outbound_routes.h"
#include "mesh/translate/route.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
using config::Kind;

// One gateway for each selector: a workload that has the labels, else one made up.
std::vector<Node> Gateways(const World& world) {
  std::vector<Node> nodes;
  std::set<std::map<std::string, std::string>> selectors;
  for (const config::ResourcePtr& gateway : world.snapshot().List(Kind::kGateway)) {
    const auto& selector = gateway->As<networking::Gateway>().selector();
    selectors.emplace(selector.begin(), selector.end());
  }
  std::set<std::string> known;
  for (const auto& selector : selectors) {
    Node node;
    node.type = NodeType::kRouter;
    node.ns = world.mesh_config().root_namespace();
    node.labels = selector;
    for (const registry::WorkloadPtr& workload : world.registry().workloads()) {
      if (!workload->pod || !registry::Selects(selector, workload->labels)) continue;
      const absl::StatusOr<Node> found =
          world.NodeOf(absl::StrCat(workload->name, ".", workload->ns));
      if (!found.ok()) continue;
      node = *found;
      node.type = NodeType::kRouter;
      break;
    }
    if (known.insert(absl::StrCat(node.ns, "/", node.name)).second || node.name.empty()) {
      nodes.push_back(std::move(node));
    }
  }
  return nodes;
}

// One sidecar for each namespace and Sidecar of it.
std::vector<Node> Sidecars(const World& world) {
  std::vector<Node> nodes;
  std::set<std::pair<std::string, const config::Resource*>> known;
  for (const registry::WorkloadPtr& workload : world.registry().workloads()) {
    if (!workload->pod || workload->router) continue;
    const config::Resource* applies = nullptr;
    for (const config::ResourcePtr& sidecar : world.snapshot().List(Kind::kSidecar, workload->ns)) {
      const auto& selector = sidecar->As<networking::Sidecar>().workload_selector().labels();
      if (!registry::Selects({selector.begin(), selector.end()}, workload->labels)) continue;
      applies = sidecar.get();
      break;
    }
    if (!known.emplace(workload->ns, applies).second) continue;
    absl::StatusOr<Node> node = world.NodeOf(absl::StrCat(workload->name, ".", workload->ns));
    if (node.ok()) nodes.push_back(*std::move(node));
  }
  return nodes;
}

auto KeyOf(const Finding& finding) {
  return std::tie(finding.origin.object, finding.origin.field, finding.code, finding.message);
}

}  // namespace

std::vector<Finding> FindingsOf(const World& world) { return world.index().findings(); }

std::vector<Finding> FindingsOfPolicies(const World& world,
                                        absl::Span<const config::ResourcePtr> policies) {
  std::vector<Finding> findings;
  for (const config::ResourcePtr& policy : policies) {
    TranslateAuthorization({policy}, world.mesh_config(), &world.registry(), {}, &findings);
  }
  return findings;
}

std::vector<Finding> FindingsFor(const World& world, const Node& node) {
  const Index& index = world.index();
  const ScopePtr scope = index.ScopeOf(node);
  std::vector<Finding> findings;
  FindInOutboundClusters(index, *scope, node, &findings);
  if (node.type == NodeType::kRouter) {
    // Their routes are the rules' findings.
    const MergedGateway gateway = MergeGateways(index, node, &findings);
    GatewayListeners(index, *scope, node, gateway, &findings);
    return findings;
  }
  AuthorizationFor(index, node, &findings);
  for (const std::string& name : OutboundListeners(index, *scope, node, &findings).route_names) {
    FindInOutboundRoutes(index, *scope, node, name, &findings);
  }
  return findings;
}

std::vector<Finding> FindingsOfProxies(const World& world, uint64_t pairs) {
  std::vector<Finding> findings;
  const uint64_t cost = world.registry().services().size() + 1;
  uint64_t spent = 0;
  for (const auto& nodes : {Gateways(world), Sidecars(world)}) {
    for (const Node& node : nodes) {
      spent += cost;
      if (spent > pairs) break;
      std::vector<Finding> found = FindingsFor(world, node);
      findings.insert(findings.end(), found.begin(), found.end());
    }
  }
  std::sort(findings.begin(), findings.end(),
            [](const Finding& a, const Finding& b) { return KeyOf(a) < KeyOf(b); });
  findings.erase(
      std::unique(findings.begin(), findings.end(),
                  [](const Finding& a, const Finding& b) { return KeyOf(a) == KeyOf(b); }),
      findings.end());
  return findings;
}

ServerModes::ServerModes(const config::Snapshot& snapshot)
    : policies_(std::make_shared<const PeerAuthentications>(
          snapshot.List(Kind::kPeerAuthentication), snapshot.mesh_config().root_namespace())) {}

ServerMode ServerModes::Of(const std::string& ns, const std::map<std::string, std::string>& labels,
                           uint32_t port) const {
  switch (policies_->OfWorkload(ns, labels, port)) {
    case MutualTls::kDisable:
      return ServerMode::kPlain;
    case MutualTls::kStrict:
      return ServerMode::kMutual;
    case MutualTls::kPermissive:
      break;
  }
  return ServerMode::kEither;
}

Rules::Set Rules::Of(absl::Span<const config::Resource* const> virtual_services,
                     const std::string& gateway, uint32_t port) const {
  std::vector<VirtualServicePtr> wanted;
  for (const config::Resource* source : virtual_services) {
    if (auto prepared = world_.index().virtual_services().Of(*source)) {
      wanted.push_back(std::move(prepared));
    }
  }
  std::sort(wanted.begin(), wanted.end(),
            [](const VirtualServicePtr& a, const VirtualServicePtr& b) {
              return Older(*a->source, *b->source);
            });
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  const Scope scope;
  const Node node;
  std::vector<Finding> unused;
  const RouteContext context{world_.index(), scope, node,
                             {gateway},      port,  [](const std::string&) { return nullptr; },
                             &unused};
  std::vector<RouteDraft> drafts;
  for (const VirtualServicePtr& prepared : wanted) {
    std::vector<RouteDraft> own = VirtualServiceRoutes(context, *prepared);
    drafts = drafts.empty() ? std::move(own) : CombineRoutes(std::move(drafts), std::move(own));
  }
  Set set;
  auto* host = set.routes.add_virtual_hosts();
  host->set_name("rules");
  host->add_domains("*");
  for (RouteDraft& draft : drafts) {
    auto* route = host->add_routes();
    *route->mutable_match() = std::move(*draft.message.mutable_match());
    route->mutable_direct_response()->set_status(200);
    const auto origin = draft.provenance.find("");
    set.origins.push_back(origin == draft.provenance.end() ? Origin() : origin->second);
  }
  return set;
}

}  // namespace mesh::translate
