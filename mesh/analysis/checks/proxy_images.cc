// Pods whose proxy is of another image than the injector would give them now.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/networking/v1beta1/proxy_config.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/document.h"
#include "mesh/config/field_path.h"
#include "mesh/config/read.h"

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

// "distroless" and the like, by which the injector picks another build of its image: the most
// particular of what the mesh, the root namespace, the namespace and the workload say.
class Variants {
 public:
  explicit Variants(const Facts& facts) : facts_(facts) {
    const std::string& root = facts.snapshot().mesh_config().root_namespace();
    mesh_ = facts.snapshot().mesh_config().default_config().image().image_type();
    for (const config::ResourcePtr& object :
         facts.snapshot().List(config::Kind::kProxyConfig, root)) {
      Take(object->As<ProxyConfig>(), &mesh_);
    }
  }

  std::string Of(const config::Resource& pod) const {
    std::string variant = mesh_, own;
    for (const config::ResourcePtr& object :
         facts_.snapshot().List(config::Kind::kProxyConfig, pod.ns())) {
      const auto& spec = object->As<ProxyConfig>();
      if (!spec.has_selector()) {
        Take(spec, &variant);
      } else if (Selects(ToLabels(spec.selector().match_labels()), pod.metadata().labels)) {
        Take(spec, &own);
      }
    }
    if (!own.empty()) variant = own;
    const auto annotation = pod.metadata().annotations.find("proxy.istio.io/config");
    if (annotation != pod.metadata().annotations.end()) {
      const config::ReadResult read = config::ReadDocuments("", annotation->second);
      for (const config::ReadObject& object : read.objects) {
        if (object.document == nullptr) continue;
        const std::string* type = FindText(object.document->content, {"image", "imageType"});
        if (type != nullptr && !type->empty()) variant = *type;
      }
    }
    return variant == "default" ? "" : variant;
  }

 private:
  using ProxyConfig = istio::networking::v1beta1::ProxyConfig;

  static void Take(const ProxyConfig& spec, std::string* variant) {
    if (!spec.image().image_type().empty()) *variant = spec.image().image_type();
  }
  static bool Selects(const Labels& selector, const Labels& labels) {
    return std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
      const auto label = labels.find(wanted.first);
      return label != labels.end() && label->second == wanted.second;
    });
  }

  const Facts& facts_;
  std::string mesh_;
};

}  // namespace

void CheckProxyImages(const Facts& facts, Findings* findings) {
  const Variants variants(facts);
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
      const std::string variant = variants.Of(*pod);
      const std::string image = variant.empty() ? *wanted : absl::StrCat(*wanted, "-", variant);
      const auto check = [&](const auto& containers, const std::string& path) {
        for (int i = 0; i < containers.size(); ++i) {
          const std::string& own = containers[i].image();
          if (containers[i].name() != kProxy || own == *wanted || own == image) continue;
          names.push_back(pod->name());
          Report("IST0105", *pod, config::IndexPath(path, i) + ".image",
                 absl::StrCat("the proxy is ", own, "; the injector would give the pod ", image),
                 "delete the pod, so that it is made anew with the injector's proxy", findings);
        }
      };
      check(spec.containers(), "spec.containers");
      check(spec.init_containers(), "spec.initContainers");
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
