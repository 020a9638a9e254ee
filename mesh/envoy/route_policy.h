// The policies inside a RouteAction. Private to //mesh/envoy:route.
#ifndef MESH_ENVOY_ROUTE_POLICY_H_
#define MESH_ENVOY_ROUTE_POLICY_H_

#include <string>
#include <vector>

#include "mesh/envoy/route_parts.h"

namespace mesh::envoy::routes {

namespace envoy_api = ::envoy::config::route::v3;

route::action::RegexRewrite LoadRegexRewrite(
    const ::envoy::type::matcher::v3::RegexMatchAndSubstitute& proto, const std::string& path,
    const RouteOptions& options, Problems* problems);
route::action::RetryPolicy LoadRetry(const envoy_api::RetryPolicy& proto, const std::string& path,
                                     Problems* problems);
route::action::HedgePolicy LoadHedge(const envoy_api::HedgePolicy& proto);
std::vector<route::action::Mirror> LoadMirrors(
    const google::protobuf::RepeatedPtrField<envoy_api::RouteAction::RequestMirrorPolicy>& proto,
    const std::string& path, const RouteOptions& options, bool check_clusters, Problems* problems);
std::vector<route::action::HashPolicy> LoadHashes(
    const google::protobuf::RepeatedPtrField<envoy_api::RouteAction::HashPolicy>& proto,
    const std::string& path, const RouteOptions& options, Problems* problems);
std::vector<route::action::Upgrade> LoadUpgrades(
    const google::protobuf::RepeatedPtrField<envoy_api::RouteAction::UpgradeConfig>& proto,
    const std::string& path, Problems* problems);
route::action::InternalRedirect LoadInternalRedirect(
    const envoy_api::InternalRedirectPolicy& proto);

}  // namespace mesh::envoy::routes

#endif  // MESH_ENVOY_ROUTE_POLICY_H_
