// What the checks ask again and again of a snapshot, indexed once, when it is first asked for.
#ifndef MESH_ANALYSIS_FACTS_H_
#define MESH_ANALYSIS_FACTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/types/span.h"
#include "mesh/analysis/analyze.h"

namespace mesh::kubernetes::v1 {
class PodSpec;
class Service;
}  // namespace mesh::kubernetes::v1
namespace mesh::translate {
class World;
}

namespace mesh::analysis {

using Labels = std::map<std::string, std::string>;

// A pod, or what a deployment makes its pods of.
struct Workload {
  std::string ns;
  std::string name;
  Labels labels;
  Labels annotations;
  const kubernetes::v1::PodSpec* pod = nullptr;  // null for the gateway taken for granted
  const config::Resource* object = nullptr;      // likewise
};

// What a host in a destination can mean: a Service, or a host of a ServiceEntry.
struct Host {
  absl::Span<const uint32_t> ports;
  const config::Resource* object = nullptr;
};

// A subset of a DestinationRule.
struct SubsetPlace {
  const config::Resource* rule;
  int index;
};

// Of one thread.
class Facts {
 public:
  // The options must outlive it.
  Facts(config::SnapshotPtr snapshot, const Options& options);

  // For an Analyzer. The facts stay those of a snapshot in which only objects of kinds that can be
  // followed are other ones, once each of these was given to Replace and the snapshot to Follow.
  // LookAt has the checks see a part of that snapshot, or other options, until Follow is called.
  // What was given must outlive the facts or what takes its place.
  static bool CanFollow(config::Kind kind);
  void Replace(const config::Resource* before, const config::Resource* after);
  void Follow(config::SnapshotPtr snapshot, const Options& options);
  void LookAt(config::SnapshotPtr part, const Options& options);

  const config::Snapshot& snapshot() const { return *snapshot_; }
  const Options& options() const { return *options_; }

  const std::vector<Workload>& workloads() const;
  // Indices of the workloads of a namespace that carry all labels; of all namespaces for ns "*".
  // In order. Cost: the carriers of the rarest of the labels. An empty selector finds all.
  std::vector<size_t> Select(const std::string& ns, const Labels& selector) const;

  // Whether a workload's pods have a sidecar: a container of that name, else the pod's annotation,
  // else its namespace's labels. `unknown`: where none of the three says anything.
  bool InMesh(const Workload& workload, bool unknown) const;

  const std::set<std::string>& namespaces() const { return namespaces_; }

  // The services that select a workload. Cost: O(1).
  const std::vector<const config::Resource*>& ServicesOf(size_t workload) const;

  // What a destination's host means in a namespace; null: nothing. Cost: the host's labels.
  const Host* FindHost(const std::string& ns, const std::string& host) const;

  // The subsets of that name that DestinationRules give `fqdn`, by the rules' namespace and name.
  // Cost: O(1).
  absl::Span<const SubsetPlace> FindSubsets(const std::string& fqdn,
                                            const std::string& subset) const;
  // The Gateway of a name that FullGateway made, or null. Cost: O(1).
  const config::Resource* FindGateway(std::string_view full) const;
  // An object of a kind that is not read, or null.
  const UnreadObject* FindUnread(const std::string& kind, const std::string& ns,
                                 const std::string& name) const;

  // What translation sees, made when it is first asked for out of the one that was followed before:
  // all of the snapshot that is followed, and what is looked at of it without services and
  // workloads. Cost of the first: that of the registry too. They live until the next snapshot.
  const translate::World& world() const;
  const translate::World& rules_world() const;

 private:
  // Each made of the snapshot that is followed, when it is first asked for.
  struct Workloads;
  struct Hosts;
  struct Subsets;
  struct Gateways;
  const Workloads& all_workloads() const;
  const Hosts& hosts() const;
  const Subsets& subsets() const;
  const Gateways& gateways() const;
  const translate::World& followed_rules() const;

  config::SnapshotPtr snapshot_;  // that is looked at
  config::SnapshotPtr followed_;
  const Options* options_;
  std::set<std::string> namespaces_;
  std::unordered_map<std::string, bool> injected_;  // namespaces that say so or say not
  std::unordered_map<std::string, const UnreadObject*> unread_;  // by "kind\nns\nname"
  mutable std::shared_ptr<const Workloads> workloads_;
  mutable std::shared_ptr<const Hosts> hosts_;
  mutable std::shared_ptr<Subsets> subsets_;
  mutable std::shared_ptr<const Gateways> gateways_;
  // Of the last snapshots that they were asked for of, and of what is looked at.
  mutable std::shared_ptr<const translate::World> world_, followed_rules_, rules_of_part_;
};

// "reviews" in namespace default is "reviews.default.svc.cluster.local"; what has a dot, and "*",
// is as it is.
std::string FullHost(const std::string& ns, const std::string& host);
// Whether every name that `name` means ("*.example.com": many) is meant by `pattern`.
bool HostWithin(std::string_view name, std::string_view pattern);
// "./GATEWAY", "GATEWAY" and "NAMESPACE/GATEWAY" of a VirtualService in `ns`, as
// "NAMESPACE/GATEWAY"; "mesh" stays.
std::string FullGateway(const std::string& ns, const std::string& gateway);
// kube-system and the like, and Istio's own: objects there are not the user's.
bool IsSystemNamespace(std::string_view ns);
// "app=reviews,version=v1".
std::string ToString(const Labels& labels);
// Namespaces to which something is exported; "*" is all. Nothing is "*", "." the own.
template <class Strings>
std::vector<std::string> Scopes(const std::string& ns, const Strings& export_to) {
  std::vector<std::string> scopes;
  for (const std::string& scope : export_to) {
    if (scope == "*") return {"*"};
    scopes.push_back(scope == "." ? ns : scope);
  }
  if (scopes.empty()) scopes.push_back("*");
  return scopes;
}
// Kubernetes' maps as protobuf has them.
template <class Map>
Labels ToLabels(const Map& map) {
  return Labels(map.begin(), map.end());
}

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_FACTS_H_
