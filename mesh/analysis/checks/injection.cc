// Namespaces that do not say whether they are in the mesh, and pods that should have a proxy and
// have none.
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/document.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {

namespace {

// Whether the injector takes namespaces that say nothing.
bool InjectsByDefault(const Facts& facts) {
  const UnreadObject* injector = facts.FindUnread(
      "ConfigMap", facts.snapshot().mesh_config().root_namespace(), "istio-sidecar-injector");
  if (injector == nullptr || injector->document == nullptr) return false;
  const std::string* values = FindText(injector->document->content, {"data", "values"});
  google::protobuf::Struct settings;
  if (values == nullptr || !google::protobuf::util::JsonStringToMessage(*values, &settings).ok()) {
    return false;
  }
  const google::protobuf::Value* value =
      Find(settings, {"sidecarInjectorWebhook", "enableNamespacesByDefault"});
  return value != nullptr && value->bool_value();
}

}  // namespace

void CheckInjection(const Facts& facts, Findings* findings) {
  const bool by_default = InjectsByDefault(facts);
  std::set<std::string> injected;
  for (const config::ResourcePtr& ns : facts.snapshot().List(config::Kind::kNamespace)) {
    if (IsSystemNamespace(ns->name())) continue;
    const Labels& labels = ns->metadata().labels;
    const auto injection = labels.find("istio-injection");
    const bool says = injection != labels.end() && !injection->second.empty();
    if (labels.count("istio.io/rev") > 0) {
      if (says) {
        Report("IST0123", *ns, config::KeyPath("metadata.labels", "istio.io/rev"),
               "the namespace has both istio-injection and istio.io/rev: only one of them counts",
               absl::StrCat("kubectl label namespace ", ns->name(), " istio-injection-"), findings);
        continue;
      }
    } else if (!says && by_default) {
      Report("IST0148", *ns, "metadata.labels",
             "the namespace does not say whether its pods get a sidecar: they do, as the injector "
             "is installed with enableNamespacesByDefault",
             absl::StrCat("kubectl label namespace ", ns->name(),
                          " istio-injection=enabled (or disabled), so that it is said"),
             findings);
      continue;
    } else if (!says) {
      Report("IST0102", *ns, "metadata.labels",
             "the namespace does not say whether its pods get a sidecar: they get none",
             absl::StrCat("kubectl label namespace ", ns->name(),
                          " istio-injection=enabled (or disabled, so that it is said)"),
             findings);
      continue;
    } else if (injection->second != "enabled") {
      continue;
    }
    injected.insert(ns->name());
  }
  for (const Workload& workload : facts.workloads()) {
    if (workload.object == nullptr || workload.object->kind() != config::Kind::kPod ||
        injected.count(workload.ns) == 0) {
      continue;
    }
    const auto inject = workload.annotations.find("sidecar.istio.io/inject");
    if (inject != workload.annotations.end() && absl::EqualsIgnoreCase(inject->second, "false")) {
      continue;
    }
    // Later Istio's way to say the same.
    const auto label = workload.labels.find("sidecar.istio.io/inject");
    if (label != workload.labels.end() && absl::EqualsIgnoreCase(label->second, "false")) continue;
    if (workload.pod->host_network()) continue;
    bool has_proxy = false;
    for (const auto* containers : {&workload.pod->containers(), &workload.pod->init_containers()}) {
      for (const auto& container : *containers) {
        has_proxy = has_proxy || container.name() == "istio-proxy";
      }
    }
    if (has_proxy) continue;
    Report("IST0103", *workload.object, "spec.containers",
           "the pod has no proxy, and its namespace is in the mesh",
           "delete the pod, so that it is made anew with a proxy", findings);
  }
}

}  // namespace mesh::analysis
