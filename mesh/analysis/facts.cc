#include "mesh/analysis/facts.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/service_entry.pb.h"
#include "mesh/base/name_hash.h"
#include "mesh/base/strings.h"
#include "mesh/config/list_changes.h"
#include "mesh/registry/label_index.h"
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
    const bool rules =
        std::find(std::begin(kRules), std::end(kRules), info.kind) != std::end(kRules);
    if (!rules && info.kind != Kind::kMeshConfig) others.push_back(info.kind);
  }
  return snapshot.WithOnly(others, {});
}

bool SameRules(const config::Snapshot& a, const config::Snapshot& b) {
  return std::all_of(std::begin(kRules), std::end(kRules),
                     [&](Kind kind) { return config::SharesList(a, b, kind); });
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

struct Facts::Workloads {
  std::vector<Workload> all;
  registry::LabelIndex by_label;                               // namespace "*" is any
  std::vector<std::vector<const config::Resource*>> services;  // of each

  void Read(const config::Snapshot& snapshot, bool assume_ingress_gateway);
  void AddServices(const config::Snapshot& snapshot);
};

struct Facts::Hosts {
  absl::flat_hash_map<NameHash, Host> by_name;  // scope and fqdn
  std::deque<std::vector<uint32_t>> ports;      // of each object
  bool wildcards = false;

  void AddServices(const config::Snapshot& snapshot);
  void AddServiceEntries(const config::Snapshot& snapshot);
  void Add(std::string_view scope, std::string_view host, const config::Resource& object) {
    wildcards = wildcards || (!host.empty() && host[0] == '*');
    by_name.emplace(HashName(scope, host), Host{ports.back(), &object});
  }
  const Host* Find(std::string_view scope, const std::string& fqdn) const;
};

struct Facts::Subsets {
  absl::flat_hash_map<NameHash, absl::InlinedVector<SubsetPlace, 1>> by_name;  // fqdn and subset

  void Add(const config::Resource& rule);
  void Remove(const config::Resource& rule);
};

struct Facts::Gateways {
  absl::flat_hash_map<NameHash, const config::Resource*> by_name;  // namespace and name
};

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
}

const Facts::Workloads& Facts::all_workloads() const {
  if (workloads_ == nullptr) {
    auto made = std::make_shared<Workloads>();
    made->Read(*followed_, options_->assume_ingress_gateway);
    made->AddServices(*followed_);
    workloads_ = std::move(made);
  }
  return *workloads_;
}

const Facts::Hosts& Facts::hosts() const {
  if (hosts_ == nullptr) {
    auto made = std::make_shared<Hosts>();
    made->AddServices(*followed_);
    made->AddServiceEntries(*followed_);
    hosts_ = std::move(made);
  }
  return *hosts_;
}

const Facts::Subsets& Facts::subsets() const {
  if (subsets_ == nullptr) {
    subsets_ = std::make_shared<Subsets>();
    for (const config::ResourcePtr& rule : followed_->List(Kind::kDestinationRule)) {
      subsets_->Add(*rule);
    }
  }
  return *subsets_;
}

const Facts::Gateways& Facts::gateways() const {
  if (gateways_ == nullptr) {
    auto made = std::make_shared<Gateways>();
    for (const config::ResourcePtr& gateway : followed_->List(Kind::kGateway)) {
      made->by_name.emplace(HashName(gateway->ns(), gateway->name()), gateway.get());
    }
    gateways_ = std::move(made);
  }
  return *gateways_;
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
  for (const config::Resource* one : {before, after}) {
    if (one != nullptr && one->kind() == Kind::kGateway) gateways_ = nullptr;
  }
  if (subsets_ == nullptr) return;
  if (before != nullptr && before->kind() == Kind::kDestinationRule) subsets_->Remove(*before);
  if (after != nullptr && after->kind() == Kind::kDestinationRule) subsets_->Add(*after);
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

void Facts::Subsets::Add(const config::Resource& rule) {
  const auto& spec = rule.As<net::DestinationRule>();
  const std::string host = FullHost(rule.ns(), spec.host());
  for (int i = 0; i < spec.subsets_size(); ++i) {
    auto& places = by_name[HashName(host, spec.subsets(i).name())];
    const auto at = std::upper_bound(
        places.begin(), places.end(), rule, [](const config::Resource& a, const SubsetPlace& b) {
          return std::tie(a.ns(), a.name()) < std::tie(b.rule->ns(), b.rule->name());
        });
    places.insert(at, SubsetPlace{&rule, i});
  }
}

void Facts::Subsets::Remove(const config::Resource& rule) {
  const auto& spec = rule.As<net::DestinationRule>();
  const std::string host = FullHost(rule.ns(), spec.host());
  for (const net::Subset& subset : spec.subsets()) {
    const auto found = by_name.find(HashName(host, subset.name()));
    if (found == by_name.end()) continue;
    auto& places = found->second;
    places.erase(std::remove_if(places.begin(), places.end(),
                                [&](const SubsetPlace& place) { return place.rule == &rule; }),
                 places.end());
    if (places.empty()) by_name.erase(found);
  }
}

void Facts::Workloads::Read(const config::Snapshot& snapshot, bool assume_ingress_gateway) {
  for (const config::ResourcePtr& pod : snapshot.List(Kind::kPod)) {
    all.push_back({pod->ns(), pod->name(), pod->metadata().labels, pod->metadata().annotations,
                   &pod->As<kube::Pod>().spec(), pod.get()});
  }
  for (const config::ResourcePtr& deployment : snapshot.List(Kind::kDeployment)) {
    const kube::PodTemplateSpec& pod = deployment->As<kube::Deployment>().spec().template_();
    all.push_back({deployment->ns(), deployment->name(), ToLabels(pod.metadata().labels()),
                   ToLabels(pod.metadata().annotations()), &pod.spec(), deployment.get()});
  }
  bool has_gateway = false;
  for (const Workload& workload : all) {
    const auto istio = workload.labels.find("istio");
    if (istio != workload.labels.end() && istio->second == kIngressGateway) has_gateway = true;
  }
  if (assume_ingress_gateway && !has_gateway) {
    Workload gateway;
    gateway.ns = "istio-system";
    gateway.name = "istio-ingressgateway";
    gateway.labels = {{"istio", kIngressGateway}, {"app", "istio-ingressgateway"}};
    all.push_back(std::move(gateway));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    by_label.Add(all[i].ns, all[i].labels, i);
    by_label.Add("*", all[i].labels, i);
  }
  services.resize(all.size());
}

void Facts::Workloads::AddServices(const config::Snapshot& snapshot) {
  for (const config::ResourcePtr& service : snapshot.List(Kind::kService)) {
    const auto& selector = service->As<kube::Service>().spec().selector();
    if (selector.empty()) continue;
    for (size_t workload : by_label.Select(service->ns(), ToLabels(selector))) {
      services[workload].push_back(service.get());
    }
  }
}

const std::vector<Workload>& Facts::workloads() const { return all_workloads().all; }

std::vector<size_t> Facts::Select(const std::string& ns, const Labels& selector) const {
  return all_workloads().by_label.Select(ns, selector);
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

void Facts::Hosts::AddServices(const config::Snapshot& snapshot) {
  for (const config::ResourcePtr& service : snapshot.List(Kind::kService)) {
    std::vector<uint32_t>& numbers = ports.emplace_back();
    for (const kube::ServicePort& port : service->As<kube::Service>().spec().ports()) {
      numbers.push_back(port.port());
    }
    std::vector<std::string> export_to;
    const auto annotation = service->metadata().annotations.find("networking.istio.io/exportTo");
    if (annotation != service->metadata().annotations.end()) {
      for (absl::string_view scope : absl::StrSplit(annotation->second, ',')) {
        export_to.emplace_back(absl::StripAsciiWhitespace(scope));
      }
    }
    for (const std::string& scope : Scopes(service->ns(), export_to)) {
      Add(scope, service->name() + "." + service->ns() + ".svc.cluster.local", *service);
    }
  }
}

void Facts::Hosts::AddServiceEntries(const config::Snapshot& snapshot) {
  for (const config::ResourcePtr& entry : snapshot.List(Kind::kServiceEntry)) {
    const auto& spec = entry->As<net::ServiceEntry>();
    std::vector<uint32_t>& numbers = ports.emplace_back();
    for (const auto& port : spec.ports()) numbers.push_back(port.number());
    const std::vector<std::string> scopes = Scopes(entry->ns(), spec.export_to());
    for (const std::string& host : spec.hosts()) {
      for (const std::string& scope : scopes) Add(scope, FullHost(entry->ns(), host), *entry);
    }
  }
}

const Host* Facts::Hosts::Find(std::string_view scope, const std::string& fqdn) const {
  const auto find = [&](std::string_view name) -> const Host* {
    const auto found = by_name.find(HashName(scope, name));
    return found == by_name.end() ? nullptr : &found->second;
  };
  if (const Host* exact = find(fqdn)) return exact;
  if (!wildcards) return nullptr;
  for (size_t dot = fqdn.find('.'); dot != std::string::npos; dot = fqdn.find('.', dot + 1)) {
    if (const Host* wildcard = find("*" + fqdn.substr(dot))) return wildcard;
  }
  return find("*");
}

const Host* Facts::FindHost(const std::string& ns, const std::string& host) const {
  const std::string fqdn = FullHost(ns, host);
  const Host* found = hosts().Find("*", fqdn);
  return found != nullptr ? found : hosts().Find(ns, fqdn);
}

const std::vector<const config::Resource*>& Facts::ServicesOf(size_t workload) const {
  return all_workloads().services[workload];
}

absl::Span<const SubsetPlace> Facts::FindSubsets(const std::string& fqdn,
                                                 const std::string& subset) const {
  const Subsets& all = subsets();
  const auto found = all.by_name.find(HashName(fqdn, subset));
  return found == all.by_name.end() ? absl::Span<const SubsetPlace>() : found->second;
}

const config::Resource* Facts::FindGateway(std::string_view full) const {
  const size_t slash = full.find('/');
  if (slash == std::string_view::npos) return nullptr;
  const Gateways& all = gateways();
  const auto found = all.by_name.find(HashName(full.substr(0, slash), full.substr(slash + 1)));
  return found == all.by_name.end() ? nullptr : found->second;
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
  if (followed_rules_ == nullptr || !SameRules(followed_rules_->snapshot(), *followed_)) {
    const bool newer = world_ != nullptr && &world_->snapshot() == followed_.get();
    followed_rules_ = translate::World::Build(WithoutServices(*followed_), {},
                                              newer ? world_.get() : followed_rules_.get());
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
