#include "mesh/translate/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/base/strings.h"
#include "mesh/config/snapshot.h"
#include "mesh/translate/cache.h"
#include "mesh/translate/index.h"

namespace mesh::translate {

World::~World() = default;

std::shared_ptr<const World> World::Build(std::shared_ptr<const config::Snapshot> snapshot,
                                          const WorldOptions& options, const World* previous) {
  std::shared_ptr<World> world(new World());
  world->snapshot_ = std::move(snapshot);
  world->options_ = options;
  if (!world->snapshot_->mesh_config().trust_domain().empty()) {
    world->options_.registry.trust_domain = world->snapshot_->mesh_config().trust_domain();
  }
  const bool same_services =
      previous != nullptr && previous->options_.registry == world->options_.registry &&
      registry::Registry::ReadsTheSame(*previous->snapshot_, *world->snapshot_);
  world->registry_ = same_services
                         ? previous->registry_
                         : registry::Registry::Build(*world->snapshot_, world->options_.registry);
  world->index_ =
      std::make_shared<const Index>(world->snapshot_, world->registry_, world->options_,
                                    previous == nullptr ? nullptr : previous->index_.get());
  world->cache_ = previous != nullptr ? previous->cache_ : std::make_shared<ResourceCache>();
  return world;
}

const istio::mesh::v1alpha1::MeshConfig& World::mesh_config() const {
  return snapshot_->mesh_config();
}

std::vector<std::string> World::Pods() const {
  std::vector<std::string> pods;
  for (const registry::WorkloadPtr& workload : registry_->workloads()) {
    if (workload->pod) pods.push_back(absl::StrCat(workload->name, ".", workload->ns));
  }
  std::sort(pods.begin(), pods.end());
  return pods;
}

absl::StatusOr<Node> World::NodeOf(std::string_view pod) const {
  const size_t dot = pod.rfind('.');
  registry::WorkloadPtr workload;
  if (dot != std::string_view::npos) {
    workload = registry_->FindWorkload(pod.substr(dot + 1), pod.substr(0, dot));
  }
  if (workload == nullptr || !workload->pod) {
    const std::vector<std::string> pods = Pods();
    return absl::NotFoundError(absl::StrCat("no pod ", Absl(pod),
                                            pods.empty() ? "; there are none" : "; there are ",
                                            absl::StrJoin(pods, ", ")));
  }
  Node node;
  node.id = std::string(pod);
  node.name = workload->name;
  node.ns = workload->ns;
  node.ip = workload->ip;
  node.labels = workload->labels;
  node.service_account = workload->service_account;
  node.locality = workload->locality;
  node.type = workload->router ? NodeType::kRouter : NodeType::kSidecar;
  return node;
}

}  // namespace mesh::translate
