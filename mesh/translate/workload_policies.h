// Policies that select workloads by labels. Private to this folder.
#ifndef MESH_TRANSLATE_WORKLOAD_POLICIES_H_
#define MESH_TRANSLATE_WORKLOAD_POLICIES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "mesh/config/resource.h"

namespace mesh::translate {

// AuthorizationPolicies or RequestAuthentications: all that select a workload hold together.
class WorkloadPolicies {
 public:
  WorkloadPolicies() = default;
  WorkloadPolicies(absl::Span<const config::ResourcePtr> resources,
                   std::string_view root_namespace);

  // Those of the root namespace, then the workload's own; by name.
  std::vector<config::ResourcePtr> For(std::string_view ns,
                                       const std::map<std::string, std::string>& labels) const;

 private:
  std::string root_;
  std::map<std::string, std::vector<config::ResourcePtr>, std::less<>> by_namespace_;
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_WORKLOAD_POLICIES_H_
