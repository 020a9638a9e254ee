// What a local mesh has to run for the YAML it is given: pods out of Deployments, their ports out
// of Services, and which containers it can run at all.
#ifndef MESH_LOCAL_PLAN_H_
#define MESH_LOCAL_PLAN_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/config/snapshot.h"

namespace mesh::local {

// One of Bookinfo's services, as examples/bookinfo plays it.
struct BookinfoRole {
  std::string role;     // "reviews"
  std::string version;  // "v2"
};

// "docker.io/istio/examples-bookinfo-reviews-v2:1.16.2" -> reviews v2, whatever the registry and
// the tag. None for images that examples/bookinfo does not play.
std::optional<BookinfoRole> RoleOfImage(std::string_view image);

// A port on which a pod is called.
struct PodPort {
  int number = 0;    // of the pod (a Service's target port)
  std::string name;  // of the service port: "http"
};
inline bool operator==(const PodPort& a, const PodPort& b) {
  return a.number == b.number && a.name == b.name;
}

struct PodPlan {
  std::string name;  // "reviews-v1-0"
  std::string ns;
  std::string deployment;
  std::string container;
  std::string service_account;
  // The Deployment's template's, and kPodLabel.
  std::map<std::string, std::string> labels;
  BookinfoRole app;
  std::vector<PodPort> ports;  // HTTP ones, ascending
  int index = 0;               // 1, 2 …: k of its addresses
};

// Tells each pod from its siblings, for the Sidecar resource that is its alone.
inline constexpr char kPodLabel[] = "mesh.local/pod";

struct Plan {
  std::vector<PodPlan> pods;  // by namespace and name
  // Every port of a Service that carries HTTP, ascending: where a sidecar listens for its
  // application's calls.
  std::vector<int> outbound_ports;
  // What is not run and why, a line each: "Deployment default/db (db.yaml:3): ...".
  std::vector<std::string> remarks;
};

// FailedPrecondition when there is nothing to run, or more pods than a block has addresses.
absl::StatusOr<Plan> MakePlan(const config::Snapshot& snapshot);

}  // namespace mesh::local

#endif  // MESH_LOCAL_PLAN_H_
