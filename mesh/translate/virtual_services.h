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
  using Spec = istio::networking::v1alpha3::VirtualService;

  // Where a rule of `spec.http` stands.
  struct Rule {
    config::ResourcePtr source;
    std::string field;        // "spec.http[2]"
    bool own_matches = true;  // its matches stand there too; false when they were merged
  };

  // `spec` may be the source's own.
  VirtualService(config::ResourcePtr source, std::shared_ptr<const Spec> spec);

  const config::ResourcePtr source;
  const std::shared_ptr<const Spec> shared_spec;
  const Spec& spec;
  std::vector<Rule> http;  // as many as spec.http, or none: all stand where spec.http has them
  const std::vector<std::string> hosts;

  const std::string& name() const { return source->name(); }
  const std::string& ns() const { return source->ns(); }
  Rule RuleAt(int rule) const;
  Origin OriginOfRule(int rule) const;
  Origin OriginOfMatch(int rule, int match) const;
};
using VirtualServicePtr = std::shared_ptr<const VirtualService>;

// Whether something in `owner` that is exported to `export_to` (empty: to `fallback`, empty:
// everywhere) is seen from `viewer`.
bool Exported(const std::vector<std::string>& export_to, const std::vector<std::string>& fallback,
              std::string_view owner, std::string_view viewer);

// Istio's order of everything: the older first, ties by name.namespace.
bool Older(const config::Resource& a, const config::Resource& b);
std::vector<config::ResourcePtr> ByAge(absl::Span<const config::ResourcePtr> resources);

struct VirtualServiceOptions {
  std::string domain = "cluster.local";
  std::vector<std::string> default_export;
  bool delegates = true;  // rules that delegate are replaced by what they delegate to
};

// All VirtualServices of a snapshot made ready. Never changes; use it from any thread.
class VirtualServices {
 public:
  // `resources` by namespace and name. What `previous`, of the same options, has of the same
  // objects is shared with it; null: nothing. Cost: preparing the others, and a walk over pointers.
  VirtualServices(absl::Span<const config::ResourcePtr> resources,
                  const VirtualServiceOptions& options, const VirtualServices* previous = nullptr);

  // Those with hosts, oldest first.
  const std::vector<VirtualServicePtr>& all() const { return all_; }
  // Those bound to a gateway ("mesh", "namespace/name"), oldest first.
  const std::vector<VirtualServicePtr>& BoundTo(std::string_view gateway) const;
  // What an object with hosts became; null where it is not among them. Cost: O(log n).
  VirtualServicePtr Of(const config::Resource& source) const;

  // What was left out, whoever the proxy: delegates and rules.
  void AddFindings(std::vector<Finding>* findings) const;

 private:
  using List = std::shared_ptr<const std::vector<VirtualServicePtr>>;

  struct Entry {
    VirtualServicePtr own;     // before delegates are merged in
    VirtualServicePtr merged;  // null: it has no hosts, others delegate to it
    bool delegates = false;
    std::shared_ptr<const std::vector<Finding>> findings;  // null: none
  };

  // Null where there is no such VirtualService without hosts.
  const VirtualService* FindDelegate(std::string_view ns, std::string_view name) const;
  const Entry* Find(std::string_view ns, std::string_view name) const;
  bool SameDelegates(const VirtualService& root, const VirtualServices& previous) const;
  VirtualServicePtr MergeDelegates(const VirtualService& root,
                                   const std::vector<std::string>& default_export,
                                   std::vector<Finding>* findings) const;
  void Order(const VirtualServices* previous, std::vector<VirtualServicePtr> gone,
             std::vector<VirtualServicePtr> come);

  std::vector<Entry> entries_;  // one an object, in the order of the objects
  std::vector<VirtualServicePtr> all_;
  std::map<std::string, List, std::less<>> by_gateway_;
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_VIRTUAL_SERVICES_H_
