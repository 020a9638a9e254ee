// Sidecars: at most one for each workload, and one default for each namespace.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "mesh/analysis/checks/checks.h"

namespace mesh::analysis {
namespace {

using config::Kind;
using istio::networking::v1alpha3::Sidecar;

std::string Names(const std::vector<const config::Resource*>& objects) {
  return absl::StrJoin(objects, ", ", [](std::string* out, const config::Resource* object) {
    out->append(object->name());
  });
}

}  // namespace

void CheckSidecarDefaults(const Facts& facts, Findings* findings) {
  std::map<std::string, std::vector<const config::Resource*>> defaults;
  for (const config::ResourcePtr& sidecar : facts.snapshot().List(Kind::kSidecar)) {
    if (!sidecar->As<Sidecar>().has_workload_selector()) {
      defaults[sidecar->ns()].push_back(sidecar.get());
    }
  }
  for (const auto& [ns, sidecars] : defaults) {
    if (sidecars.size() < 2) continue;
    for (const config::Resource* sidecar : sidecars) {
      Report("IST0111", *sidecar, "",
             absl::StrCat("several Sidecars of namespace \"", ns, "\" have no workloadSelector: ",
                          Names(sidecars), "; which of them is the default is left to chance"),
             "keep one without workloadSelector and give the others one", findings);
    }
  }
}

void CheckSidecarSelectors(const Facts& facts, Findings* findings) {
  std::map<size_t, std::vector<const config::Resource*>> selecting;  // by workload
  for (const config::ResourcePtr& sidecar : facts.snapshot().List(Kind::kSidecar)) {
    const auto& spec = sidecar->As<Sidecar>();
    if (!spec.has_workload_selector()) continue;
    const Labels selector = ToLabels(spec.workload_selector().labels());
    const std::vector<size_t> workloads = facts.Select(sidecar->ns(), selector);
    if (workloads.empty()) {
      Report("IST0101", *sidecar, "spec.workloadSelector.labels",
             absl::StrCat("no workload of namespace \"", sidecar->ns(), "\" has the labels ",
                          ToString(selector)),
             "write labels that pods of this namespace have", findings);
    }
    for (size_t i : workloads) selecting[i].push_back(sidecar.get());
  }
  std::set<std::string> said;  // a deployment and its pods are told of once
  for (const auto& [i, sidecars] : selecting) {
    if (sidecars.size() < 2) continue;
    const Workload& workload = facts.workloads()[i];
    if (!said.insert(workload.ns + "/" + Names(sidecars)).second) continue;
    for (const config::Resource* sidecar : sidecars) {
      Report("IST0110", *sidecar, "spec.workloadSelector.labels",
             absl::StrCat("workload \"", workload.name, "\" of namespace \"", workload.ns,
                          "\" is selected by several Sidecars: ", Names(sidecars),
                          "; which of them counts is left to chance"),
             "make the selectors tell the workloads apart", findings);
    }
  }
}

}  // namespace mesh::analysis
