// AuthorizationPolicies that select no workload, and namespaces in their sources that are not
// there.
#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/security/v1beta1/authorization_policy.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using config::IndexPath;
using config::Kind;
using istio::security::v1beta1::AuthorizationPolicy;

bool Matches(const std::string& pattern, const std::string& ns) {
  if (pattern == "*") return true;
  if (!pattern.empty() && pattern.back() == '*') {
    return absl::StartsWith(ns, pattern.substr(0, pattern.size() - 1));
  }
  if (!pattern.empty() && pattern.front() == '*') return absl::EndsWith(ns, pattern.substr(1));
  return ns == pattern;
}

template <class Patterns>
void CheckNamespaces(const Facts& facts, const config::Resource& policy, const Patterns& patterns,
                     const std::string& path, Findings* findings) {
  const auto& namespaces = facts.namespaces();
  for (int i = 0; i < patterns.size(); ++i) {
    const std::string& pattern = patterns[i];
    const bool wildcard = pattern.find('*') != std::string::npos;
    if (wildcard ? std::any_of(namespaces.begin(), namespaces.end(),
                               [&](const std::string& ns) { return Matches(pattern, ns); })
                 : namespaces.count(pattern) > 0) {
      continue;
    }
    Report("IST0101", policy, IndexPath(path, i),
           absl::StrCat("no namespace is named \"", pattern, "\""),
           "correct the name, or create the namespace", findings);
  }
}

void CheckWorkloads(const Facts& facts, const config::Resource& policy, Findings* findings) {
  const auto& spec = policy.As<AuthorizationPolicy>();
  const Labels selector = ToLabels(spec.selector().match_labels());
  const bool mesh_wide = policy.ns() == facts.snapshot().mesh_config().root_namespace();
  if (mesh_wide && selector.empty()) return;
  for (size_t i : facts.Select(mesh_wide ? "*" : policy.ns(), selector)) {
    if (facts.InMesh(facts.workloads()[i], true)) return;
  }
  Report("IST0127", policy, selector.empty() ? "" : "spec.selector.matchLabels",
         selector.empty() ? absl::StrCat("no workload of the mesh is in namespace \"", policy.ns(),
                                         "\": the policy protects nothing")
                          : absl::StrCat("no workload of the mesh has the labels ",
                                         ToString(selector), ": the policy protects nothing"),
         "write labels that the workload's pods have, in the policy's own namespace", findings);
}

}  // namespace

void CheckAuthorizationPolicies(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& policy : facts.snapshot().List(Kind::kAuthorizationPolicy)) {
    CheckWorkloads(facts, *policy, findings);
    const auto& spec = policy->As<AuthorizationPolicy>();
    for (int r = 0; r < spec.rules_size(); ++r) {
      for (int f = 0; f < spec.rules(r).from_size(); ++f) {
        const auto& source = spec.rules(r).from(f).source();
        const std::string path = IndexPath(IndexPath("spec.rules", r) + ".from", f) + ".source.";
        CheckNamespaces(facts, *policy, source.namespaces(), path + "namespaces", findings);
        CheckNamespaces(facts, *policy, source.not_namespaces(), path + "notNamespaces", findings);
      }
    }
  }
}

}  // namespace mesh::analysis
