// VirtualServices made ready for use: names in full, delegates merged in. Private to this folder.
#ifndef MESH_TRANSLATE_VIRTUAL_SERVICES_H_
#define MESH_TRANSLATE_VIRTUAL_SERVICES_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/config/resource.h"
#include "mesh/translate/resource.h"

namespace mesh::translate {

// Where a thing of a user's object stands.
Origin OriginIn(const config::Resource& resource, std::string field);

struct VirtualService {
  // Where a rule of `spec.http` stands.
  struct Rule {
    config::ResourcePtr source;
    std::string field;        // "spec.http[2]"
    bool own_matches = true;  // its matches stand there too; false when they were merged
  };

  config::ResourcePtr source;
  istio::networking::v1alpha3::VirtualService spec;
  std::vector<Rule> http;  // as many as spec.http
  std::vector<std::string> hosts;

  const std::string& name() const { return source->name(); }
  const std::string& ns() const { return source->ns(); }
  Origin OriginOfRule(int rule) const;
  Origin OriginOfMatch(int rule, int match) const;
};
using VirtualServicePtr = std::shared_ptr<const VirtualService>;

// Whether something in `owner` that is exported to `export_to` (empty: to `fallback`, empty:
// everywhere) is seen from `viewer`.
bool Exported(const std::vector<std::string>& export_to, const std::vector<std::string>& fallback,
              std::string_view owner, std::string_view viewer);

// All VirtualServices with hosts, oldest first, ties by name.namespace. With `delegates`, rules
// that delegate are replaced by what they delegate to; what is dropped becomes a finding.
std::vector<VirtualServicePtr> PrepareVirtualServices(
    absl::Span<const config::ResourcePtr> resources, std::string_view domain,
    const std::vector<std::string>& default_export, bool delegates, std::vector<Finding>* findings);

// Oldest first, ties by name.namespace: Istio's order of everything.
std::vector<config::ResourcePtr> ByAge(absl::Span<const config::ResourcePtr> resources);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_VIRTUAL_SERVICES_H_
