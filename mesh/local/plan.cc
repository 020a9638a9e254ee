#include "mesh/local/plan.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "mesh/base/strings.h"
#include "mesh/local/addresses.h"

namespace mesh::local {
namespace {

using Labels = std::map<std::string, std::string>;

Labels ToLabels(const google::protobuf::Map<std::string, std::string>& map) {
  return Labels(map.begin(), map.end());
}

bool Selects(const Labels& selector, const Labels& labels) {
  for (const auto& [name, value] : selector) {
    const auto it = labels.find(name);
    if (it == labels.end() || it->second != value) return false;
  }
  return !selector.empty();
}

// By appProtocol, else by the name up to its first '-', as Istio reads them.
bool CarriesHttp(const kubernetes::v1::ServicePort& port) {
  std::string protocol = port.app_protocol();
  if (protocol.empty()) {
    protocol = absl::StartsWithIgnoreCase(port.name(), "grpc-web")
                   ? "grpc-web"
                   : port.name().substr(0, port.name().find('-'));
  }
  absl::AsciiStrToLower(&protocol);
  return protocol == "http" || protocol == "http2" || protocol == "grpc" || protocol == "grpc-web";
}

int TargetPort(const kubernetes::v1::ServicePort& port, const kubernetes::v1::PodSpec& pod) {
  if (!port.target_port().name().empty()) {
    for (const auto& container : pod.containers()) {
      for (const auto& candidate : container.ports()) {
        if (candidate.name() == port.target_port().name()) return candidate.container_port();
      }
    }
    return 0;
  }
  return port.target_port().number() != 0 ? port.target_port().number() : port.port();
}

std::string Where(const config::Resource& resource) {
  const std::string position = resource.position().ToString();
  return absl::StrCat(resource.ObjectName(), position.empty() ? "" : " (", position,
                      position.empty() ? "" : ")");
}

std::vector<PodPort> PortsOf(const config::Snapshot& snapshot, const std::string& ns,
                             const Labels& labels, const kubernetes::v1::PodSpec& spec) {
  std::map<int, std::string> ports;
  for (const config::ResourcePtr& resource : snapshot.List(config::Kind::kService, ns)) {
    const auto& service = resource->As<kubernetes::v1::Service>().spec();
    if (!Selects(ToLabels(service.selector()), labels)) continue;
    for (const auto& port : service.ports()) {
      const int number = TargetPort(port, spec);
      if (CarriesHttp(port) && number != 0) ports.emplace(number, port.name());
    }
  }
  std::vector<PodPort> result;
  for (const auto& [number, name] : ports) result.push_back({number, name});
  return result;
}

}  // namespace

std::optional<BookinfoRole> RoleOfImage(std::string_view image) {
  const size_t slash = image.rfind('/');
  if (slash != std::string_view::npos) image.remove_prefix(slash + 1);
  image = image.substr(0, image.find_first_of(":@"));
  absl::string_view rest = Absl(image);
  if (!absl::ConsumePrefix(&rest, "examples-bookinfo-")) return std::nullopt;
  const size_t dash = rest.find('-');
  if (dash == absl::string_view::npos) return std::nullopt;
  BookinfoRole role{std::string(rest.substr(0, dash)), std::string(rest.substr(dash + 1))};
  for (std::string_view known : {"productpage", "details", "reviews", "ratings"}) {
    if (role.role != known) continue;
    if (known == "reviews" && role.version != "v1" && role.version != "v2" &&
        role.version != "v3") {
      return std::nullopt;
    }
    return role;
  }
  return std::nullopt;
}

absl::StatusOr<Plan> MakePlan(const config::Snapshot& snapshot) {
  Plan plan;
  std::set<int> outbound;
  for (const config::ResourcePtr& resource : snapshot.List(config::Kind::kService)) {
    for (const auto& port : resource->As<kubernetes::v1::Service>().spec().ports()) {
      if (CarriesHttp(port)) outbound.insert(port.port());
    }
  }
  plan.outbound_ports.assign(outbound.begin(), outbound.end());

  for (const config::ResourcePtr& resource : snapshot.List(config::Kind::kDeployment)) {
    const auto& deployment = resource->As<kubernetes::v1::Deployment>().spec();
    const auto& pod_template = deployment.template_();
    const Labels labels = ToLabels(pod_template.metadata().labels());
    const int replicas = deployment.has_replicas() ? deployment.replicas() : 1;
    const kubernetes::v1::Container* container = nullptr;
    std::optional<BookinfoRole> role;
    for (const auto& candidate : pod_template.spec().containers()) {
      std::optional<BookinfoRole> its_role = RoleOfImage(candidate.image());
      if (its_role.has_value() && container == nullptr) {
        container = &candidate;
        role = its_role;
      } else {
        plan.remarks.push_back(absl::StrCat(Where(*resource), ": container ", candidate.name(),
                                            " is not run: image ", candidate.image(),
                                            " is none of Bookinfo's"));
      }
    }
    std::vector<PodPort> ports;
    if (container != nullptr) {
      ports = PortsOf(snapshot, resource->ns(), labels, pod_template.spec());
      if (ports.empty()) {
        plan.remarks.push_back(absl::StrCat(Where(*resource),
                                            ": not run: no HTTP port of a Service in namespace ",
                                            resource->ns(), " leads to it"));
      }
    }
    if (container == nullptr || ports.empty()) continue;
    for (int i = 0; i < replicas; ++i) {
      PodPlan pod;
      pod.name = absl::StrCat(resource->name(), "-", i);
      pod.ns = resource->ns();
      pod.deployment = resource->name();
      pod.container = container->name();
      pod.service_account = pod_template.spec().service_account_name();
      if (pod.service_account.empty()) pod.service_account = pod_template.spec().service_account();
      if (pod.service_account.empty()) pod.service_account = "default";
      pod.labels = labels;
      pod.labels[kPodLabel] = pod.name;
      pod.app = *role;
      pod.ports = ports;
      pod.index = static_cast<int>(plan.pods.size()) + 1;
      plan.pods.push_back(std::move(pod));
    }
  }
  if (plan.pods.empty()) {
    return absl::FailedPreconditionError(
        "the YAML has no Deployment that can be run here: none whose container is one of "
        "Bookinfo's (image …/examples-bookinfo-productpage-v1 and so on)");
  }
  if (plan.pods.size() > static_cast<size_t>(AddressBlock::kMaxPods)) {
    return absl::FailedPreconditionError(absl::StrCat("the YAML asks for ", plan.pods.size(),
                                                      " pods; at most ", AddressBlock::kMaxPods,
                                                      " run here"));
  }
  return plan;
}

}  // namespace mesh::local
