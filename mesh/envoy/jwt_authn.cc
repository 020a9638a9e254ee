// The jwt_authn filter: providers with their keys, and which paths ask for which tokens.
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "mesh/envoy/authorization.h"
#include "mesh/envoy/rbac_fields.h"

namespace mesh::envoy {
namespace {

namespace jwt_v3 = ::envoy::extensions::filters::http::jwt_authn::v3;
using authz::TokenPath;
using authz::TokenProvider;
using authz::TokenRequirement;

authz::KeySet LoadKeys(const jwt_v3::JwtProvider& proto, const std::string& path,
                       FieldErrors* errors) {
  if (!proto.has_local_jwks()) {
    errors->Add(Join(path, "local_jwks"), "missing: keys are not fetched here");
    return {};
  }
  const auto& source = proto.local_jwks();
  std::string text;
  if (source.has_inline_string()) {
    text = source.inline_string();
  } else if (source.has_inline_bytes()) {
    text = source.inline_bytes();
  } else {
    errors->Add(Join(path, "local_jwks"), "only inline_string and inline_bytes are supported");
  }
  // A set without usable keys refuses every token of the issuer: so it is when keys could not be
  // had, and no reason to refuse the listener.
  absl::StatusOr<authz::KeySet> keys = authz::KeySet::Parse(text);
  return keys.ok() ? *std::move(keys) : authz::KeySet();
}

TokenProvider LoadProvider(const std::string& name, const jwt_v3::JwtProvider& proto,
                           const std::string& path, FieldErrors* errors) {
  errors->Only(
      proto, path,
      {"issuer", "audiences", "require_expiration", "local_jwks", "forward", "from_headers",
       "from_params", "forward_payload_header", "pad_forward_payload_header", "payload_in_metadata",
       "normalize_payload_in_metadata", "clock_skew_seconds"},
      {"jwt_cache_config"});
  TokenProvider out;
  out.name = name;
  out.rule.issuer = proto.issuer();
  out.rule.audiences.assign(proto.audiences().begin(), proto.audiences().end());
  out.rule.keys = LoadKeys(proto, path, errors);
  for (const auto& header : proto.from_headers()) {
    out.rule.from_headers.push_back({header.name(), header.value_prefix()});
  }
  out.rule.from_params.assign(proto.from_params().begin(), proto.from_params().end());
  out.rule.forward_original_token = proto.forward();
  out.rule.output_payload_to_header = proto.forward_payload_header();
  out.pad_payload_header = proto.pad_forward_payload_header();
  out.require_expiry = proto.require_expiration();
  if (proto.clock_skew_seconds() != 0) {
    out.clock_skew = absl::Seconds(proto.clock_skew_seconds());
  }
  out.payload_key = proto.payload_in_metadata();
  const auto& words = proto.normalize_payload_in_metadata().space_delimited_claims();
  out.word_claims.assign(words.begin(), words.end());
  return out;
}

class Requirements {
 public:
  Requirements(const std::vector<TokenProvider>& providers, FieldErrors* errors) : errors_(errors) {
    for (size_t i = 0; i < providers.size(); ++i) places_[providers[i].name] = i;
  }

  TokenRequirement Load(const jwt_v3::JwtRequirement& proto, const std::string& path) const {
    TokenRequirement out;
    switch (proto.requires_type_case()) {
      case jwt_v3::JwtRequirement::kProviderName:
        out.kind = TokenRequirement::Kind::kProvider;
        out.provider = PlaceOf(proto.provider_name(), Join(path, "provider_name"));
        break;
      case jwt_v3::JwtRequirement::kProviderAndAudiences: {
        const auto& both = proto.provider_and_audiences();
        out.kind = TokenRequirement::Kind::kProvider;
        out.provider =
            PlaceOf(both.provider_name(), Join(path, "provider_and_audiences.provider_name"));
        out.audiences.assign(both.audiences().begin(), both.audiences().end());
        break;
      }
      case jwt_v3::JwtRequirement::kRequiresAny:
        out.kind = TokenRequirement::Kind::kAny;
        LoadAll(proto.requires_any().requirements(), Join(path, "requires_any.requirements"), &out);
        break;
      case jwt_v3::JwtRequirement::kRequiresAll:
        out.kind = TokenRequirement::Kind::kAll;
        LoadAll(proto.requires_all().requirements(), Join(path, "requires_all.requirements"), &out);
        break;
      case jwt_v3::JwtRequirement::kAllowMissing:
        out.kind = TokenRequirement::Kind::kMissing;
        break;
      case jwt_v3::JwtRequirement::kAllowMissingOrFailed:
        out.kind = TokenRequirement::Kind::kMissingOrFailed;
        break;
      case jwt_v3::JwtRequirement::kExtractOnlyWithoutValidation:
        errors_->Add(Join(path, "extract_only_without_validation"), "not supported");
        break;
      case jwt_v3::JwtRequirement::REQUIRES_TYPE_NOT_SET:
        errors_->Add(path, "missing");
        break;
    }
    return out;
  }

 private:
  template <class List>
  void LoadAll(const List& list, const std::string& path, TokenRequirement* out) const {
    if (list.size() < 2) errors_->Add(path, "must have two or more");
    for (int i = 0; i < list.size(); ++i) out->children.push_back(Load(list.Get(i), At(path, i)));
  }

  size_t PlaceOf(const std::string& name, const std::string& path) const {
    const auto found = places_.find(name);
    if (found != places_.end()) return found->second;
    errors_->Add(path, absl::StrCat("no provider \"", name, "\""));
    return 0;
  }

  std::map<std::string, size_t> places_;
  FieldErrors* const errors_;
};

TokenPath LoadMatch(const ::envoy::config::route::v3::RouteMatch& proto, const std::string& path,
                    FieldErrors* errors) {
  errors->Only(proto, path, {"prefix", "path"});
  TokenPath out;
  out.exact = proto.has_path();
  out.path = proto.has_path() ? proto.path() : proto.prefix();
  if (!proto.has_path() && !proto.has_prefix()) {
    errors->Add(path, "only prefix and path are supported");
  }
  return out;
}

}  // namespace

absl::StatusOr<JwtFilter> LoadJwtFilter(const google::protobuf::Any& any) {
  FieldErrors errors("");
  jwt_v3::JwtAuthentication proto;
  JwtFilter filter;
  if (!errors.Unpack(any, "", &proto)) return ToFilterStatus(errors);
  errors.Only(
      proto, "",
      {"providers", "rules", "requirement_map", "bypass_cors_preflight", "strip_failure_response"},
      {"stat_prefix"});
  const std::map<std::string, jwt_v3::JwtProvider> ordered(proto.providers().begin(),
                                                           proto.providers().end());
  std::vector<TokenProvider> providers;
  for (const auto& [name, provider] : ordered) {
    providers.push_back(
        LoadProvider(name, provider, absl::StrCat("providers[\"", name, "\"]"), &errors));
  }
  const Requirements requirements(providers, &errors);
  std::vector<TokenPath> paths;
  for (int i = 0; i < proto.rules_size(); ++i) {
    const auto& rule = proto.rules(i);
    const std::string here = At("rules", i);
    TokenPath path = LoadMatch(rule.match(), Join(here, "match"), &errors);
    if (rule.has_requires()) {
      path.requirement = requirements.Load(rule.requires(), Join(here, "requires"));
    } else if (!rule.requirement_name().empty()) {
      const auto named = proto.requirement_map().find(rule.requirement_name());
      if (named == proto.requirement_map().end()) {
        errors.Add(Join(here, "requirement_name"),
                   absl::StrCat("no requirement \"", rule.requirement_name(), "\""));
      } else {
        path.requirement = requirements.Load(
            named->second, absl::StrCat("requirement_map[\"", rule.requirement_name(), "\"]"));
      }
    }
    paths.push_back(std::move(path));
  }
  if (!errors.errors().empty()) return ToFilterStatus(errors);
  filter.tokens =
      std::make_shared<const authz::TokenFilter>(std::move(providers), std::move(paths));
  filter.bypass_cors_preflight = proto.bypass_cors_preflight();
  filter.strip_failure_response = proto.strip_failure_response();
  return filter;
}

}  // namespace mesh::envoy
