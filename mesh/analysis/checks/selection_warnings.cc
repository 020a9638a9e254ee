// What is said of services and workloads from outside: entries, filters, policies.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/envoy_filter.pb.h"
#include "api/networking/v1alpha3/service_entry.pb.h"
#include "api/networking/v1beta1/proxy_config.pb.h"
#include "api/security/v1beta1/authorization_policy.pb.h"
#include "api/security/v1beta1/peer_authentication.pb.h"
#include "api/security/v1beta1/request_authentication.pb.h"
#include "api/telemetry/v1alpha1/telemetry.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/analysis/checks/schema_warnings.h"
#include "mesh/analysis/document.h"
#include "mesh/config/field_path.h"
#include "mesh/registry/protocol.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
namespace security = ::istio::security::v1beta1;
using config::IndexPath;
using istio::telemetry::v1alpha1::Telemetry;

// Selectors that name nothing select everything, which is seldom meant.
template <class Spec>
void CheckSelector(const config::Resource& object, const Spec& spec, Findings* findings) {
  if (!spec.has_selector() || !spec.selector().match_labels().empty()) return;
  Warn(object, "spec.selector",
       absl::StrCat("the selector has no labels: the ", config::KindName(object.kind()).data(),
                    " is for all workloads"),
       "write matchLabels, or delete selector", findings);
}

void CheckWorkloadSelector(const config::Resource& object, bool empty, Findings* findings) {
  if (!empty) return;
  Warn(object, "spec.workloadSelector",
       "the workloadSelector has no labels: it is for the whole namespace",
       "write the labels of the workloads, or delete workloadSelector", findings);
}

// Whether a key of a key set holds more than its public half.
bool HoldsSecret(const google::protobuf::Struct& key) {
  const std::string* type = FindText(key, {"kty"});
  return FindText(key, {"d"}) != nullptr || (type != nullptr && *type == "oct");
}

void CheckKeys(const config::Resource& object, Findings* findings) {
  const auto& spec = object.As<security::RequestAuthentication>();
  for (int r = 0; r < spec.jwt_rules_size(); ++r) {
    google::protobuf::Struct set;
    const std::string& jwks = spec.jwt_rules(r).jwks();
    if (jwks.empty() || !google::protobuf::util::JsonStringToMessage(jwks, &set).ok()) continue;
    const google::protobuf::ListValue* keys = FindList(set, {"keys"});
    if (keys == nullptr) continue;
    for (int k = 0; k < keys->values_size(); ++k) {
      if (!HoldsSecret(keys->values(k).struct_value())) continue;
      Warn(object, IndexPath("spec.jwtRules", r) + ".jwks",
           absl::StrCat("key ", k,
                        " of the set holds a private key: whoever reads this object can "
                        "make tokens"),
           "write public keys alone, and make new ones: this one is known", findings);
    }
  }
}

// On a TCP port a proxy sees no HTTP: a rule to deny that asks for nothing else there denies all.
void CheckDenials(const config::Resource& object, Findings* findings) {
  const auto& spec = object.As<security::AuthorizationPolicy>();
  if (spec.action() != security::AuthorizationPolicy::DENY) return;
  for (int r = 0; r < spec.rules_size(); ++r) {
    bool peer = false, port = false;
    for (const auto& from : spec.rules(r).from()) {
      const security::Source& s = from.source();
      peer = peer || s.principals_size() + s.not_principals_size() + s.namespaces_size() +
                             s.not_namespaces_size() + s.ip_blocks_size() + s.not_ip_blocks_size() +
                             s.remote_ip_blocks_size() + s.not_remote_ip_blocks_size() +
                             s.service_accounts_size() + s.not_service_accounts_size() >
                         0;
    }
    for (const auto& to : spec.rules(r).to()) {
      port = port || to.operation().ports_size() + to.operation().not_ports_size() > 0;
    }
    const bool from = !spec.rules(r).from().empty(), to = !spec.rules(r).to().empty();
    if (to ? port : !from || peer) continue;
    Warn(object, IndexPath("spec.rules", r),
         "the rule looks at HTTP alone: on TCP ports of its workloads it denies everything",
         "name the ports that it is for, in to.operation.ports", findings);
  }
}

void CheckTelemetry(const config::Resource& object, Findings* findings) {
  const auto& spec = object.As<Telemetry>();
  if (spec.tracing_size() > 1) {
    Warn(object, IndexPath("spec.tracing", 1), "one entry of tracing counts", "keep one", findings);
  }
  for (int i = 0; i < spec.metrics_size(); ++i) {
    for (int k = 0; k < spec.metrics(i).overrides_size(); ++k) {
      if (spec.metrics(i).overrides(k).tag_overrides().count("") == 0) continue;
      Warn(object, IndexPath(IndexPath("spec.metrics", i) + ".overrides", k) + ".tagOverrides",
           "no tag is called \"\"", "name the tag", findings);
    }
  }
  for (int i = 0; i < spec.tracing_size(); ++i) {
    if (spec.tracing(i).providers_size() < 2) continue;
    Warn(object, IndexPath(IndexPath("spec.tracing", i) + ".providers", 1),
         "one provider of traces counts", "keep one", findings);
  }
}

}  // namespace

void WarnOfServiceEntry(const config::Resource& object, Findings* findings) {
  const auto& spec = object.As<net::ServiceEntry>();
  CheckWorkloadSelector(
      object, spec.has_workload_selector() && spec.workload_selector().labels().empty(), findings);
  if (spec.has_workload_selector() && spec.resolution() == net::ServiceEntry::NONE) {
    Warn(object, "spec.workloadSelector",
         "with resolution NONE connections go where they were sent: no workload is selected",
         "write resolution: STATIC, or delete workloadSelector", findings);
  }
  for (int i = 0; i < spec.hosts_size(); ++i) {
    const std::string& host = spec.hosts(i);
    if (host.size() < 2 || !absl::StrContains(host, "*") || absl::StartsWith(host, "*.")) continue;
    Warn(object, IndexPath("spec.hosts", i),
         absl::StrCat("\"", host, "\": a wildcard stands for whole labels"),
         "write it before a dot, such as *.example.com", findings);
  }
  const bool by_name = spec.resolution() == net::ServiceEntry::DNS ||
                       spec.resolution() == net::ServiceEntry::DNS_ROUND_ROBIN;
  if (!by_name || spec.addresses().empty() || spec.hosts_size() < 2) return;
  for (const auto& port : spec.ports()) {
    const registry::Protocol protocol = registry::ParseProtocol(port.protocol());
    if (registry::IsHttp(protocol) || protocol == registry::Protocol::kUdp ||
        protocol == registry::Protocol::kUnsupported) {
      continue;
    }
    Warn(
        object, "spec.hosts",
        "the hosts share the addresses, by which connections to a port without HTTP are told apart",
        "write one ServiceEntry for each host, with its own address", findings);
    return;
  }
}

void WarnOfEnvoyFilter(const config::Resource& object, Findings* findings) {
  const auto& spec = object.As<net::EnvoyFilter>();
  Warn(object, "",
       "an EnvoyFilter depends on how the proxies' configuration is built: any version "
       "may build it in another way",
       "use another kind where one does it, and look at the filter before each update", findings);
  CheckWorkloadSelector(
      object, spec.has_workload_selector() && spec.workload_selector().labels().empty(), findings);
  for (int i = 0; i < spec.config_patches_size(); ++i) {
    const auto& patch = spec.config_patches(i);
    const bool outside = patch.apply_to() == net::EnvoyFilter::LISTENER ||
                         patch.apply_to() == net::EnvoyFilter::FILTER_CHAIN;
    if (!outside || !patch.match().listener().filter_chain().has_filter()) continue;
    Warn(object, IndexPath("spec.configPatches", i) + ".match.listener.filterChain.filter",
         absl::StrCat("a match by filter has no effect where applyTo is ",
                      net::EnvoyFilter::ApplyTo_Name(patch.apply_to())),
         "delete it, or apply the patch to NETWORK_FILTER", findings);
  }
}

void WarnOfPolicy(const config::Resource& object, Findings* findings) {
  switch (object.kind()) {
    case config::Kind::kAuthorizationPolicy:
      CheckSelector(object, object.As<security::AuthorizationPolicy>(), findings);
      return CheckDenials(object, findings);
    case config::Kind::kPeerAuthentication:
      return CheckSelector(object, object.As<security::PeerAuthentication>(), findings);
    case config::Kind::kRequestAuthentication:
      CheckSelector(object, object.As<security::RequestAuthentication>(), findings);
      return CheckKeys(object, findings);
    case config::Kind::kTelemetry:
      CheckSelector(object, object.As<Telemetry>(), findings);
      return CheckTelemetry(object, findings);
    case config::Kind::kProxyConfig:
      return CheckSelector(object, object.As<istio::networking::v1beta1::ProxyConfig>(), findings);
    default:
      return;
  }
}

}  // namespace mesh::analysis
