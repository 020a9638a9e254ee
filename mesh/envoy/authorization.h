// The filters that decide whether a request or a connection may go on, as plain values: Envoy's
// jwt_authn, rbac and ext_authz.
#ifndef MESH_ENVOY_AUTHORIZATION_H_
#define MESH_ENVOY_AUTHORIZATION_H_

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/authz/engine.h"
#include "mesh/authz/token_filter.h"

namespace google::protobuf {
class Any;
}

namespace mesh::envoy {

// Under which filters leave metadata for those behind them.
inline constexpr char kRbacFilter[] = "envoy.filters.http.rbac";
inline constexpr char kJwtFilter[] = "envoy.filters.http.jwt_authn";

// envoy.extensions.filters.http.rbac.v3.RBAC, and the network filter of the same name.
//
// Policies are rules in the order of their names, named so (Rule::policy; what our control plane
// puts behind '@' is Rule::position). With action ALLOW what
// no policy matches is denied; LOG denies nothing.
struct RbacFilter {
  std::string name;  // of the filter in its listener: what routes call it by
  std::shared_ptr<const authz::Engine> rules;   // null: everything is allowed
  std::shared_ptr<const authz::Engine> shadow;  // judged and told, never enforced; may be null
  std::string shadow_prefix;  // of the metadata that says what the shadow rules decided
};

// RBACPerRoute: what a route has in the filter's place; `filter.rules` null switches it off there.
struct RbacOverride {
  RbacFilter filter;
};
inline constexpr char kRbacPerRoute[] = "envoy.extensions.filters.http.rbac.v3.RBACPerRoute";

// envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication with the keys given.
struct JwtFilter {
  std::string name;
  std::shared_ptr<const authz::TokenFilter> tokens;
  bool bypass_cors_preflight = false;
  bool strip_failure_response = false;
};

// envoy.extensions.filters.http.ext_authz.v3.ExtAuthz over gRPC.
struct ExtAuthzFilter {
  std::string name;
  std::string cluster;
  std::string authority;  // empty: the cluster's name
  absl::Duration timeout = absl::Milliseconds(200);
  bool failure_mode_allow = false;
  bool failure_mode_header = false;  // x-envoy-auth-failure-mode-allowed
  int status_on_error = 403;
  // Whom it is about: asks where a rule matches (Decision::audit); null: everybody.
  std::shared_ptr<const authz::Engine> only;
};

using AuthorizationFilter = std::variant<JwtFilter, RbacFilter, ExtAuthzFilter>;

// "ns[default]-policy[deny-admin]-rule[0]", or "none" where no rule is to be named.
std::string_view DecidingPolicy(const authz::Decision& decision);

// InvalidArgument names every field that is wrong or not done.
absl::StatusOr<RbacFilter> LoadRbacFilter(const google::protobuf::Any& any);
absl::StatusOr<RbacFilter> LoadRbacNetworkFilter(const google::protobuf::Any& any);
absl::StatusOr<std::shared_ptr<const RbacOverride>> LoadRbacOverride(
    const google::protobuf::Any& any);
absl::StatusOr<JwtFilter> LoadJwtFilter(const google::protobuf::Any& any);
absl::StatusOr<ExtAuthzFilter> LoadExtAuthzFilter(const google::protobuf::Any& any);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_AUTHORIZATION_H_
