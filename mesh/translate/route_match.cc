#include "mesh/translate/route_match.h"

#include <algorithm>
#include <map>
#include <string>

#include "mesh/translate/proto.h"

namespace mesh::translate {
namespace {

namespace route_v3 = ::envoy::config::route::v3;
using ::istio::networking::v1alpha3::HTTPMatchRequest;
using ::istio::networking::v1alpha3::StringMatch;

// Protobuf's maps are in no order.
template <class Map>
std::map<std::string, StringMatch> Sorted(const Map& map) {
  return std::map<std::string, StringMatch>(map.begin(), map.end());
}

}  // namespace

route_v3::HeaderMatcher TranslateHeaderMatch(const std::string& name, const StringMatch& match) {
  route_v3::HeaderMatcher matcher;
  matcher.set_name(name);
  switch (match.match_type_case()) {
    case StringMatch::kExact:
      *matcher.mutable_string_match() = Exactly(match.exact());
      break;
    case StringMatch::kPrefix:
      matcher.mutable_string_match()->set_prefix(match.prefix());
      break;
    case StringMatch::kRegex:
      if (match.regex() == "*") {
        matcher.set_present_match(true);
      } else {
        *matcher.mutable_string_match() = WholeRegex(match.regex());
      }
      break;
    default:
      matcher.set_present_match(true);
      break;
  }
  return matcher;
}

route_v3::RouteMatch TranslateMatch(const HTTPMatchRequest& match) {
  route_v3::RouteMatch out;
  out.set_prefix("/");
  switch (match.uri().match_type_case()) {
    case StringMatch::kExact:
      out.set_path(match.uri().exact());
      break;
    case StringMatch::kPrefix:
      out.set_prefix(match.uri().prefix());
      break;
    case StringMatch::kRegex:
      out.mutable_safe_regex()->set_regex(match.uri().regex());
      break;
    default:
      break;
  }
  out.mutable_case_sensitive()->set_value(!match.ignore_uri_case());
  for (const auto& [name, value] : Sorted(match.headers())) {
    *out.add_headers() = TranslateHeaderMatch(name, value);
  }
  for (const auto& [name, value] : Sorted(match.without_headers())) {
    *out.add_headers() = TranslateHeaderMatch(name, value);
    out.mutable_headers(out.headers_size() - 1)->set_invert_match(true);
  }
  if (match.has_method()) *out.add_headers() = TranslateHeaderMatch(":method", match.method());
  if (match.has_authority()) {
    *out.add_headers() = TranslateHeaderMatch(":authority", match.authority());
  }
  if (match.has_scheme()) *out.add_headers() = TranslateHeaderMatch(":scheme", match.scheme());
  for (const auto& [name, value] : Sorted(match.query_params())) {
    route_v3::QueryParameterMatcher* query = out.add_query_parameters();
    query->set_name(name);
    if (value.match_type_case() == StringMatch::kExact) {
      *query->mutable_string_match() = Exactly(value.exact());
    } else if (value.match_type_case() == StringMatch::kRegex) {
      *query->mutable_string_match() = WholeRegex(value.regex());
    } else {
      // Istio 1.7 knows no prefix here: that the parameter is there is all that counts.
      query->set_present_match(true);
    }
  }
  return out;
}

bool MatchesEverything(const HTTPMatchRequest& match) {
  if (!match.has_uri() || !match.headers().empty() || !match.without_headers().empty() ||
      !match.query_params().empty() || match.has_method() || match.has_authority() ||
      match.has_scheme()) {
    return false;
  }
  return match.uri().prefix() == "/" || match.uri().regex() == "*";
}

bool MatchesEverything(const route_v3::RouteMatch& match) {
  if (!match.headers().empty() || !match.query_parameters().empty()) return false;
  return match.prefix() == "/" || match.safe_regex().regex() == "*";
}

}  // namespace mesh::translate
