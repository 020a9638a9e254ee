#include "mesh/registry/builder.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/networking/v1alpha3/service_entry.pb.h"
#include "api/networking/v1alpha3/workload_entry.pb.h"
#include "mesh/base/strings.h"

namespace mesh::registry {
namespace {

namespace k8s = ::mesh::kubernetes::v1;
namespace networking = ::istio::networking::v1alpha3;

std::string Spiffe(const std::string& ns, const std::string& account,
                   const RegistryOptions& options) {
  if (account.empty() || absl::StartsWith(account, "spiffe://")) return account;
  return absl::StrCat("spiffe://", options.trust_domain, "/ns/", ns, "/sa/", account);
}

// "10.1.1.0/24" stays, "10.1.1.1/32" is 10.1.1.1.
std::string Address(const std::string& text) {
  return absl::EndsWith(text, "/32") ? text.substr(0, text.size() - 3) : text;
}

std::vector<std::string> ExportTo(const std::string& annotation) {
  std::vector<std::string> result;
  for (absl::string_view part : absl::StrSplit(annotation, ',', absl::SkipWhitespace())) {
    result.emplace_back(absl::StripAsciiWhitespace(part));
  }
  return result;
}

uint32_t EntryPort(const networking::WorkloadEntry& entry, const Port& port) {
  if (absl::StartsWith(entry.address(), "unix://")) return 0;
  const auto it = entry.ports().find(port.name);
  if (it != entry.ports().end()) return it->second;
  return port.target_number != 0 ? port.target_number : port.number;
}

bool MutualTls(const Labels& labels) {
  const auto it = labels.find("security.istio.io/tlsMode");
  return it != labels.end() && it->second == "istio";
}

}  // namespace

std::optional<Endpoint> MakeEndpoint(const Workload& workload, const Service& service,
                                     const Port& port, const RegistryOptions& options) {
  Endpoint endpoint;
  endpoint.address = workload.ip;
  endpoint.service_port_name = port.name;
  endpoint.service_port = port.number;
  endpoint.labels = workload.labels;
  endpoint.service_account = Spiffe(workload.ns, workload.service_account, options);
  endpoint.mutual_tls = MutualTls(workload.labels);
  endpoint.locality = workload.locality;
  endpoint.network = workload.network;
  endpoint.weight = workload.weight;
  endpoint.workload_name = workload.name;
  endpoint.workload_namespace = workload.ns;
  if (absl::StartsWith(workload.ip, "unix://")) return endpoint;
  if (!workload.pod) {
    const auto it = workload.named_ports.find(port.name);
    endpoint.port = it != workload.named_ports.end() ? it->second
                    : port.target_number != 0        ? port.target_number
                                                     : port.number;
    return endpoint;
  }
  if (!port.target_name.empty()) {
    const auto it = workload.named_ports.find(port.target_name);
    if (it == workload.named_ports.end()) return std::nullopt;
    endpoint.port = it->second;
  } else {
    endpoint.port = port.target_number != 0 ? port.target_number : port.number;
  }
  return endpoint;
}

void Builder::IndexWorkloads() {
  registry_->workloads_ = ReadPods(snapshot_, registry_->options_);
  for (const config::ResourcePtr& entry : snapshot_.List(config::Kind::kWorkloadEntry)) {
    registry_->workloads_.push_back(std::make_shared<const Workload>(ReadWorkloadEntry(entry)));
  }
  for (size_t i = 0; i < registry_->workloads_.size(); ++i) {
    const WorkloadPtr& workload = registry_->workloads_[i];
    by_label_.Add(workload->ns, workload->labels, i);
    registry_->by_name_.emplace(absl::StrCat(workload->ns, "/", workload->name), workload);
    if (!workload->ip.empty()) registry_->by_ip_.emplace(workload->ip, workload);
  }
}

void Builder::AddAddress(Draft& draft, const Port& port, const std::string& address,
                         uint32_t number) {
  Endpoint endpoint;
  if (const WorkloadPtr workload = registry_->FindWorkloadByIp(address); workload != nullptr) {
    if (auto made = MakeEndpoint(*workload, *draft.service, port, registry_->options_)) {
      endpoint = *std::move(made);
    }
  }
  endpoint.address = address;
  endpoint.port = number;
  endpoint.service_port = port.number;
  endpoint.service_port_name = port.name;
  draft.endpoints.push_back(std::move(endpoint));
}

bool Builder::ReadEndpointObjects(Draft& draft) {
  const Service& service = *draft.service;
  if (const config::ResourcePtr resource =
          snapshot_.Find(config::Kind::kEndpoints, service.ns, service.name)) {
    for (const k8s::EndpointSubset& subset : resource->As<k8s::Endpoints>().subsets()) {
      for (const k8s::EndpointPort& named : subset.ports()) {
        for (const Port& port : service.ports) {
          if (port.name != named.name()) continue;
          for (const k8s::EndpointAddress& address : subset.addresses()) {
            AddAddress(draft, port, address.ip(), named.port());
          }
        }
      }
    }
    return true;
  }
  const auto slices = slices_.find({service.ns, service.name});
  if (slices == slices_.end()) return false;
  for (const config::ResourcePtr& resource : slices->second) {
    const auto& slice = resource->As<k8s::EndpointSlice>();
    if (slice.address_type() == "FQDN") continue;
    for (const k8s::EndpointPort& named : slice.ports()) {
      for (const Port& port : service.ports) {
        if (port.name != named.name()) continue;
        for (const k8s::Endpoint& endpoint : slice.endpoints()) {
          // Absent means ready.
          if (endpoint.conditions().has_ready() && !endpoint.conditions().ready()) continue;
          for (const std::string& address : endpoint.addresses()) {
            AddAddress(draft, port, address, named.port());
          }
        }
      }
    }
  }
  return true;
}

void Builder::SelectWorkloads(Draft& draft) {
  const Service& service = *draft.service;
  if (service.selector.empty()) return;
  for (const size_t i : by_label_.Select(service.ns, service.selector)) {
    const WorkloadPtr& workload = registry_->workloads_[i];
    if (!workload->ready || workload->ip.empty()) continue;
    // A Kubernetes service selects pods, a ServiceEntry pods and WorkloadEntries.
    if (service.kubernetes && !workload->pod) continue;
    for (const Port& port : service.ports) {
      if (auto endpoint = MakeEndpoint(*workload, service, port, registry_->options_)) {
        draft.endpoints.push_back(*std::move(endpoint));
      }
    }
  }
}

void Builder::ReadKubernetesService(const config::ResourcePtr& resource) {
  const k8s::ServiceSpec& spec = resource->As<k8s::Service>().spec();
  const config::Metadata& metadata = resource->metadata();
  Draft draft;
  draft.service = std::make_shared<Service>();
  Service& service = *draft.service;
  service.name = metadata.name;
  service.ns = metadata.ns;
  service.hostname =
      absl::StrCat(metadata.name, ".", metadata.ns, ".svc.", registry_->options_.domain);
  service.kubernetes = true;
  service.labels = metadata.labels;
  service.creation = metadata.creation;
  service.source = resource;
  service.source_name = metadata.name;
  if (const auto it = metadata.annotations.find("networking.istio.io/exportTo");
      it != metadata.annotations.end()) {
    service.export_to = ExportTo(it->second);
  }
  for (const k8s::ServicePort& port : spec.ports()) {
    Port& made = service.ports.emplace_back();
    made.name = port.name();
    made.number = port.port();
    made.protocol =
        KubernetesProtocol(port.port(), port.name(), port.protocol(), port.app_protocol());
    made.target_number = port.target_port().number();
    made.target_name = port.target_port().name();
  }
  const bool external = spec.type() == "ExternalName" && !spec.external_name().empty();
  if (external) {
    service.resolution = Resolution::kDns;
    service.mesh_external = true;
    for (const Port& port : service.ports) {
      Endpoint& endpoint = draft.endpoints.emplace_back();
      endpoint.address = spec.external_name();
      endpoint.port = port.number;
      endpoint.service_port = port.number;
      endpoint.service_port_name = port.name;
    }
    drafts_.push_back(std::move(draft));
    return;
  }
  service.selector.insert(spec.selector().begin(), spec.selector().end());
  if (spec.cluster_ip() == "None") {
    service.headless = true;
    service.resolution = Resolution::kPassthrough;
  } else if (!spec.cluster_ip().empty()) {
    service.addresses.push_back(spec.cluster_ip());
  }
  if (!ReadEndpointObjects(draft)) SelectWorkloads(draft);
  drafts_.push_back(std::move(draft));
}

void Builder::AddEntryEndpoints(const config::Resource& resource, const std::string& host,
                                Draft& draft) {
  const auto& spec = resource.As<networking::ServiceEntry>();
  for (const Port& port : draft.service->ports) {
    for (const networking::WorkloadEntry& entry : spec.endpoints()) {
      Endpoint& endpoint = draft.endpoints.emplace_back();
      endpoint.address = entry.address();
      endpoint.port = EntryPort(entry, port);
      endpoint.service_port = port.number;
      endpoint.service_port_name = port.name;
      endpoint.labels.insert(entry.labels().begin(), entry.labels().end());
      endpoint.service_account =
          Spiffe(resource.ns(), entry.service_account(), registry_->options_);
      endpoint.mutual_tls = MutualTls(endpoint.labels);
      endpoint.locality = entry.locality();
      endpoint.network = entry.network();
      endpoint.weight = entry.weight();
    }
    if (spec.endpoints().empty() && spec.workload_selector().labels().empty() &&
        draft.service->resolution == Resolution::kDns) {
      // The host itself is what is resolved.
      Endpoint& endpoint = draft.endpoints.emplace_back();
      endpoint.address = host;
      endpoint.port = port.target_number != 0 ? port.target_number : port.number;
      endpoint.service_port = port.number;
      endpoint.service_port_name = port.name;
    }
  }
}

void Builder::ReadServiceEntry(const config::ResourcePtr& resource) {
  const auto& spec = resource->As<networking::ServiceEntry>();
  for (const std::string& host : spec.hosts()) {
    Draft draft;
    draft.service = std::make_shared<Service>();
    Service& service = *draft.service;
    service.name = host;
    service.ns = resource->ns();
    service.hostname = host;
    for (const std::string& address : spec.addresses()) {
      service.addresses.push_back(Address(address));
    }
    service.labels = resource->metadata().labels;
    service.creation = resource->metadata().creation;
    service.source = resource;
    service.source_name = resource->name();
    service.export_to.assign(spec.export_to().begin(), spec.export_to().end());
    service.service_accounts.assign(spec.subject_alt_names().begin(),
                                    spec.subject_alt_names().end());
    service.mesh_external = spec.location() == networking::ServiceEntry::MESH_EXTERNAL;
    switch (spec.resolution()) {
      case networking::ServiceEntry::STATIC:
        service.resolution = Resolution::kClientSide;
        break;
      case networking::ServiceEntry::DNS:
      case networking::ServiceEntry::DNS_ROUND_ROBIN:
        service.resolution = Resolution::kDns;
        break;
      default:
        service.resolution = Resolution::kPassthrough;
        break;
    }
    const auto& selector = spec.workload_selector().labels();
    service.selector.insert(selector.begin(), selector.end());
    for (const networking::ServicePort& port : spec.ports()) {
      Port& made = service.ports.emplace_back();
      made.name = port.name();
      made.number = port.number();
      made.protocol = ParseProtocol(port.protocol());
      made.target_number = port.target_port();
    }
    if (service.selector.empty()) {
      AddEntryEndpoints(*resource, host, draft);
    } else {
      SelectWorkloads(draft);
    }
    drafts_.push_back(std::move(draft));
  }
}

std::shared_ptr<const Registry> Builder::Build() {
  IndexWorkloads();
  for (const config::ResourcePtr& slice : snapshot_.List(config::Kind::kEndpointSlice)) {
    const auto& labels = slice->metadata().labels;
    const auto name = labels.find("kubernetes.io/service-name");
    if (name != labels.end()) slices_[{slice->ns(), name->second}].push_back(slice);
  }
  for (const config::ResourcePtr& service : snapshot_.List(config::Kind::kService)) {
    ReadKubernetesService(service);
  }
  for (const config::ResourcePtr& entry : snapshot_.List(config::Kind::kServiceEntry)) {
    ReadServiceEntry(entry);
  }
  const auto order = [](const Draft& draft) {
    const Service& service = *draft.service;
    return std::make_tuple(service.creation.value_or(absl::UnixEpoch()),
                           absl::StrCat(service.name, ".", service.ns), service.kubernetes ? 0 : 1,
                           service.source_name);
  };
  std::sort(drafts_.begin(), drafts_.end(),
            [&](const Draft& a, const Draft& b) { return order(a) < order(b); });
  for (Draft& draft : drafts_) {
    std::set<std::string> accounts(draft.service->service_accounts.begin(),
                                   draft.service->service_accounts.end());
    for (const Endpoint& endpoint : draft.endpoints) {
      if (!endpoint.service_account.empty()) accounts.insert(endpoint.service_account);
    }
    draft.service->service_accounts.assign(accounts.begin(), accounts.end());
    std::vector<Endpoint>& endpoints =
        registry_->endpoints_[{draft.service->hostname, draft.service->ns}];
    std::move(draft.endpoints.begin(), draft.endpoints.end(), std::back_inserter(endpoints));
    std::stable_sort(endpoints.begin(), endpoints.end(), [](const Endpoint& a, const Endpoint& b) {
      return std::tie(a.address, a.port) < std::tie(b.address, b.port);
    });
    registry_->by_hostname_[draft.service->hostname].push_back(draft.service);
    registry_->services_.push_back(std::move(draft.service));
  }
  return std::move(registry_);
}

}  // namespace mesh::registry
