// Everything of a snapshot that translation looks up, by what it is looked up by. Private to this
// folder.
#ifndef MESH_TRANSLATE_INDEX_H_
#define MESH_TRANSLATE_INDEX_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/mesh/v1alpha1/config.pb.h"
#include "mesh/base/mutex.h"
#include "mesh/config/snapshot.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/destination_rules.h"
#include "mesh/translate/node.h"
#include "mesh/translate/peer_authentication.h"
#include "mesh/translate/scope.h"
#include "mesh/translate/virtual_services.h"
#include "mesh/translate/workload_policies.h"
#include "mesh/translate/world.h"

namespace mesh::translate {

// Thread-safe; keeps what it points to alive.
class Index {
 public:
  // Shares with `previous` (may be null) what is made of the same objects. Cost: that of the
  // others, and a walk over pointers.
  Index(std::shared_ptr<const config::Snapshot> snapshot,
        std::shared_ptr<const registry::Registry> registry, const WorldOptions& options,
        const Index* previous = nullptr);

  const istio::mesh::v1alpha1::MeshConfig& mesh() const { return snapshot_->mesh_config(); }
  const registry::Registry& registry() const { return *registry_; }
  const WorldOptions& options() const { return options_; }
  const std::string& domain() const { return options_.registry.domain; }

  bool Visible(const registry::Service& service, std::string_view ns) const;
  // Those of the namespace alone first, as Istio orders them.
  std::vector<registry::ServicePtr> VisibleServices(std::string_view ns) const;

  // VirtualServices bound to a gateway ("mesh", "namespace/name") that `ns` sees; those that not
  // everybody sees first, then oldest first.
  std::vector<VirtualServicePtr> VirtualServicesFor(std::string_view gateway,
                                                    std::string_view ns) const;
  const VirtualServices& virtual_services() const { return *virtual_services_; }
  const DestinationRules& destination_rules() const { return *destination_rules_; }
  const PeerAuthentications& peer_authentications() const { return *peer_authentications_; }
  const WorkloadPolicies& authorization_policies() const { return *authorization_policies_; }
  const WorkloadPolicies& request_authentications() const { return *request_authentications_; }
  // Gateways whose selector selects these labels, oldest first.
  std::vector<config::ResourcePtr> GatewaysFor(
      const std::map<std::string, std::string>& labels) const;
  // The scope of a proxy. Cost: O(1) after the first of its kind.
  ScopePtr ScopeOf(const Node& node) const;
  // The rule for a service as a node sees it.
  DestinationRulePtr RuleFor(const registry::Service& service, const Node& node) const;
  // The same where only the host is known.
  DestinationRulePtr RuleForHost(std::string_view host, const Scope& scope, const Node& node) const;

  ViewCache& views() const { return views_; }

  // What was left out while indexing, whoever the proxy. Cost: O(VirtualServices and
  // DestinationRules) the first time.
  const std::vector<Finding>& findings() const;

 private:
  // Sidecars by namespace: those with a selector first, then the one for the rest; oldest first.
  struct Sidecars {
    std::map<std::string, std::vector<config::ResourcePtr>, std::less<>> by_namespace;
    config::ResourcePtr root;
  };
  static Sidecars SidecarsOf(const config::Snapshot& snapshot);

  const std::shared_ptr<const config::Snapshot> snapshot_;
  const std::shared_ptr<const registry::Registry> registry_;
  const WorldOptions options_;
  std::vector<std::string> service_export_;
  std::vector<std::string> virtual_service_export_;
  std::shared_ptr<const VirtualServices> virtual_services_;
  std::shared_ptr<const DestinationRules> destination_rules_;
  std::shared_ptr<const PeerAuthentications> peer_authentications_;
  std::shared_ptr<const WorkloadPolicies> authorization_policies_, request_authentications_;
  std::shared_ptr<const Sidecars> sidecars_;
  std::shared_ptr<const std::vector<config::ResourcePtr>> gateways_;

  mutable std::once_flag found_;
  mutable std::vector<Finding> findings_;
  mutable ViewCache views_;
  mutable Mutex mutex_;
  mutable std::map<std::pair<const config::Resource*, std::string>, ScopePtr> scopes_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_INDEX_H_
