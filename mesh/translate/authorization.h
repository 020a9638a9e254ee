// AuthorizationPolicies as Envoy's RBAC and ext_authz filters. Private to this folder.
//
// Of the policies of a workload those that deny come first, each kind as one filter; with a policy
// that allows, what no rule allows is denied. What cannot be expressed fails closed: in a rule that
// allows it drops the rule, in one that denies it drops the condition, so that more is denied. That
// is how Istio treats HTTP's fields on TCP connections.
#ifndef MESH_TRANSLATE_AUTHORIZATION_H_
#define MESH_TRANSLATE_AUTHORIZATION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/mesh/v1alpha1/config.pb.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "mesh/config/resource.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/resource.h"

namespace mesh::translate {

// One filter of those that are asked, in order: rules, or a service.
struct AuthorizationStep {
  std::optional<::envoy::config::rbac::v3::RBAC> rules;
  std::optional<::envoy::config::rbac::v3::RBAC> shadow;  // judged, not enforced
  std::string shadow_prefix;
  std::optional<::envoy::extensions::filters::http::ext_authz::v3::ExtAuthz> service;
};

// What is asked before anything may come in, by HTTP and by TCP.
struct InboundAuthorization {
  std::optional<::envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication> tokens;
  std::vector<AuthorizationStep> http, tcp;
};

struct AuthorizationOptions {
  bool tcp = false;  // for connections whose requests cannot be seen
  // Whether each rule's name says where it stands: "ns[foo]-policy[p]-rule[0]@authz.yaml:12:5". For
  // proxies that ask for it, since a rule that only moves in its file is then a change to them.
  bool positions = false;
};
// Node metadata of a proxy that asks for it, with the value "true".
inline constexpr char kPolicyPositions[] = "MESH_POLICY_POSITIONS";

// Empty without policies. CUSTOM asks the gRPC provider of its name, whose service is looked up in
// the registry; where that cannot be, what its rules match is denied, with a finding.
std::vector<AuthorizationStep> TranslateAuthorization(
    const std::vector<config::ResourcePtr>& policies, const istio::mesh::v1alpha1::MeshConfig& mesh,
    const registry::Registry* registry, const AuthorizationOptions& options,
    std::vector<Finding>* findings);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_AUTHORIZATION_H_
