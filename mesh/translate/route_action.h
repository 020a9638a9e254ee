// What a rule does to a request: retries, faults, mirrors, CORS, headers, hashing. Private to this
// folder.
#ifndef MESH_TRANSLATE_ROUTE_ACTION_H_
#define MESH_TRANSLATE_ROUTE_ACTION_H_

#include <optional>
#include <string>
#include <vector>

#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"

namespace mesh::translate {

// Two retries on failures that reached no application, each on another host.
envoy::config::route::v3::RetryPolicy DefaultRetries();

// `retries` null: the default. Nothing where attempts is 0.
std::optional<envoy::config::route::v3::RetryPolicy> TranslateRetries(
    const istio::networking::v1alpha3::HTTPRetry* retries);

std::optional<envoy::extensions::filters::http::fault::v3::HTTPFault> TranslateFault(
    const istio::networking::v1alpha3::HTTPFaultInjection& fault);

envoy::extensions::filters::http::cors::v3::CorsPolicy TranslateCors(
    const istio::networking::v1alpha3::CorsPolicy& cors);

// The share of a rule's requests that its mirror gets; nothing for none.
std::optional<envoy::config::core::v3::RuntimeFractionalPercent> MirrorShare(
    const istio::networking::v1alpha3::HTTPRoute& rule);

// By which parts of a request consistent hashing chooses.
std::optional<envoy::config::route::v3::RouteAction::HashPolicy> TranslateHash(
    const istio::networking::v1alpha3::LoadBalancerSettings::ConsistentHashLB& hash);

// Header operations in a fixed order: set, then add, each by name. A route and a weighted cluster
// both have these fields. `authority` gets what is set for :authority or host, which Envoy keeps
// apart.
template <class Target>
void AddHeaderOperations(const istio::networking::v1alpha3::Headers& headers, Target* target,
                         std::string* authority);

extern template void AddHeaderOperations(const istio::networking::v1alpha3::Headers&,
                                         envoy::config::route::v3::Route*, std::string*);
extern template void AddHeaderOperations(const istio::networking::v1alpha3::Headers&,
                                         envoy::config::route::v3::WeightedCluster::ClusterWeight*,
                                         std::string*);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_ROUTE_ACTION_H_
