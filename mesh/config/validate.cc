#include "mesh/config/validate.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "mesh/config/validation/checker.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {
namespace {

// Names as Kubernetes takes them: labels of small letters, digits and -, joined by dots.
bool IsObjectName(const std::string& name) {
  if (name.size() > 253) return false;
  for (absl::string_view label : absl::StrSplit(name, '.')) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    for (char c : label) {
      if (c != '-' && !absl::ascii_islower(c) && !absl::ascii_isdigit(c)) return false;
    }
  }
  return true;
}

// What an API server refuses of an object whatever its kind.
void CheckMetadata(Checker* checker) {
  const Resource& resource = checker->resource();
  const Path root;
  const Path path = root.Field("metadata");
  if (!IsObjectName(resource.name())) {
    checker->Fail(path.Field("name"),
                  absl::StrCat("\"", resource.name(),
                               "\" is not a name: small letters, digits, - and . inside, at most "
                               "253 characters"));
  }
  if (!resource.ns().empty() && (!IsObjectName(resource.ns()) || !IsDnsLabel(resource.ns()))) {
    checker->Fail(path.Field("namespace"),
                  absl::StrCat("\"", resource.ns(),
                               "\" is not a namespace: small letters, digits and - inside, at "
                               "most 63 characters"));
  }
  const Path labels = path.Field("labels");
  for (const auto& [key, value] : resource.metadata().labels) {
    checker->Check(labels.Key(key), CheckLabelKey(key));
    checker->Check(labels.Key(key), CheckLabelValue(value));
    if (value.size() > 63) {
      checker->Fail(labels.Key(key), absl::StrCat("the value of a label has at most 63 characters, "
                                                  "this one has ",
                                                  value.size(), "; keep it in an annotation"));
    }
  }
  const Path annotations = path.Field("annotations");
  for (const auto& [key, value] : resource.metadata().annotations) {
    if (CheckLabelKey(key).empty()) continue;
    checker->Fail(annotations.Key(key),
                  absl::StrCat("\"", key.substr(0, 100),
                               "\" is not a key of an annotation: letters, digits and -_. inside, "
                               "at most 63 characters, perhaps after a domain name and /"));
  }
}

}  // namespace

std::vector<FieldError> ValidateResource(const Resource& resource, const ValidateOptions& options) {
  namespace net = ::istio::networking::v1alpha3;
  namespace sec = ::istio::security::v1beta1;
  Checker checker(resource);
  CheckMetadata(&checker);
  const Path root;
  const Path spec = root.Field("spec");
  switch (resource.kind()) {
    case Kind::kVirtualService:
      CheckVirtualService(&checker, spec, options, resource.As<net::VirtualService>());
      break;
    case Kind::kDestinationRule:
      CheckDestinationRule(&checker, spec, resource.As<net::DestinationRule>());
      break;
    case Kind::kGateway:
      CheckGateway(&checker, spec, resource.As<net::Gateway>());
      break;
    case Kind::kServiceEntry:
      CheckServiceEntry(&checker, spec, resource.As<net::ServiceEntry>());
      break;
    case Kind::kWorkloadEntry:
      CheckWorkloadEntry(&checker, spec, resource.As<net::WorkloadEntry>());
      break;
    case Kind::kWorkloadGroup:
      CheckWorkloadGroup(&checker, spec, resource.As<net::WorkloadGroup>());
      break;
    case Kind::kSidecar:
      CheckSidecar(&checker, spec, resource.As<net::Sidecar>());
      break;
    case Kind::kEnvoyFilter:
      CheckEnvoyFilter(&checker, spec, resource.As<net::EnvoyFilter>());
      break;
    case Kind::kProxyConfig:
      CheckProxyConfigResource(&checker, spec,
                               resource.As<istio::networking::v1beta1::ProxyConfig>());
      break;
    case Kind::kPeerAuthentication:
      CheckPeerAuthentication(&checker, spec, resource.As<sec::PeerAuthentication>());
      break;
    case Kind::kRequestAuthentication:
      CheckRequestAuthentication(&checker, spec, resource.As<sec::RequestAuthentication>());
      break;
    case Kind::kAuthorizationPolicy:
      CheckAuthorizationPolicy(&checker, spec, resource.As<sec::AuthorizationPolicy>());
      break;
    case Kind::kTelemetry:
      CheckTelemetry(&checker, spec, resource.As<istio::telemetry::v1alpha1::Telemetry>());
      break;
    case Kind::kMeshConfig:
      CheckMeshConfig(&checker, root, resource.As<istio::mesh::v1alpha1::MeshConfig>());
      break;
    case Kind::kNamespace:
    case Kind::kService:
    case Kind::kPod:
    case Kind::kDeployment:
    case Kind::kEndpoints:
    case Kind::kEndpointSlice:
    case Kind::kServiceAccount:
    case Kind::kSecret:
      CheckKubernetes(&checker);
      break;
  }
  return checker.Take();
}

std::vector<FieldError> ValidateMeshNetworks(const istio::mesh::v1alpha1::MeshNetworks& networks) {
  // Errors are made by a resource, and one without a file has no positions.
  const ResourcePtr nowhere =
      MakeResource(Kind::kMeshConfig, Metadata(), istio::mesh::v1alpha1::MeshConfig());
  Checker checker(*nowhere);
  CheckMeshNetworks(&checker, Path(), networks);
  std::vector<FieldError> errors = checker.Take();
  for (FieldError& error : errors) error.object = "MeshNetworks";
  return errors;
}

}  // namespace mesh::config
