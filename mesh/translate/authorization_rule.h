// One rule of an AuthorizationPolicy as an RBAC policy. Private to this folder.
#ifndef MESH_TRANSLATE_AUTHORIZATION_RULE_H_
#define MESH_TRANSLATE_AUTHORIZATION_RULE_H_

#include <optional>
#include <string>
#include <vector>

#include "api/security/v1beta1/authorization_policy.pb.h"
#include "envoy/config/rbac/v3/rbac.pb.h"

namespace mesh::translate {

struct RuleOptions {
  bool tcp = false;                        // HTTP's fields cannot be seen
  bool forbids = false;                    // the rule denies: in doubt it matches
  std::vector<std::string> trust_domains;  // the mesh's, then its aliases
};

struct TranslatedRule {
  // Nothing where the rule asks for what cannot be seen, and allows.
  std::optional<envoy::config::rbac::v3::Policy> policy;
  // What cannot be seen, as the policy writes it; empty where all can.
  std::string unknown;
};

TranslatedRule TranslateRule(const istio::security::v1beta1::Rule& rule,
                             const RuleOptions& options);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_AUTHORIZATION_RULE_H_
