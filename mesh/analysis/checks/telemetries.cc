// Telemetry: which of several applies, and logs that go nowhere.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/telemetry/v1alpha1/telemetry.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using config::Kind;
using istio::telemetry::v1alpha1::Telemetry;

std::string Names(const std::vector<const config::Resource*>& objects) {
  return absl::StrJoin(objects, ", ", [](std::string* out, const config::Resource* object) {
    out->append(object->name());
  });
}

}  // namespace

void CheckTelemetryProviders(const Facts& facts, Findings* findings) {
  if (facts.snapshot().mesh_config().default_providers().access_logging_size() > 0) return;
  for (const config::ResourcePtr& telemetry : facts.snapshot().List(Kind::kTelemetry)) {
    const auto& spec = telemetry->As<Telemetry>();
    for (int i = 0; i < spec.access_logging_size(); ++i) {
      const auto& logging = spec.access_logging(i);
      if (logging.providers_size() > 0 || logging.disabled().value()) continue;
      Report("IST0157", *telemetry, config::IndexPath("spec.accessLogging", i),
             "no provider is named, and the mesh has none by default: the setting is ignored",
             "write providers: [{name: envoy}], or set defaultProviders in the MeshConfig",
             findings);
    }
  }
}

void CheckTelemetrySelectors(const Facts& facts, Findings* findings) {
  std::map<std::string, std::vector<const config::Resource*>> defaults;  // by namespace
  std::map<size_t, std::vector<const config::Resource*>> selecting;      // by workload
  for (const config::ResourcePtr& telemetry : facts.snapshot().List(Kind::kTelemetry)) {
    const auto& spec = telemetry->As<Telemetry>();
    if (spec.has_targetref() || spec.targetrefs_size() > 0) continue;
    if (!spec.has_selector()) defaults[telemetry->ns()].push_back(telemetry.get());
    if (spec.selector().match_labels().empty()) continue;
    const Labels selector = ToLabels(spec.selector().match_labels());
    const std::vector<size_t> workloads = facts.Select(telemetry->ns(), selector);
    if (workloads.empty()) {
      Report("IST0101", *telemetry, "spec.selector.matchLabels",
             absl::StrCat("no workload of namespace \"", telemetry->ns(), "\" has the labels ",
                          ToString(selector)),
             "write labels that pods of this namespace have", findings);
    }
    for (size_t i : workloads) selecting[i].push_back(telemetry.get());
  }
  for (const auto& [ns, objects] : defaults) {
    if (objects.size() < 2) continue;
    for (const config::Resource* object : objects) {
      Report("IST0160", *object, "",
             absl::StrCat("several Telemetry objects of namespace \"", ns, "\" have no selector: ",
                          Names(objects), "; which of them counts is left to chance"),
             "keep one without selector and give the others one", findings);
    }
  }
  std::set<std::string> said;
  for (const auto& [i, objects] : selecting) {
    if (objects.size() < 2) continue;
    const Workload& workload = facts.workloads()[i];
    if (!said.insert(workload.ns + "/" + Names(objects)).second) continue;
    for (const config::Resource* object : objects) {
      Report("IST0159", *object, "spec.selector.matchLabels",
             absl::StrCat("workload \"", workload.name, "\" of namespace \"", workload.ns,
                          "\" is selected by several Telemetry objects: ", Names(objects),
                          "; which of them counts is left to chance"),
             "make the selectors tell the workloads apart", findings);
    }
  }
}

}  // namespace mesh::analysis
