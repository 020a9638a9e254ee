#include "mesh/translate/request_authentication.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/security/v1beta1/request_authentication.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/config/snapshot.h"
#include "mesh/translate/virtual_services.h"

namespace mesh::translate {
namespace {

namespace jwt_v3 = ::envoy::extensions::filters::http::jwt_authn::v3;
using istio::security::v1beta1::JWTRule;
using istio::security::v1beta1::RequestAuthentication;

constexpr char kOpenIdConfiguration[] = "/.well-known/openid-configuration";
// What stands for keys that could not be had, where nothing better is given.
constexpr char kNoKeys[] = R"({"keys":[]})";

struct Source {
  const JWTRule* rule;
  const config::Resource* policy;
  int index;
};

// Whether a proxy would find a key in it: one that does not refuses the whole listener.
bool HasKeys(const std::string& json) {
  google::protobuf::Struct set;
  if (!google::protobuf::util::JsonStringToMessage(json, &set).ok()) return false;
  const auto keys = set.fields().find("keys");
  if (keys == set.fields().end()) return false;
  for (const auto& key : keys->second.list_value().values()) {
    const auto& members = key.struct_value().fields();
    const auto type = members.find("kty");
    if (type != members.end() && !type->second.string_value().empty()) return true;
  }
  return false;
}

jwt_v3::JwtProvider ProviderOf(const Source& source, const KeySets* key_sets,
                               std::vector<Finding>* findings) {
  const JWTRule& rule = *source.rule;
  jwt_v3::JwtProvider provider;
  provider.set_issuer(rule.issuer());
  *provider.mutable_audiences() = rule.audiences();
  std::string keys = kNoKeys;
  if (key_sets != nullptr && key_sets->count("") > 0) keys = key_sets->at("");
  const std::string field = absl::StrCat("spec.jwtRules[", source.index, "]");
  if (!rule.jwks().empty()) {
    if (HasKeys(rule.jwks())) {
      keys = rule.jwks();
    } else {
      findings->push_back({"MSH0131", OriginIn(*source.policy, absl::StrCat(field, ".jwks")),
                           absl::StrCat("is no key set: the tokens of issuer \"", rule.issuer(),
                                        "\" are refused")});
    }
  } else {
    const std::string uri = KeySetUri(rule);
    if (key_sets == nullptr) {
      // Nobody has tried: a tool that looks at files.
    } else if (const auto found = key_sets->find(uri); found != key_sets->end()) {
      keys = found->second;
    } else {
      findings->push_back(
          {"MSH0132", OriginIn(*source.policy, field),
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
