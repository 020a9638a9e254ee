#include "mesh/config/kind.h"

#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/envoy_filter.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/service_entry.pb.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "api/networking/v1alpha3/workload_entry.pb.h"
#include "api/networking/v1alpha3/workload_group.pb.h"
#include "api/networking/v1beta1/proxy_config.pb.h"
#include "api/security/v1beta1/authorization_policy.pb.h"
#include "api/security/v1beta1/peer_authentication.pb.h"
#include "api/security/v1beta1/request_authentication.pb.h"
#include "api/telemetry/v1alpha1/telemetry.pb.h"

namespace mesh::config {
namespace {

namespace kube = ::mesh::kubernetes::v1;
namespace net = ::istio::networking::v1alpha3;
namespace sec = ::istio::security::v1beta1;

constexpr std::string_view kNetworking = "networking.istio.io";
constexpr std::string_view kSecurity = "security.istio.io";
constexpr std::string_view kNetworkingVersions[] = {"v1alpha3", "v1beta1", "v1"};
constexpr std::string_view kSecurityVersions[] = {"v1beta1", "v1"};
constexpr std::string_view kTelemetryVersions[] = {"v1alpha1", "v1"};
constexpr std::string_view kCoreVersions[] = {"v1"};
constexpr std::string_view kAppsVersions[] = {"v1beta1", "v1beta2", "v1"};
constexpr std::string_view kDiscoveryVersions[] = {"v1beta1", "v1"};

template <class M>
KindInfo Istio(Kind kind, std::string_view name, std::string_view plural, std::string_view group,
               absl::Span<const std::string_view> versions) {
  return {kind, name, plural, group, versions, true, true, &M::default_instance()};
}

template <class M>
KindInfo Kube(Kind kind, std::string_view name, std::string_view plural,
              std::string_view group = "",
              absl::Span<const std::string_view> versions = kCoreVersions, bool namespaced = true) {
  return {kind, name, plural, group, versions, namespaced, false, &M::default_instance()};
}

}  // namespace

absl::Span<const KindInfo> AllKinds() {
  static const KindInfo* const kKinds = new KindInfo[kKindCount]{
      Istio<net::VirtualService>(Kind::kVirtualService, "VirtualService", "virtualservices",
                                 kNetworking, kNetworkingVersions),
      Istio<net::DestinationRule>(Kind::kDestinationRule, "DestinationRule", "destinationrules",
                                  kNetworking, kNetworkingVersions),
      Istio<net::Gateway>(Kind::kGateway, "Gateway", "gateways", kNetworking, kNetworkingVersions),
      Istio<net::ServiceEntry>(Kind::kServiceEntry, "ServiceEntry", "serviceentries", kNetworking,
                               kNetworkingVersions),
      Istio<net::WorkloadEntry>(Kind::kWorkloadEntry, "WorkloadEntry", "workloadentries",
                                kNetworking, kNetworkingVersions),
      Istio<net::WorkloadGroup>(Kind::kWorkloadGroup, "WorkloadGroup", "workloadgroups",
                                kNetworking, kNetworkingVersions),
      Istio<net::Sidecar>(Kind::kSidecar, "Sidecar", "sidecars", kNetworking, kNetworkingVersions),
      Istio<net::EnvoyFilter>(Kind::kEnvoyFilter, "EnvoyFilter", "envoyfilters", kNetworking,
                              kNetworkingVersions),
      Istio<istio::networking::v1beta1::ProxyConfig>(
          Kind::kProxyConfig, "ProxyConfig", "proxyconfigs", kNetworking, kNetworkingVersions),
      Istio<sec::PeerAuthentication>(Kind::kPeerAuthentication, "PeerAuthentication",
                                     "peerauthentications", kSecurity, kSecurityVersions),
      Istio<sec::RequestAuthentication>(Kind::kRequestAuthentication, "RequestAuthentication",
                                        "requestauthentications", kSecurity, kSecurityVersions),
      Istio<sec::AuthorizationPolicy>(Kind::kAuthorizationPolicy, "AuthorizationPolicy",
                                      "authorizationpolicies", kSecurity, kSecurityVersions),
      Istio<istio::telemetry::v1alpha1::Telemetry>(Kind::kTelemetry, "Telemetry", "telemetries",
                                                   "telemetry.istio.io", kTelemetryVersions),
      Kube<kube::Namespace>(Kind::kNamespace, "Namespace", "namespaces", "", kCoreVersions, false),
      Kube<kube::Service>(Kind::kService, "Service", "services"),
      Kube<kube::Pod>(Kind::kPod, "Pod", "pods"),
      Kube<kube::Deployment>(Kind::kDeployment, "Deployment", "deployments", "apps", kAppsVersions),
      Kube<kube::Endpoints>(Kind::kEndpoints, "Endpoints", "endpoints"),
      Kube<kube::EndpointSlice>(Kind::kEndpointSlice, "EndpointSlice", "endpointslices",
                                "discovery.k8s.io", kDiscoveryVersions),
      Kube<kube::ServiceAccount>(Kind::kServiceAccount, "ServiceAccount", "serviceaccounts"),
      Kube<kube::Secret>(Kind::kSecret, "Secret", "secrets"),
      KindInfo{Kind::kMeshConfig,
               "MeshConfig",
               "meshconfigs",
               "",
               {},
               false,
               true,
               &istio::mesh::v1alpha1::MeshConfig::default_instance()},
  };
  return absl::MakeConstSpan(kKinds, kKindCount);
}

const KindInfo& InfoOf(Kind kind) { return AllKinds()[static_cast<int>(kind)]; }

std::optional<Kind> FindKind(std::string_view group, std::string_view name) {
  for (const KindInfo& info : AllKinds()) {
    if (info.name == name && info.group == group && info.kind != Kind::kMeshConfig) {
      return info.kind;
    }
  }
  return std::nullopt;
}

}  // namespace mesh::config
