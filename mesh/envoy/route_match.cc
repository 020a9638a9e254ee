// RouteMatch to route::Rule.
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/path/match/uri_template/v3/uri_template_match.pb.h"
#include "mesh/envoy/route_parts.h"
#include "mesh/http/host.h"

namespace mesh::envoy::routes {
namespace {

namespace envoy_matcher = ::envoy::type::matcher::v3;
namespace envoy_route = ::envoy::config::route::v3;
using route::StringMatch;

template <class Proto>
StringMatch StringOf(const Proto& proto, const std::string& path, Problems* problems) {
  StringMatch match;
  match.ignore_case = proto.ignore_case();
  switch (proto.match_pattern_case()) {
    case Proto::kExact:
      match.text = proto.exact();
      break;
    case Proto::kPrefix:
      match.kind = StringMatch::Kind::kPrefix;
      match.text = proto.prefix();
      break;
    case Proto::kSuffix:
      match.kind = StringMatch::Kind::kSuffix;
      match.text = proto.suffix();
      break;
    case Proto::kContains:
      match.kind = StringMatch::Kind::kContains;
      match.text = proto.contains();
      break;
    case Proto::kSafeRegex:
      match.kind = StringMatch::Kind::kRegex;
      match.text = proto.safe_regex().regex();
      match.ignore_case = false;
      if (proto.ignore_case()) {
        problems->Add(absl::StrCat(path, ".ignore_case"),
                      "ignore_case has no effect for safe_regex.");
      }
      break;
    case Proto::kCustom:
      problems->Add(absl::StrCat(path, ".custom"),
                    absl::StrCat("Didn't find a registered implementation for name: '",
                                 proto.custom().name(), "'"));
      break;
    case Proto::MATCH_PATTERN_NOT_SET:
      break;  // reported as a constraint
  }
  return match;
}

std::string ShowRange(const ::xds::core::v3::CidrRange& range) {
  return range.has_prefix_len()
             ? absl::StrCat(range.address_prefix(), "/", range.prefix_len().value())
             : absl::StrCat(range.address_prefix(), "/0");
}

route::ValueMatch LoadValue(const envoy_matcher::ValueMatcher& proto, const std::string& path,
                            Problems* problems) {
  using Kind = route::ValueMatch::Kind;
  route::ValueMatch match;
  switch (proto.match_pattern_case()) {
    case envoy_matcher::ValueMatcher::kNullMatch:
      match.kind = Kind::kNull;
      break;
    case envoy_matcher::ValueMatcher::kDoubleMatch:
      if (proto.double_match().has_range()) {
        match.kind = Kind::kNumberRange;
        match.begin = proto.double_match().range().start();
        match.end = proto.double_match().range().end();
      } else {
        match.kind = Kind::kNumber;
        match.begin = proto.double_match().exact();
      }
      break;
    case envoy_matcher::ValueMatcher::kStringMatch:
      match.kind = Kind::kString;
      match.text = LoadString(proto.string_match(), absl::StrCat(path, ".string_match"), problems);
      break;
    case envoy_matcher::ValueMatcher::kBoolMatch:
      match.kind = Kind::kBool;
      match.flag = proto.bool_match();
      break;
    case envoy_matcher::ValueMatcher::kPresentMatch:
      match.flag = proto.present_match();
      break;
    case envoy_matcher::ValueMatcher::kListMatch:
      match.kind = Kind::kListHas;
      match.of.push_back(LoadValue(proto.list_match().one_of(),
                                   absl::StrCat(path, ".list_match.one_of"), problems));
      break;
    case envoy_matcher::ValueMatcher::kOrMatch:
      match.kind = Kind::kAny;
      for (int i = 0; i < proto.or_match().value_matchers_size(); ++i) {
        match.of.push_back(LoadValue(proto.or_match().value_matchers(i),
                                     absl::StrCat(path, ".or_match.value_matchers[", i, "]"),
                                     problems));
      }
      break;
    case envoy_matcher::ValueMatcher::MATCH_PATTERN_NOT_SET:
      break;
  }
  return match;
}

void LoadPath(const envoy_route::RouteMatch& proto, const std::string& path, Problems* problems,
              route::PathMatch* match) {
  using Kind = route::PathMatch::Kind;
  match->ignore_case = proto.has_case_sensitive() && !proto.case_sensitive().value();
  switch (proto.path_specifier_case()) {
    case envoy_route::RouteMatch::kPrefix:
      match->kind = Kind::kPrefix;
      match->text = proto.prefix();
      break;
    case envoy_route::RouteMatch::kPath:
      match->kind = Kind::kExact;
      match->text = proto.path();
      break;
    case envoy_route::RouteMatch::kSafeRegex:
      match->kind = Kind::kRegex;
      match->text = proto.safe_regex().regex();
      break;
    case envoy_route::RouteMatch::kPathSeparatedPrefix:
      match->kind = Kind::kSeparatedPrefix;
      match->text = proto.path_separated_prefix();
      break;
    case envoy_route::RouteMatch::kConnectMatcher:
      match->kind = Kind::kConnect;
      match->text.clear();
      break;
    case envoy_route::RouteMatch::kPathMatchPolicy: {
      match->kind = Kind::kTemplate;
      ::envoy::extensions::path::match::uri_template::v3::UriTemplateMatchConfig config;
      if (!proto.path_match_policy().typed_config().UnpackTo(&config)) {
        problems->Add(absl::StrCat(path, ".path_match_policy"),
                      absl::StrCat("Didn't find a registered implementation for '",
                                   proto.path_match_policy().name(), "' with type URL: '",
                                   proto.path_match_policy().typed_config().type_url(), "'"));
        break;
      }
      match->text = config.path_template();
      break;
    }
    case envoy_route::RouteMatch::PATH_SPECIFIER_NOT_SET:
      break;
  }
}

}  // namespace

StringMatch LoadString(const envoy_matcher::StringMatcher& proto, const std::string& path,
                       Problems* problems) {
  return StringOf(proto, path, problems);
}

StringMatch LoadString(const ::xds::type::matcher::v3::StringMatcher& proto,
                       const std::string& path, Problems* problems) {
  return StringOf(proto, path, problems);
}

route::FractionMatch LoadFraction(
    const ::envoy::config::core::v3::RuntimeFractionalPercent& proto) {
  route::FractionMatch match;
  match.numerator = proto.default_value().numerator();
  switch (proto.default_value().denominator()) {
    case ::envoy::type::v3::FractionalPercent::TEN_THOUSAND:
      match.denominator = 10000;
      break;
    case ::envoy::type::v3::FractionalPercent::MILLION:
      match.denominator = 1000000;
      break;
    default:
      match.denominator = 100;
  }
  match.runtime_key = proto.runtime_key();
  return match;
}

route::HeaderMatch LoadHeaderMatch(const envoy_route::HeaderMatcher& proto, const std::string& path,
                                   Problems* problems) {
  using Kind = route::HeaderMatch::Kind;
  route::HeaderMatch match;
  match.name = http::LowerCase(std::string_view(proto.name()));
  match.invert = proto.invert_match();
  match.missing_is_empty = proto.treat_missing_header_as_empty();
  switch (proto.header_match_specifier_case()) {
    case envoy_route::HeaderMatcher::kExactMatch:
      match.value.text = proto.exact_match();
      // The old form: nothing to compare with means that the header is there.
      if (match.value.text.empty()) match.kind = Kind::kPresent;
      break;
    case envoy_route::HeaderMatcher::kSafeRegexMatch:
      match.value = {StringMatch::Kind::kRegex, false, proto.safe_regex_match().regex()};
      break;
    case envoy_route::HeaderMatcher::kRangeMatch:
      match.kind = Kind::kRange;
      match.begin = proto.range_match().start();
      match.end = proto.range_match().end();
      break;
    case envoy_route::HeaderMatcher::kPresentMatch:
      match.kind = Kind::kPresent;
      match.present = proto.present_match();
      break;
    case envoy_route::HeaderMatcher::kPrefixMatch:
      match.value = {StringMatch::Kind::kPrefix, false, proto.prefix_match()};
      break;
    case envoy_route::HeaderMatcher::kSuffixMatch:
      match.value = {StringMatch::Kind::kSuffix, false, proto.suffix_match()};
      break;
    case envoy_route::HeaderMatcher::kContainsMatch:
      match.value = {StringMatch::Kind::kContains, false, proto.contains_match()};
      break;
    case envoy_route::HeaderMatcher::kStringMatch:
      match.value = LoadString(proto.string_match(), absl::StrCat(path, ".string_match"), problems);
      break;
    case envoy_route::HeaderMatcher::HEADER_MATCH_SPECIFIER_NOT_SET:
      match.kind = Kind::kPresent;
      break;
  }
  return match;
}

void LoadMatch(const envoy_route::RouteMatch& proto, const std::string& path, Problems* problems,
               route::Rule* rule) {
  LoadPath(proto, path, problems, &rule->path);
  if (proto.has_runtime_fraction()) {
    rule->conditions.push_back(LoadFraction(proto.runtime_fraction()));
  }
  if (proto.has_grpc()) rule->conditions.push_back(route::GrpcMatch{});
  for (int i = 0; i < proto.headers_size(); ++i) {
    rule->conditions.push_back(
        LoadHeaderMatch(proto.headers(i), absl::StrCat(path, ".headers[", i, "]"), problems));
  }
  for (int i = 0; i < proto.query_parameters_size(); ++i) {
    const envoy_route::QueryParameterMatcher& one = proto.query_parameters(i);
    route::QueryMatch match;
    match.name = one.name();
    if (one.query_parameter_match_specifier_case() ==
        envoy_route::QueryParameterMatcher::kPresentMatch) {
      match.present = one.present_match();
    }
    if (one.has_string_match()) {
      match.value =
          LoadString(one.string_match(),
                     absl::StrCat(path, ".query_parameters[", i, "].string_match"), problems);
    }
    rule->conditions.push_back(std::move(match));
  }
  for (int i = 0; i < proto.cookies_size(); ++i) {
    route::CookieMatch match;
    match.name = proto.cookies(i).name();
    match.value = LoadString(proto.cookies(i).string_match(),
                             absl::StrCat(path, ".cookies[", i, "].string_match"), problems);
    match.invert = proto.cookies(i).invert_match();
    rule->conditions.push_back(std::move(match));
  }
  if (proto.has_tls_context()) {
    route::TlsMatch match;
    if (proto.tls_context().has_presented())
      match.presented = proto.tls_context().presented().value();
    if (proto.tls_context().has_validated())
      match.validated = proto.tls_context().validated().value();
    rule->conditions.push_back(match);
  }
  for (int i = 0; i < proto.dynamic_metadata_size(); ++i) {
    const envoy_matcher::MetadataMatcher& one = proto.dynamic_metadata(i);
    route::MetadataMatch match;
    match.filter = one.filter();
    for (const auto& segment : one.path()) match.path.push_back(segment.key());
    match.value =
        LoadValue(one.value(), absl::StrCat(path, ".dynamic_metadata[", i, "].value"), problems);
    match.invert = one.invert();
    rule->conditions.push_back(std::move(match));
  }
  for (int i = 0; i < proto.filter_state_size(); ++i) {
    const envoy_matcher::FilterStateMatcher& one = proto.filter_state(i);
    route::FilterStateMatch match;
    match.key = one.key();
    if (one.has_string_match()) {
      match.text = LoadString(one.string_match(),
                              absl::StrCat(path, ".filter_state[", i, "].string_match"), problems);
    }
    for (const auto& range : one.address_match().ranges()) match.ranges.push_back(ShowRange(range));
    match.invert_ranges = one.address_match().invert_match();
    rule->conditions.push_back(std::move(match));
  }
}

}  // namespace mesh::envoy::routes
