// Checks of what several kinds have inside.
#ifndef MESH_CONFIG_VALIDATION_PARTS_H_
#define MESH_CONFIG_VALIDATION_PARTS_H_

#include <algorithm>
#include <string>
#include <vector>

#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "api/type/v1beta1/selector.pb.h"
#include "google/protobuf/map.h"
#include "google/protobuf/repeated_field.h"
#include "mesh/config/validation/checker.h"

namespace mesh::config {

using Strings = google::protobuf::RepeatedPtrField<std::string>;
using StringMap = google::protobuf::Map<std::string, std::string>;

// The items of a map in the order of its keys, as errors should come.
template <class M>
std::vector<typename M::const_pointer> Sorted(const M& map) {
  std::vector<typename M::const_pointer> items;
  for (const auto& item : map) items.push_back(&item);
  std::sort(items.begin(), items.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  return items;
}

void CheckLabels(Checker* checker, const Path& path, const StringMap& labels);
// Labels that select workloads: no empty keys, no wildcards.
void CheckSelectorLabels(Checker* checker, const Path& path, const StringMap& labels);
void CheckSelector(Checker* checker, const Path& path,
                   const istio::networking::v1alpha3::WorkloadSelector& selector);
void CheckSelector(Checker* checker, const Path& path,
                   const istio::type::v1beta1::WorkloadSelector& selector);

// The object that a policy is for, in place of a selector.
void CheckTarget(Checker* checker, const Path& path,
                 const istio::type::v1beta1::PolicyTargetReference& target);
// At most one of selector, targetRef and targetRefs.
template <class Policy>
void CheckTargets(Checker* checker, const Path& path, const Policy& policy) {
  if (policy.has_targetref()) CheckTarget(checker, path.Field("targetRef"), policy.targetref());
  const Path list = path.Field("targetRefs");
  for (int i = 0; i < policy.targetrefs_size(); ++i) {
    CheckTarget(checker, list.At(i), policy.targetrefs(i));
  }
  if (policy.has_selector() + policy.has_targetref() + (policy.targetrefs_size() > 0) > 1) {
    checker->Fail(path, "is for the workloads of selector or for targetRefs; give one of them");
  }
}

void CheckExportTo(Checker* checker, const Path& path, const Strings& export_to,
                   bool is_service_entry);

// Names of gateways: mesh, name, namespace/name, or a domain name. As in Istio, nothing is said of
// those that come after one without a namespace.
void CheckGatewayNames(Checker* checker, const Path& path, const Strings& gateways);

// "namespace/host", and for gateways a host alone.
void CheckNamespacedHost(Checker* checker, const Path& path, const std::string& host,
                         bool is_gateway);

void CheckDestination(Checker* checker, const Path& path,
                      const istio::networking::v1alpha3::Destination& destination);

void CheckTrafficPolicy(Checker* checker, const Path& path,
                        const istio::networking::v1alpha3::TrafficPolicy& policy);
void CheckClientTls(Checker* checker, const Path& path,
                    const istio::networking::v1alpha3::ClientTLSSettings& tls);
void CheckConnectionPool(Checker* checker, const Path& path,
                         const istio::networking::v1alpha3::ConnectionPoolSettings& pool);
void CheckLocality(Checker* checker, const Path& path,
                   const istio::networking::v1alpha3::LocalityLoadBalancerSetting& setting);
void CheckServerTls(Checker* checker, const Path& path,
                    const istio::networking::v1alpha3::ServerTLSSettings& tls);

}  // namespace mesh::config

#endif  // MESH_CONFIG_VALIDATION_PARTS_H_
