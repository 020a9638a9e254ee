// Pods, given or standing behind a Deployment, and WorkloadEntries.
#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/workload_entry.pb.h"
#include "mesh/registry/builder.h"

namespace mesh::registry {
namespace {

namespace k8s = ::mesh::kubernetes::v1;
namespace networking = ::istio::networking::v1alpha3;

// Hands out addresses of a range: the same name gets the same one, but for collisions.
class Addresses {
 public:
  explicit Addresses(const std::string& range) {
    const std::vector<std::string> parts = absl::StrSplit(range, '/');
    const std::vector<std::string> bytes = absl::StrSplit(parts[0], '.');
    uint32_t bits = 16;
    if (parts.size() == 2) (void)absl::SimpleAtoi(parts[1], &bits);
    for (const std::string& byte : bytes) {
      uint32_t value = 0;
      (void)absl::SimpleAtoi(byte, &value);
      base_ = base_ << 8 | (value & 0xff);
    }
    bits = std::min<uint32_t>(std::max<uint32_t>(bits, 1), 30);
    size_ = (1u << (32 - bits)) - 2;  // neither the network's nor the broadcast address
    base_ &= ~(size_ + 1);
  }

  void Take(const std::string& address) { taken_.insert(address); }

  std::string For(const std::string& name) {
    uint32_t hash = 2166136261u;
    for (const unsigned char c : name) hash = (hash ^ c) * 16777619u;
    for (uint32_t i = 0; i < size_; ++i) {
      const uint32_t ip = base_ + 1 + (hash + i) % size_;
      std::string text =
          absl::StrCat(ip >> 24, ".", ip >> 16 & 0xff, ".", ip >> 8 & 0xff, ".", ip & 0xff);
      if (taken_.insert(text).second) return text;
    }
    return "";
  }

 private:
  uint32_t base_ = 0;
  uint32_t size_ = 0;
  std::set<std::string> taken_;
};

void ReadSpec(const k8s::PodSpec& spec, Workload& workload) {
  workload.service_account = !spec.service_account_name().empty() ? spec.service_account_name()
                             : !spec.service_account().empty()    ? spec.service_account()
                                                                  : "default";
  workload.host_network = spec.host_network();
  std::set<uint32_t> ports;
  for (const k8s::Container& container : spec.containers()) {
    for (const k8s::ContainerPort& port : container.ports()) {
      ports.insert(port.container_port());
      if (!port.name().empty()) workload.named_ports.emplace(port.name(), port.container_port());
    }
    bool proxy = false;
    for (const std::string& arg : container.args()) {
      if (proxy && arg == "router") workload.router = true;
      proxy = arg == "proxy";
    }
  }
  workload.ports.assign(ports.begin(), ports.end());
}

void ReadLabels(Workload& workload) {
  if (const auto it = workload.labels.find("istio-locality"); it != workload.labels.end()) {
    workload.locality = absl::StrReplaceAll(it->second, {{".", "/"}});
  }
  if (const auto it = workload.labels.find("topology.istio.io/network");
      it != workload.labels.end()) {
    workload.network = it->second;
  }
}

bool Ready(const k8s::PodStatus& status) {
  if (status.phase() != "" && status.phase() != "Running") return false;
  for (const k8s::PodCondition& condition : status.conditions()) {
    if (condition.type() == "Ready") return condition.status() == "True";
  }
  return true;
}

// The Deployment that made a pod: by owner, where the pod says; its ReplicaSet's name is the
// Deployment's and a hash.
std::string OwnerOf(const config::Metadata& metadata) {
  for (const config::Metadata::Owner& owner : metadata.owners) {
    if (owner.kind == "Deployment") return owner.name;
    if (owner.kind == "ReplicaSet") return owner.name.substr(0, owner.name.rfind('-'));
  }
  return "";
}

}  // namespace

std::set<Labels> GatewaySelectors(const config::Snapshot& snapshot) {
  std::set<Labels> selectors;
  for (const config::ResourcePtr& gateway : snapshot.List(config::Kind::kGateway)) {
    const auto& selector = gateway->As<networking::Gateway>().selector();
    if (!selector.empty()) selectors.emplace(selector.begin(), selector.end());
  }
  return selectors;
}

Workload ReadWorkloadEntry(const config::ResourcePtr& resource) {
  const auto& entry = resource->As<networking::WorkloadEntry>();
  Workload workload;
  workload.name = resource->name();
  workload.ns = resource->ns();
  workload.ip = entry.address();
  workload.labels = resource->metadata().labels;
  for (const auto& [key, value] : entry.labels()) workload.labels[key] = value;
  workload.service_account = entry.service_account();
  workload.locality = entry.locality();
  workload.network = entry.network();
  workload.weight = entry.weight();
  workload.pod = false;
  workload.named_ports.insert(entry.ports().begin(), entry.ports().end());
  workload.source = resource;
  return workload;
}

std::vector<WorkloadPtr> ReadPods(const config::Snapshot& snapshot,
                                  const RegistryOptions& options) {
  std::vector<std::shared_ptr<Workload>> pods;
  std::set<std::pair<std::string, std::string>> names;
  Addresses addresses(options.pod_range);
  std::vector<std::shared_ptr<Workload>> without_address;
  for (const config::ResourcePtr& resource : snapshot.List(config::Kind::kPod)) {
    const auto& pod = resource->As<k8s::Pod>();
    auto workload = std::make_shared<Workload>();
    workload->name = resource->name();
    workload->ns = resource->ns();
    workload->ip = pod.status().pod_ip();
    workload->labels = resource->metadata().labels;
    workload->ready = Ready(pod.status());
    workload->deployment = OwnerOf(resource->metadata());
    workload->source = resource;
    ReadSpec(pod.spec(), *workload);
    ReadLabels(*workload);
    names.emplace(workload->ns, workload->name);
    if (!workload->ip.empty()) {
      addresses.Take(workload->ip);
    } else if (pod.status().phase().empty()) {
      // Written by hand, without a status: as good as a Deployment's.
      without_address.push_back(workload);
    }
    pods.push_back(std::move(workload));
  }
  if (options.expand_deployments) {
    const size_t given = pods.size();
    for (const config::ResourcePtr& resource : snapshot.List(config::Kind::kDeployment)) {
      const auto& deployment = resource->As<k8s::Deployment>();
      const auto& matched = deployment.spec().selector().match_labels();
      const Labels selector(matched.begin(), matched.end());
      bool replaced = false;
      for (size_t i = 0; i < given && !replaced; ++i) {
        const Workload& pod = *pods[i];
        replaced =
            pod.ns == resource->ns() && (pod.deployment == resource->name() ||
                                         (!selector.empty() && Selects(selector, pod.labels)));
      }
      if (replaced) continue;
      for (int i = 0; i < deployment.spec().replicas(); ++i) {
        auto workload = std::make_shared<Workload>();
        workload->name = absl::StrCat(resource->name(), "-", i);
        workload->ns = resource->ns();
        if (names.count({workload->ns, workload->name}) != 0) continue;
        const auto& labels = deployment.spec().template_().metadata().labels();
        workload->labels.insert(labels.begin(), labels.end());
        workload->deployment = resource->name();
        workload->source = resource;
        ReadSpec(deployment.spec().template_().spec(), *workload);
        ReadLabels(*workload);
        without_address.push_back(workload);
        pods.push_back(std::move(workload));
      }
    }
  }
  const auto by_name = [](const auto& a, const auto& b) {
    return std::tie(a->ns, a->name) < std::tie(b->ns, b->name);
  };
  std::sort(without_address.begin(), without_address.end(), by_name);
  for (const auto& workload : without_address) {
    workload->ip = addresses.For(absl::StrCat(workload->ns, "/", workload->name));
  }
  std::sort(pods.begin(), pods.end(), by_name);
  std::vector<WorkloadPtr> result;
  const std::set<Labels> gateways = pods.empty() ? std::set<Labels>() : GatewaySelectors(snapshot);
  for (std::shared_ptr<Workload>& pod : pods) {
    for (const Labels& selector : gateways) pod->router |= Selects(selector, pod->labels);
    result.push_back(std::move(pod));
  }
  return result;
}

}  // namespace mesh::registry
