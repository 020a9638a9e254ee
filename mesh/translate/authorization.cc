#include "mesh/translate/authorization.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "api/security/v1beta1/authorization_policy.pb.h"
#include "mesh/base/strings.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/proto.h"
#include "mesh/translate/virtual_services.h"

namespace mesh::translate {
namespace {

using envoy::config::rbac::v3::Permission;
using envoy::config::rbac::v3::Policy;
using envoy::config::rbac::v3::Principal;
using envoy::config::rbac::v3::RBAC;
using envoy::type::matcher::v3::StringMatcher;
using ::istio::security::v1beta1::AuthorizationPolicy;
using ::istio::security::v1beta1::Rule;
using Values = google::protobuf::RepeatedPtrField<std::string>;

// "x", "x*", "*x" and "*", which is anything but nothing.
StringMatcher Pattern(std::string_view value) {
  StringMatcher matcher;
  if (value == "*") return WholeRegex(".+");
  if (value.substr(0, 1) == "*") {
    matcher.set_suffix(std::string(value.substr(1)));
  } else if (!value.empty() && value.back() == '*') {
    matcher.set_prefix(std::string(value.substr(0, value.size() - 1)));
  } else {
    matcher.set_exact(std::string(value));
  }
  return matcher;
}

envoy::config::route::v3::HeaderMatcher Header(std::string_view name, std::string_view value) {
  envoy::config::route::v3::HeaderMatcher matcher;
  matcher.set_name(std::string(name));
  if (value == "*") {
    matcher.set_present_match(true);
  } else {
    *matcher.mutable_string_match() = Pattern(value);
  }
  return matcher;
}

Principal Identity(StringMatcher name) {
  Principal principal;
  *principal.mutable_authenticated()->mutable_principal_name() = std::move(name);
  return principal;
}

// "key[name]" with that key: the name.
std::optional<std::string> Bracketed(std::string_view text, std::string_view key) {
  if (text.substr(0, key.size()) != key) return std::nullopt;
  const std::string_view rest = text.substr(key.size());
  if (rest.size() < 3 || rest.front() != '[' || rest.back() != ']') return std::nullopt;
  return std::string(rest.substr(1, rest.size() - 2));
}

// An identity stands for those of the same name in every trust domain that is an alias of its own.
std::vector<std::string> WithAliases(const Values& principals,
                                     const std::vector<std::string>& domains) {
  std::vector<std::string> all;
  const auto add = [&](std::string name) {
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(std::move(name));
  };
  for (const std::string& principal : principals) {
    const size_t slash = principal.find('/');
    const std::vector<std::string> parts = absl::StrSplit(principal, '/');
    if (parts.size() != 5) {
      add(principal);
      continue;
    }
    const std::string domain = principal.substr(0, slash);
    const auto means = [&](const std::string& known) {
      return domain == known || domain == "*" ||
             (absl::StartsWith(domain, "*") && absl::EndsWith(known, domain.substr(1)));
    };
    if (domain != "cluster.local" && std::none_of(domains.begin(), domains.end(), means)) {
      add(principal);
      continue;
    }
    for (const std::string& known : domains) {
      add(absl::StartsWith(domain, "*") && means(known)
              ? principal
              : absl::StrCat(known, principal.substr(slash)));
    }
  }
  return all;
}

// Builds one rule's conditions, for HTTP or TCP.
class RuleBuilder {
 public:
  RuleBuilder(bool tcp, bool deny, const std::vector<std::string>& trust_domains)
      : tcp_(tcp), deny_(deny), trust_domains_(trust_domains) {}

  // Nothing where the rule cannot be expressed and allows.
  std::optional<Policy> Build(const Rule& rule) {
    Policy policy;
    if (rule.to().empty()) *policy.add_permissions() = Permissions(nullptr, rule);
    for (const Rule::To& to : rule.to()) {
      *policy.add_permissions() = Permissions(&to.operation(), rule);
    }
    if (rule.from().empty()) *policy.add_principals() = Principals(nullptr, rule);
    for (const Rule::From& from : rule.from()) {
      *policy.add_principals() = Principals(&from.source(), rule);
    }
    if (unknown_ && !deny_) return std::nullopt;
    return policy;
  }

  // What could not be expressed, as the policy writes it; empty where all could.
  const std::string& unknown() const { return what_; }

 private:
  // Runs over values and notValues; `make` gives nothing for what cannot be expressed.
  template <class M, class List, class Make>
  void Add(const List& values, const List& not_values, const Make& make,
           google::protobuf::RepeatedPtrField<M>* out) {
    for (const bool negated : {false, true}) {
      M either;
      auto* list = Alternatives(&either);
      for (const std::string& value : negated ? not_values : values) {
        std::optional<M> made = make(value);
        if (made.has_value()) *list->Add() = *std::move(made);
      }
      if (list->empty()) continue;
      if (negated) {
        *Negation(out->Add()) = std::move(either);
      } else {
        *out->Add() = std::move(either);
      }
    }
  }
  static auto* Alternatives(Permission* p) { return p->mutable_or_rules()->mutable_rules(); }
  static auto* Alternatives(Principal* p) { return p->mutable_or_ids()->mutable_ids(); }
  static Permission* Negation(Permission* p) { return p->mutable_not_rule(); }
  static Principal* Negation(Principal* p) { return p->mutable_not_id(); }

  // HTTP's fields are not to be seen on a TCP connection.
  template <class M>
  std::optional<M> HttpOnly(const char* what, M made) {
    if (!tcp_) return made;
    return Unknown<M>(what);
  }
  template <class M>
  std::optional<M> Unknown(std::string_view what) {
    unknown_ = true;
    if (what_.empty()) what_ = std::string(what);
    return std::nullopt;
  }

  std::optional<Permission> Port(const std::string& value) {
    uint32_t number = 0;
    if (!absl::SimpleAtoi(value, &number)) return Unknown<Permission>("ports");
    Permission permission;
    permission.set_destination_port(number);
    return permission;
  }

  Permission Permissions(const istio::security::v1beta1::Operation* operation, const Rule& rule) {
    Permission all;
    auto* rules = all.mutable_and_rules()->mutable_rules();
    if (operation != nullptr) {
      Add(
          operation->hosts(), operation->not_hosts(),
          [&](const std::string& value) {
            Permission permission;
            *permission.mutable_header() = Header(":authority", value);
            return HttpOnly("hosts", permission);
          },
          rules);
      Add(
          operation->methods(), operation->not_methods(),
          [&](const std::string& value) {
            Permission permission;
            *permission.mutable_header() = Header(":method", value);
            return HttpOnly("methods", permission);
          },
          rules);
      Add(
          operation->paths(), operation->not_paths(),
          [&](const std::string& value) {
            Permission permission;
            *permission.mutable_url_path()->mutable_path() = Pattern(value);
            return HttpOnly("paths", permission);
          },
          rules);
      Add(
          operation->ports(), operation->not_ports(),
          [&](const std::string& value) { return Port(value); }, rules);
    }
    for (const auto& when : rule.when()) AddConnectionCondition(when, rules);
    if (rules->empty()) rules->Add()->set_any(true);
    return all;
  }

  void AddConnectionCondition(const istio::security::v1beta1::Condition& when,
                              google::protobuf::RepeatedPtrField<Permission>* rules) {
    const auto add = [&](const auto& make) { Add(when.values(), when.not_values(), make, rules); };
    const std::string& key = when.key();
    constexpr std::string_view kExperimental = "experimental.";
    if (key == "destination.ip") {
      add([&](const std::string& value) -> std::optional<Permission> {
        Permission permission;
        if (!ParseCidr(value, permission.mutable_destination_ip())) {
          return Unknown<Permission>(key);
        }
        return permission;
      });
    } else if (key == "destination.port") {
      add([&](const std::string& value) { return Port(value); });
    } else if (key == "connection.sni") {
      add([&](const std::string& value) -> std::optional<Permission> {
        Permission permission;
        *permission.mutable_requested_server_name() = Pattern(value);
        return permission;
      });
    } else if (absl::StartsWith(key, "experimental.envoy.filters.")) {
      const size_t bracket = key.find('[');
      if (bracket == std::string::npos || key.back() != ']') {
        (void)Unknown<Permission>(key);
        return;
      }
      add([&](const std::string& value) -> std::optional<Permission> {
        Permission permission;
        auto* metadata = permission.mutable_metadata();
        metadata->set_filter(key.substr(kExperimental.size(), bracket - kExperimental.size()));
        metadata->add_path()->set_key(key.substr(bracket + 1, key.size() - bracket - 2));
        if (value.size() > 1 && value.front() == '[' && value.back() == ']') {
          *metadata->mutable_value()
               ->mutable_list_match()
               ->mutable_one_of()
               ->mutable_string_match() = Pattern(value.substr(1, value.size() - 2));
        } else {
          *metadata->mutable_value()->mutable_string_match() = Pattern(value);
        }
        return permission;
      });
    }
  }

  // The certificate's URI is spiffe://, then what policies write.
  Principal WorkloadIdentity(const std::string& value) const {
    StringMatcher matcher = Pattern(value);
    if (matcher.has_exact()) {
      matcher.set_exact("spiffe://" + matcher.exact());
    } else if (matcher.has_prefix()) {
      matcher.set_prefix("spiffe://" + matcher.prefix());
    } else if (matcher.has_suffix() && tcp_) {
      matcher = WholeRegex("spiffe://.*" + matcher.suffix());
    }
    return Identity(std::move(matcher));
  }

  void AddIdentities(const Values& values, const Values& not_values,
                     google::protobuf::RepeatedPtrField<Principal>* ids) {
    Add(
        WithAliases(values, trust_domains_), WithAliases(not_values, trust_domains_),
        [&](const std::string& value) { return std::make_optional(WorkloadIdentity(value)); }, ids);
  }

  void AddNamespaces(const Values& values, const Values& not_values,
                     google::protobuf::RepeatedPtrField<Principal>* ids) {
    Add(
        values, not_values,
        [&](const std::string& value) {
          return std::make_optional(Identity(WholeRegex(
              absl::StrCat(".*/ns/", absl::StrReplaceAll(value, {{"*", ".*"}}), "/.*"))));
        },
        ids);
  }

  void AddAddresses(const char* what, const Values& values, const Values& not_values, bool direct,
                    google::protobuf::RepeatedPtrField<Principal>* ids) {
    Add(
        values, not_values,
        [&](const std::string& value) -> std::optional<Principal> {
          Principal principal;
          if (!ParseCidr(value, direct ? principal.mutable_direct_remote_ip()
                                       : principal.mutable_remote_ip())) {
            return Unknown<Principal>(what);
          }
          return principal;
        },
        ids);
  }

  void AddTokens(const char* what, const Values& values, const Values& not_values) {
    if (!values.empty() || !not_values.empty()) (void)Unknown<Principal>(what);
  }

  Principal Principals(const istio::security::v1beta1::Source* source, const Rule& rule) {
    Principal all;
    auto* ids = all.mutable_and_ids()->mutable_ids();
    if (source != nullptr) {
      AddIdentities(source->principals(), source->not_principals(), ids);
      AddTokens("requestPrincipals", source->request_principals(),
                source->not_request_principals());
      AddNamespaces(source->namespaces(), source->not_namespaces(), ids);
      AddAddresses("ipBlocks", source->ip_blocks(), source->not_ip_blocks(), /*direct=*/true, ids);
      AddAddresses("remoteIpBlocks", source->remote_ip_blocks(), source->not_remote_ip_blocks(),
                   /*direct=*/false, ids);
      AddTokens("serviceAccounts", source->service_accounts(), source->not_service_accounts());
      AddTokens("trustDomains", source->trust_domains(), source->not_trust_domains());
    }
    for (const auto& when : rule.when()) AddSourceCondition(when, ids);
    if (ids->empty()) ids->Add()->set_any(true);
    return all;
  }

  void AddSourceCondition(const istio::security::v1beta1::Condition& when,
                          google::protobuf::RepeatedPtrField<Principal>* ids) {
    const std::string& key = when.key();
    if (key == "source.ip") {
      AddAddresses("source.ip", when.values(), when.not_values(), /*direct=*/true, ids);
    } else if (key == "remote.ip") {
      AddAddresses("remote.ip", when.values(), when.not_values(), /*direct=*/false, ids);
    } else if (key == "source.namespace") {
      AddNamespaces(when.values(), when.not_values(), ids);
    } else if (key == "source.principal") {
      AddIdentities(when.values(), when.not_values(), ids);
    } else if (const auto header = Bracketed(key, "request.headers")) {
      Add(
          when.values(), when.not_values(),
          [&](const std::string& value) {
            Principal principal;
            *principal.mutable_header() = Header(*header, value);
            return HttpOnly("request.headers", principal);
          },
          ids);
    } else if (!absl::StartsWith(key, "destination.") && key != "connection.sni" &&
               !absl::StartsWith(key, "experimental.")) {
      (void)Unknown<Principal>(key);
    }
  }

  const bool tcp_, deny_;
  const std::vector<std::string>& trust_domains_;
  bool unknown_ = false;
  std::string what_;
};

}  // namespace

AuthorizationPolicies::AuthorizationPolicies(absl::Span<const config::ResourcePtr> resources,
                                             std::string_view root_namespace)
    : root_(root_namespace) {
  for (const config::ResourcePtr& resource : resources) {
    by_namespace_[resource->ns()].push_back(resource);
  }
}

std::vector<config::ResourcePtr> AuthorizationPolicies::For(
    std::string_view ns, const std::map<std::string, std::string>& labels) const {
  std::vector<config::ResourcePtr> found;
  for (const std::string_view owner : {std::string_view(root_), ns}) {
    const auto it = by_namespace_.find(owner);
    if (it == by_namespace_.end()) continue;
    for (const config::ResourcePtr& resource : it->second) {
      const auto& selector = resource->As<AuthorizationPolicy>().selector().match_labels();
      if (registry::Selects({selector.begin(), selector.end()}, labels)) found.push_back(resource);
    }
    if (ns == root_) break;
  }
  return found;
}

std::vector<RBAC> TranslateAuthorization(const std::vector<config::ResourcePtr>& policies,
                                         const istio::mesh::v1alpha1::MeshConfig& mesh, bool tcp,
                                         std::vector<Finding>* findings) {
  std::vector<std::string> trust_domains = {mesh.trust_domain()};
  for (const std::string& alias : mesh.trust_domain_aliases()) trust_domains.push_back(alias);
  std::optional<RBAC> deny, allow;
  for (const config::ResourcePtr& resource : policies) {
    const auto& spec = resource->As<AuthorizationPolicy>();
    if (spec.action() == AuthorizationPolicy::AUDIT) continue;
    const bool denies = spec.action() != AuthorizationPolicy::ALLOW;
    if (spec.action() == AuthorizationPolicy::CUSTOM && !tcp) {
      findings->push_back({"MSH0118", OriginIn(*resource, "spec.action"),
                           "CUSTOM asks nobody here: what its rules match is denied"});
    }
    // A policy that denies and has no rules denies nothing.
    if (denies && spec.rules().empty()) continue;
    std::optional<RBAC>& filter = denies ? deny : allow;
    if (!filter.has_value()) {
      filter.emplace();
      filter->set_action(denies ? RBAC::DENY : RBAC::ALLOW);
    }
    for (int i = 0; i < spec.rules_size(); ++i) {
      RuleBuilder builder(tcp, denies, trust_domains);
      const std::optional<Policy> policy = builder.Build(spec.rules(i));
      if (!builder.unknown().empty() && !tcp) {
        findings->push_back({"MSH0119", OriginIn(*resource, absl::StrCat("spec.rules[", i, "]")),
                             absl::StrCat(builder.unknown(), " cannot be checked by the proxy",
                                          denies ? "; the rule denies whatever it would be"
                                                 : "; the rule allows nothing")});
      }
      if (!policy.has_value()) continue;
      (*filter->mutable_policies())[absl::StrCat("ns[", resource->ns(), "]-policy[",
                                                 resource->name(), "]-rule[", i, "]")] = *policy;
    }
  }
  std::vector<RBAC> filters;
  if (deny.has_value()) filters.push_back(*std::move(deny));
  if (allow.has_value()) filters.push_back(*std::move(allow));
  return filters;
}

}  // namespace mesh::translate
