#include "mesh/translate/workload_policies.h"

#include "api/security/v1beta1/authorization_policy.pb.h"
#include "api/security/v1beta1/request_authentication.pb.h"
#include "mesh/registry/registry.h"

namespace mesh::translate {
namespace {

const google::protobuf::Map<std::string, std::string>& SelectorOf(const config::Resource& policy) {
  return policy.kind() == config::Kind::kRequestAuthentication
             ? policy.As<istio::security::v1beta1::RequestAuthentication>()
                   .selector()
                   .match_labels()
             : policy.As<istio::security::v1beta1::AuthorizationPolicy>().selector().match_labels();
}

}  // namespace

WorkloadPolicies::WorkloadPolicies(absl::Span<const config::ResourcePtr> resources,
                                   std::string_view root_namespace)
    : root_(root_namespace) {
  for (const config::ResourcePtr& resource : resources) {
    by_namespace_[resource->ns()].push_back(resource);
  }
}

std::vector<config::ResourcePtr> WorkloadPolicies::For(
    std::string_view ns, const std::map<std::string, std::string>& labels) const {
  std::vector<config::ResourcePtr> found;
  for (const std::string_view owner : {std::string_view(root_), ns}) {
    const auto it = by_namespace_.find(owner);
    if (it == by_namespace_.end()) continue;
    for (const config::ResourcePtr& resource : it->second) {
      const auto& selector = SelectorOf(*resource);
      if (registry::Selects({selector.begin(), selector.end()}, labels)) found.push_back(resource);
    }
    if (ns == root_) break;
  }
  return found;
}

}  // namespace mesh::translate
