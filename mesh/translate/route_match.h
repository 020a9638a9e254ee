// A rule's condition: the part that is decided for a proxy when its routes are made, and the part
// that Envoy decides for each request. Private to this folder.
#ifndef MESH_TRANSLATE_ROUTE_MATCH_H_
#define MESH_TRANSLATE_ROUTE_MATCH_H_

#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "mesh/translate/route.h"

namespace mesh::translate {

// Port, gateways, source labels and source namespace. With gateways named, source labels and
// namespace do not count, as in Istio 1.7.
bool AppliesHere(const istio::networking::v1alpha3::HTTPMatchRequest& match,
                 const RouteContext& context);

// What remains to be checked of each request.
envoy::config::route::v3::RouteMatch TranslateMatch(
    const istio::networking::v1alpha3::HTTPMatchRequest& match);

// Whether nothing remains: prefix / or regex * and no other condition.
bool MatchesEverything(const istio::networking::v1alpha3::HTTPMatchRequest& match);
bool MatchesEverything(const envoy::config::route::v3::RouteMatch& match);

envoy::config::route::v3::HeaderMatcher TranslateHeaderMatch(
    const std::string& name, const istio::networking::v1alpha3::StringMatch& match);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_ROUTE_MATCH_H_
