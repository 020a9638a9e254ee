// The keys of tokens' issuers, which somebody has to fetch before translation: it is pure.
#ifndef MESH_TRANSLATE_KEY_SETS_H_
#define MESH_TRANSLATE_KEY_SETS_H_

#include <map>
#include <set>
#include <string>

namespace mesh::config {
class Snapshot;
}
namespace istio::security::v1beta1 {
class JWTRule;
}

namespace mesh::translate {

// URI -> JSON Web Key Set. A URI that is not in it could not be fetched: tokens whose keys are
// there are refused.
using KeySets = std::map<std::string, std::string>;

// Where the keys of a rule are: jwksUri, or the issuer's OpenID configuration, which names it.
// Empty where the rule has them itself.
std::string KeySetUri(const istio::security::v1beta1::JWTRule& rule);

// Those of all RequestAuthentications.
std::set<std::string> KeySetUris(const config::Snapshot& snapshot);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_KEY_SETS_H_
