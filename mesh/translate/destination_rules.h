// Which DestinationRule is in force for a host, seen from a proxy. Private to this folder.
//
// Istio's rules: several for one host in one namespace are merged, oldest first (subsets add up,
// the first traffic policy stays). A proxy takes the rule of its own namespace that fits best, else
// one that the service's namespace exports, else one that the root namespace exports; one that is
// found hides the others whole.
#ifndef MESH_TRANSLATE_DESTINATION_RULES_H_
#define MESH_TRANSLATE_DESTINATION_RULES_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "mesh/config/resource.h"
#include "mesh/translate/resource.h"

namespace mesh::translate {

struct DestinationRule {
  config::ResourcePtr source;  // the first of those that are merged
  istio::networking::v1alpha3::DestinationRule spec;
  config::ResourcePtr policy_source;  // whose trafficPolicy it is
  std::vector<Origin> subsets;        // as many as spec.subsets

  Origin PolicyOrigin(std::string_view field = "spec.trafficPolicy") const;
  // -1 where there is none.
  int FindSubset(std::string_view name) const;
};
using DestinationRulePtr = std::shared_ptr<const DestinationRule>;

class DestinationRules {
 public:
  DestinationRules() = default;
  DestinationRules(absl::Span<const config::ResourcePtr> resources, std::string_view domain,
                   std::string_view root_namespace, const std::vector<std::string>& default_export,
                   std::vector<Finding>* findings);

  // Null where none applies. `service_ns` may be empty where no service is known.
  // Cost: O(wildcard hosts) where no rule names the host itself.
  DestinationRulePtr Find(std::string_view host, std::string_view service_ns,
                          std::string_view client_ns) const;

 private:
  struct Merged {
    std::shared_ptr<DestinationRule> rule;
    std::vector<std::string> export_to;  // of the first
  };
  using ByHost = std::map<std::string, Merged, std::less<>>;

  void Add(const config::ResourcePtr& resource, const std::string& host,
           const std::vector<std::string>& export_to, ByHost* by_host,
           std::vector<Finding>* findings);
  DestinationRulePtr FindExported(std::string_view ns, std::string_view host,
                                  std::string_view client_ns) const;

  std::string root_;
  std::vector<std::string> default_export_;
  // By namespace: what its own proxies see, and what others may.
  std::map<std::string, ByHost, std::less<>> local_;
  std::map<std::string, ByHost, std::less<>> exported_;
  // Of the root namespace, those for its own proxies alone.
  ByHost root_local_;
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_DESTINATION_RULES_H_
