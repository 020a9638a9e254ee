#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {
namespace {

namespace kube = ::mesh::kubernetes::v1;

std::string CheckTransport(const std::string& protocol) {
  if (protocol.empty() || protocol == "TCP" || protocol == "UDP" || protocol == "SCTP") return "";
  return absl::StrCat("\"", protocol, "\" is not TCP, UDP or SCTP");
}

void CheckService(Checker* checker, const kube::Service& service) {
  const Path root;
  const Path path = root.Field("spec");
  const kube::ServiceSpec& spec = service.spec();
  std::set<std::string> names;
  for (int i = 0; i < spec.ports_size(); ++i) {
    const kube::ServicePort& port = spec.ports(i);
    const Path list = path.Field("ports");
    const Path at = list.At(i);
    checker->Check(at.Field("port"), CheckPort(port.port()));
    checker->Check(at.Field("protocol"), CheckTransport(port.protocol()));
    if (port.target_port().value_case() == kube::IntOrString::kNumber &&
        checker->IsWritten(at.Field("targetPort"))) {
      checker->Check(at.Field("targetPort"), CheckPort(port.target_port().number()));
    }
    if (spec.ports_size() > 1 && port.name().empty()) {
      checker->Fail(at, "the port needs a name, as there are several");
    }
    if (!port.name().empty() && !names.insert(port.name()).second) {
      checker->Fail(at.Field("name"),
                    absl::StrCat("\"", port.name(), "\" is the name of another port"));
    }
  }
  if (!spec.cluster_ip().empty() && spec.cluster_ip() != "None" &&
      !IsIpAddress(spec.cluster_ip())) {
    checker->Fail(path.Field("clusterIP"),
                  absl::StrCat("\"", spec.cluster_ip(), "\" is neither an IP address nor None"));
  }
  if (spec.type() == "ExternalName" && spec.external_name().empty()) {
    checker->Fail(path, "externalName is missing: the type is ExternalName");
  }
}

void CheckPodSpec(Checker* checker, const Path& path, const kube::PodSpec& spec) {
  for (int i = 0; i < spec.containers_size(); ++i) {
    const kube::Container& container = spec.containers(i);
    const Path list = path.Field("containers");
    const Path at = list.At(i);
    if (container.name().empty()) checker->Fail(at, "name is missing");
    for (int k = 0; k < container.ports_size(); ++k) {
      const Path ports = at.Field("ports");
      const Path port = ports.At(k);
      checker->Check(port.Field("containerPort"), CheckPort(container.ports(k).container_port()));
      checker->Check(port.Field("protocol"), CheckTransport(container.ports(k).protocol()));
    }
  }
}

void CheckPod(Checker* checker, const kube::Pod& pod) {
  const Path root;
  CheckPodSpec(checker, root.Field("spec"), pod.spec());
  if (!pod.status().pod_ip().empty()) {
    checker->Check(root.Field("status").Field("podIP"), CheckIpAddress(pod.status().pod_ip()));
  }
}

void CheckDeployment(Checker* checker, const kube::Deployment& deployment) {
  const Path root;
  const Path path = root.Field("spec");
  if (deployment.spec().replicas() < 0) checker->Fail(path.Field("replicas"), "is below 0");
  const Path pod = path.Field("template");
  CheckPodSpec(checker, pod.Field("spec"), deployment.spec().template_().spec());
  for (const auto* label : Sorted(deployment.spec().selector().match_labels())) {
    const auto& labels = deployment.spec().template_().metadata().labels();
    const auto has = labels.find(label->first);
    if (has == labels.end() || has->second != label->second) {
      const Path selector = path.Field("selector");
      const Path match = selector.Field("matchLabels");
      checker->Fail(match.Key(label->first), absl::StrCat("the pods of the template have no label ",
                                                          label->first, "=", label->second));
    }
  }
}

void CheckEndpoints(Checker* checker, const kube::Endpoints& endpoints) {
  const Path root;
  const Path subsets = root.Field("subsets");
  for (int i = 0; i < endpoints.subsets_size(); ++i) {
    const Path at = subsets.At(i);
    for (int k = 0; k < endpoints.subsets(i).addresses_size(); ++k) {
      const Path list = at.Field("addresses");
      checker->Check(list.At(k).Field("ip"),
                     CheckIpAddress(endpoints.subsets(i).addresses(k).ip()));
    }
    for (int k = 0; k < endpoints.subsets(i).ports_size(); ++k) {
      const Path list = at.Field("ports");
      checker->Check(list.At(k).Field("port"), CheckPort(endpoints.subsets(i).ports(k).port()));
    }
  }
}

void CheckEndpointSlice(Checker* checker, const kube::EndpointSlice& slice) {
  const Path root;
  const Path endpoints = root.Field("endpoints");
  for (int i = 0; i < slice.endpoints_size(); ++i) {
    for (int k = 0; k < slice.endpoints(i).addresses_size(); ++k) {
      if (slice.address_type() == "FQDN") continue;
      const Path at = endpoints.At(i);
      const Path list = at.Field("addresses");
      checker->Check(list.At(k), CheckIpAddress(slice.endpoints(i).addresses(k)));
    }
  }
  const Path ports = root.Field("ports");
  for (int i = 0; i < slice.ports_size(); ++i) {
    if (slice.ports(i).port() != 0) {
      checker->Check(ports.At(i).Field("port"), CheckPort(slice.ports(i).port()));
    }
  }
}

// No message repeats a value.
void CheckSecret(Checker* checker, const kube::Secret& secret) {
  const Path root;
  const Path data = root.Field("data");
  for (const auto* entry : Sorted(secret.data())) {
    std::string bytes;
    if (absl::Base64Unescape(entry->second, &bytes)) continue;
    checker->Fail(data.Key(entry->first),
                  "is not base64: encode it (base64 -w0), or write it under stringData");
  }
  if (secret.type() != "kubernetes.io/tls") return;
  for (const char* key : {"tls.crt", "tls.key"}) {
    if (secret.data().count(key) == 0 && secret.string_data().count(key) == 0) {
      checker->Fail(root.Field("type"),
                    absl::StrCat("a Secret of type kubernetes.io/tls has ", key));
    }
  }
}

}  // namespace

void CheckKubernetes(Checker* checker) {
  const Resource& resource = checker->resource();
  switch (resource.kind()) {
    case Kind::kService:
      return CheckService(checker, resource.As<kube::Service>());
    case Kind::kPod:
      return CheckPod(checker, resource.As<kube::Pod>());
    case Kind::kDeployment:
      return CheckDeployment(checker, resource.As<kube::Deployment>());
    case Kind::kEndpoints:
      return CheckEndpoints(checker, resource.As<kube::Endpoints>());
    case Kind::kEndpointSlice:
      return CheckEndpointSlice(checker, resource.As<kube::EndpointSlice>());
    case Kind::kSecret:
      return CheckSecret(checker, resource.As<kube::Secret>());
    default:
      return;
  }
}

}  // namespace mesh::config
