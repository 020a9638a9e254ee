// Pods whose proxy is of another image than the injector would give them now.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/document.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

constexpr char kProxy[] = "istio-proxy";

// The image that an injector's settings name; none where they do not read.
std::optional<std::string> InjectedImage(const UnreadObject& map) {
  if (map.document == nullptr) return std::nullopt;
  const std::string* values = FindText(map.document->content, {"data", "values"});
  google::protobuf::Struct settings;
  if (values == nullptr || !google::protobuf::util::JsonStringToMessage(*values, &settings).ok()) {
    return std::nullopt;
  }
  const std::string* image = FindText(settings, {"global", "proxy", "image"});
  if (image == nullptr) return std::nullopt;
  if (image->find('/') != std::string::npos) return *image;
  const std::string* hub = FindText(settings, {"global", "hub"});
  const std::string* tag = FindText(settings, {"global", "tag"});
  if (hub == nullptr || tag == nullptr) return std::nullopt;
  return absl::StrCat(*hub, "/", *image, ":", *tag);
}

// The injector of a revision: istio-sidecar-injector, or that and its name.
const UnreadObject* Injector(const Facts& facts, const config::Resource& ns) {
  const auto revision = ns.metadata().labels.find("istio.io/rev");
  std::string name = "istio-sidecar-injector";
  if (revision != ns.metadata().labels.end() && revision->second != "default") {
    name += "-" + revision->second;
  }
  return facts.FindUnread("ConfigMap", facts.snapshot().mesh_config().root_namespace(), name);
}

bool IsInjected(const config::Resource& ns) {
  const Labels& labels = ns.metadata().labels;
  const auto injection = labels.find("istio-injection");
  return (injection != labels.end() && injection->second == "enabled") ||
         labels.count("istio.io/rev") > 0;
}

}  // namespace

void CheckProxyImages(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& ns : facts.snapshot().List(config::Kind::kNamespace)) {
    if (!IsInjected(*ns)) continue;
    const UnreadObject* injector = Injector(facts, *ns);
    if (injector == nullptr) continue;
    const std::optional<std::string> wanted = InjectedImage(*injector);
    if (!wanted.has_value()) continue;
    std::vector<std::string> names;
    for (const config::ResourcePtr& pod : facts.snapshot().List(config::Kind::kPod, ns->name())) {
      const auto own = pod->metadata().annotations.find("sidecar.istio.io/proxyImage");
      if (own != pod->metadata().annotations.end() && !own->second.empty()) continue;
      const auto& spec = pod->As<kubernetes::v1::Pod>().spec();
      for (int i = 0; i < spec.containers_size(); ++i) {
        const auto& container = spec.containers(i);
        if (container.name() != kProxy || container.image() == *wanted) continue;
        names.push_back(pod->name());
        Report("IST0105", *pod, config::IndexPath("spec.containers", i) + ".image",
               absl::StrCat("the proxy is ", container.image(),
                            "; the injector would give the pod ", *wanted),
               "delete the pod, so that it is made anew with the injector's proxy", findings);
      }
    }
    if (names.empty()) continue;
    Report("IST0158", *ns, "metadata.name",
           absl::StrCat(names.size(), names.size() == 1 ? " pod has" : " pods have",
                        " another proxy than the injector's ", *wanted, ": ",
                        absl::StrJoin(names, ", ")),
           absl::StrCat("kubectl rollout restart deployment -n ", ns->name()), findings);
  }
}

}  // namespace mesh::analysis
