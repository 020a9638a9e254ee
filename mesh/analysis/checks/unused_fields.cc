// Fields that are read and validated, and that nothing acts on yet: one table, beside what
// mesh/translate does.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/base/strings.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using config::Kind;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Kinds that are read as a whole and not acted on.
constexpr Kind kUnusedKinds[] = {Kind::kEnvoyFilter, Kind::kProxyConfig, Kind::kTelemetry,
                                 Kind::kWorkloadGroup};

// Full names of protobuf fields, sorted.
constexpr std::string_view kUnusedFields[] = {
    "istio.networking.v1alpha3.ClientTLSSettings.ca_crl",
    "istio.networking.v1alpha3.ConnectionPoolSettings.HTTPSettings.http2_keep_alive",
    "istio.networking.v1alpha3.ConnectionPoolSettings.HTTPSettings.max_concurrent_streams",
    "istio.networking.v1alpha3.ConnectionPoolSettings.HTTPSettings.use_client_protocol",
    "istio.networking.v1alpha3.ConnectionPoolSettings.TCPSettings.idle_timeout",
    "istio.networking.v1alpha3.ConnectionPoolSettings.TCPSettings.max_connection_duration",
    "istio.networking.v1alpha3.CorsPolicy.unmatched_preflights",
    "istio.networking.v1alpha3.DestinationRule.workload_selector",
    "istio.networking.v1alpha3.HTTPFaultInjection.Abort.grpc_status",
    "istio.networking.v1alpha3.HTTPFaultInjection.Abort.http2_error",
    "istio.networking.v1alpha3.HTTPFaultInjection.Delay.exponential_delay",
    "istio.networking.v1alpha3.HTTPMatchRequest.stat_prefix",
    "istio.networking.v1alpha3.HTTPRedirect.derive_port",
    "istio.networking.v1alpha3.HTTPRetry.backoff",
    "istio.networking.v1alpha3.HTTPRetry.retry_ignore_previous_hosts",
    "istio.networking.v1alpha3.HTTPRewrite.uri_regex_rewrite",
    "istio.networking.v1alpha3.HTTPRoute.mirrors",
    "istio.networking.v1alpha3.L4MatchAttributes.source_subnet",
    "istio.networking.v1alpha3.LoadBalancerSettings.ConsistentHashLB.HTTPCookie.attributes",
    "istio.networking.v1alpha3.LoadBalancerSettings.ConsistentHashLB.maglev",
    "istio.networking.v1alpha3.LoadBalancerSettings.warmup",
    "istio.networking.v1alpha3.LoadBalancerSettings.warmup_duration_secs",
    "istio.networking.v1alpha3.LoadBalancerSettings.zone_aware_lb_setting",
    "istio.networking.v1alpha3.LocalityLoadBalancerSetting.failover_priority",
    "istio.networking.v1alpha3.OutlierDetection.consecutive_local_origin_failures",
    "istio.networking.v1alpha3.OutlierDetection.outlier_detection_http_error_codes",
    "istio.networking.v1alpha3.OutlierDetection.split_external_local_origin_errors",
    "istio.networking.v1alpha3.Server.default_endpoint",
    "istio.networking.v1alpha3.ServerTLSSettings.ca_cert_credential_name",
    "istio.networking.v1alpha3.ServerTLSSettings.ca_crl",
    "istio.networking.v1alpha3.ServerTLSSettings.credential_names",
    "istio.networking.v1alpha3.ServerTLSSettings.insecure_skip_verify",
    "istio.networking.v1alpha3.ServerTLSSettings.tls_certificates",
    "istio.networking.v1alpha3.Sidecar.inbound_connection_pool",
    "istio.networking.v1alpha3.TrafficPolicy.proxy_protocol",
    "istio.networking.v1alpha3.TrafficPolicy.retry_budget",
    "istio.networking.v1alpha3.TrafficPolicy.tunnel",
    "istio.security.v1beta1.AuthorizationPolicy.targetRef",
    "istio.security.v1beta1.AuthorizationPolicy.targetRefs",
    "istio.security.v1beta1.PeerAuthentication.targetRef",
    "istio.security.v1beta1.PeerAuthentication.targetRefs",
};

// Of the MeshConfig, which comes with all its defaults: only what a file says counts.
constexpr std::string_view kUnusedSettings[] = {
    "certificates",
    "configSources",
    "defaultHttpRetryPolicy",
    "disableEnvoyListenerLog",
    "discoverySelectors",
    "enableEnvoyAccessLogService",
    "enablePrometheusMerge",
    "enableTracing",
    "hboneIdleTimeout",
    "inboundClusterStatName",
    "inboundTrafficPolicy",
    "ingressClass",
    "ingressControllerMode",
    "ingressSelector",
    "ingressService",
    "meshMTLS",
    "outboundClusterStatName",
    "pathNormalization",
    "proxyInboundListenPort",
    "serviceSettings",
    "thriftConfig",
    "tlsDefaults",
    "verifyCertificateAtClient",
};

bool IsUnused(const FieldDescriptor& field) {
  return std::binary_search(std::begin(kUnusedFields), std::end(kUnusedFields),
                            std::string_view(field.full_name()));
}

// The fields of a type that are unused, and those that have such inside.
struct Plan {
  struct Step {
    const FieldDescriptor* field;
    const Plan* inside;  // null: it is unused itself
  };
  std::vector<Step> steps;
};

// Plans of all types that were asked for. Types of the API do not hold themselves.
class Plans {
 public:
  const Plan& Of(const Descriptor& type) {
    const auto known = plans_.find(&type);
    if (known != plans_.end()) return *known->second;
    auto plan = std::make_unique<Plan>();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor* field = type.field(i);
      if (IsUnused(*field)) {
        plan->steps.push_back({field, nullptr});
        continue;
      }
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map() ||
          !absl::StartsWith(field->message_type()->full_name(), "istio.")) {
        continue;
      }
      const Plan& inside = Of(*field->message_type());
      if (!inside.steps.empty()) plan->steps.push_back({field, &inside});
    }
    return *plans_.emplace(&type, std::move(plan)).first->second;
  }

 private:
  std::map<const Descriptor*, std::unique_ptr<const Plan>> plans_;
};

void ReportField(const config::Resource& object, const std::string& path, std::string_view name,
                 Findings* findings) {
  Report("MSH0129", object, path, absl::StrCat(Absl(name), " is read, and nothing acts on it yet"),
         "do not rely on it: delete it, or say it another way", findings);
}

// The way to a field, made to text where something is found.
struct Trail {
  const Trail* outer;
  const FieldDescriptor* field;
  int index;  // -1: the field is not repeated

  std::string Text() const {
    const std::string text =
        config::FieldPath(outer == nullptr ? "spec" : outer->Text(), field->json_name());
    return index < 0 ? text : config::IndexPath(text, index);
  }
};

class Walk {
 public:
  Walk(const config::Resource& object, Findings* findings) : object_(object), findings_(findings) {}

  void Visit(const Message& message, const Plan& plan, const Trail* trail = nullptr) {
    const auto* reflection = message.GetReflection();
    for (const Plan::Step& step : plan.steps) {
      const FieldDescriptor* field = step.field;
      const bool there = field->is_repeated() ? reflection->FieldSize(message, field) > 0
                                              : reflection->HasField(message, field);
      if (!there) continue;
      if (step.inside == nullptr) {
        ReportField(object_, Trail{trail, field, -1}.Text(), field->json_name(), findings_);
        continue;
      }
      if (!field->is_repeated()) {
        const Trail here{trail, field, -1};
        Visit(reflection->GetMessage(message, field), *step.inside, &here);
        continue;
      }
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        const Trail here{trail, field, i};
        Visit(reflection->GetRepeatedMessage(message, field, i), *step.inside, &here);
      }
    }
  }

 private:
  const config::Resource& object_;
  Findings* findings_;
};

}  // namespace

void CheckUnusedFields(const Facts& facts, Findings* findings) {
  if (const config::ResourcePtr mesh = facts.snapshot().mesh_config_resource()) {
    for (std::string_view name : kUnusedSettings) {
      if (mesh->positions().Has(name)) ReportField(*mesh, std::string(name), name, findings);
    }
  }
  Plans plans;
  for (const config::KindInfo& info : config::AllKinds()) {
    if (!info.istio || info.kind == Kind::kMeshConfig) continue;
    const bool whole = std::find(std::begin(kUnusedKinds), std::end(kUnusedKinds), info.kind) !=
                       std::end(kUnusedKinds);
    for (const config::ResourcePtr& object : facts.snapshot().List(info.kind)) {
      if (whole) {
        Report("MSH0129", *object, "",
               absl::StrCat(Absl(info.name), " is read, and nothing acts on it yet"),
               "do not rely on it", findings);
      } else {
        Walk(*object, findings).Visit(object->spec(), plans.Of(*object->spec().GetDescriptor()));
      }
    }
  }
}

}  // namespace mesh::analysis
