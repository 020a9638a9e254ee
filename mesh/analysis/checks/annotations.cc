// Annotations of Istio's on Kubernetes' objects: known, on the right kind, with a value that can be
// read. What others annotate is theirs.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "mesh/analysis/checks/annotation_values.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/base/field_error.h"
#include "mesh/base/strings.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using config::Kind;

constexpr char kInject[] = "sidecar.istio.io/inject";

struct Known {
  std::string_view name;
  std::string_view kinds;  // with commas between them; empty: any
  AnnotationValue value = AnnotationValue::kAny;
};

constexpr Known kKnown[] = {
    {"alpha.istio.io/canonical-serviceaccounts", "Service"},
    {"alpha.istio.io/identity", "ServiceAccount"},
    {"alpha.istio.io/kubernetes-serviceaccounts", "Service"},
    {"ambient.istio.io/bypass-inbound-capture", "Pod"},
    {"ambient.istio.io/dns-capture", "Pod"},
    {"ambient.istio.io/redirection", "Pod"},
    {"ambient.istio.io/waypoint-inbound-binding", "GatewayClass,Gateway"},
    {"galley.istio.io/analyze-suppress", ""},
    {"gateway.istio.io/controller-version", ""},
    {"gateway.istio.io/name-override", "Gateway"},
    {"gateway.istio.io/service-account", "Gateway"},
    {"inject.istio.io/templates", "Pod"},
    {"install.operator.istio.io/chart-owner", ""},
    {"install.operator.istio.io/owner-generation", ""},
    {"install.operator.istio.io/version", ""},
    {"istio.io/autoRegistrationGroup", "WorkloadEntry"},
    {"istio.io/connectedAt", "WorkloadEntry"},
    {"istio.io/disconnectedAt", "WorkloadEntry"},
    {"istio.io/dry-run", "AuthorizationPolicy"},
    {"istio.io/reroute-virtual-interfaces", "Pod", AnnotationValue::kInterfaces},
    {"istio.io/rev", ""},
    {"istio.io/use-waypoint-canary-weight", "Service,ServiceEntry,Namespace"},
    {"istio.io/workloadController", "WorkloadEntry"},
    {"kubernetes.io/ingress.class", "Ingress"},
    {"networking.istio.io/exportTo", "Service"},
    {"networking.istio.io/service-type", "Gateway"},
    {"networking.istio.io/traffic-distribution", "Namespace,Service,ServiceEntry"},
    {"policy.istio.io/check", "Pod"},
    {"policy.istio.io/checkBaseRetryWaitTime", "Pod"},
    {"policy.istio.io/checkMaxRetryWaitTime", "Pod"},
    {"policy.istio.io/checkRetries", "Pod"},
    {"policy.istio.io/lang", "Pod"},
    {"prometheus.istio.io/merge-metrics", "Pod", AnnotationValue::kBoolean},
    {"proxy.istio.io/config", "Pod", AnnotationValue::kProxyConfig},
    {"proxy.istio.io/overrides", "Pod"},
    {"readiness.status.sidecar.istio.io/applicationPorts", "Pod", AnnotationValue::kPorts},
    {"readiness.status.sidecar.istio.io/failureThreshold", "Pod", AnnotationValue::kNumber},
    {"readiness.status.sidecar.istio.io/initialDelaySeconds", "Pod", AnnotationValue::kNumber},
    {"readiness.status.sidecar.istio.io/periodSeconds", "Pod", AnnotationValue::kNumber},
    {"security.istio.io/tlsMode", "Pod"},
    {"sidecar.istio.io/agentLogLevel", "Pod"},
    {"sidecar.istio.io/bootstrapOverride", "Pod"},
    {"sidecar.istio.io/componentLogLevel", "Pod"},
    {"sidecar.istio.io/controlPlaneAuthPolicy", "Pod"},
    {"sidecar.istio.io/discoveryAddress", "Pod"},
    {"sidecar.istio.io/enableCoreDump", "Pod", AnnotationValue::kTrueOrFalse},
    {"sidecar.istio.io/extraStatTags", "Pod"},
    {"sidecar.istio.io/inject", "Pod"},
    {"sidecar.istio.io/interceptionMode", "Pod", AnnotationValue::kInterception},
    {"sidecar.istio.io/logAsJson", "Pod", AnnotationValue::kTrueOrFalse},
    {"sidecar.istio.io/logLevel", "Pod"},
    {"sidecar.istio.io/nativeSidecar", "Pod"},
    {"sidecar.istio.io/proxyCPU", "Pod", AnnotationValue::kQuantity},
    {"sidecar.istio.io/proxyCPULimit", "Pod", AnnotationValue::kQuantity},
    {"sidecar.istio.io/proxyImage", "Pod"},
    {"sidecar.istio.io/proxyImageType", "Pod"},
    {"sidecar.istio.io/proxyMemory", "Pod", AnnotationValue::kQuantity},
    {"sidecar.istio.io/proxyMemoryLimit", "Pod", AnnotationValue::kQuantity},
    {"sidecar.istio.io/rewriteAppHTTPProbers", "Pod", AnnotationValue::kTrueOrFalse},
    {"sidecar.istio.io/statsCompression", "Pod"},
    {"sidecar.istio.io/statsEvictionInterval", "Pod"},
    {"sidecar.istio.io/statsFlushInterval", "Pod"},
    {"sidecar.istio.io/statsHistogramBins", "Pod"},
    {"sidecar.istio.io/statsHistogramBuckets", "Pod"},
    {"sidecar.istio.io/statsInclusionPrefixes", "Pod"},
    {"sidecar.istio.io/statsInclusionRegexps", "Pod"},
    {"sidecar.istio.io/statsInclusionSuffixes", "Pod"},
    {"sidecar.istio.io/status", ""},
    {"sidecar.istio.io/userVolume", "Pod"},
    {"sidecar.istio.io/userVolumeMount", "Pod"},
    {"status.sidecar.istio.io/port", "Pod", AnnotationValue::kPort},
    {"topology.istio.io/controlPlaneClusters", "Namespace"},
    {"traffic.istio.io/nodeSelector", "Service"},
    {"traffic.sidecar.istio.io/excludeInboundPorts", "Pod", AnnotationValue::kPorts},
    {"traffic.sidecar.istio.io/excludeInterfaces", "Pod", AnnotationValue::kInterfaces},
    {"traffic.sidecar.istio.io/excludeOutboundIPRanges", "Pod", AnnotationValue::kRanges},
    {"traffic.sidecar.istio.io/excludeOutboundPorts", "Pod", AnnotationValue::kPorts},
    {"traffic.sidecar.istio.io/includeInboundPorts", "Pod", AnnotationValue::kPortsOrAll},
    {"traffic.sidecar.istio.io/includeOutboundIPRanges", "Pod", AnnotationValue::kRangesOrAll},
    {"traffic.sidecar.istio.io/includeOutboundPorts", "Pod"},
    {"traffic.sidecar.istio.io/kubevirtInterfaces", "Pod", AnnotationValue::kInterfaces},
};

// Those that Istio has given up, and what to use instead; empty: nothing.
struct Given {
  std::string_view prefix;
  std::string_view instead;
};
constexpr Given kGivenUp[] = {
    {"alpha.istio.io/", ""},
    {"policy.istio.io/", ""},
    {"sidecar.istio.io/controlPlaneAuthPolicy", ""},
    {"sidecar.istio.io/discoveryAddress", "proxy.istio.io/config with discoveryAddress"},
    {"sidecar.istio.io/extraStatTags", "proxy.istio.io/config with extraStatTags"},
    {kInject, "the label of this name"},
    {"sidecar.istio.io/statsCompression", ""},
    {"sidecar.istio.io/statsInclusion", "proxy.istio.io/config with proxyStatsMatcher"},
    {"traffic.sidecar.istio.io/kubevirtInterfaces", "istio.io/reroute-virtual-interfaces"},
};

void CheckGivenUp(const config::Resource& object, const std::string& name, const std::string& field,
                  Findings* findings) {
  // Who has the label too keeps the annotation for older versions.
  if (name == kInject && object.metadata().labels.count(name) > 0) return;
  for (const Given& given : kGivenUp) {
    if (!absl::StartsWith(name, Absl(given.prefix))) continue;
    Report("IST0135", object, field, absl::StrCat("the annotation \"", name, "\" is deprecated"),
           given.instead.empty() ? std::string("delete it")
                                 : absl::StrCat("use ", Absl(given.instead)),
           findings);
  }
}

bool IsOurs(std::string_view name) {
  const std::string_view domain = name.substr(0, name.find('/'));
  return name == "kubernetes.io/ingress.class" ||
         (domain.size() < name.size() &&
          (domain == "istio.io" || absl::EndsWith(Absl(domain), ".istio.io")));
}

bool IsFor(const Known& known, std::string_view kind) {
  if (known.kinds.empty()) return true;
  const std::vector<absl::string_view> kinds = absl::StrSplit(Absl(known.kinds), ',');
  return std::find(kinds.begin(), kinds.end(), Absl(kind)) != kinds.end();
}

void CheckObject(const config::Resource& object, Findings* findings) {
  for (const auto& [name, value] : object.metadata().annotations) {
    if (!IsOurs(name)) continue;
    const std::string field = config::KeyPath("metadata.annotations", name);
    const Known* known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                      [&name = name](const Known& k) { return k.name == name; });
    if (known == std::end(kKnown)) {
      std::vector<std::string_view> names;
      for (const Known& k : kKnown) names.push_back(k.name);
      const std::string_view near = NearestName(name, names);
      Report("IST0108", object, field,
             absl::StrCat("the annotation \"", name, "\" is none that the mesh knows"),
             near.empty() ? "delete it, or correct its name"
                          : absl::StrCat("did you mean \"", Absl(near), "\"?"),
             findings);
      continue;
    }
    CheckGivenUp(object, name, field, findings);
    const std::string_view kind = config::KindName(object.kind());
    if (!IsFor(*known, kind)) {
      const std::string wanted = absl::StrReplaceAll(Absl(known->kinds), {{",", " or a "}});
      Report("IST0107", object, field,
             absl::StrCat("the annotation \"", name, "\" has no effect on a ", Absl(kind),
                          ": it belongs on a ", wanted),
             object.kind() == Kind::kDeployment && known->kinds == "Pod"
                 ? "move it to spec.template.metadata.annotations"
                 : absl::StrCat("move it to the ", wanted, ", or delete it"),
             findings);
      continue;
    }
    const std::string problem = AnnotationProblem(known->value, value);
    if (!problem.empty()) {
      Report("IST0125", object, field,
             absl::StrCat("the annotation \"", name, "\" is \"", value, "\"; it must be ", problem),
             absl::StrCat("write ", problem), findings);
    }
  }
}

}  // namespace

void CheckAnnotations(const Facts& facts, Findings* findings) {
  for (Kind kind : {Kind::kNamespace, Kind::kService, Kind::kPod, Kind::kDeployment}) {
    for (const config::ResourcePtr& object : facts.snapshot().List(kind)) {
      CheckObject(*object, findings);
    }
  }
}

}  // namespace mesh::analysis
