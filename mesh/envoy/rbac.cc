// RBAC filters: policies of permissions and principals to rules with conditions.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "mesh/envoy/authorization.h"
#include "mesh/envoy/rbac_fields.h"
#include "mesh/envoy/route_parts.h"

namespace mesh::envoy {
namespace {

namespace rbac_v3 = ::envoy::config::rbac::v3;
using authz::Condition;
using authz::TextMatch;
using Kind = Condition::Kind;

// ".*x.*" says no more than that x is in it, ".+" that there is something.
TextMatch SimplerThanRegex(TextMatch text) {
  if (text.value == ".+") {
    text.kind = TextMatch::Kind::kPresent;
    text.value.clear();
    return text;
  }
  if (text.value.size() <= 4 || !absl::StartsWith(text.value, ".*") ||
      !absl::EndsWith(text.value, ".*")) {
    return text;
  }
  const std::string inside = text.value.substr(2, text.value.size() - 4);
  const bool literal = std::all_of(inside.begin(), inside.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '/' || c == ':';
  });
  if (!literal) return text;
  text.kind = TextMatch::Kind::kContains;
  text.value = inside;
  return text;
}

TextMatch ToText(const route::StringMatch& match) {
  TextMatch text;
  text.value = match.text;
  text.ignore_case = match.ignore_case;
  switch (match.kind) {
    case route::StringMatch::Kind::kExact:
      break;
    case route::StringMatch::Kind::kPrefix:
      text.kind = TextMatch::Kind::kPrefix;
      break;
    case route::StringMatch::Kind::kSuffix:
      text.kind = TextMatch::Kind::kSuffix;
      break;
    case route::StringMatch::Kind::kContains:
      text.kind = TextMatch::Kind::kContains;
      break;
    case route::StringMatch::Kind::kRegex:
      text.kind = TextMatch::Kind::kRegex;
      return SimplerThanRegex(std::move(text));
  }
  return text;
}

// Runs one of the routes' loaders and takes over what it complains about.
template <class Load>
auto Borrowed(const Load& load, FieldErrors* errors) {
  std::vector<FieldError> found;
  routes::Problems problems(&found, "", {});
  auto result = load(&problems);
  for (FieldError& error : found) errors->Add(error.field, std::move(error.message));
  return result;
}

TextMatch LoadText(const ::envoy::type::matcher::v3::StringMatcher& proto, const std::string& path,
                   FieldErrors* errors) {
  if (proto.match_pattern_case() ==
      ::envoy::type::matcher::v3::StringMatcher::MATCH_PATTERN_NOT_SET) {
    errors->Add(path, "missing");
  }
  return ToText(Borrowed(
      [&](routes::Problems* problems) { return routes::LoadString(proto, path, problems); },
      errors));
}

Condition LoadHeader(const ::envoy::config::route::v3::HeaderMatcher& proto,
                     const std::string& path, FieldErrors* errors) {
  const route::HeaderMatch match = Borrowed(
      [&](routes::Problems* problems) { return routes::LoadHeaderMatch(proto, path, problems); },
      errors);
  const auto header = [&](TextMatch text) {
    return Condition::Header(match.name, std::move(text), authz::HeaderValues::kEach);
  };
  const Condition present = header({TextMatch::Kind::kPresent, ""});
  if (match.missing_is_empty) {
    errors->Add(Join(path, "treat_missing_header_as_empty"), "not supported");
  }
  switch (match.kind) {
    case route::HeaderMatch::Kind::kPresent:
      return match.present != match.invert ? present : Condition::Not(present);
    case route::HeaderMatch::Kind::kRange:
      errors->Add(Join(path, "range_match"), "not supported");
      return present;
    case route::HeaderMatch::Kind::kValue:
      break;
  }
  if (match.invert) errors->Add(Join(path, "invert_match"), "not supported");
  return header(ToText(match.value));
}

std::string BlockOf(const ::envoy::config::core::v3::CidrRange& range) {
  return absl::StrCat(range.address_prefix(), "/", range.prefix_len().value());
}

Condition LoadPath(const ::envoy::type::matcher::v3::PathMatcher& proto, const std::string& path,
                   FieldErrors* errors) {
  return Condition::Text(Kind::kPath, LoadText(proto.path(), Join(path, "path"), errors));
}

Condition LoadSourced(const rbac_v3::SourcedMetadata& proto, const std::string& path,
                      FieldErrors* errors) {
  if (proto.metadata_source() != rbac_v3::DYNAMIC) {
    errors->Add(Join(path, "metadata_source"), "only DYNAMIC is supported");
  }
  return LoadMetadataCondition(proto.metadata_matcher(), Join(path, "metadata_matcher"), errors);
}

template <class List, class Load>
std::vector<Condition> LoadEach(const List& list, const std::string& path, Load load,
                                FieldErrors* errors) {
  std::vector<Condition> out;
  if (list.empty()) errors->Add(path, "missing");
  for (int i = 0; i < list.size(); ++i) out.push_back(load(list.Get(i), At(path, i), errors));
  return out;
}

Condition LoadPermission(const rbac_v3::Permission& proto, const std::string& path,
                         FieldErrors* errors) {
  using Rule = rbac_v3::Permission;
  switch (proto.rule_case()) {
    case Rule::kAndRules:
      return Condition::All(LoadEach(proto.and_rules().rules(), Join(path, "and_rules.rules"),
                                     LoadPermission, errors));
    case Rule::kOrRules:
      return Condition::Any(
          LoadEach(proto.or_rules().rules(), Join(path, "or_rules.rules"), LoadPermission, errors));
    case Rule::kNotRule:
      return Condition::Not(LoadPermission(proto.not_rule(), Join(path, "not_rule"), errors));
    case Rule::kAny:
      return Condition::All({});
    case Rule::kHeader:
      return LoadHeader(proto.header(), Join(path, "header"), errors);
    case Rule::kUrlPath:
      return LoadPath(proto.url_path(), Join(path, "url_path"), errors);
    case Rule::kDestinationIp:
      return Condition::Block(Kind::kDestinationIp, BlockOf(proto.destination_ip()));
    case Rule::kDestinationPort:
      return Condition::Ports(static_cast<uint16_t>(proto.destination_port()),
                              static_cast<uint16_t>(proto.destination_port()));
    case Rule::kDestinationPortRange: {
      const auto& range = proto.destination_port_range();
      if (range.start() < 0 || range.end() > 65536 || range.start() >= range.end()) {
        errors->Add(Join(path, "destination_port_range"), "no range of ports");
        return Condition::Any({});
      }
      return Condition::Ports(static_cast<uint16_t>(range.start()),
                              static_cast<uint16_t>(range.end() - 1));
    }
    case Rule::kMetadata:
      return LoadMetadataCondition(proto.metadata(), Join(path, "metadata"), errors);
    case Rule::kSourcedMetadata:
      return LoadSourced(proto.sourced_metadata(), Join(path, "sourced_metadata"), errors);
    case Rule::kRequestedServerName:
      return Condition::Text(
          Kind::kServerName,
          LoadText(proto.requested_server_name(), Join(path, "requested_server_name"), errors));
    case Rule::kMatcher:
      errors->Add(Join(path, "matcher"), "not supported");
      break;
    case Rule::kUriTemplate:
      errors->Add(Join(path, "uri_template"), "not supported");
      break;
    case Rule::RULE_NOT_SET:
      errors->Add(path, "missing");
      break;
  }
  return Condition::Any({});
}

Condition LoadPrincipal(const rbac_v3::Principal& proto, const std::string& path,
                        FieldErrors* errors) {
  using Id = rbac_v3::Principal;
  switch (proto.identifier_case()) {
    case Id::kAndIds:
      return Condition::All(
          LoadEach(proto.and_ids().ids(), Join(path, "and_ids.ids"), LoadPrincipal, errors));
    case Id::kOrIds:
      return Condition::Any(
          LoadEach(proto.or_ids().ids(), Join(path, "or_ids.ids"), LoadPrincipal, errors));
    case Id::kNotId:
      return Condition::Not(LoadPrincipal(proto.not_id(), Join(path, "not_id"), errors));
    case Id::kAny:
      return Condition::All({});
    case Id::kAuthenticated: {
      const std::string here = Join(path, "authenticated.principal_name");
      if (!proto.authenticated().has_principal_name()) {
        errors->Add(here, "missing: any certificate is not supported");
        break;
      }
      return Condition::Text(Kind::kPrincipal,
                             LoadText(proto.authenticated().principal_name(), here, errors));
    }
    case Id::kSourceIp:
      return Condition::Block(Kind::kSourceIp, BlockOf(proto.source_ip()));
    case Id::kDirectRemoteIp:
      return Condition::Block(Kind::kSourceIp, BlockOf(proto.direct_remote_ip()));
    case Id::kRemoteIp:
      return Condition::Block(Kind::kRemoteIp, BlockOf(proto.remote_ip()));
    case Id::kHeader:
      return LoadHeader(proto.header(), Join(path, "header"), errors);
    case Id::kUrlPath:
      return LoadPath(proto.url_path(), Join(path, "url_path"), errors);
    case Id::kMetadata:
      return LoadMetadataCondition(proto.metadata(), Join(path, "metadata"), errors);
    case Id::kSourcedMetadata:
      return LoadSourced(proto.sourced_metadata(), Join(path, "sourced_metadata"), errors);
    case Id::kFilterState:
      errors->Add(Join(path, "filter_state"), "not supported");
      break;
    case Id::kCustom:
      errors->Add(Join(path, "custom"), "not supported");
      break;
    case Id::IDENTIFIER_NOT_SET:
      errors->Add(path, "missing");
      break;
  }
  return Condition::Any({});
}

// "ns[foo]-policy[p]-rule[0]@authz.yaml:12:5": a name, and where the rule stands in what a user
// wrote, if the control plane says so.
void SetName(const std::string& name, authz::Rule* rule) {
  rule->policy = name;
  const size_t mark = name.find("]@", std::min(name.rfind("]-rule["), name.size()));
  if (mark == name.npos) return;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::string_view(name).substr(mark + 2), ':');
  SourcePosition at;
  // A file's name may hold colons itself.
  if (parts.size() < 3 || !absl::SimpleAtoi(parts[parts.size() - 2], &at.line) ||
      !absl::SimpleAtoi(parts.back(), &at.column)) {
    return;
  }
  at.file = std::make_shared<const std::string>(absl::StrJoin(parts.begin(), parts.end() - 2, ":"));
  rule->position = std::move(at);
  rule->policy = name.substr(0, mark + 1);
}

std::shared_ptr<const authz::Engine> LoadRules(const rbac_v3::RBAC& proto, const std::string& path,
                                               FieldErrors* errors) {
  errors->Only(proto, path, {"action", "policies"});
  authz::Action action = authz::Action::kAllow;
  switch (proto.action()) {
    case rbac_v3::RBAC::ALLOW:
      break;
    case rbac_v3::RBAC::DENY:
      action = authz::Action::kDeny;
      break;
    case rbac_v3::RBAC::LOG:
      action = authz::Action::kAudit;
      break;
    default:
      errors->Add(Join(path, "action"), absl::StrCat(proto.action(), " is no action"));
  }
  std::map<std::string, const rbac_v3::Policy*> ordered;
  for (const auto& [name, policy] : proto.policies()) ordered.emplace(name, &policy);
  std::vector<authz::Rule> rules;
  for (const auto& [name, policy] : ordered) {
    const std::string here = absl::StrCat(Join(path, "policies"), "[\"", name, "\"]");
    errors->Only(*policy, here, {"permissions", "principals"});
    authz::Rule rule;
    SetName(name, &rule);
    rule.action = action;
    std::vector<Condition> both;
    both.push_back(Condition::Any(
        LoadEach(policy->principals(), Join(here, "principals"), LoadPrincipal, errors)));
    both.push_back(Condition::Any(
        LoadEach(policy->permissions(), Join(here, "permissions"), LoadPermission, errors)));
    rule.condition = Condition::All(std::move(both));
    rules.push_back(std::move(rule));
  }
  if (rules.empty() && action == authz::Action::kAllow) {
    rules.emplace_back();
    rules.back().policy = "none";
    rules.back().condition = Condition::Any({});
  }
  absl::StatusOr<std::shared_ptr<const authz::Engine>> engine =
      authz::Engine::Build(std::move(rules));
  if (!engine.ok()) {
    errors->Add(path, std::string(engine.status().message()));
    return nullptr;
  }
  return *std::move(engine);
}

template <class Proto>
RbacFilter LoadFilter(const Proto& proto, const std::string& path, FieldErrors* errors) {
  RbacFilter filter;
  if (proto.has_rules()) filter.rules = LoadRules(proto.rules(), Join(path, "rules"), errors);
  if (proto.has_shadow_rules()) {
    filter.shadow = LoadRules(proto.shadow_rules(), Join(path, "shadow_rules"), errors);
  }
  filter.shadow_prefix = proto.shadow_rules_stat_prefix();
  return filter;
}

RbacFilter LoadHttp(const ::envoy::extensions::filters::http::rbac::v3::RBAC& proto,
                    const std::string& path, FieldErrors* errors) {
  errors->Only(proto, path, {"rules", "shadow_rules", "shadow_rules_stat_prefix"},
               {"rules_stat_prefix", "track_per_rule_stats"});
  return LoadFilter(proto, path, errors);
}

}  // namespace

authz::Condition LoadMetadataCondition(const ::envoy::type::matcher::v3::MetadataMatcher& proto,
                                       const std::string& path, FieldErrors* errors) {
  errors->Only(proto, path, {"filter", "path", "value", "invert"});
  if (proto.filter().empty()) errors->Add(Join(path, "filter"), "missing");
  std::vector<std::string> keys;
  for (const auto& segment : proto.path()) keys.push_back(segment.key());
  if (keys.empty()) errors->Add(Join(path, "path"), "missing");

  const auto one = [&](const ::envoy::type::matcher::v3::ValueMatcher& value,
                       const std::string& here) {
    Condition condition = Condition::Text(Kind::kMetadata, {});
    condition.name = proto.filter();
    condition.path = keys;
    if (value.has_string_match()) {
      condition.form = authz::ValueForm::kText;
      condition.text = LoadText(value.string_match(), Join(here, "string_match"), errors);
    } else if (value.has_list_match() && value.list_match().one_of().has_string_match()) {
      condition.form = authz::ValueForm::kEntry;
      condition.text = LoadText(value.list_match().one_of().string_match(),
                                Join(here, "list_match.one_of.string_match"), errors);
    } else {
      errors->Add(here,
                  "only string_match, list_match of one string_match, and or_match of these "
                  "are supported");
    }
    return condition;
  };
  const std::string value_path = Join(path, "value");
  std::vector<Condition> any;
  if (proto.value().has_or_match()) {
    const auto& values = proto.value().or_match().value_matchers();
    for (int i = 0; i < values.size(); ++i) {
      any.push_back(one(values.Get(i), At(Join(value_path, "or_match.value_matchers"), i)));
    }
  } else {
    any.push_back(one(proto.value(), value_path));
  }
  Condition condition = Condition::Any(std::move(any));
  return proto.invert() ? Condition::Not(std::move(condition)) : condition;
}

absl::Status ToFilterStatus(const FieldErrors& errors) {
  return errors.errors().empty() ? absl::OkStatus() : ToStatus(errors.errors());
}

std::string_view DecidingPolicy(const authz::Decision& decision) {
  return decision.rule == nullptr ? std::string_view("none")
                                  : std::string_view(decision.rule->policy);
}

absl::StatusOr<RbacFilter> LoadRbacFilter(const google::protobuf::Any& any) {
  FieldErrors errors("");
  ::envoy::extensions::filters::http::rbac::v3::RBAC proto;
  RbacFilter filter;
  if (errors.Unpack(any, "", &proto)) filter = LoadHttp(proto, "", &errors);
  if (!errors.errors().empty()) return ToFilterStatus(errors);
  return filter;
}

absl::StatusOr<RbacFilter> LoadRbacNetworkFilter(const google::protobuf::Any& any) {
  FieldErrors errors("");
  ::envoy::extensions::filters::network::rbac::v3::RBAC proto;
  RbacFilter filter;
  if (errors.Unpack(any, "", &proto)) {
    // What a connection is does not change: once is as good as continuously.
    errors.Only(proto, "", {"rules", "shadow_rules", "shadow_rules_stat_prefix", "stat_prefix"},
                {"enforcement_type", "delay_deny"});
    if (proto.stat_prefix().empty()) errors.Add("stat_prefix", "missing");
    filter = LoadFilter(proto, "", &errors);
  }
  if (!errors.errors().empty()) return ToFilterStatus(errors);
  return filter;
}

absl::StatusOr<std::shared_ptr<const RbacOverride>> LoadRbacOverride(
    const google::protobuf::Any& any) {
  FieldErrors errors("");
  ::envoy::extensions::filters::http::rbac::v3::RBACPerRoute proto;
  auto override_ = std::make_shared<RbacOverride>();
  if (errors.Unpack(any, "", &proto)) override_->filter = LoadHttp(proto.rbac(), "rbac", &errors);
  if (!errors.errors().empty()) return ToFilterStatus(errors);
  return std::shared_ptr<const RbacOverride>(std::move(override_));
}

}  // namespace mesh::envoy
