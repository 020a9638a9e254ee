#include "mesh/translate/request_authentication.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/security/v1beta1/request_authentication.pb.h"
#include "mesh/config/snapshot.h"
#include "mesh/translate/virtual_services.h"

namespace mesh::translate {
namespace {

namespace jwt_v3 = ::envoy::extensions::filters::http::jwt_authn::v3;
using istio::security::v1beta1::JWTRule;
using istio::security::v1beta1::RequestAuthentication;

constexpr char kOpenIdConfiguration[] = "/.well-known/openid-configuration";
// No key is in it: what stands for keys that could not be had, so that no token is good.
constexpr char kNoKeys[] = R"({"keys":[]})";

struct Source {
  const JWTRule* rule;
  const config::Resource* policy;
  int index;
};

jwt_v3::JwtProvider ProviderOf(const Source& source, const KeySets* key_sets,
                               std::vector<Finding>* findings) {
  const JWTRule& rule = *source.rule;
  jwt_v3::JwtProvider provider;
  provider.set_issuer(rule.issuer());
  *provider.mutable_audiences() = rule.audiences();
  std::string keys = rule.jwks();
  if (keys.empty()) {
    const std::string uri = KeySetUri(rule);
    const auto found = key_sets == nullptr ? KeySets::const_iterator() : key_sets->find(uri);
    if (key_sets != nullptr && found != key_sets->end()) {
      keys = found->second;
    } else {
      keys = kNoKeys;
      findings->push_back(
          {"MSH0122", OriginIn(*source.policy, absl::StrCat("spec.jwtRules[", source.index, "]")),
           absl::StrCat("the keys of issuer \"", rule.issuer(), "\" have not been fetched from ",
                        uri, ": its tokens are refused")});
    }
  }
  provider.mutable_local_jwks()->set_inline_string(keys);
  provider.set_forward(rule.forward_original_token());
  for (const auto& from : rule.from_headers()) {
    auto* const header = provider.add_from_headers();
    header->set_name(from.name());
    header->set_value_prefix(from.prefix());
  }
  *provider.mutable_from_params() = rule.from_params();
  provider.set_forward_payload_header(rule.output_payload_to_header());
  provider.set_payload_in_metadata("payload");
  auto* const words = provider.mutable_normalize_payload_in_metadata();
  words->add_space_delimited_claims("scope");
  words->add_space_delimited_claims("permission");
  return provider;
}

jwt_v3::JwtRequirement Named(const std::string& provider) {
  jwt_v3::JwtRequirement requirement;
  requirement.set_provider_name(provider);
  return requirement;
}

// A good token, or none.
void OrMissing(const std::string& provider, jwt_v3::JwtRequirementOrList* list) {
  *list->add_requirements() = Named(provider);
  list->add_requirements()->mutable_allow_missing();
}

}  // namespace

std::string KeySetUri(const JWTRule& rule) {
  if (!rule.jwks().empty()) return "";
  if (!rule.jwks_uri().empty()) return rule.jwks_uri();
  return absl::StrCat(absl::StripSuffix(rule.issuer(), "/"), kOpenIdConfiguration);
}

std::set<std::string> KeySetUris(const config::Snapshot& snapshot) {
  std::set<std::string> uris;
  for (const config::ResourcePtr& policy : snapshot.List(config::Kind::kRequestAuthentication)) {
    for (const JWTRule& rule : policy->As<RequestAuthentication>().jwt_rules()) {
      std::string uri = KeySetUri(rule);
      if (!uri.empty()) uris.insert(std::move(uri));
    }
  }
  return uris;
}

std::optional<jwt_v3::JwtAuthentication> TranslateRequestAuthentication(
    const std::vector<config::ResourcePtr>& policies, const KeySets* key_sets,
    std::vector<Finding>* findings) {
  std::vector<Source> sources;
  for (const config::ResourcePtr& policy : policies) {
    const auto& spec = policy->As<RequestAuthentication>();
    for (int i = 0; i < spec.jwt_rules_size(); ++i) {
      sources.push_back({&spec.jwt_rules(i), policy.get(), i});
    }
  }
  if (sources.empty()) return std::nullopt;
  std::stable_sort(sources.begin(), sources.end(), [](const Source& a, const Source& b) {
    return a.rule->issuer() < b.rule->issuer();
  });
  jwt_v3::JwtAuthentication filter;
  jwt_v3::JwtRequirement requirement;
  auto* const any = requirement.mutable_requires_any();
  std::vector<std::string> names;
  for (const Source& source : sources) {
    names.push_back(absl::StrCat("origins-", names.size()));
    (*filter.mutable_providers())[names.back()] = ProviderOf(source, key_sets, findings);
  }
  if (names.size() == 1) {
    OrMissing(names[0], any);
  } else {
    // One of their tokens, or none of a kind that one of them refuses.
    for (const std::string& name : names) *any->add_requirements() = Named(name);
    auto* const all = any->add_requirements()->mutable_requires_all();
    for (const std::string& name : names) {
      OrMissing(name, all->add_requirements()->mutable_requires_any());
    }
  }
  auto* const rule = filter.add_rules();
  rule->mutable_match()->set_prefix("/");
  *rule->mutable_requires() = std::move(requirement);
  filter.set_bypass_cors_preflight(true);
  return filter;
}

}  // namespace mesh::translate
