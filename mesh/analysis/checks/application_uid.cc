// Applications that run as the user of the proxy: their traffic passes it by.
#include <string>

#include "absl/strings/str_cat.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

constexpr int64_t kProxyUser = 1337;

// istiod, gateways and the like run as that user rightly.
bool IsControlPlane(const config::Resource& object) {
  const Labels& labels = object.metadata().labels;
  const auto release = labels.find("release");
  return labels.count("istio") > 0 || (release != labels.end() && release->second == "istio");
}

}  // namespace

void CheckApplicationUid(const Facts& facts, Findings* findings) {
  for (const Workload& workload : facts.workloads()) {
    if (workload.pod == nullptr || IsControlPlane(*workload.object)) continue;
    const std::string spec =
        workload.object->kind() == config::Kind::kPod ? "spec" : "spec.template.spec";
    const auto report = [&](const std::string& field) {
      Report("IST0144", *workload.object, field + ".securityContext.runAsUser",
             absl::StrCat("user ", kProxyUser,
                          " is the proxy's: what the application sends is "
                          "taken for the proxy's own and passes it by"),
             "let the application run as another user", findings);
    };
    if (workload.pod->security_context().run_as_user() == kProxyUser) report(spec);
    for (int i = 0; i < workload.pod->containers_size(); ++i) {
      const auto& container = workload.pod->containers(i);
      if (container.name() == "istio-proxy" || container.name() == "istio-operator" ||
          container.security_context().run_as_user() != kProxyUser) {
        continue;
      }
      report(config::IndexPath(spec + ".containers", i));
    }
  }
}

}  // namespace mesh::analysis
