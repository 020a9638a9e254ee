// Route to route::action::Route.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite.pb.h"
#include "mesh/base/strings.h"
#include "mesh/envoy/route_policy.h"
#include "mesh/http/host.h"
#include "mesh/route/path_template.h"

namespace mesh::envoy::routes {
namespace {

namespace action = route::action;

action::Format LoadFormat(const std::string& text, const std::string& path, Problems* problems) {
  absl::StatusOr<action::Format> format = action::ParseFormat(text);
  if (format.ok()) return *std::move(format);
  problems->Add(path, std::string(Std(format.status().message())));
  return {};
}

std::vector<action::WeightedCluster> LoadWeighted(const envoy_api::WeightedCluster& proto,
                                                  const std::string& path,
                                                  const RouteOptions& options, bool check_clusters,
                                                  uint64_t* total, Problems* problems) {
  std::vector<action::WeightedCluster> clusters;
  *total = 0;
  for (int i = 0; i < proto.clusters_size(); ++i) {
    const envoy_api::WeightedCluster::ClusterWeight& one = proto.clusters(i);
    const std::string here = absl::StrCat(path, ".clusters[", i, "]");
    action::WeightedCluster cluster;
    cluster.name = one.name();
    cluster.cluster_header = http::LowerCase(std::string_view(one.cluster_header()));
    if (!one.name().empty() && !one.cluster_header().empty()) {
      problems->Add(here, "Only one of name or cluster_header can be specified");
    } else if (one.name().empty() && one.cluster_header().empty()) {
      problems->Add(here, "At least one of name or cluster_header need to be specified");
    } else if (check_clusters && !one.name().empty() && !options.cluster_exists(one.name())) {
      problems->Add(absl::StrCat(here, ".name"),
                    absl::StrCat("route: unknown weighted cluster '", one.name(), "'"));
    }
    if (!one.has_weight())
      problems->Add(absl::StrCat(here, ".weight"), "field 'weight' is not set");
    cluster.weight = one.weight().value();
    *total += cluster.weight;
    cluster.headers = LoadHeaderEdits(one.request_headers_to_add(), one.request_headers_to_remove(),
                                      one.response_headers_to_add(),
                                      one.response_headers_to_remove(), here, problems);
    cluster.host_rewrite = one.host_rewrite_literal();
    cluster.filters =
        LoadFilters(one.typed_per_filter_config(), absl::StrCat(here, ".typed_per_filter_config"),
                    options, problems);
    cluster.metadata_match = MetadataOf(one.metadata_match());
    clusters.push_back(std::move(cluster));
  }
  if (proto.clusters_size() > 0 && *total == 0) {
    problems->Add(path, "Sum of weights in the weighted_cluster must be greater than 0.");
  } else if (*total > UINT32_MAX) {
    problems->Add(path, "The sum of weights of all weighted clusters of route exceeds 4294967295");
  }
  return clusters;
}

action::PathRewrite LoadPathRewrite(const envoy_api::RouteAction& proto,
                                    const route::PathMatch& match, const std::string& path,
                                    const RouteOptions& options, Problems* problems) {
  const int kinds = !proto.prefix_rewrite().empty() + proto.has_regex_rewrite() +
                    proto.has_path_rewrite_policy() + !proto.path_rewrite().empty();
  if (kinds > 1) {
    problems->Add(path,
                  "Specify only one of prefix_rewrite, regex_rewrite, path_rewrite_policy or "
                  "path_rewrite");
    return {};
  }
  if (!proto.prefix_rewrite().empty()) {
    if (match.kind == route::PathMatch::Kind::kTemplate) {
      problems->Add(absl::StrCat(path, ".prefix_rewrite"),
                    "Cannot use prefix_rewrite with matcher extension");
    }
    return action::PrefixRewrite{proto.prefix_rewrite()};
  }
  if (proto.has_regex_rewrite()) {
    return LoadRegexRewrite(proto.regex_rewrite(), absl::StrCat(path, ".regex_rewrite"), options,
                            problems);
  }
  if (!proto.path_rewrite().empty()) {
    return action::FormatRewrite{
        LoadFormat(proto.path_rewrite(), absl::StrCat(path, ".path_rewrite"), problems)};
  }
  if (!proto.has_path_rewrite_policy()) return {};
  const std::string here = absl::StrCat(path, ".path_rewrite_policy");
  ::envoy::extensions::path::rewrite::uri_template::v3::UriTemplateRewriteConfig config;
  if (!proto.path_rewrite_policy().typed_config().UnpackTo(&config)) {
    problems->Add(here, absl::StrCat("Didn't find a registered implementation for '",
                                     proto.path_rewrite_policy().name(), "' with type URL: '",
                                     proto.path_rewrite_policy().typed_config().type_url(), "'"));
    return {};
  }
  if (match.kind != route::PathMatch::Kind::kTemplate) {
    problems->Add(here,
                  "unable to use the uri_template rewriter without the uri_template matcher in "
                  "match.path_match_policy");
    return {};
  }
  absl::StatusOr<route::TemplateRewrite> parts =
      route::ParseTemplateRewrite(config.path_template_rewrite());
  if (!parts.ok()) {
    problems->Add(here, std::string(Std(parts.status().message())));
    return {};
  }
  const std::vector<std::string> known = route::TemplateVariables(match.text);
  for (const auto& part : parts->parts) {
    if (!part.variable.empty() &&
        std::find(known.begin(), known.end(), part.variable) == known.end()) {
      problems->Add(here, absl::StrCat("mismatch between variables in path_match_policy and "
                                       "path_rewrite_policy: the match has no \"",
                                       part.variable, "\""));
    }
  }
  action::TemplatePathRewrite rewrite;
  rewrite.text = config.path_template_rewrite();
  absl::StatusOr<std::string> regex = route::TemplateRegex(match.text);
  if (regex.ok()) {
    auto compiled = action::Regex::Compile(*regex);
    if (compiled.ok()) rewrite.template_ = *std::move(compiled);
  }
  // A template in error is reported where the rule is compiled.
  if (rewrite.template_ == nullptr) return {};
  return rewrite;
}

action::HostRewrite LoadHostRewrite(const envoy_api::RouteAction& proto, const std::string& path,
                                    const RouteOptions& options, Problems* problems) {
  switch (proto.host_rewrite_specifier_case()) {
    case envoy_api::RouteAction::kHostRewriteLiteral:
      if (proto.host_rewrite_literal().empty()) return {};
      return action::LiteralHost{proto.host_rewrite_literal()};
    case envoy_api::RouteAction::kAutoHostRewrite:
      if (!proto.auto_host_rewrite().value()) return {};
      return action::AutoHost{};
    case envoy_api::RouteAction::kHostRewriteHeader:
      return action::HeaderHost{http::LowerCase(std::string_view(proto.host_rewrite_header()))};
    case envoy_api::RouteAction::kHostRewritePathRegex:
      return action::PathRegexHost{LoadRegexRewrite(proto.host_rewrite_path_regex(),
                                                    absl::StrCat(path, ".host_rewrite_path_regex"),
                                                    options, problems)};
    case envoy_api::RouteAction::kHostRewrite:
      return action::FormatRewrite{
          LoadFormat(proto.host_rewrite(), absl::StrCat(path, ".host_rewrite"), problems)};
    case envoy_api::RouteAction::HOST_REWRITE_SPECIFIER_NOT_SET:
      break;
  }
  return {};
}

action::Forward LoadForward(const envoy_api::RouteAction& proto, const Inherited& inherited,
                            const route::PathMatch& match, const std::string& path,
                            const RouteOptions& options, Problems* problems) {
  action::Forward forward;
  const bool check = inherited.check_clusters;
  switch (proto.cluster_specifier_case()) {
    case envoy_api::RouteAction::kCluster:
      forward.cluster = proto.cluster();
      if (check && !options.cluster_exists(forward.cluster)) {
        problems->Add(absl::StrCat(path, ".cluster"),
                      absl::StrCat("route: unknown cluster '", forward.cluster, "'"));
      }
      break;
    case envoy_api::RouteAction::kClusterHeader:
      forward.cluster_header = http::LowerCase(std::string_view(proto.cluster_header()));
      break;
    case envoy_api::RouteAction::kWeightedClusters:
      forward.weighted =
          LoadWeighted(proto.weighted_clusters(), absl::StrCat(path, ".weighted_clusters"), options,
                       check, &forward.total_weight, problems);
      forward.weight_header =
          http::LowerCase(std::string_view(proto.weighted_clusters().header_name()));
      forward.weight_runtime_prefix = proto.weighted_clusters().runtime_key_prefix();
      forward.weight_by_hash = proto.weighted_clusters().use_hash_policy().value();
      break;
    case envoy_api::RouteAction::kClusterSpecifierPlugin:
      problems->Add(absl::StrCat(path, ".cluster_specifier_plugin"),
                    "cluster specifier plug-ins are not supported; use cluster, cluster_header or "
                    "weighted_clusters");
      break;
    case envoy_api::RouteAction::kInlineClusterSpecifierPlugin:
      problems->Add(absl::StrCat(path, ".inline_cluster_specifier_plugin"),
                    "cluster specifier plug-ins are not supported; use cluster, cluster_header or "
                    "weighted_clusters");
      break;
    case envoy_api::RouteAction::CLUSTER_SPECIFIER_NOT_SET:
      break;
  }
  switch (proto.cluster_not_found_response_code()) {
    case envoy_api::RouteAction::NOT_FOUND:
      forward.cluster_not_found_status = 404;
      break;
    case envoy_api::RouteAction::INTERNAL_SERVER_ERROR:
      forward.cluster_not_found_status = 500;
      break;
    default:
      break;
  }
  forward.path_rewrite = LoadPathRewrite(proto, match, path, options, problems);
  forward.host_rewrite = LoadHostRewrite(proto, path, options, problems);
  forward.append_x_forwarded_host = proto.append_x_forwarded_host();
  if (proto.has_timeout()) forward.timeout = DurationOf(proto.timeout());
  const auto optional = [](bool has, const google::protobuf::Duration& duration) {
    return has ? std::optional<absl::Duration>(DurationOf(duration)) : std::nullopt;
  };
  forward.idle_timeout = optional(proto.has_idle_timeout(), proto.idle_timeout());
  forward.flush_timeout = optional(proto.has_flush_timeout(), proto.flush_timeout());
  const auto& stream = proto.max_stream_duration();
  forward.max_stream_duration =
      optional(stream.has_max_stream_duration(), stream.max_stream_duration());
  forward.grpc_timeout_header_max =
      optional(stream.has_grpc_timeout_header_max(), stream.grpc_timeout_header_max());
  forward.grpc_timeout_header_offset =
      optional(stream.has_grpc_timeout_header_offset(), stream.grpc_timeout_header_offset());
  forward.max_grpc_timeout = optional(proto.has_max_grpc_timeout(), proto.max_grpc_timeout());
  forward.grpc_timeout_offset =
      optional(proto.has_grpc_timeout_offset(), proto.grpc_timeout_offset());
  const envoy_api::VirtualHost& host = *inherited.host;
  if (proto.has_retry_policy()) {
    forward.retry = LoadRetry(proto.retry_policy(), absl::StrCat(path, ".retry_policy"), problems);
  } else if (host.has_retry_policy()) {
    forward.retry = LoadRetry(host.retry_policy(), "retry_policy", problems);
  }
  if (proto.has_hedge_policy()) {
    forward.hedge = LoadHedge(proto.hedge_policy());
  } else if (host.has_hedge_policy()) {
    forward.hedge = LoadHedge(host.hedge_policy());
  }
  if (proto.request_mirror_policies_size() > 0) {
    forward.mirrors =
        LoadMirrors(proto.request_mirror_policies(), absl::StrCat(path, ".request_mirror_policies"),
                    options, check, problems);
  } else if (host.request_mirror_policies_size() > 0) {
    forward.mirrors = LoadMirrors(host.request_mirror_policies(), "request_mirror_policies",
                                  options, check, problems);
  } else {
    forward.mirrors = LoadMirrors(inherited.config->request_mirror_policies(),
                                  "request_mirror_policies", options, check, problems);
  }
  forward.hash =
      LoadHashes(proto.hash_policy(), absl::StrCat(path, ".hash_policy"), options, problems);
  forward.upgrades =
      LoadUpgrades(proto.upgrade_configs(), absl::StrCat(path, ".upgrade_configs"), problems);
  if (proto.has_internal_redirect_policy()) {
    forward.internal_redirect = LoadInternalRedirect(proto.internal_redirect_policy());
  } else if (proto.internal_redirect_action() == envoy_api::RouteAction::HANDLE_INTERNAL_REDIRECT) {
    forward.internal_redirect.emplace();
    forward.internal_redirect->codes = {302};
    if (proto.has_max_internal_redirects()) {
      forward.internal_redirect->max = proto.max_internal_redirects().value();
    }
  }
  forward.high_priority = proto.priority() == ::envoy::config::core::v3::HIGH;
  forward.metadata_match = MetadataOf(proto.metadata_match());
  if (proto.has_cors())
    forward.cors = LoadCors(proto.cors(), absl::StrCat(path, ".cors"), problems);
  return forward;
}

action::Redirect LoadRedirect(const envoy_api::RedirectAction& proto, const std::string& path,
                              const RouteOptions& options, Problems* problems) {
  action::Redirect redirect;
  if (proto.https_redirect()) redirect.scheme = "https";
  if (!proto.scheme_redirect().empty()) redirect.scheme = proto.scheme_redirect();
  redirect.host = proto.host_redirect();
  if (proto.port_redirect() != 0) redirect.port = absl::StrCat(":", proto.port_redirect());
  redirect.strip_query = proto.strip_query();
  switch (proto.path_rewrite_specifier_case()) {
    case envoy_api::RedirectAction::kPathRedirect:
      redirect.path = proto.path_redirect();
      break;
    case envoy_api::RedirectAction::kPrefixRewrite:
      if (!proto.prefix_rewrite().empty()) {
        redirect.rewrite = action::PrefixRewrite{proto.prefix_rewrite()};
      }
      break;
    case envoy_api::RedirectAction::kRegexRewrite:
      redirect.rewrite = LoadRegexRewrite(proto.regex_rewrite(),
                                          absl::StrCat(path, ".regex_rewrite"), options, problems);
      break;
    case envoy_api::RedirectAction::kPathRewrite:
      redirect.rewrite = action::FormatRewrite{
          LoadFormat(proto.path_rewrite(), absl::StrCat(path, ".path_rewrite"), problems)};
      break;
    case envoy_api::RedirectAction::PATH_REWRITE_SPECIFIER_NOT_SET:
      break;
  }
  static constexpr int kStatus[] = {301, 302, 303, 307, 308};
  if (proto.response_code() >= 0 && proto.response_code() < 5) {
    redirect.status = kStatus[proto.response_code()];
  }
  return redirect;
}

action::DirectResponse LoadDirectResponse(const envoy_api::DirectResponseAction& proto,
                                          const Inherited& inherited, const std::string& path,
                                          const RouteOptions& options, Problems* problems) {
  action::DirectResponse response;
  response.status = static_cast<int>(proto.status());
  const auto& body = proto.body();
  const std::string field = absl::StrCat(path, ".body");
  switch (body.specifier_case()) {
    case ::envoy::config::core::v3::DataSource::kInlineString:
      response.body = body.inline_string();
      break;
    case ::envoy::config::core::v3::DataSource::kInlineBytes:
      response.body = body.inline_bytes();
      break;
    case ::envoy::config::core::v3::DataSource::kFilename: {
      absl::StatusOr<std::string> bytes =
          options.read_file ? options.read_file(body.filename())
                            : absl::StatusOr<std::string>(absl::InvalidArgumentError(
                                  "files are not read here; use inline_string"));
      if (bytes.ok()) {
        response.body = *std::move(bytes);
      } else {
        problems->Add(
            absl::StrCat(field, ".filename"),
            absl::StrCat("response body file ", body.filename(), ": ", bytes.status().message()));
      }
      break;
    }
    case ::envoy::config::core::v3::DataSource::kEnvironmentVariable:
      problems->Add(absl::StrCat(field, ".environment_variable"),
                    "environment variables are not read here; use inline_string");
      break;
    case ::envoy::config::core::v3::DataSource::SPECIFIER_NOT_SET:
      break;
  }
  const uint32_t most = inherited.config->has_max_direct_response_body_size_bytes()
                            ? inherited.config->max_direct_response_body_size_bytes().value()
                            : 4096;
  if (response.body.size() > most) {
    problems->Add(field, absl::StrCat("response body size is ", response.body.size(),
                                      " bytes; maximum is ", most));
  }
  if (proto.has_body_format()) {
    const auto& format = proto.body_format();
    response.content_type = format.content_type();
    if (format.has_text_format_source() || !format.text_format().empty()) {
      response.body_format =
          LoadFormat(format.has_text_format_source() ? format.text_format_source().inline_string()
                                                     : format.text_format(),
                     absl::StrCat(path, ".body_format"), problems);
    } else {
      problems->Add(absl::StrCat(path, ".body_format"), "only text formats are supported");
    }
  }
  return response;
}

}  // namespace

action::Route LoadRoute(const envoy_api::Route& proto, const Inherited& inherited,
                        const std::string& path, const RouteOptions& options, Problems* problems) {
  action::Route route;
  route.name = proto.name();
  route::Rule rule;
  {
    // Errors of the match are reported where the rule is loaded.
    std::vector<FieldError> ignored;
    Problems none(&ignored, "", {});
    LoadMatch(proto.match(), "", &none, &rule);
  }
  route.path = rule.path;
  switch (proto.action_case()) {
    case envoy_api::Route::kRoute:
      route.action = LoadForward(proto.route(), inherited, route.path, absl::StrCat(path, ".route"),
                                 options, problems);
      break;
    case envoy_api::Route::kRedirect:
      route.action =
          LoadRedirect(proto.redirect(), absl::StrCat(path, ".redirect"), options, problems);
      break;
    case envoy_api::Route::kDirectResponse:
      route.action = LoadDirectResponse(proto.direct_response(), inherited,
                                        absl::StrCat(path, ".direct_response"), options, problems);
      break;
    case envoy_api::Route::kNonForwardingAction:
      route.action = action::NonForwarding{};
      break;
    case envoy_api::Route::kFilterAction:
      problems->Add(absl::StrCat(path, ".filter_action"),
                    "filter_action is not supported; use route, redirect or direct_response");
      break;
    case envoy_api::Route::ACTION_NOT_SET:
      break;
  }
  route.headers = LoadHeaderEdits(proto.request_headers_to_add(), proto.request_headers_to_remove(),
                                  proto.response_headers_to_add(),
                                  proto.response_headers_to_remove(), path, problems);
  route.filters = LoadFilters(proto.typed_per_filter_config(),
                              absl::StrCat(path, ".typed_per_filter_config"), options, problems);
  route.metadata = MetadataOf(proto.metadata());
  route.decorator_operation = proto.decorator().operation();
  if (proto.decorator().has_propagate()) {
    route.decorator_propagate = proto.decorator().propagate().value();
  }
  if (proto.has_request_body_buffer_limit()) {
    route.request_body_limit = proto.request_body_buffer_limit().value();
  } else if (proto.has_per_request_buffer_limit_bytes()) {
    route.request_body_limit = proto.per_request_buffer_limit_bytes().value();
  } else if (inherited.host->has_request_body_buffer_limit()) {
    route.request_body_limit = inherited.host->request_body_buffer_limit().value();
  } else if (inherited.host->has_per_request_buffer_limit_bytes()) {
    route.request_body_limit = inherited.host->per_request_buffer_limit_bytes().value();
  }
  route.stat_prefix = proto.stat_prefix();
  if (proto.route_specifiers_size() > 0) {
    problems->Add(absl::StrCat(path, ".route_specifiers"), "route specifiers are not supported");
  }
  return route;
}

}  // namespace mesh::envoy::routes
