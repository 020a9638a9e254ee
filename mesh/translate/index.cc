#include "mesh/translate/index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "mesh/config/list_changes.h"
#include "mesh/translate/names.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
using config::Kind;

template <class Repeated>
std::vector<std::string> ToVector(const Repeated& names) {
  return std::vector<std::string>(names.begin(), names.end());
}

bool ForEverybody(const std::vector<std::string>& export_to) {
  return export_to.empty() || std::find(export_to.begin(), export_to.end(), "*") != export_to.end();
}

}  // namespace

Index::Index(std::shared_ptr<const config::Snapshot> snapshot,
             std::shared_ptr<const registry::Registry> registry, const WorldOptions& options,
             const Index* previous)
    : snapshot_(std::move(snapshot)), registry_(std::move(registry)), options_(options) {
  service_export_ = ToVector(mesh().default_service_export_to());
  virtual_service_export_ = ToVector(mesh().default_virtual_service_export_to());
  if (previous != nullptr &&
      (previous->snapshot_->mesh_config_resource() != snapshot_->mesh_config_resource() ||
       previous->domain() != domain() || previous->options_.delegates != options_.delegates)) {
    previous = nullptr;
  }
  // What is made of one kind stays where nothing of the kind changed.
  const auto share = [&](Kind kind, auto part, const auto& make) {
    this->*part = previous != nullptr && config::SharesList(*previous->snapshot_, *snapshot_, kind)
                      ? previous->*part
                      : make(snapshot_->List(kind));
  };
  const std::string& root = mesh().root_namespace();
  share(Kind::kVirtualService, &Index::virtual_services_, [&](auto list) {
    const VirtualServiceOptions of{domain(), virtual_service_export_, options_.delegates};
    return std::make_shared<const VirtualServices>(
        list, of, previous == nullptr ? nullptr : previous->virtual_services_.get());
  });
  share(Kind::kDestinationRule, &Index::destination_rules_, [&](auto list) {
    DestinationRuleOptions of{domain(), root,
                              ToVector(mesh().default_destination_rule_export_to())};
    return std::make_shared<const DestinationRules>(
        list, std::move(of), previous == nullptr ? nullptr : previous->destination_rules_.get());
  });
  share(Kind::kPeerAuthentication, &Index::peer_authentications_,
        [&](auto list) { return std::make_shared<const PeerAuthentications>(list, root); });
  share(Kind::kAuthorizationPolicy, &Index::authorization_policies_,
        [&](auto list) { return std::make_shared<const WorkloadPolicies>(list, root); });
  share(Kind::kRequestAuthentication, &Index::request_authentications_,
        [&](auto list) { return std::make_shared<const WorkloadPolicies>(list, root); });
  share(Kind::kGateway, &Index::gateways_, [&](auto list) {
    return std::make_shared<const std::vector<config::ResourcePtr>>(ByAge(list));
  });
  share(Kind::kSidecar, &Index::sidecars_,
        [&](auto) { return std::make_shared<const Sidecars>(SidecarsOf(*snapshot_)); });
}

Index::Sidecars Index::SidecarsOf(const config::Snapshot& snapshot) {
  Sidecars result;
  const std::string& root = snapshot.mesh_config().root_namespace();
  const std::vector<config::ResourcePtr> sidecars = ByAge(snapshot.List(Kind::kSidecar));
  for (const bool with_selector : {true, false}) {
    for (const config::ResourcePtr& sidecar : sidecars) {
      const bool has = sidecar->As<networking::Sidecar>().has_workload_selector();
      if (has != with_selector) continue;
      result.by_namespace[sidecar->ns()].push_back(sidecar);
      if (!has && sidecar->ns() == root && result.root == nullptr) result.root = sidecar;
    }
  }
  return result;
}

const std::vector<Finding>& Index::findings() const {
  std::call_once(found_, [this] {
    virtual_services_->AddFindings(&findings_);
    destination_rules_->AddFindings(&findings_);
  });
  return findings_;
}

bool Index::Visible(const registry::Service& service, std::string_view ns) const {
  return Exported(service.export_to, service_export_, service.ns, ns);
}

std::vector<registry::ServicePtr> Index::VisibleServices(std::string_view ns) const {
  std::vector<registry::ServicePtr> own, everybodys;
  for (const registry::ServicePtr& service : registry_->services()) {
    if (!Visible(*service, ns)) continue;
    const bool everybody =
        ForEverybody(service->export_to.empty() ? service_export_ : service->export_to);
    (everybody ? everybodys : own).push_back(service);
  }
  own.insert(own.end(), everybodys.begin(), everybodys.end());
  return own;
}

std::vector<VirtualServicePtr> Index::VirtualServicesFor(std::string_view gateway,
                                                         std::string_view ns) const {
  std::vector<VirtualServicePtr> own, everybodys;
  for (const VirtualServicePtr& virtual_service : virtual_services_->BoundTo(gateway)) {
    std::vector<std::string> export_to = ToVector(virtual_service->spec.export_to());
    if (export_to.empty()) export_to = virtual_service_export_;
    if (!Exported(export_to, {}, virtual_service->ns(), ns)) continue;
    (ForEverybody(export_to) ? everybodys : own).push_back(virtual_service);
  }
  own.insert(own.end(), everybodys.begin(), everybodys.end());
  return own;
}

std::vector<config::ResourcePtr> Index::GatewaysFor(
    const std::map<std::string, std::string>& labels) const {
  std::vector<config::ResourcePtr> found;
  for (const config::ResourcePtr& gateway : *gateways_) {
    const auto& selector = gateway->As<networking::Gateway>().selector();
    if (registry::Selects({selector.begin(), selector.end()}, labels)) found.push_back(gateway);
  }
  return found;
}

ScopePtr Index::ScopeOf(const Node& node) const {
  config::ResourcePtr sidecar;
  if (node.type == NodeType::kSidecar) {
    const auto it = sidecars_->by_namespace.find(node.ns);
    if (it != sidecars_->by_namespace.end()) {
      for (const config::ResourcePtr& candidate : it->second) {
        const auto& selector = candidate->As<networking::Sidecar>().workload_selector().labels();
        if (!registry::Selects({selector.begin(), selector.end()}, node.labels)) continue;
        sidecar = candidate;
        break;
      }
    }
    if (sidecar == nullptr) sidecar = sidecars_->root;
  }
  const auto key = std::make_pair(sidecar.get(), node.ns);
  {
    MutexLock lock(&mutex_);
    if (const auto it = scopes_.find(key); it != scopes_.end()) return it->second;
  }
  ScopePtr made = MakeScope(*this, sidecar, node.ns);
  MutexLock lock(&mutex_);
  return scopes_.emplace(key, std::move(made)).first->second;
}

DestinationRulePtr Index::RuleFor(const registry::Service& service, const Node& node) const {
  return destination_rules_->Find(service.hostname, service.ns, node.ns);
}

DestinationRulePtr Index::RuleForHost(std::string_view host, const Scope& scope,
                                      const Node& node) const {
  const registry::ServicePtr service = scope.FindService(host);
  return destination_rules_->Find(host, service == nullptr ? "" : service->ns, node.ns);
}

}  // namespace mesh::translate
