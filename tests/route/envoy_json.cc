#include "tests/route/envoy_json.h"

#include "absl/strings/str_cat.h"

namespace mesh {
namespace {

using Json = nlohmann::ordered_json;

Json StringJson(const route::StringMatch& match) {
  Json json;
  switch (match.kind) {
    case route::StringMatch::Kind::kExact:
      json["exact"] = match.text;
      break;
    case route::StringMatch::Kind::kPrefix:
      json["prefix"] = match.text;
      break;
    case route::StringMatch::Kind::kSuffix:
      json["suffix"] = match.text;
      break;
    case route::StringMatch::Kind::kContains:
      json["contains"] = match.text;
      break;
    case route::StringMatch::Kind::kRegex:
      json["safe_regex"] = {{"regex", match.text}};
      break;
  }
  if (match.ignore_case) json["ignore_case"] = true;
  return json;
}

Json HeaderJson(const route::HeaderMatch& match) {
  Json json = {{"name", match.name}};
  switch (match.kind) {
    case route::HeaderMatch::Kind::kValue:
      json["string_match"] = StringJson(match.value);
      break;
    case route::HeaderMatch::Kind::kRange:
      json["range_match"] = {{"start", match.begin}, {"end", match.end}};
      break;
    case route::HeaderMatch::Kind::kPresent:
      json["present_match"] = match.present;
      break;
  }
  if (match.invert) json["invert_match"] = true;
  if (match.missing_is_empty) json["treat_missing_header_as_empty"] = true;
  return json;
}

Json MatchJson(const route::Rule& rule) {
  Json json;
  switch (rule.path.kind) {
    case route::PathMatch::Kind::kPrefix:
      json["prefix"] = rule.path.text;
      break;
    case route::PathMatch::Kind::kExact:
      json["path"] = rule.path.text;
      break;
    case route::PathMatch::Kind::kRegex:
      json["safe_regex"] = {{"regex", rule.path.text}};
      break;
    case route::PathMatch::Kind::kSeparatedPrefix:
      json["path_separated_prefix"] = rule.path.text;
      break;
    case route::PathMatch::Kind::kTemplate:
      json["path_match_policy"] = {
          {"name", "envoy.path.match.uri_template.uri_template_matcher"},
          {"typed_config",
           {{"@type",
             "type.googleapis.com/"
             "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"},
            {"path_template", rule.path.text}}}};
      break;
    case route::PathMatch::Kind::kConnect:
      json["connect_matcher"] = Json::object();
      break;
  }
  if (rule.path.ignore_case) json["case_sensitive"] = false;
  for (const route::Condition& condition : rule.conditions) {
    if (const auto* header = std::get_if<route::HeaderMatch>(&condition)) {
      json["headers"].push_back(HeaderJson(*header));
    } else if (const auto* query = std::get_if<route::QueryMatch>(&condition)) {
      Json one = {{"name", query->name}};
      if (query->value) {
        one["string_match"] = StringJson(*query->value);
      } else {
        one["present_match"] = query->present;
      }
      json["query_parameters"].push_back(one);
    } else if (const auto* cookie = std::get_if<route::CookieMatch>(&condition)) {
      Json one = {{"name", cookie->name}, {"string_match", StringJson(cookie->value)}};
      if (cookie->invert) one["invert_match"] = true;
      json["cookies"].push_back(one);
    } else if (std::holds_alternative<route::GrpcMatch>(condition)) {
      json["grpc"] = Json::object();
    } else if (const auto* tls = std::get_if<route::TlsMatch>(&condition)) {
      json["tls_context"] = Json::object();
      if (tls->presented) json["tls_context"]["presented"] = *tls->presented;
      if (tls->validated) json["tls_context"]["validated"] = *tls->validated;
    } else if (const auto* fraction = std::get_if<route::FractionMatch>(&condition)) {
      json["runtime_fraction"] = {
          {"default_value",
           {{"numerator", fraction->numerator},
            {"denominator", fraction->denominator == 1000000 ? "MILLION"
                            : fraction->denominator == 10000 ? "TEN_THOUSAND"
                                                             : "HUNDRED"}}}};
    }
  }
  return json;
}

}  // namespace

Json EnvoyJson(const std::vector<std::shared_ptr<const route::VirtualHost>>& hosts,
               const route::TableOptions& options) {
  Json config = {{"name", "r"}, {"virtual_hosts", Json::array()}};
  if (options.ignore_port_in_host) config["ignore_port_in_host_matching"] = true;
  if (options.ignore_path_parameters) config["ignore_path_parameters_in_path_matching"] = true;
  for (size_t i = 0; i < hosts.size(); ++i) {
    const route::VirtualHost& plain = *hosts[i];
    Json host = {{"name", plain.name}, {"domains", plain.domains}};
    if (plain.require_tls == route::TlsRequirement::kAll) host["require_tls"] = "ALL";
    for (const route::Rule& rule : plain.rules) {
      host["routes"].push_back(
          {{"match", MatchJson(rule)},
           {"direct_response",
            {{"status", 200}, {"body", {{"inline_string", absl::StrCat(i, "/", rule.id)}}}}}});
    }
    config["virtual_hosts"].push_back(host);
  }
  return config;
}

}  // namespace mesh
