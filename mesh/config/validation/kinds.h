// One check a kind; validate.cc picks.
#ifndef MESH_CONFIG_VALIDATION_KINDS_H_
#define MESH_CONFIG_VALIDATION_KINDS_H_

#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/mesh/v1alpha1/network.pb.h"
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
#include "mesh/config/validate.h"
#include "mesh/config/validation/checker.h"

namespace mesh::config {

void CheckVirtualService(Checker* checker, const Path& path, const ValidateOptions& options,
                         const istio::networking::v1alpha3::VirtualService& service);
void CheckDestinationRule(Checker* checker, const Path& path,
                          const istio::networking::v1alpha3::DestinationRule& rule);
void CheckGateway(Checker* checker, const Path& path,
                  const istio::networking::v1alpha3::Gateway& gateway);
void CheckServiceEntry(Checker* checker, const Path& path,
                       const istio::networking::v1alpha3::ServiceEntry& entry);
void CheckWorkloadEntry(Checker* checker, const Path& path,
                        const istio::networking::v1alpha3::WorkloadEntry& entry);
void CheckWorkloadGroup(Checker* checker, const Path& path,
                        const istio::networking::v1alpha3::WorkloadGroup& group);
void CheckSidecar(Checker* checker, const Path& path,
                  const istio::networking::v1alpha3::Sidecar& sidecar);
void CheckEnvoyFilter(Checker* checker, const Path& path,
                      const istio::networking::v1alpha3::EnvoyFilter& filter);
void CheckPeerAuthentication(Checker* checker, const Path& path,
                             const istio::security::v1beta1::PeerAuthentication& policy);
void CheckRequestAuthentication(Checker* checker, const Path& path,
                                const istio::security::v1beta1::RequestAuthentication& policy);
void CheckAuthorizationPolicy(Checker* checker, const Path& path,
                              const istio::security::v1beta1::AuthorizationPolicy& policy);
void CheckTelemetry(Checker* checker, const Path& path,
                    const istio::telemetry::v1alpha1::Telemetry& telemetry);
void CheckProxyConfigResource(Checker* checker, const Path& path,
                              const istio::networking::v1beta1::ProxyConfig& config);
// Of the mesh's settings; `path` is the root.
void CheckMeshConfig(Checker* checker, const Path& path,
                     const istio::mesh::v1alpha1::MeshConfig& mesh);
void CheckProxyConfig(Checker* checker, const Path& path,
                      const istio::mesh::v1alpha1::ProxyConfig& proxy);
void CheckMeshNetworks(Checker* checker, const Path& path,
                       const istio::mesh::v1alpha1::MeshNetworks& networks);
// Service, Pod, Deployment, Endpoints, EndpointSlice.
void CheckKubernetes(Checker* checker);

}  // namespace mesh::config

#endif  // MESH_CONFIG_VALIDATION_KINDS_H_
