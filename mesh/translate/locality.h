// Preferring endpoints by where they are: region, zone, sub-zone. Private to this folder.
#ifndef MESH_TRANSLATE_LOCALITY_H_
#define MESH_TRANSLATE_LOCALITY_H_

#include <string_view>

#include "api/mesh/v1alpha1/config.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"

namespace mesh::translate {

// "region/zone/sub-zone", the last two may be absent.
envoy::config::core::v3::Locality ParseLocality(std::string_view text);

// Whether a locality is one of "region/zone/sub-zone", where "*" stands for the rest.
bool LocalityMatches(const envoy::config::core::v3::Locality& locality, std::string_view pattern);

// The setting in force: the DestinationRule's (`load_balancer` may be null) if it has one, else the
// mesh's; null where it is turned off.
const istio::networking::v1alpha3::LocalityLoadBalancerSetting* LocalitySettings(
    const istio::mesh::v1alpha1::MeshConfig& mesh,
    const istio::networking::v1alpha3::LoadBalancerSettings* load_balancer);

// As Istio 1.7 does it for a proxy at `from` (empty: nothing is done). With `distribute`, the
// weights of localities are the percentages, and localities that get none lose their endpoints.
// Without it, and only where `failover` (outlier detection) can move traffic on, nearer localities
// get a higher priority, and of other regions the one that the setting names comes before the rest.
void PreferByLocality(std::string_view from,
                      const istio::networking::v1alpha3::LocalityLoadBalancerSetting& setting,
                      bool failover,
                      envoy::config::endpoint::v3::ClusterLoadAssignment* assignment);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_LOCALITY_H_
