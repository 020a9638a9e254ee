// The webhooks that inject sidecars: overlapping ones, those whose control plane is not there, and
// containers that wait for an injection that does not come.
#include <arpa/inet.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/document.h"
#include "mesh/base/strings.h"
#include "mesh/config/field_path.h"
#include "re2/re2.h"

namespace mesh::analysis {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr char kMutating[] = "MutatingWebhookConfiguration";
constexpr char kValidating[] = "ValidatingWebhookConfiguration";
constexpr char kRevision[] = "istio.io/rev";

struct Webhook {
  const UnreadObject* object;
  const Struct* spec;
  int index;
  std::string name;

  const Struct* Selector(std::string_view which) const { return FindMapping(*spec, {which}); }
  bool Selects(const Labels& ns, const Labels& pod) const {
    return SelectorMatches(Selector("namespaceSelector"), ns) &&
           SelectorMatches(Selector("objectSelector"), pod);
  }
  std::string Field(std::string_view name) const {
    return absl::StrCat(config::IndexPath("webhooks", index), ".", Absl(name));
  }
};

std::vector<Webhook> WebhooksOf(const Facts& facts, std::string_view kind) {
  std::vector<Webhook> webhooks;
  for (const UnreadObject& object : facts.options().unread) {
    if (object.kind != kind || object.document == nullptr) continue;
    const ListValue* list = FindList(object.document->content, {"webhooks"});
    if (list == nullptr) continue;
    for (int i = 0; i < list->values_size(); ++i) {
      const Struct& spec = list->values(i).struct_value();
      const std::string* name = FindText(spec, {"name"});
      webhooks.push_back({&object, &spec, i, name == nullptr ? "" : *name});
    }
  }
  return webhooks;
}

void AddRevisions(const Struct* selector, std::set<std::string>* revisions) {
  if (selector == nullptr) return;
  const auto labels = Texts(FindMapping(*selector, {"matchLabels"}));
  if (const auto label = labels.find(kRevision); label != labels.end()) {
    revisions->insert(label->second);
  }
  const ListValue* expressions = FindList(*selector, {"matchExpressions"});
  if (expressions == nullptr) return;
  for (const Value& expression : expressions->values()) {
    const std::string* key = FindText(expression.struct_value(), {"key"});
    const ListValue* values = FindList(expression.struct_value(), {"values"});
    if (key == nullptr || *key != kRevision || values == nullptr) continue;
    for (const Value& value : values->values()) revisions->insert(value.string_value());
  }
}

// Istio's webhooks of an object: all, where one has Istio's name or a selector by revision.
std::vector<Webhook> Injectors(const Facts& facts, std::set<std::string>* revisions) {
  std::map<const UnreadObject*, std::vector<Webhook>> by_object;
  for (Webhook& webhook : WebhooksOf(facts, kMutating)) {
    by_object[webhook.object].push_back(std::move(webhook));
  }
  std::vector<Webhook> injectors;
  for (auto& [object, webhooks] : by_object) {
    std::set<std::string> own;
    bool istio = false;
    const auto labels = Texts(FindMapping(object->document->content, {"metadata", "labels"}));
    if (const auto label = labels.find(kRevision); label != labels.end()) own.insert(label->second);
    for (const Webhook& webhook : webhooks) {
      istio = istio || absl::EndsWith(webhook.name, "istio.io");
      AddRevisions(webhook.Selector("namespaceSelector"), &own);
      AddRevisions(webhook.Selector("objectSelector"), &own);
    }
    if (!istio && own.empty()) continue;
    revisions->insert(own.begin(), own.end());
    injectors.insert(injectors.end(), webhooks.begin(), webhooks.end());
  }
  return injectors;
}

// Every kind of labels that selectors of injectors tell apart.
std::vector<Labels> Samples(const char* key, std::vector<std::string> values,
                            const std::set<std::string>& revisions) {
  std::vector<Labels> samples(1);  // none
  for (const std::string& value : values) samples.push_back({{key, value}});
  const std::vector<Labels> plain = samples;
  for (const std::string& revision : revisions) {
    for (Labels labels : plain) {
      labels[kRevision] = revision;
      samples.push_back(std::move(labels));
    }
  }
  return samples;
}

void CheckOverlaps(const std::vector<Webhook>& injectors, const std::set<std::string>& revisions,
                   Findings* findings) {
  std::map<size_t, std::set<std::string>> others;
  for (const Labels& ns : Samples("istio-injection", {"enabled", "disabled"}, revisions)) {
    for (const Labels& pod : Samples("sidecar.istio.io/inject", {"true", "false"}, revisions)) {
      std::vector<size_t> selecting;
      for (size_t i = 0; i < injectors.size(); ++i) {
        if (injectors[i].Selects(ns, pod)) selecting.push_back(i);
      }
      if (selecting.size() < 2) continue;
      for (size_t i : selecting) {
        for (size_t j : selecting) {
          if (i != j) others[i].insert(injectors[j].object->name + "/" + injectors[j].name);
        }
      }
    }
  }
  for (const auto& [i, names] : others) {
    const Webhook& webhook = injectors[i];
    const std::string field = webhook.Field("name");
    Report("IST0139", *webhook.object, webhook.object->PositionOf(field), field,
           absl::StrCat("the webhook \"", webhook.name, "\" takes pods that others take too: ",
                        absl::StrJoin(names, ", "), "; they get a sidecar twice"),
           "delete one of them, or make their selectors tell revisions apart", findings);
  }
}

// Istio's own webhooks, by the names that its installation gives them.
bool AsksControlPlane(const UnreadObject& object) {
  if (object.kind == kMutating) return absl::StartsWith(object.name, "istio-sidecar-injector");
  return object.name == "istiod-default-validator" ||
         absl::StartsWith(object.name, "istio-validator");
}

// The host of a URL, without port and brackets; empty where it has none. None where it is no URL:
// as lenient as Go's url.Parse, by which Istio goes.
std::optional<std::string> HostOf(const std::string& url) {
  static const RE2* const kUrl = new RE2("(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)");
  static const RE2* const kHost = new RE2("(\\[[^\\]]*\\]|[^\\[\\]:]*)(?::\\d*)?");
  static const RE2* const kBadHost = new RE2("[\\x00-\\x20\\x7f<>\"\\\\^`{|}]");
  std::string scheme, authority, path, host;
  if (RE2::PartialMatch(url, "[\\x00-\\x1f\\x7f]")) return std::nullopt;
  const std::string whole = url.substr(0, url.find_first_of("?#"));
  if (!RE2::FullMatch(whole, *kUrl, &scheme, &authority, &path)) return std::nullopt;
  // A colon before the first slash of a path would be a scheme's.
  if (scheme.empty() && authority.empty() &&
      path.substr(0, path.find('/')).find(':') != std::string::npos) {
    return std::nullopt;
  }
  if (const size_t at = authority.rfind('@'); at != std::string::npos) authority.erase(0, at + 1);
  if (!RE2::FullMatch(authority, *kHost, &host) || RE2::PartialMatch(authority, *kBadHost)) {
    return std::nullopt;
  }
  if (!host.empty() && host.front() == '[') host = host.substr(1, host.size() - 2);
  return host;
}

bool IsAddress(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

void CheckWebhooks(const Facts& facts, Findings* findings) {
  std::set<std::string> revisions;
  const std::vector<Webhook> injectors = Injectors(facts, &revisions);
  CheckOverlaps(injectors, revisions, findings);
  for (const Webhook& webhook : injectors) {
    const Struct* service = FindMapping(*webhook.spec, {"clientConfig", "service"});
    if (service == nullptr) continue;
    const std::string* name = FindText(*service, {"name"});
    const std::string* ns = FindText(*service, {"namespace"});
    if (name == nullptr || ns == nullptr ||
        facts.snapshot().Find(config::Kind::kService, *ns, *name) != nullptr) {
      continue;
    }
    const std::string field = webhook.Field("clientConfig.service");
    Report("IST0139", *webhook.object, webhook.object->PositionOf(field), field,
           absl::StrCat("the webhook \"", webhook.name, "\" asks the service ", *ns, "/", *name,
                        ", which is not there: no pod can be made"),
           "correct the service's name, or delete the webhook", findings);
  }
}

void CheckExternalControlPlanes(const Facts& facts, Findings* findings) {
  for (const char* kind : {kMutating, kValidating}) {
    for (const Webhook& webhook : WebhooksOf(facts, kind)) {
      if (!AsksControlPlane(*webhook.object)) continue;
      const std::string field = webhook.Field("clientConfig.url");
      const SourcePosition position = webhook.object->PositionOf(field);
      const std::string* url = FindText(*webhook.spec, {"clientConfig", "url"});
      if (url == nullptr) {
        if (FindMapping(*webhook.spec, {"clientConfig", "service"}) != nullptr) continue;
        Report("IST0163", *webhook.object, position, field,
               absl::StrCat("the webhook \"", webhook.name,
                            "\" names neither a service nor a URL of the control plane"),
               "write clientConfig.url: https://HOST:15017/...", findings);
        continue;
      }
      const std::optional<std::string> host = HostOf(*url);
      if (!host.has_value()) {
        Report(
            "IST0163", *webhook.object, position, field,
            absl::StrCat("the webhook \"", webhook.name, "\" has a URL that does not read: ", *url),
            "write clientConfig.url: https://HOST:15017/...", findings);
      } else if (IsAddress(*host)) {
        Report("IST0164", *webhook.object, position, field,
               absl::StrCat("the webhook \"", webhook.name, "\" asks an address: ", *url),
               "write a host name, whose address may change", findings);
      }
    }
  }
}

void CheckImageAuto(const Facts& facts, Findings* findings) {
  std::vector<Webhook> injectors;
  bool listed = false;
  for (const Workload& workload : facts.workloads()) {
    if (workload.pod == nullptr) continue;
    for (int i = 0; i < workload.pod->containers_size(); ++i) {
      const auto& container = workload.pod->containers(i);
      if (container.name() != "istio-proxy" || container.image() != "auto") continue;
      if (workload.object->kind() == config::Kind::kPod) {
        Report("IST0147", *workload.object, config::IndexPath("spec.containers", i) + ".image",
               "the image is still auto: the pod was made without injection and cannot start",
               "make the pod anew in a namespace where pods are injected", findings);
        continue;
      }
      if (!listed) {
        for (Webhook& webhook : WebhooksOf(facts, kMutating)) {
          if (absl::EndsWith(webhook.name, "istio.io")) injectors.push_back(std::move(webhook));
        }
        listed = true;
      }
      const config::ResourcePtr ns =
          facts.snapshot().Find(config::Kind::kNamespace, "", workload.ns);
      const Labels none;
      const Labels& labels = ns == nullptr ? none : ns->metadata().labels;
      bool injected = false;
      for (const Webhook& webhook : injectors) {
        injected = injected || webhook.Selects(labels, workload.labels);
      }
      // Without any webhook in the input, the namespace and the pod have the word.
      if (injectors.empty()) {
        const auto is = [](const Labels& among, const char* key, const char* value) {
          const auto at = among.find(key);
          return at != among.end() && at->second == value;
        };
        injected = is(labels, "istio-injection", "enabled") || labels.count(kRevision) > 0 ||
                   is(workload.labels, "sidecar.istio.io/inject", "true") ||
                   is(workload.annotations, "sidecar.istio.io/inject", "true");
      }
      if (injected) continue;
      Report("IST0146", *workload.object,
             config::IndexPath("spec.template.spec.containers", i) + ".image",
             "the image is auto, and no webhook would put the proxy's in its place",
             absl::StrCat("kubectl label namespace ", workload.ns,
                          " istio-injection=enabled, or label the pods sidecar.istio.io/inject: "
                          "\"true\""),
             findings);
    }
  }
}

}  // namespace mesh::analysis
