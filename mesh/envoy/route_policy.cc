// Retry, hedge, mirror, hash, CORS, header and filter parts of routes.
#include "mesh/envoy/route_policy.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"

namespace mesh::envoy::routes {
namespace {

namespace envoy_core = ::envoy::config::core::v3;
namespace envoy_route = ::envoy::config::route::v3;
namespace action = route::action;

using Options = google::protobuf::RepeatedPtrField<envoy_core::HeaderValueOption>;
using Names = google::protobuf::RepeatedPtrField<std::string>;

std::vector<action::HeaderAdd> LoadAdds(const Options& options, const std::string& path,
                                        Problems* problems) {
  std::vector<action::HeaderAdd> adds;
  for (int i = 0; i < options.size(); ++i) {
    const envoy_core::HeaderValueOption& option = options[i];
    const std::string here = absl::StrCat(path, "[", i, "]");
    action::HeaderAdd add;
    add.name = http::LowerCase(std::string_view(option.header().key()));
    add.keep_empty = option.keep_empty_value();
    if (!add.name.empty() && (add.name[0] == ':' || add.name == "host")) {
      problems->Add(absl::StrCat(here, ".header.key"),
                    ":-prefixed or host headers may not be modified");
    }
    if (option.has_append() &&
        option.append_action() != envoy_core::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD) {
      problems->Add(absl::StrCat(here, ".append"),
                    "Both append and append_action are set and it's not allowed");
    }
    switch (option.append_action()) {
      case envoy_core::HeaderValueOption::ADD_IF_ABSENT:
        add.how = action::HeaderAdd::How::kAddIfAbsent;
        break;
      case envoy_core::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD:
        add.how = action::HeaderAdd::How::kOverwriteOrAdd;
        break;
      case envoy_core::HeaderValueOption::OVERWRITE_IF_EXISTS:
        add.how = action::HeaderAdd::How::kOverwriteIfExists;
        break;
      default:
        if (option.has_append() && !option.append().value()) {
          add.how = action::HeaderAdd::How::kOverwriteOrAdd;
        }
    }
    const std::string& value =
        option.header().value().empty() ? option.header().raw_value() : option.header().value();
    absl::StatusOr<action::Format> format = action::ParseFormat(value);
    if (format.ok()) {
      add.value = *std::move(format);
    } else {
      problems->Add(absl::StrCat(here, ".header.value"),
                    absl::StrCat("Invalid header configuration. ", format.status().message()));
    }
    adds.push_back(std::move(add));
  }
  return adds;
}

std::vector<std::string> LoadRemoves(const Names& names, const std::string& path,
                                     Problems* problems) {
  std::vector<std::string> removes;
  for (int i = 0; i < names.size(); ++i) {
    std::string name = http::LowerCase(std::string_view(names[i]));
    if (!name.empty() && (name[0] == ':' || name == "host")) {
      problems->Add(absl::StrCat(path, "[", i, "]"),
                    ":-prefixed or host headers may not be removed");
    }
    removes.push_back(std::move(name));
  }
  return removes;
}

}  // namespace

absl::Duration DurationOf(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

route::Value ValueOf(const google::protobuf::Value& value) {
  route::Value result;
  switch (value.kind_case()) {
    case google::protobuf::Value::kBoolValue:
      result.value = value.bool_value();
      break;
    case google::protobuf::Value::kNumberValue:
      result.value = value.number_value();
      break;
    case google::protobuf::Value::kStringValue:
      result.value = value.string_value();
      break;
    case google::protobuf::Value::kListValue: {
      route::Value::List list;
      for (const auto& one : value.list_value().values()) list.push_back(ValueOf(one));
      result.value = std::move(list);
      break;
    }
    case google::protobuf::Value::kStructValue: {
      route::Value::Struct fields;
      for (const auto& [key, one] : value.struct_value().fields()) fields[key] = ValueOf(one);
      result.value = std::move(fields);
      break;
    }
    default:
      break;
  }
  return result;
}

action::Metadata MetadataOf(const envoy_core::Metadata& metadata) {
  action::Metadata result;
  for (const auto& [filter, fields] : metadata.filter_metadata()) {
    route::Value::Struct values;
    for (const auto& [key, value] : fields.fields()) values[key] = ValueOf(value);
    result[filter].value = std::move(values);
  }
  return result;
}

action::HeaderEdits LoadHeaderEdits(const Options& request_add, const Names& request_remove,
                                    const Options& response_add, const Names& response_remove,
                                    const std::string& path, Problems* problems) {
  const auto field = [&](const char* name) {
    return path.empty() ? std::string(name) : absl::StrCat(path, ".", name);
  };
  action::HeaderEdits edits;
  edits.request_add = LoadAdds(request_add, field("request_headers_to_add"), problems);
  edits.request_remove = LoadRemoves(request_remove, field("request_headers_to_remove"), problems);
  edits.response_add = LoadAdds(response_add, field("response_headers_to_add"), problems);
  edits.response_remove =
      LoadRemoves(response_remove, field("response_headers_to_remove"), problems);
  return edits;
}

action::FilterConfigs LoadFilters(
    const google::protobuf::Map<std::string, google::protobuf::Any>& proto, const std::string& path,
    const RouteOptions& options, Problems* problems) {
  action::FilterConfigs filters;
  for (const auto& [name, any] : proto) {
    const std::string here = absl::StrCat(path, "[\"", name, "\"]");
    action::FilterConfig filter;
    google::protobuf::Any config = any;
    if (envoy_route::FilterConfig wrapped; any.UnpackTo(&wrapped)) {
      filter.optional = wrapped.is_optional();
      filter.disabled = wrapped.disabled();
      config = wrapped.config();
      if (config.type_url().empty()) {
        if (!filter.disabled) problems->Add(here, absl::StrCat("Empty config for '", name, "'"));
        filters.emplace(name, std::move(filter));
        continue;
      }
    }
    filter.type_url = config.type_url();
    filter.bytes = config.value();
    std::string error;
    if (options.parse_filter) {
      auto parsed = options.parse_filter(name, config);
      if (parsed.ok()) {
        filter.parsed = *std::move(parsed);
      } else {
        error = std::string(parsed.status().message());
      }
    } else if (!absl::StrContains(config.type_url(), "/envoy.extensions.filters.http.")) {
      error =
          absl::StrCat("Didn't find a registered implementation for '", name, "' with type URL: '",
                       config.type_url().substr(config.type_url().find('/') + 1), "'");
    }
    if (!error.empty()) {
      if (!filter.optional) problems->Add(here, error);
      continue;
    }
    filters.emplace(name, std::move(filter));
  }
  return filters;
}

action::Cors LoadCors(const envoy_route::CorsPolicy& proto, const std::string& path,
                      Problems* problems) {
  action::Cors cors;
  for (int i = 0; i < proto.allow_origin_string_match_size(); ++i) {
    cors.allow_origins.push_back(
        LoadString(proto.allow_origin_string_match(i),
                   absl::StrCat(path, ".allow_origin_string_match[", i, "]"), problems));
  }
  cors.allow_methods = proto.allow_methods();
  cors.allow_headers = proto.allow_headers();
  cors.expose_headers = proto.expose_headers();
  cors.max_age = proto.max_age();
  if (proto.has_allow_credentials()) cors.allow_credentials = proto.allow_credentials().value();
  if (proto.has_allow_private_network_access()) {
    cors.allow_private_network_access = proto.allow_private_network_access().value();
  }
  if (proto.has_filter_enabled()) cors.enabled = LoadFraction(proto.filter_enabled());
  if (proto.has_shadow_enabled()) cors.shadow_enabled = LoadFraction(proto.shadow_enabled());
  return cors;
}

action::RegexRewrite LoadRegexRewrite(
    const ::envoy::type::matcher::v3::RegexMatchAndSubstitute& proto, const std::string& path,
    const RouteOptions& options, Problems* problems) {
  action::RegexRewrite rewrite;
  auto regex = action::Regex::Compile(proto.pattern().regex(), options.max_regex_program_size);
  if (!regex.ok()) {
    problems->Add(absl::StrCat(path, ".pattern"), std::string(Std(regex.status().message())));
    return rewrite;
  }
  rewrite.pattern = *std::move(regex);
  rewrite.substitution = proto.substitution();
  return rewrite;
}

action::RetryPolicy LoadRetry(const envoy_route::RetryPolicy& proto, const std::string& path,
                              Problems* problems) {
  action::RetryPolicy retry;
  for (absl::string_view on : absl::StrSplit(proto.retry_on(), ',', absl::SkipWhitespace())) {
    retry.retry_on.emplace_back(absl::StripAsciiWhitespace(on));
  }
  if (proto.has_num_retries()) retry.num_retries = proto.num_retries().value();
  retry.per_try_timeout = DurationOf(proto.per_try_timeout());
  retry.per_try_idle_timeout = DurationOf(proto.per_try_idle_timeout());
  retry.retriable_status_codes = {proto.retriable_status_codes().begin(),
                                  proto.retriable_status_codes().end()};
  for (int i = 0; i < proto.retriable_headers_size(); ++i) {
    retry.retriable_headers.push_back(LoadHeaderMatch(
        proto.retriable_headers(i), absl::StrCat(path, ".retriable_headers[", i, "]"), problems));
  }
  for (int i = 0; i < proto.retriable_request_headers_size(); ++i) {
    retry.retriable_request_headers.push_back(
        LoadHeaderMatch(proto.retriable_request_headers(i),
                        absl::StrCat(path, ".retriable_request_headers[", i, "]"), problems));
  }
  const auto at_least_1ms = [](const google::protobuf::Duration& duration) {
    return std::max(absl::Trunc(DurationOf(duration), absl::Milliseconds(1)),
                    absl::Milliseconds(1));
  };
  if (proto.has_retry_back_off()) {
    retry.base_interval = at_least_1ms(proto.retry_back_off().base_interval());
    if (proto.retry_back_off().has_max_interval()) {
      retry.max_interval = at_least_1ms(proto.retry_back_off().max_interval());
      if (*retry.max_interval < *retry.base_interval) {
        problems->Add(absl::StrCat(path, ".retry_back_off.max_interval"),
                      "retry_policy.max_interval must greater than or equal to the base_interval");
      }
    }
  }
  if (proto.has_rate_limited_retry_back_off()) {
    for (const auto& header : proto.rate_limited_retry_back_off().reset_headers()) {
      retry.reset_headers.push_back({http::LowerCase(std::string_view(header.name())),
                                     header.format() == envoy_route::RetryPolicy::UNIX_TIMESTAMP});
    }
    if (proto.rate_limited_retry_back_off().has_max_interval()) {
      retry.reset_max_interval = at_least_1ms(proto.rate_limited_retry_back_off().max_interval());
    }
  }
  for (const auto& predicate : proto.retry_host_predicate()) {
    retry.host_predicates.push_back(predicate.name());
  }
  retry.priority = proto.retry_priority().name();
  if (proto.host_selection_retry_max_attempts() != 0) {
    retry.host_selection_attempts = proto.host_selection_retry_max_attempts();
  }
  return retry;
}

action::HedgePolicy LoadHedge(const envoy_route::HedgePolicy& proto) {
  action::HedgePolicy hedge;
  if (proto.has_initial_requests()) hedge.initial_requests = proto.initial_requests().value();
  hedge.chance_numerator = proto.additional_request_chance().numerator();
  switch (proto.additional_request_chance().denominator()) {
    case ::envoy::type::v3::FractionalPercent::TEN_THOUSAND:
      hedge.chance_denominator = 10000;
      break;
    case ::envoy::type::v3::FractionalPercent::MILLION:
      hedge.chance_denominator = 1000000;
      break;
    default:
      break;
  }
  hedge.on_per_try_timeout = proto.hedge_on_per_try_timeout();
  return hedge;
}

std::vector<action::Mirror> LoadMirrors(
    const google::protobuf::RepeatedPtrField<envoy_route::RouteAction::RequestMirrorPolicy>& proto,
    const std::string& path, const RouteOptions& options, bool check_clusters, Problems* problems) {
  std::vector<action::Mirror> mirrors;
  for (int i = 0; i < proto.size(); ++i) {
    const auto& one = proto[i];
    const std::string here = absl::StrCat(path, "[", i, "]");
    action::Mirror mirror;
    mirror.cluster = one.cluster();
    mirror.cluster_header = http::LowerCase(std::string_view(one.cluster_header()));
    if (!mirror.cluster.empty() && !mirror.cluster_header.empty()) {
      problems->Add(
          here, absl::StrCat("Only one of cluster '", mirror.cluster, "' or cluster_header '",
                             one.cluster_header(), "' in request mirror policy can be specified"));
    } else if (mirror.cluster.empty() && mirror.cluster_header.empty()) {
      problems->Add(here,
                    "Exactly one of cluster or cluster_header in request mirror policy need to be "
                    "specified");
    } else if (check_clusters && !mirror.cluster.empty() &&
               !options.cluster_exists(mirror.cluster)) {
      problems->Add(absl::StrCat(here, ".cluster"),
                    absl::StrCat("route: unknown shadow cluster '", mirror.cluster, "'"));
    }
    if (one.has_runtime_fraction()) mirror.fraction = LoadFraction(one.runtime_fraction());
    if (one.has_trace_sampled()) mirror.trace_sampled = one.trace_sampled().value();
    mirror.keep_host = one.disable_shadow_host_suffix_append();
    mirror.host_rewrite = one.host_rewrite_literal();
    mirrors.push_back(std::move(mirror));
  }
  return mirrors;
}

std::vector<action::HashPolicy> LoadHashes(
    const google::protobuf::RepeatedPtrField<envoy_route::RouteAction::HashPolicy>& proto,
    const std::string& path, const RouteOptions& options, Problems* problems) {
  using Kind = action::HashPolicy::Kind;
  std::vector<action::HashPolicy> policies;
  for (int i = 0; i < proto.size(); ++i) {
    const envoy_route::RouteAction::HashPolicy& one = proto[i];
    const std::string here = absl::StrCat(path, "[", i, "]");
    action::HashPolicy policy;
    policy.terminal = one.terminal();
    switch (one.policy_specifier_case()) {
      case envoy_route::RouteAction::HashPolicy::kHeader:
        policy.name = http::LowerCase(std::string_view(one.header().header_name()));
        if (one.header().has_regex_rewrite()) {
          policy.rewrite =
              LoadRegexRewrite(one.header().regex_rewrite(),
                               absl::StrCat(here, ".header.regex_rewrite"), options, problems);
        }
        break;
      case envoy_route::RouteAction::HashPolicy::kCookie:
        policy.kind = Kind::kCookie;
        policy.name = one.cookie().name();
        policy.cookie_path = one.cookie().path();
        if (one.cookie().has_ttl()) policy.cookie_ttl = DurationOf(one.cookie().ttl());
        for (const auto& attribute : one.cookie().attributes()) {
          policy.cookie_attributes.emplace_back(attribute.name(), attribute.value());
        }
        break;
      case envoy_route::RouteAction::HashPolicy::kConnectionProperties:
        if (!one.connection_properties().source_ip()) continue;
        policy.kind = Kind::kSourceIp;
        break;
      case envoy_route::RouteAction::HashPolicy::kQueryParameter:
        policy.kind = Kind::kQueryParameter;
        policy.name = one.query_parameter().name();
        break;
      case envoy_route::RouteAction::HashPolicy::kFilterState:
        policy.kind = Kind::kFilterState;
        policy.name = one.filter_state().key();
        break;
      case envoy_route::RouteAction::HashPolicy::POLICY_SPECIFIER_NOT_SET:
        continue;
    }
    policies.push_back(std::move(policy));
  }
  return policies;
}

std::vector<action::Upgrade> LoadUpgrades(
    const google::protobuf::RepeatedPtrField<envoy_route::RouteAction::UpgradeConfig>& proto,
    const std::string& path, Problems* problems) {
  std::vector<action::Upgrade> upgrades;
  std::set<std::string> seen;
  for (int i = 0; i < proto.size(); ++i) {
    const envoy_route::RouteAction::UpgradeConfig& one = proto[i];
    const std::string here = absl::StrCat(path, "[", i, "]");
    action::Upgrade upgrade;
    upgrade.type = http::LowerCase(std::string_view(one.upgrade_type()));
    if (one.has_enabled()) upgrade.enabled = one.enabled().value();
    upgrade.connect = one.has_connect_config();
    upgrade.connect_allow_post = one.connect_config().allow_post();
    if (!seen.insert(upgrade.type).second) {
      problems->Add(absl::StrCat(here, ".upgrade_type"),
                    absl::StrCat("Duplicate upgrade ", one.upgrade_type()));
    }
    if (upgrade.connect && upgrade.type != "connect" && upgrade.type != "connect-udp") {
      problems->Add(
          absl::StrCat(here, ".connect_config"),
          absl::StrCat("Non-CONNECT upgrade type ", one.upgrade_type(), " has ConnectConfig"));
    }
    upgrades.push_back(std::move(upgrade));
  }
  return upgrades;
}

action::InternalRedirect LoadInternalRedirect(const envoy_route::InternalRedirectPolicy& proto) {
  action::InternalRedirect redirect;
  if (proto.has_max_internal_redirects()) redirect.max = proto.max_internal_redirects().value();
  for (const uint32_t code : proto.redirect_response_codes()) {
    if (code == 301 || code == 302 || code == 303 || code == 307 || code == 308) {
      redirect.codes.push_back(code);
    }
  }
  if (proto.redirect_response_codes_size() == 0) redirect.codes = {302};
  redirect.allow_cross_scheme = proto.allow_cross_scheme_redirect();
  for (const std::string& name : proto.response_headers_to_copy()) {
    redirect.response_headers_to_copy.push_back(http::LowerCase(std::string_view(name)));
  }
  return redirect;
}

}  // namespace mesh::envoy::routes
