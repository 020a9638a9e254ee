#include "mesh/translate/authorization.h"

#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/security/v1beta1/authorization_policy.pb.h"
#include "mesh/translate/authorization_rule.h"
#include "mesh/translate/names.h"
#include "mesh/translate/proto.h"
#include "mesh/translate/virtual_services.h"

namespace mesh::translate {
namespace {

using envoy::config::rbac::v3::RBAC;
using envoy::extensions::filters::http::ext_authz::v3::ExtAuthz;
using ::istio::mesh::v1alpha1::MeshConfig;
using ::istio::security::v1beta1::AuthorizationPolicy;
using Provider = MeshConfig::ExtensionProvider;

constexpr char kDryRun[] = "istio.io/dry-run";
constexpr char kRbacMetadata[] = "envoy.filters.http.rbac";
// A provider that says no time is waited for so long.
constexpr int kServiceSeconds = 10;

bool IsDryRun(const config::Resource& policy) {
  const auto found = policy.metadata().annotations.find(kDryRun);
  return found != policy.metadata().annotations.end() && found->second == "true";
}

RBAC& With(std::optional<RBAC>* filter, RBAC::Action action) {
  if (!filter->has_value()) {
    filter->emplace();
    (*filter)->set_action(action);
  }
  return **filter;
}

class Translator {
 public:
  Translator(const MeshConfig& mesh, const registry::Registry* registry,
             const AuthorizationOptions& options, std::vector<Finding>* findings)
      : mesh_(mesh),
        registry_(registry),
        tcp_(options.tcp),
        positions_(options.positions),
        findings_(findings) {
    trust_domains_.push_back(mesh.trust_domain());
    for (const std::string& alias : mesh.trust_domain_aliases()) trust_domains_.push_back(alias);
  }

  void Add(const config::Resource& policy) {
    const auto& spec = policy.As<AuthorizationPolicy>();
    const bool dry_run = IsDryRun(policy);
    switch (spec.action()) {
      case AuthorizationPolicy::AUDIT:
        // It forbids nothing, and in doubt is told.
        if (!dry_run && !spec.rules().empty()) AddRules(policy, true, &With(&audit_, RBAC::LOG));
        return;
      case AuthorizationPolicy::CUSTOM:
        if (spec.rules().empty() || dry_run) return;
        if (!tcp_) {
          if (RBAC* const asked = Asked(policy)) return AddRules(policy, true, asked);
        }
        return AddRules(policy, true, &With(&deny_, RBAC::DENY));
      case AuthorizationPolicy::DENY:
        // Without rules it denies nothing.
        if (spec.rules().empty()) return;
        return AddRules(policy, true, &With(dry_run ? &shadow_deny_ : &deny_, RBAC::DENY));
      default:
        return AddRules(policy, false, &With(dry_run ? &shadow_allow_ : &allow_, RBAC::ALLOW));
    }
  }

  std::vector<AuthorizationStep> Steps() {
    std::vector<AuthorizationStep> steps;
    for (auto& [name, custom] : custom_) {
      AuthorizationStep rules;
      rules.shadow = std::move(custom.rules);
      rules.shadow_prefix = custom.prefix;
      steps.push_back(std::move(rules));
      AuthorizationStep service;
      service.service = std::move(custom.service);
      steps.push_back(std::move(service));
    }
    const auto add = [&](std::optional<RBAC>* rules, std::optional<RBAC>* shadow,
                         const char* prefix) {
      if (!rules->has_value() && !shadow->has_value()) return;
      AuthorizationStep step;
      step.rules = std::move(*rules);
      step.shadow = std::move(*shadow);
      if (step.shadow.has_value()) step.shadow_prefix = prefix;
      steps.push_back(std::move(step));
    };
    std::optional<RBAC> none;
    add(&audit_, &none, "");
    add(&deny_, &shadow_deny_, "istio_dry_run_deny_");
    add(&allow_, &shadow_allow_, "istio_dry_run_allow_");
    return steps;
  }

 private:
  struct Custom {
    RBAC rules;
    std::string prefix;
    ExtAuthz service;
  };

  void AddRules(const config::Resource& policy, bool forbids, RBAC* filter) {
    const auto& spec = policy.As<AuthorizationPolicy>();
    for (int i = 0; i < spec.rules_size(); ++i) {
      TranslatedRule rule = TranslateRule(spec.rules(i), {tcp_, forbids, trust_domains_});
      if (!rule.unknown.empty() && !tcp_) {
        Say("MSH0119", policy, absl::StrCat("spec.rules[", i, "]"),
            absl::StrCat(
                rule.unknown, " cannot be checked by the proxy",
                forbids ? "; the rule denies whatever it would be" : "; the rule allows nothing"));
      }
      if (!rule.policy.has_value()) continue;
      std::string name =
          absl::StrCat("ns[", policy.ns(), "]-policy[", policy.name(), "]-rule[", i, "]");
      if (positions_) {
        const SourcePosition at = OriginIn(policy, absl::StrCat("spec.rules[", i, "]")).position;
        if (at.known()) absl::StrAppend(&name, "@", at.ToString());
      }
      (*filter->mutable_policies())[name] = *std::move(rule.policy);
    }
  }

  // The rules that decide whether the policy's provider is asked; null, with a finding, where it
  // cannot be.
  RBAC* Asked(const config::Resource& policy) {
    const std::string& name = policy.As<AuthorizationPolicy>().provider().name();
    const auto known = custom_.find(name);
    if (known != custom_.end()) return &known->second.rules;
    const Provider* provider = nullptr;
    for (const Provider& candidate : mesh_.extension_providers()) {
      if (candidate.name() == name) provider = &candidate;
    }
    const auto deny = [&](const std::string& why) -> RBAC* {
      Say("MSH0118", policy, "spec.provider",
          absl::StrCat(why, "; what its rules match is denied"));
      return nullptr;
    };
    if (provider == nullptr) {
      return deny(absl::StrCat("no extension provider of the mesh is called \"", name, "\""));
    }
    if (!provider->has_envoy_ext_authz_grpc()) {
      return deny(absl::StrCat("extension provider \"", name,
                               "\" is not envoyExtAuthzGrpc, the only kind that can be asked"));
    }
    const auto& grpc = provider->envoy_ext_authz_grpc();
    if (grpc.has_include_request_body_in_check()) {
      return deny(absl::StrCat("extension provider \"", name,
                               "\" wants to see bodies, which is not supported"));
    }
    // "namespace/host" or "host".
    const std::string host = grpc.service().substr(grpc.service().find('/') + 1);
    if (registry_ == nullptr || registry_->FindServices(host).empty()) {
      return deny(
          absl::StrCat("extension provider \"", name, "\": no service is called \"", host, "\""));
    }
    Custom& custom = custom_[name];
    custom.rules.set_action(RBAC::DENY);
    custom.prefix = absl::StrCat("istio_ext_authz_", name, "_");
    SetService(grpc, host, custom.prefix, &custom.service);
    return &custom.rules;
  }

  static void SetService(const Provider::EnvoyExternalAuthorizationGrpcProvider& grpc,
                         const std::string& host, const std::string& prefix, ExtAuthz* service) {
    service->set_transport_api_version(envoy::config::core::v3::V3);
    service->set_failure_mode_allow(grpc.fail_open());
    auto* const target = service->mutable_grpc_service();
    target->mutable_envoy_grpc()->set_cluster_name(OutboundCluster(host, grpc.port()));
    target->mutable_envoy_grpc()->set_authority(host);
    *target->mutable_timeout() = grpc.has_timeout() ? grpc.timeout() : Seconds(kServiceSeconds);
    int status = 0;
    if (absl::SimpleAtoi(grpc.status_on_error(), &status)) {
      service->mutable_status_on_error()->set_code(
          static_cast<envoy::type::v3::StatusCode>(status));
    }
    auto* const only = service->mutable_filter_enabled_metadata();
    only->set_filter(kRbacMetadata);
    only->add_path()->set_key(prefix + "shadow_effective_policy_id");
    only->mutable_value()->mutable_string_match()->set_prefix("ns[");
  }

  void Say(const char* code, const config::Resource& policy, const std::string& field,
           std::string what) {
    findings_->push_back({code, OriginIn(policy, field), std::move(what)});
  }

  const MeshConfig& mesh_;
  const registry::Registry* const registry_;
  const bool tcp_, positions_;
  std::vector<Finding>* const findings_;
  std::vector<std::string> trust_domains_;
  std::map<std::string, Custom> custom_;  // by provider
  std::optional<RBAC> audit_, deny_, allow_, shadow_deny_, shadow_allow_;
};

}  // namespace

std::vector<AuthorizationStep> TranslateAuthorization(
    const std::vector<config::ResourcePtr>& policies, const MeshConfig& mesh,
    const registry::Registry* registry, const AuthorizationOptions& options,
    std::vector<Finding>* findings) {
  Translator translator(mesh, registry, options, findings);
  for (const config::ResourcePtr& policy : policies) translator.Add(*policy);
  return translator.Steps();
}

}  // namespace mesh::translate
