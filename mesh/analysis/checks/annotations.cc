// Annotations of Istio's on Kubernetes' objects: known, on the right kind, with a value that can be
// read. What others annotate is theirs.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/base/field_error.h"
#include "mesh/base/strings.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using config::Kind;

enum class Value { kAny, kNumber, kBoolean, kPorts };

struct Known {
  std::string_view name;
  std::string_view kind;  // empty: any
  Value value = Value::kAny;
};

constexpr Known kKnown[] = {
    {"alpha.istio.io/canonical-serviceaccounts", "Service"},
    {"alpha.istio.io/identity", "ServiceAccount"},
    {"alpha.istio.io/kubernetes-serviceaccounts", "Service"},
    {"galley.istio.io/analyze-suppress", ""},
    {"inject.istio.io/templates", "Pod"},
    {"install.operator.istio.io/chart-owner", ""},
    {"install.operator.istio.io/owner-generation", ""},
    {"install.operator.istio.io/version", ""},
    {"kubernetes.io/ingress.class", "Ingress"},
    {"networking.istio.io/exportTo", "Service"},
    {"policy.istio.io/check", "Pod"},
    {"policy.istio.io/checkBaseRetryWaitTime", "Pod"},
    {"policy.istio.io/checkMaxRetryWaitTime", "Pod"},
    {"policy.istio.io/checkRetries", "Pod"},
    {"policy.istio.io/lang", "Pod"},
    {"prometheus.istio.io/merge-metrics", "Pod"},
    {"proxy.istio.io/config", "Pod"},
    {"proxy.istio.io/overrides", "Pod"},
    {"readiness.status.sidecar.istio.io/applicationPorts", "Pod", Value::kPorts},
    {"readiness.status.sidecar.istio.io/failureThreshold", "Pod", Value::kNumber},
    {"readiness.status.sidecar.istio.io/initialDelaySeconds", "Pod", Value::kNumber},
    {"readiness.status.sidecar.istio.io/periodSeconds", "Pod", Value::kNumber},
    {"security.istio.io/tlsMode", "Pod"},
    {"sidecar.istio.io/agentLogLevel", "Pod"},
    {"sidecar.istio.io/bootstrapOverride", "Pod"},
    {"sidecar.istio.io/componentLogLevel", "Pod"},
    {"sidecar.istio.io/controlPlaneAuthPolicy", "Pod"},
    {"sidecar.istio.io/discoveryAddress", "Pod"},
    {"sidecar.istio.io/enableCoreDump", "Pod", Value::kBoolean},
    {"sidecar.istio.io/extraStatTags", "Pod"},
    {"sidecar.istio.io/inject", "Pod"},
    {"sidecar.istio.io/interceptionMode", "Pod"},
    {"sidecar.istio.io/logAsJson", "Pod", Value::kBoolean},
    {"sidecar.istio.io/logLevel", "Pod"},
    {"sidecar.istio.io/proxyCPU", "Pod"},
    {"sidecar.istio.io/proxyCPULimit", "Pod"},
    {"sidecar.istio.io/proxyImage", "Pod"},
    {"sidecar.istio.io/proxyMemory", "Pod"},
    {"sidecar.istio.io/proxyMemoryLimit", "Pod"},
    {"sidecar.istio.io/rewriteAppHTTPProbers", "Pod", Value::kBoolean},
    {"sidecar.istio.io/statsInclusionPrefixes", "Pod"},
    {"sidecar.istio.io/statsInclusionRegexps", "Pod"},
    {"sidecar.istio.io/statsInclusionSuffixes", "Pod"},
    {"sidecar.istio.io/status", "Pod"},
    {"sidecar.istio.io/userVolume", "Pod"},
    {"sidecar.istio.io/userVolumeMount", "Pod"},
    {"status.sidecar.istio.io/port", "Pod", Value::kNumber},
    {"topology.istio.io/controlPlaneClusters", "Namespace"},
    {"traffic.sidecar.istio.io/excludeInboundPorts", "Pod", Value::kPorts},
    {"traffic.sidecar.istio.io/excludeInterfaces", "Pod"},
    {"traffic.sidecar.istio.io/excludeOutboundIPRanges", "Pod"},
    {"traffic.sidecar.istio.io/excludeOutboundPorts", "Pod", Value::kPorts},
    {"traffic.sidecar.istio.io/includeInboundPorts", "Pod"},
    {"traffic.sidecar.istio.io/includeOutboundIPRanges", "Pod"},
    {"traffic.sidecar.istio.io/includeOutboundPorts", "Pod"},
    {"traffic.sidecar.istio.io/kubevirtInterfaces", "Pod"},
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
    {"sidecar.istio.io/statsInclusion", "proxy.istio.io/config with proxyStatsMatcher"},
};

void CheckGivenUp(const config::Resource& object, const std::string& name, const std::string& field,
                  Findings* findings) {
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

bool IsPort(std::string_view text) {
  int port;
  return absl::SimpleAtoi(Absl(text), &port) && port >= 0 && port <= 65535;
}

// What the value must be; empty where it is.
std::string Problem(Value kind, const std::string& value) {
  uint32_t number;
  switch (kind) {
    case Value::kAny:
      return "";
    case Value::kNumber:
      return absl::SimpleAtoi(value, &number) ? "" : "a whole number, not negative";
    case Value::kBoolean:
      return value == "true" || value == "false" ? "" : "\"true\" or \"false\"";
    case Value::kPorts:
      for (absl::string_view port : absl::StrSplit(value, ',', absl::SkipWhitespace())) {
        if (!IsPort(Std(absl::StripAsciiWhitespace(port)))) {
          return "port numbers with commas between them";
        }
      }
      return "";
  }
  return "";
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
    if (!known->kind.empty() && known->kind != kind) {
      Report("IST0107", object, field,
             absl::StrCat("the annotation \"", name, "\" has no effect on a ", Absl(kind),
                          ": it belongs on a ", Absl(known->kind)),
             object.kind() == Kind::kDeployment && known->kind == "Pod"
                 ? "move it to spec.template.metadata.annotations"
                 : absl::StrCat("move it to the ", Absl(known->kind), ", or delete it"),
             findings);
    }
    const std::string problem = Problem(known->value, value);
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
