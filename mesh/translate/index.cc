#include "mesh/translate/index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "mesh/translate/names.h"
#include "mesh/translate/rule_findings.h"

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
             std::shared_ptr<const registry::Registry> registry, const WorldOptions& options)
    : snapshot_(std::move(snapshot)), registry_(std::move(registry)), options_(options) {
  service_export_ = ToVector(mesh().default_service_export_to());
  virtual_service_export_ = ToVector(mesh().default_virtual_service_export_to());
  virtual_services_ =
      PrepareVirtualServices(snapshot_->List(Kind::kVirtualService), domain(),
                             virtual_service_export_, options_.delegates, &findings_);
  for (const VirtualServicePtr& prepared : virtual_services_) {
    FindInRules(*prepared, &findings_);
    for (const std::string& gateway : prepared->spec.gateways()) {
      std::vector<VirtualServicePtr>& bound = by_gateway_[gateway];
      if (bound.empty() || bound.back() != prepared) bound.push_back(prepared);
    }
  }
  destination_rules_ =
      DestinationRules(snapshot_->List(Kind::kDestinationRule), domain(), mesh().root_namespace(),
                       ToVector(mesh().default_destination_rule_export_to()), &findings_);
  peer_authentications_ =
      PeerAuthentications(snapshot_->List(Kind::kPeerAuthentication), mesh().root_namespace());
  authorization_policies_ =
      WorkloadPolicies(snapshot_->List(Kind::kAuthorizationPolicy), mesh().root_namespace());
  request_authentications_ =
      WorkloadPolicies(snapshot_->List(Kind::kRequestAuthentication), mesh().root_namespace());
  gateways_ = ByAge(snapshot_->List(Kind::kGateway));

  const std::vector<config::ResourcePtr> sidecars = ByAge(snapshot_->List(Kind::kSidecar));
  for (const bool with_selector : {true, false}) {
    for (const config::ResourcePtr& sidecar : sidecars) {
      const bool has = sidecar->As<networking::Sidecar>().has_workload_selector();
      if (has != with_selector) continue;
      sidecars_[sidecar->ns()].push_back(sidecar);
      if (!has && sidecar->ns() == mesh().root_namespace() && root_sidecar_ == nullptr) {
        root_sidecar_ = sidecar;
      }
    }
  }
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
  const auto it = by_gateway_.find(gateway);
  if (it == by_gateway_.end()) return own;
  for (const VirtualServicePtr& virtual_service : it->second) {
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
  for (const config::ResourcePtr& gateway : gateways_) {
    const auto& selector = gateway->As<networking::Gateway>().selector();
    if (registry::Selects({selector.begin(), selector.end()}, labels)) found.push_back(gateway);
  }
  return found;
}

ScopePtr Index::ScopeOf(const Node& node) const {
  config::ResourcePtr sidecar;
  if (node.type == NodeType::kSidecar) {
    if (const auto it = sidecars_.find(node.ns); it != sidecars_.end()) {
      for (const config::ResourcePtr& candidate : it->second) {
        const auto& selector = candidate->As<networking::Sidecar>().workload_selector().labels();
        if (!registry::Selects({selector.begin(), selector.end()}, node.labels)) continue;
        sidecar = candidate;
        break;
      }
    }
    if (sidecar == nullptr) sidecar = root_sidecar_;
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
  return destination_rules_.Find(service.hostname, service.ns, node.ns);
}

DestinationRulePtr Index::RuleForHost(std::string_view host, const Scope& scope,
                                      const Node& node) const {
  const registry::ServicePtr service = scope.FindService(host);
  return destination_rules_.Find(host, service == nullptr ? "" : service->ns, node.ns);
}

}  // namespace mesh::translate
