// A rule's condition: the part that is decided for a proxy when its routes are made, and the part
// that Envoy decides for each request. Private to this folder.
#ifndef MESH_TRANSLATE_ROUTE_MATCH_H_
#define MESH_TRANSLATE_ROUTE_MATCH_H_

#include <algorithm>
#include <string>

#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "mesh/registry/registry.h"

namespace mesh::translate {

// Port, gateways, source labels and source namespace of a match of any kind; `Context` is where the
// rule is translated (RouteContext, L4Context). With gateways named, source labels and namespace do
// not count, as in Istio 1.7.
template <class Match, class Context>
bool AppliesHere(const Match& match, const Context& context) {
  if (match.port() != 0 && match.port() != context.port) return false;
  if (!match.gateways().empty()) {
    return std::any_of(
        match.gateways().begin(), match.gateways().end(),
        [&](const std::string& gateway) { return context.gateways.count(gateway) != 0; });
  }
  const auto& labels = match.source_labels();
  if (!registry::Selects({labels.begin(), labels.end()}, context.node.labels)) return false;
  return match.source_namespace().empty() || match.source_namespace() == context.node.ns;
}

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
