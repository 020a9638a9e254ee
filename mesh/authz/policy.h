// AuthorizationPolicy as plain values, and the rules it comes down to.
#ifndef MESH_AUTHZ_POLICY_H_
#define MESH_AUTHZ_POLICY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/authz/engine.h"
#include "mesh/base/source_position.h"

namespace mesh::authz {

// A field with its negated twin. Values are exact, "prefix*", "*suffix" or "*" (any that is there).
struct Values {
  std::vector<std::string> in;
  std::vector<std::string> not_in;
};

// security.istio.io/v1beta1 Source. All fields that are given must hold.
struct Source {
  Values principals;          // "cluster.local/ns/default/sa/reviews"
  Values request_principals;  // "issuer/subject"
  Values namespaces;
  Values ip_blocks;
  Values remote_ip_blocks;
  Values trust_domains;
};

// Operation.
struct Operation {
  Values hosts, ports, methods, paths;
};

// Condition: a key of https://istio.io/latest/docs/reference/config/security/conditions.
struct When {
  std::string key;
  Values values;
};

struct PolicyRule {
  std::vector<Source> from;
  std::vector<Operation> to;
  std::vector<When> when;
  SourcePosition position;
};

struct Policy {
  std::string ns, name;
  Action action = Action::kAllow;
  std::string provider;
  bool dry_run = false;  // annotation istio.io/dry-run
  std::vector<PolicyRule> rules;
  SourcePosition position;
};

struct PolicyOptions {
  std::string trust_domain = "cluster.local";
  // Principals of the trust domain are those of its aliases too. "cluster.local" in a policy stands
  // for the trust domain.
  std::vector<std::string> trust_domain_aliases;
  // For connections that are not HTTP: rules that name fields of HTTP never ALLOW there, and DENY
  // by what remains of them.
  bool tcp = false;
};

// The rules of one policy. A policy without rules matches nothing (an ALLOW policy then denies
// all); a rule without conditions matches everything.
//
// Fail closed: in ALLOW policies notPrincipals, notNamespaces and notTrustDomains hold only for a
// peer that has an identity (on plaintext they would hold for everyone); in DENY policies they hold
// on plaintext. Of a header's several values the one that forbids counts, whichever way the policy
// asks for it.
// InvalidArgument names the field that is not understood.
absl::StatusOr<std::vector<Rule>> RulesOf(const Policy& policy, const PolicyOptions& options);

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_POLICY_H_
