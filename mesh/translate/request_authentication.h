// RequestAuthentications as Envoy's jwt_authn filter. Private to this folder.
#ifndef MESH_TRANSLATE_REQUEST_AUTHENTICATION_H_
#define MESH_TRANSLATE_REQUEST_AUTHENTICATION_H_

#include <optional>
#include <vector>

#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "mesh/config/resource.h"
#include "mesh/translate/key_sets.h"
#include "mesh/translate/resource.h"

namespace mesh::translate {

// A request without a token passes; one whose token is not good, or of no issuer that is named,
// does not. Claims are left where rules about them look (authorization_rule.cc). `key_sets` may be
// null: nothing was fetched, and no finding says so. Its entry "" is a set that verifies nothing,
// for keys that could not be had: a stock Envoy refuses a set without keys.
std::optional<envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication>
TranslateRequestAuthentication(const std::vector<config::ResourcePtr>& policies,
                               const KeySets* key_sets, std::vector<Finding>* findings);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_REQUEST_AUTHENTICATION_H_
