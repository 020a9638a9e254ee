#include "mesh/analysis/facts.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/service_entry.pb.h"
#include "mesh/base/strings.h"

namespace mesh::analysis {
namespace {

namespace kube = ::mesh::kubernetes::v1;
namespace net = ::istio::networking::v1alpha3;
using config::Kind;

constexpr char kIngressGateway[] = "ingressgateway";

std::string Join(std::string_view a, std::string_view b) {
  std::string joined(a);
  joined += '\n';
  joined += b;
  return joined;
}
std::string Join(std::string_view a, std::string_view b, std::string_view c) {
  return Join(Join(a, b), c);
}

}  // namespace

std::string FullHost(const std::string& ns, const std::string& host) {
  if (host == "*" || host.find('.') != std::string::npos) return host;
  return host + "." + ns + ".svc.cluster.local";
}

bool IsSystemNamespace(std::string_view ns) {
  return ns == "kube-system" || ns == "kube-public" || ns == "kube-node-lease" ||
         ns == "local-path-storage" || ns == "istio-system";
}

std::string ToString(const Labels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) {
    if (!text.empty()) text += ",";
    text += key + "=" + value;
  }
  return text;
}

Facts::Facts(const config::Snapshot& snapshot, const Options& options)
    : snapshot_(&snapshot), options_(&options) {
  for (const config::ResourcePtr& ns : snapshot.List(Kind::kNamespace)) {
    namespaces_.insert(ns->name());
    const Labels& labels = ns->metadata().labels;
    const auto injection = labels.find("istio-injection");
    if (injection != labels.end()) {
      injected_[ns->name()] = injection->second == "enabled";
    } else {
      injected_[ns->name()] = labels.count("istio.io/rev") > 0;
    }
  }
  for (const UnreadObject& object : options.unread) {
    unread_.insert(Join(object.kind, object.ns, object.name));
  }
  AddWorkloads();
  AddServices();
  AddServiceEntries();
  for (const config::ResourcePtr& rule : snapshot.List(Kind::kDestinationRule)) {
    CountSubsets(*rule, 1);
  }
}

bool Facts::CanFollow(Kind kind) {
  switch (kind) {
    case Kind::kNamespace:
    case Kind::kService:
    case Kind::kPod:
    case Kind::kDeployment:
    case Kind::kEndpoints:
    case Kind::kEndpointSlice:
    case Kind::kServiceAccount:
    case Kind::kSecret:
    case Kind::kServiceEntry:
    case Kind::kWorkloadEntry:
    case Kind::kWorkloadGroup:
    case Kind::kMeshConfig:
      return false;
    default:
      return true;
  }
}

void Facts::Replace(const config::Resource* before, const config::Resource* after) {
  if (before != nullptr && before->kind() == Kind::kDestinationRule) CountSubsets(*before, -1);
  if (after != nullptr && after->kind() == Kind::kDestinationRule) CountSubsets(*after, 1);
}

void Facts::Follow(const config::Snapshot& snapshot, const Options& options) {
  snapshot_ = &snapshot;
  options_ = &options;
}

void Facts::CountSubsets(const config::Resource& rule, int count) {
  const auto& spec = rule.As<net::DestinationRule>();
  const std::string host = FullHost(rule.ns(), spec.host());
  for (const net::Subset& subset : spec.subsets()) {
    const auto at = subsets_.emplace(Join(host, subset.name()), 0).first;
    at->second += count;
    if (at->second == 0) subsets_.erase(at);
  }
}

void Facts::AddWorkloads() {
  for (const config::ResourcePtr& pod : snapshot_->List(Kind::kPod)) {
    workloads_.push_back({pod->ns(), pod->name(), pod->metadata().labels,
                          pod->metadata().annotations, &pod->As<kube::Pod>().spec(), pod.get()});
  }
  for (const config::ResourcePtr& deployment : snapshot_->List(Kind::kDeployment)) {
    const kube::PodTemplateSpec& pod = deployment->As<kube::Deployment>().spec().template_();
    workloads_.push_back({deployment->ns(), deployment->name(), ToLabels(pod.metadata().labels()),
                          ToLabels(pod.metadata().annotations()), &pod.spec(), deployment.get()});
  }
  bool has_gateway = false;
  for (const Workload& workload : workloads_) {
    const auto istio = workload.labels.find("istio");
    if (istio != workload.labels.end() && istio->second == kIngressGateway) has_gateway = true;
  }
  if (options_->assume_ingress_gateway && !has_gateway) {
    Workload gateway;
    gateway.ns = "istio-system";
    gateway.name = "istio-ingressgateway";
    gateway.labels = {{"istio", kIngressGateway}, {"app", "istio-ingressgateway"}};
    workloads_.push_back(std::move(gateway));
  }
  for (size_t i = 0; i < workloads_.size(); ++i) {
    for (const std::string& ns : {workloads_[i].ns, std::string("*")}) {
      by_label_[ns].push_back(i);
      for (const auto& [key, value] : workloads_[i].labels) {
        by_label_[Join(ns, key, value)].push_back(i);
      }
    }
  }
  services_of_.resize(workloads_.size());
}

std::vector<size_t> Facts::Select(const std::string& ns, const Labels& selector) const {
  const std::vector<size_t>* rarest = nullptr;
  if (selector.empty()) {
    const auto all = by_label_.find(ns);
    return all == by_label_.end() ? std::vector<size_t>() : all->second;
  }
  for (const auto& [key, value] : selector) {
    const auto carriers = by_label_.find(Join(ns, key, value));
    if (carriers == by_label_.end()) return {};
    if (rarest == nullptr || carriers->second.size() < rarest->size()) rarest = &carriers->second;
  }
  std::vector<size_t> selected;
  for (size_t i : *rarest) {
    const Labels& labels = workloads_[i].labels;
    if (std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
          const auto label = labels.find(wanted.first);
          return label != labels.end() && label->second == wanted.second;
        })) {
      selected.push_back(i);
    }
  }
  return selected;
}

bool Facts::InMesh(const Workload& workload, bool unknown) const {
  if (workload.pod != nullptr) {
    for (const kube::Container& container : workload.pod->containers()) {
      if (container.name() == "istio-proxy") return true;
    }
  }
  const auto annotation = workload.annotations.find("sidecar.istio.io/inject");
  if (annotation != workload.annotations.end()) {
    return absl::EqualsIgnoreCase(annotation->second, "true");
  }
  const auto injected = injected_.find(workload.ns);
  return injected == injected_.end() ? unknown : injected->second;
}

void Facts::AddHost(const std::string& scope, const std::string& host,
                    std::vector<uint32_t> ports) {
  hosts_.emplace(Join(scope, host), Host{std::move(ports)});
}

void Facts::AddServices() {
  for (const config::ResourcePtr& service : snapshot_->List(Kind::kService)) {
    const kube::ServiceSpec& spec = service->As<kube::Service>().spec();
    if (spec.selector_size() > 0) {
      for (size_t workload : Select(service->ns(), ToLabels(spec.selector()))) {
        services_of_[workload].push_back(service.get());
      }
    }
    std::vector<uint32_t> ports;
    for (const kube::ServicePort& port : spec.ports()) ports.push_back(port.port());
    std::vector<std::string> export_to;
    const auto annotation = service->metadata().annotations.find("networking.istio.io/exportTo");
    if (annotation != service->metadata().annotations.end()) {
      for (absl::string_view scope : absl::StrSplit(annotation->second, ',')) {
        export_to.emplace_back(absl::StripAsciiWhitespace(scope));
      }
    }
    for (const std::string& scope : Scopes(service->ns(), export_to)) {
      AddHost(scope, service->name() + "." + service->ns() + ".svc.cluster.local", ports);
    }
  }
}

void Facts::AddServiceEntries() {
  for (const config::ResourcePtr& entry : snapshot_->List(Kind::kServiceEntry)) {
    const auto& spec = entry->As<net::ServiceEntry>();
    std::vector<uint32_t> ports;
    for (const auto& port : spec.ports()) ports.push_back(port.number());
    for (const std::string& host : spec.hosts()) {
      for (const std::string& scope : Scopes(entry->ns(), spec.export_to())) {
        AddHost(scope, FullHost(entry->ns(), host), ports);
      }
    }
  }
}

const Host* Facts::FindIn(const std::string& scope, const std::string& fqdn) const {
  const auto exact = hosts_.find(Join(scope, fqdn));
  if (exact != hosts_.end()) return &exact->second;
  for (size_t dot = fqdn.find('.'); dot != std::string::npos; dot = fqdn.find('.', dot + 1)) {
    const auto wildcard = hosts_.find(Join(scope, "*" + fqdn.substr(dot)));
    if (wildcard != hosts_.end()) return &wildcard->second;
  }
  const auto any = hosts_.find(Join(scope, "*"));
  return any == hosts_.end() ? nullptr : &any->second;
}

const Host* Facts::FindHost(const std::string& ns, const std::string& host) const {
  const std::string fqdn = FullHost(ns, host);
  const Host* found = FindIn("*", fqdn);
  return found != nullptr ? found : FindIn(ns, fqdn);
}

const std::vector<const config::Resource*>& Facts::ServicesOf(size_t workload) const {
  return services_of_[workload];
}

bool Facts::HasSubset(const std::string& fqdn, const std::string& subset) const {
  return subsets_.count(Join(fqdn, subset)) > 0;
}

bool Facts::HasUnread(const std::string& kind, const std::string& ns,
                      const std::string& name) const {
  return unread_.count(Join(kind, ns, name)) > 0;
}

}  // namespace mesh::analysis
