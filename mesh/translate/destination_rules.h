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
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "mesh/config/resource.h"
#include "mesh/translate/resource.h"

namespace mesh::translate {

struct DestinationRule {
  using Spec = istio::networking::v1alpha3::DestinationRule;
  // Where a subset stands.
  struct Place {
    config::ResourcePtr source;
    int index;  // in its spec.subsets
  };

  // `spec` has the host in full, and may be the source's own.
  DestinationRule(config::ResourcePtr source, std::shared_ptr<const Spec> spec)
      : source(std::move(source)), shared_spec(std::move(spec)), spec(*shared_spec) {}

  const config::ResourcePtr source;  // the first of those that are merged
  const std::shared_ptr<const Spec> shared_spec;
  const Spec& spec;
  config::ResourcePtr policy_source;  // whose trafficPolicy it is
  std::vector<Place> subsets;         // as many as spec.subsets

  Origin PolicyOrigin(std::string_view field = "spec.trafficPolicy") const;
  Origin SubsetOrigin(int subset) const;
  // -1 where there is none.
  int FindSubset(std::string_view name) const;
};
using DestinationRulePtr = std::shared_ptr<const DestinationRule>;

struct DestinationRuleOptions {
  std::string domain = "cluster.local";
  std::string root_namespace;
  std::vector<std::string> default_export;
};

// All DestinationRules of a snapshot. Never changes; use it from any thread.
class DestinationRules {
 public:
  // `resources` by namespace and name. What `previous`, of the same options, merged of the same
  // objects is shared with it; null: nothing. Cost: merging the others, and a walk over pointers
  // and the hosts of the namespaces in which something changed.
  DestinationRules(absl::Span<const config::ResourcePtr> resources, DestinationRuleOptions options,
                   const DestinationRules* previous = nullptr);

  // Null where none applies. `service_ns` may be empty where no service is known.
  // Cost: O(wildcard hosts) where no rule names the host itself.
  DestinationRulePtr Find(std::string_view host, std::string_view service_ns,
                          std::string_view client_ns) const;

  // What was left out, whoever the proxy.
  void AddFindings(std::vector<Finding>* findings) const;

 private:
  // The rules of one host in one namespace.
  struct Merged {
    std::vector<config::ResourcePtr> sources;  // oldest first
    DestinationRulePtr rule;
    std::vector<std::string> export_to;  // of the first
    std::vector<Finding> findings;
  };
  using ByHost = std::map<std::string, std::shared_ptr<const Merged>, std::less<>>;
  using ByNamespace = std::map<std::string, std::shared_ptr<const ByHost>, std::less<>>;
  // What the namespace's own proxies see; what others may; and of the root namespace those for its
  // own proxies alone.
  enum Table { kLocal, kExported, kRootLocal, kTables };
  struct Changes;

  void Add(const config::ResourcePtr& resource, bool gone, Changes* changes) const;
  void Apply(Changes changes);
  std::shared_ptr<const Merged> Merge(const std::string& host,
                                      std::vector<config::ResourcePtr> sources) const;
  std::vector<std::string> ExportOf(const config::Resource& resource) const;
  const Merged* FindMerged(Table table, std::string_view ns, std::string_view host) const;
  // Of the narrowest host that `host` is within.
  const Merged* FindNarrowest(Table table, std::string_view ns, std::string_view host) const;
  DestinationRulePtr FindExported(std::string_view ns, std::string_view host,
                                  std::string_view client_ns) const;

  const DestinationRuleOptions options_;
  std::vector<config::ResourcePtr> resources_;
  ByNamespace tables_[kTables];
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_DESTINATION_RULES_H_
