// Parts of a gateway's routes that one VirtualService leaves to another. Private to this folder.
//
// A delegate's rule is in force where the root's match and its own both hold. Istio 1.7 merges the
// two where it can tell that the delegate's match is the narrower one, and drops the rule where it
// cannot (any regex, other exact values, a prefix that is not an extension).
#ifndef MESH_TRANSLATE_DELEGATE_H_
#define MESH_TRANSLATE_DELEGATE_H_

#include <optional>
#include <vector>

#include "api/networking/v1alpha3/virtual_service.pb.h"

namespace mesh::translate {

// Whether no request is known to satisfy both.
bool MatchesConflict(const istio::networking::v1alpha3::HTTPMatchRequest& root,
                     const istio::networking::v1alpha3::HTTPMatchRequest& delegate);

// Every match of the delegate with every match of the root that it goes with; nothing where one of
// the delegate's goes with none. An empty list matches everything.
std::optional<std::vector<istio::networking::v1alpha3::HTTPMatchRequest>> MergeMatches(
    const std::vector<istio::networking::v1alpha3::HTTPMatchRequest>& root,
    const std::vector<istio::networking::v1alpha3::HTTPMatchRequest>& delegate);

// The delegate's rule under the root's; nothing where their matches conflict. What the delegate
// leaves open (rewrite, timeout, retries, fault, mirror, CORS) is the root's; headers add up.
std::optional<istio::networking::v1alpha3::HTTPRoute> MergeRule(
    const istio::networking::v1alpha3::HTTPRoute& root,
    const istio::networking::v1alpha3::HTTPRoute& delegate);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_DELEGATE_H_
