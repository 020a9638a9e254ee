// What a request meets on its way into a workload, read out of what its proxy is sent: so a check
// judges what is enforced and not another reading of the same policies.
#ifndef MESH_CTL_AUTHZ_PORTS_H_
#define MESH_CTL_AUTHZ_PORTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/authz/engine.h"
#include "mesh/base/source_position.h"
#include "mesh/config/snapshot.h"
#include "mesh/envoy/authorization.h"
#include "mesh/http/path.h"
#include "mesh/translate/resource.h"

namespace mesh::ctl {

struct GuardedPort {
  uint32_t port = 0;
  bool http = false;
  bool takes_plaintext = false, takes_mutual_tls = false;
  // "outbound|9080||reviews.default.svc.cluster.local": by what others call it; may be empty.
  std::string cluster;
  std::vector<envoy::AuthorizationFilter> filters;  // of HTTP
  http::PathNormalization paths;                    // the form that they see
  std::vector<envoy::RbacFilter> rules;             // of TCP

  std::string_view Mode() const;  // "STRICT", "PERMISSIVE", "DISABLE"
};

// In the order of the listeners: a sidecar's inbound ones, all of a gateway's. InvalidArgument
// where a proxy of ours would not take them.
absl::StatusOr<std::vector<GuardedPort>> GuardedPorts(const translate::Output& output,
                                                      bool gateway);

// The rule of an AuthorizationPolicy that a filter's policy was made from.
struct PolicyRule {
  std::string policy;  // "default/viewer"; or the filter's own name
  int rule = -1;       // -1: none
  SourcePosition at;
  // "default/viewer rule 0 (authz.yaml:12:3)".
  std::string ToString() const;
};
PolicyRule RuleBehind(const authz::Rule& rule, const config::Snapshot& snapshot);

// A request as far as it is known, and what its way in says to it.
struct CheckRequest {
  authz::Request request;
  bool mutual_tls = false;  // what the client offers
};
struct CheckStep {
  std::string filter;  // "DENY", "ALLOW", "AUDIT", "CUSTOM opa", "JWT"
  bool dry_run = false;
  PolicyRule rule;
  bool matched = false;
  std::string failed;  // the condition that did not hold
};
struct CheckVerdict {
  bool allowed = false;
  std::string why;  // "denied by DENY policy default/no-admin rule 0 (authz.yaml:12:3)"
  std::optional<PolicyRule> by;
  std::vector<CheckStep> steps;
  std::vector<std::string> asked;  // providers that have the last word
};
CheckVerdict Check(const GuardedPort& port, const CheckRequest& check,
                   const config::Snapshot& snapshot);

// The same for a caller of whom only the connection is known: what holds whatever it asks for.
enum class Reach { kAlways, kNever, kDepends };
struct ReachVerdict {
  Reach reach = Reach::kNever;
  std::string why;
};
ReachVerdict CheckReach(const GuardedPort& port, const CheckRequest& check,
                        const config::Snapshot& snapshot);

}  // namespace mesh::ctl

#endif  // MESH_CTL_AUTHZ_PORTS_H_
