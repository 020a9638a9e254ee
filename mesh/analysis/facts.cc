#include "mesh/analysis/facts.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/service_entry.pb.h"
#include "mesh/base/strings.h"
#include "mesh/translate/world.h"

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

// What a world of rules is made of.
constexpr Kind kRules[] = {Kind::kVirtualService, Kind::kDestinationRule};

config::SnapshotPtr WithoutServices(const config::Snapshot& snapshot) {
  std::vector<Kind> others;
  for (const config::KindInfo& info : config::AllKinds()) {
    const bool rules = std::find(std::begin(kRules), std::end(kRules), info.kind) !=
                       std::end(kRules);
    if (!rules && info.kind != Kind::kMeshConfig) others.push_back(info.kind);
  }
  return snapshot.WithOnly(others, {});
}

bool SameRules(const config::Snapshot& a, const config::Snapshot& b) {
  return std::all_of(std::begin(kRules), std::end(kRules), [&](Kind kind) {
    return a.List(kind).data() == b.List(kind).data() && a.List(kind).size() == b.List(kind).size();
  });
}

}  // namespace

std::string FullHost(const std::string& ns, const std::string& host) {
  if (host == "*" || host.find('.') != std::string::npos) return host;
  return host + "." + ns + ".svc.cluster.local";
}

bool HostWithin(std::string_view name, std::string_view pattern) {
  if (pattern.empty() || pattern[0] != '*') return name == pattern;
  const std::string_view suffix = pattern.substr(1);
  if (!name.empty() && name[0] == '*') name.remove_prefix(1);
  return name.size() >= suffix.size() && name.substr(name.size() - suffix.size()) == suffix;
}

std::string FullGateway(const std::string& ns, const std::string& gateway) {
  if (gateway == "mesh") return gateway;
  const size_t slash = gateway.find('/');
  if (slash == std::string::npos) return ns + "/" + gateway;
  return gateway.substr(0, slash) == "." ? ns + gateway.substr(slash) : gateway;
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

Facts::Facts(config::SnapshotPtr snapshot, const Options& options)
    : snapshot_(std::move(snapshot)), followed_(snapshot_), options_(&options) {
  for (const config::ResourcePtr& ns : snapshot_->List(Kind::kNamespace)) {
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
    unread_.emplace(Join(object.kind, object.ns, object.name), &object);
  }
  AddWorkloads();
  AddServices();
  AddServiceEntries();
  for (const config::ResourcePtr& rule : snapshot_->List(Kind::kDestinationRule)) {
    AddSubsets(*rule);
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
  if (before != nullptr && before->kind() == Kind::kDestinationRule) RemoveSubsets(*before);
  if (after != nullptr && after->kind() == Kind::kDestinationRule) AddSubsets(*after);
}

void Facts::Follow(config::SnapshotPtr snapshot, const Options& options) {
  followed_ = snapshot;
  LookAt(std::move(snapshot), options);
}

void Facts::LookAt(config::SnapshotPtr part, const Options& options) {
  if (snapshot_ != part) rules_of_part_ = nullptr;
  snapshot_ = std::move(part);
  options_ = &options;
}

void Facts::AddSubsets(const config::Resource& rule) {
  const auto& spec = rule.As<net::DestinationRule>();
  const std::string host = FullHost(rule.ns(), spec.host());
  for (int i = 0; i < spec.subsets_size(); ++i) {
    std::vector<SubsetPlace>& places = subsets_[Join(host, spec.subsets(i).name())];
    const auto at = std::upper_bound(
        places.begin(), places.end(), rule.key(),
        [](const config::Key& key, const SubsetPlace& place) { return key < place.rule->key(); });
    places.insert(at, SubsetPlace{&rule, i});
  }
}

void Facts::RemoveSubsets(const config::Resource& rule) {
  const auto& spec = rule.As<net::DestinationRule>();
  const std::string host = FullHost(rule.ns(), spec.host());
  for (const net::Subset& subset : spec.subsets()) {
    const auto found = subsets_.find(Join(host, subset.name()));
    if (found == subsets_.end()) continue;
    std::vector<SubsetPlace>& places = found->second;
    places.erase(std::remove_if(places.begin(), places.end(),
                                [&](const SubsetPlace& place) { return place.rule == &rule; }),
                 places.end());
    if (places.empty()) subsets_.erase(found);
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

void Facts::AddHost(const std::string& scope, const std::string& host, std::vector<uint32_t> ports,
                    const config::Resource& object) {
  hosts_.emplace(Join(scope, host), Host{std::move(ports), &object});
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
      AddHost(scope, service->name() + "." + service->ns() + ".svc.cluster.local", ports, *service);
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
        AddHost(scope, FullHost(entry->ns(), host), ports, *entry);
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

const std::vector<SubsetPlace>* Facts::FindSubsets(const std::string& fqdn,
                                                   const std::string& subset) const {
  const auto found = subsets_.find(Join(fqdn, subset));
  return found == subsets_.end() ? nullptr : &found->second;
}

const UnreadObject* Facts::FindUnread(const std::string& kind, const std::string& ns,
                                      const std::string& name) const {
  const auto found = unread_.find(Join(kind, ns, name));
  return found == unread_.end() ? nullptr : found->second;
}

const translate::World& Facts::world() const {
  if (world_ == nullptr || &world_->snapshot() != followed_.get()) {
    world_ = translate::World::Build(followed_, {},
                                     world_ != nullptr ? world_.get() : followed_rules_.get());
  }
  return *world_;
}

const translate::World& Facts::followed_rules() const {
  // Another snapshot has taken its place where a list that it shares is another one.
  const config::SnapshotPtr rules = WithoutServices(*followed_);
  if (followed_rules_ == nullptr || !SameRules(followed_rules_->snapshot(), *rules)) {
    const bool newer = world_ != nullptr && &world_->snapshot() == followed_.get();
    followed_rules_ =
        translate::World::Build(rules, {}, newer ? world_.get() : followed_rules_.get());
  }
  return *followed_rules_;
}

const translate::World& Facts::rules_world() const {
  const translate::World& followed = followed_rules();
  if (snapshot_ == followed_) return followed;
  if (rules_of_part_ == nullptr) {
    rules_of_part_ = translate::World::Build(WithoutServices(*snapshot_), {}, &followed);
  }
  return *rules_of_part_;
}

}  // namespace mesh::analysis
