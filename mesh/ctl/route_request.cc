#include "mesh/ctl/route_request.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"

namespace mesh::ctl {

route::Request WrittenRequest::AsRequest() const {
  route::Request request;
  request.method = method;
  request.scheme = scheme;
  request.authority = authority;
  request.path = path;
  request.headers = headers.view();
  request.random = random;
  return request;
}

std::string WrittenRequest::ToString() const {
  return absl::StrCat(method, " ", scheme, "://", authority, path);
}

absl::StatusOr<WrittenRequest> ParseUrl(const std::string& method, std::string_view url) {
  WrittenRequest request;
  request.method = method;
  const size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) {
    request.scheme = http::LowerCase(url.substr(0, scheme));
    url.remove_prefix(scheme + 3);
  }
  const size_t slash = url.find_first_of("/?#");
  const std::string_view authority = url.substr(0, slash);
  if (slash != std::string_view::npos) {
    request.path = std::string(url.substr(slash));
    if (request.path[0] != '/') request.path.insert(0, 1, '/');
  }
  if (authority.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the URL has no host; write http://HOST/PATH, not ", Absl(url)));
  }
  request.port = request.scheme == "https" ? 443 : 80;
  request.authority = std::string(authority);
  const size_t port = http::PortStart(authority);
  if (port != std::string_view::npos) {
    int number = 0;
    if (!absl::SimpleAtoi(Absl(authority.substr(port + 1)), &number) || number < 1 ||
        number > 65535) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", Absl(authority.substr(port + 1)), "\" is no port"));
    }
    if (number == request.port) request.authority = std::string(authority.substr(0, port));
    request.port = number;
  }
  return request;
}

absl::Status AddHeaderLine(std::string_view line, WrittenRequest* request) {
  const size_t colon = line.find(':', 1);
  if (colon == std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("a header is written 'name: value', not \"", Absl(line), "\""));
  }
  const std::string name =
      http::LowerCase(Std(absl::StripAsciiWhitespace(Absl(line.substr(0, colon)))));
  const std::string value(absl::StripAsciiWhitespace(Absl(line.substr(colon + 1))));
  if (name == "host" || name == ":authority") {
    request->authority = value;
  } else {
    request->headers.Add(name, value);
  }
  return absl::OkStatus();
}

std::optional<WrittenRequest> ParseLogLine(std::string_view line) {
  WrittenRequest request;
  const auto json = nlohmann::ordered_json::parse(line, nullptr, false);
  if (json.is_object()) {
    const auto text = [&](const char* key) {
      return json.contains(key) && json[key].is_string() ? json[key].get<std::string>()
                                                         : std::string();
    };
    request.method = text("method");
    request.path = text("path");
    request.authority = text("authority");
  } else {
    // The quoted fields: request, two of Istio's (one since Istio 1.9, which writes the response
    // code's details before it, unquoted), x-forwarded-for, user agent, request id, authority.
    std::vector<std::string_view> quoted;
    for (size_t at = line.find('"'); at != std::string_view::npos; at = line.find('"', at)) {
      const size_t end = line.find('"', at + 1);
      if (end == std::string_view::npos) break;
      quoted.push_back(line.substr(at + 1, end - at - 1));
      at = end + 1;
    }
    if (quoted.empty()) return std::nullopt;
    const std::string_view first = quoted[0];
    const size_t one = first.find(' ');
    const size_t two = first.rfind(' ');
    if (one == std::string_view::npos || two <= one) return std::nullopt;
    request.method = std::string(first.substr(0, one));
    request.path = std::string(first.substr(one + 1, two - one - 1));
    size_t authority = 6;
    if (quoted.size() > 1) {
      const char* const behind = first.data() + first.size() + 1;
      const std::string_view codes(behind, quoted[1].data() - 1 - behind);
      const std::vector<std::string> words = absl::StrSplit(Absl(codes), ' ', absl::SkipEmpty());
      if (words.size() > 2) authority = 5;
    }
    if (quoted.size() > authority) {
      request.authority = std::string(quoted[authority]);
      const std::string_view agent = quoted[authority - 2];
      if (agent != "-") request.headers.Add("user-agent", agent);
    }
  }
  if (request.method.empty() || request.authority.empty() || request.path.empty()) {
    return std::nullopt;
  }
  const size_t port = http::PortStart(request.authority);
  if (port != std::string_view::npos) {
    (void)absl::SimpleAtoi(Absl(std::string_view(request.authority).substr(port + 1)),
                           &request.port);
  }
  return request;
}

std::string FateOf(const route::action::RouteConfig& config, const route::Match& match) {
  namespace action = route::action;
  switch (match.outcome) {
    case route::Match::Outcome::kNoVirtualHost:
    case route::Match::Outcome::kNoRule:
      return "404";
    case route::Match::Outcome::kTlsRequired:
      return "301 to https";
    case route::Match::Outcome::kRule:
      break;
  }
  const action::Route* route = config.RouteOf(match);
  if (route == nullptr) return "404";
  if (const auto* forward = std::get_if<action::Forward>(&route->action)) {
    std::string rewrite;
    if (const auto* prefix = std::get_if<action::PrefixRewrite>(&forward->path_rewrite)) {
      rewrite = absl::StrCat(", path rewritten to ", prefix->with);
    } else if (!std::holds_alternative<std::monostate>(forward->path_rewrite)) {
      rewrite = ", path rewritten";
    }
    if (!forward->cluster.empty()) return absl::StrCat("cluster ", forward->cluster, rewrite);
    if (!forward->cluster_header.empty()) {
      return absl::StrCat("cluster by header ", forward->cluster_header, rewrite);
    }
    std::string text = "clusters";
    for (const action::WeightedCluster& cluster : forward->weighted) {
      absl::StrAppend(&text, " ", cluster.weight, " ",
                      cluster.name.empty() ? cluster.cluster_header : cluster.name);
    }
    return text + rewrite;
  }
  if (const auto* redirect = std::get_if<action::Redirect>(&route->action)) {
    return absl::StrCat(redirect->status, " redirect ", redirect->scheme, "://", redirect->host,
                        redirect->port, redirect->path);
  }
  if (const auto* response = std::get_if<action::DirectResponse>(&route->action)) {
    return absl::StrCat(response->status, " ", response->body);
  }
  return "no forwarding";
}

}  // namespace mesh::ctl
