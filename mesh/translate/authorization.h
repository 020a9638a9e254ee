// AuthorizationPolicies as Envoy's RBAC filters. Private to this folder.
//
// Of the policies of a workload those that deny come first, each kind as one filter; with a policy
// that allows, what no rule allows is denied. What cannot be expressed fails closed: in a rule that
// allows it drops the rule, in one that denies it drops the condition, so that more is denied. That
// is how Istio treats HTTP's fields on TCP connections; here the fields of tokens are treated so
// everywhere.
#ifndef MESH_TRANSLATE_AUTHORIZATION_H_
#define MESH_TRANSLATE_AUTHORIZATION_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "mesh/config/resource.h"
#include "mesh/translate/resource.h"

namespace mesh::translate {

class AuthorizationPolicies {
 public:
  AuthorizationPolicies() = default;
  AuthorizationPolicies(absl::Span<const config::ResourcePtr> resources,
                        std::string_view root_namespace);

  // Those of the root namespace, then the workload's own; by name.
  std::vector<config::ResourcePtr> For(std::string_view ns,
                                       const std::map<std::string, std::string>& labels) const;

 private:
  std::string root_;
  std::map<std::string, std::vector<config::ResourcePtr>, std::less<>> by_namespace_;
};

// In the order in which they are to be asked; empty without policies. `tcp`: for connections whose
// requests cannot be seen.
std::vector<envoy::config::rbac::v3::RBAC> TranslateAuthorization(
    const std::vector<config::ResourcePtr>& policies, const istio::mesh::v1alpha1::MeshConfig& mesh,
    bool tcp, std::vector<Finding>* findings);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_AUTHORIZATION_H_
