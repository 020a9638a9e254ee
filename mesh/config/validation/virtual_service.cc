#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "mesh/config/token_claim.h"
#include "mesh/config/validation/host_set.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {
namespace {

namespace net = ::istio::networking::v1alpha3;

void CheckStringMatch(Checker* checker, const Path& path, const net::StringMatch& match) {
  checker->Check(path.Field("regex"), CheckRegex(match.regex()));
}

void CheckHeaderOperations(Checker* checker, const Path& path, const net::Headers& headers) {
  const auto check = [&](std::string_view name, const net::Headers::HeaderOperations& operations) {
    const Path at = path.Field(name);
    for (const auto* header : Sorted(operations.set())) {
      checker->Check(at.Field("set"), CheckHeaderName(header->first));
    }
    for (const auto* header : Sorted(operations.add())) {
      checker->Check(at.Field("add"), CheckHeaderName(header->first));
    }
    for (int i = 0; i < operations.remove_size(); ++i) {
      const Path remove = at.Field("remove");
      checker->Check(remove.At(i), CheckHeaderName(operations.remove(i)));
    }
  };
  check("request", headers.request());
  check("response", headers.response());
}

void CheckCors(Checker* checker, const Path& path, const net::CorsPolicy& cors) {
  for (int i = 0; i < cors.allow_origins_size(); ++i) {
    const net::StringMatch& origin = cors.allow_origins(i);
    const Path list = path.Field("allowOrigins");
    const Path at = list.At(i);
    if (origin.exact().empty() && origin.prefix().empty() && origin.regex().empty()) {
      checker->Fail(at, "an origin is exact, prefix or regex, and not empty");
    } else {
      CheckStringMatch(checker, at, origin);
    }
  }
  for (int i = 0; i < cors.allow_methods_size(); ++i) {
    const std::string& method = cors.allow_methods(i);
    bool known = false;
    for (const char* name :
         {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}) {
      known = known || method == name;
    }
    // Istio took * up later.
    if (known || method == "*") continue;
    const Path list = path.Field("allowMethods");
    checker->Fail(list.At(i), absl::StrCat("\"", method, "\" is no method of HTTP"));
  }
  for (int i = 0; i < cors.allow_headers_size(); ++i) {
    const Path list = path.Field("allowHeaders");
    checker->Check(list.At(i), CheckHeaderName(cors.allow_headers(i)));
  }
  for (int i = 0; i < cors.expose_headers_size(); ++i) {
    const Path list = path.Field("exposeHeaders");
    checker->Check(list.At(i), CheckHeaderName(cors.expose_headers(i)));
  }
  if (cors.has_max_age()) {
    checker->Check(path.Field("maxAge"), CheckDuration(cors.max_age()));
    if (cors.max_age().nanos() > 0) {
      checker->Fail(path.Field("maxAge"), "is in whole seconds");
    }
  }
}

std::string CheckHttpStatus(int status) {
  return status >= 200 && status <= 600
             ? ""
             : absl::StrCat(status, " is not a status of HTTP, 200 to 600");
}

void CheckFault(Checker* checker, const Path& path, const net::HTTPFaultInjection& fault) {
  if (!fault.has_abort() && !fault.has_delay()) {
    checker->Fail(path, "is empty; give delay, abort or both");
  }
  if (fault.has_abort()) {
    const Path at = path.Field("abort");
    const auto& abort = fault.abort();
    checker->Check(at.Field("percentage"), CheckFractionalPercent(abort.percentage().value()));
    switch (abort.error_type_case()) {
      case net::HTTPFaultInjection::Abort::kHttpStatus:
        checker->Check(at.Field("httpStatus"), CheckHttpStatus(abort.http_status()));
        break;
      case net::HTTPFaultInjection::Abort::kGrpcStatus:
        checker->Fail(at.Field("grpcStatus"), "is not supported; use httpStatus");
        break;
      case net::HTTPFaultInjection::Abort::kHttp2Error:
        checker->Fail(at.Field("http2Error"), "is not supported; use httpStatus");
        break;
      default:
        break;
    }
  }
  if (fault.has_delay()) {
    const Path at = path.Field("delay");
    const auto& delay = fault.delay();
    checker->Check(at.Field("percent"), CheckPercent(delay.percent()));
    checker->Check(at.Field("percentage"), CheckFractionalPercent(delay.percentage().value()));
    if (delay.has_fixed_delay()) {
      checker->Check(at.Field("fixedDelay"), CheckDuration(delay.fixed_delay()));
    }
    if (delay.has_exponential_delay()) {
      checker->Fail(at.Field("exponentialDelay"), "is not supported; use fixedDelay");
    }
  }
}

// The statuses that have a name (RFC 9110 §15 and the registry), as Go's http.StatusText.
bool IsNamedStatus(int64_t status) {
  return (status >= 100 && status <= 103) || (status >= 200 && status <= 208) || status == 226 ||
         (status >= 300 && status <= 305) || status == 307 || status == 308 ||
         (status >= 400 && status <= 418) || (status >= 421 && status <= 426) || status == 428 ||
         status == 429 || status == 431 || status == 451 || (status >= 500 && status <= 508) ||
         status == 510 || status == 511;
}

void CheckRetries(Checker* checker, const Path& path, const net::HTTPRetry& retries) {
  if (retries.attempts() < 0) checker->Fail(path.Field("attempts"), "is below 0");
  if (retries.attempts() == 0 && (retries.has_per_try_timeout() || !retries.retry_on().empty() ||
                                  retries.has_retry_remote_localities())) {
    checker->Fail(path, "attempts is 0, so nothing is retried; set it or leave the rest out");
  }
  if (retries.has_per_try_timeout()) {
    checker->Check(path.Field("perTryTimeout"), CheckDuration(retries.per_try_timeout()));
  }
  if (retries.has_backoff()) {
    checker->Check(path.Field("backoff"), CheckDuration(retries.backoff()));
  }
  if (retries.retry_on().empty()) return;
  for (absl::string_view condition : absl::StrSplit(retries.retry_on(), ',')) {
    const std::optional<int64_t> status = ParseNumber(Std(condition));
    bool known = status.has_value() && IsNamedStatus(*status);
    for (const char* name :
         {"5xx", "gateway-error", "reset", "reset-before-request", "connect-failure",
          "retriable-4xx", "refused-stream", "retriable-status-codes", "retriable-headers",
          "envoy-ratelimited", "http3-post-connect-failure", "cancelled", "deadline-exceeded",
          "internal", "resource-exhausted", "unavailable"}) {
      known = known || condition == name;
    }
    if (!known) {
      checker->Fail(path.Field("retryOn"),
                    absl::StrCat("\"", condition,
                                 "\" is neither a condition such as 5xx, connect-failure or "
                                 "unavailable nor a status"));
    }
  }
}

void CheckRedirect(Checker* checker, const Path& path, const net::HTTPRoute& route) {
  const net::HTTPRedirect& redirect = route.redirect();
  if (redirect.uri().empty() && redirect.authority().empty() && redirect.scheme().empty() &&
      redirect.prefix_rewrite().empty() &&
      redirect.redirect_port_case() == net::HTTPRedirect::REDIRECT_PORT_NOT_SET) {
    checker->Fail(path, "leads nowhere; give uri, authority or both");
    return;
  }
  if (redirect.redirect_code() != 0 &&
      (redirect.redirect_code() < 300 || redirect.redirect_code() > 399)) {
    checker->Fail(path.Field("redirectCode"),
                  absl::StrCat(redirect.redirect_code(), " is not a redirect, 300 to 399"));
  }
  if (!redirect.scheme().empty() && redirect.scheme() != "http" && redirect.scheme() != "https") {
    checker->Fail(path.Field("scheme"),
                  absl::StrCat("\"", redirect.scheme(), "\" is neither http nor https"));
  }
  if (redirect.port() > 0) checker->Check(path.Field("port"), CheckPort(redirect.port()));
  if (redirect.prefix_rewrite().empty()) return;
  if (!redirect.uri().empty()) {
    checker->Fail(path, "has uri and prefixRewrite; give one of them");
  }
  for (const net::HTTPMatchRequest& match : route.match()) {
    if (!match.has_uri() || match.uri().match_type_case() == net::StringMatch::kPrefix) continue;
    checker->Fail(path.Field("prefixRewrite"), "needs a match by uri.prefix, and no other");
    return;
  }
}

// Route kinds differ in what a match may say and in what must follow.
enum class RouteRole { kAlone, kRoot, kDelegate };

void CheckMatch(Checker* checker, const Path& path, RouteRole role,
                const net::HTTPMatchRequest& match) {
  const auto check = [&](const Path& at, const net::StringMatch& value) {
    if (role != RouteRole::kAlone && !value.regex().empty()) {
      checker->Fail(at,
                    "a rule that delegates, or is delegated to, cannot match by regex: two "
                    "of them cannot be merged");
      return;
    }
    CheckStringMatch(checker, at, value);
  };
  check(path.Field("uri"), match.uri());
  check(path.Field("scheme"), match.scheme());
  check(path.Field("method"), match.method());
  check(path.Field("authority"), match.authority());
  const auto check_map = [&](std::string_view name, const auto& map) {
    const Path at = path.Field(name);
    for (const auto* item : Sorted(map)) {
      if (name != "queryParams") checker->Check(at, CheckHeaderName(item->first));
      check(at.Key(item->first), item->second);
    }
  };
  check_map("headers", match.headers());
  check_map("queryParams", match.query_params());
  check_map("withoutHeaders", match.without_headers());
  if (match.port() != 0) checker->Check(path.Field("port"), CheckPort(match.port()));
  CheckLabels(checker, path.Field("sourceLabels"), match.source_labels());
  CheckGatewayNames(checker, path.Field("gateways"), match.gateways());
  if (role == RouteRole::kDelegate && !match.source_namespace().empty()) {
    checker->Fail(path.Field("sourceNamespace"),
                  "cannot be matched by a delegate; match it where the delegate is named");
  }
}

// Of HTTP, and of TCP and TLS, whose destinations change no headers.
template <class Destinations>
void CheckDestinations(Checker* checker, const Path& path, const Destinations& list) {
  int64_t total = 0;
  for (int i = 0; i < list.size(); ++i) {
    const Path at = path.At(i);
    if (!list[i].has_destination()) {
      checker->Fail(at, "destination is missing");
    } else {
      CheckDestination(checker, at.Field("destination"), list[i].destination());
    }
    if constexpr (std::is_same_v<typename Destinations::value_type, net::HTTPRouteDestination>) {
      CheckHeaderOperations(checker, at.Field("headers"), list[i].headers());
    }
    checker->Check(at.Field("weight"), CheckPercent(list[i].weight()));
    total += list[i].weight();
  }
  if (list.size() > 1 && total != 100) {
    checker->Fail(path, absl::StrCat("the weights add up to ", total, ", not to 100"));
  }
}

// What a rule does: forward, redirect, answer, or delegate.
void CheckAction(Checker* checker, const Path& path, RouteRole role, const net::HTTPRoute& route) {
  const auto exclude = [&](bool has, std::string_view field, std::string_view what) {
    if (!has) return;
    checker->Fail(path.Field(field),
                  absl::StrCat("a rule with ", std::string(what), " has no ", std::string(field)));
  };
  if (role == RouteRole::kRoot) {
    exclude(!route.route().empty(), "route", "delegate");
    exclude(route.has_redirect(), "redirect", "delegate");
    exclude(route.has_direct_response(), "directResponse", "delegate");
    return;
  }
  if (role == RouteRole::kDelegate && route.has_delegate()) {
    checker->Fail(path.Field("delegate"), "a delegate cannot delegate again");
  }
  if (route.has_redirect()) {
    exclude(!route.route().empty(), "route", "redirect");
    exclude(route.has_fault(), "fault", "redirect");
    exclude(route.has_rewrite(), "rewrite", "redirect");
    exclude(route.has_direct_response(), "directResponse", "redirect");
  } else if (route.has_direct_response()) {
    exclude(!route.route().empty(), "route", "directResponse");
    exclude(route.has_rewrite(), "rewrite", "directResponse");
    checker->Check(path.Field("directResponse").Field("status"),
                   CheckHttpStatus(route.direct_response().status()));
  } else if (route.route().empty()) {
    checker->Fail(path, "does nothing; give route, redirect or directResponse");
  }
}

void CheckHttpRoute(Checker* checker, const Path& path, RouteRole role,
                    const net::HTTPRoute& route) {
  CheckAction(checker, path, role, route);
  for (int i = 0; i < route.match_size(); ++i) {
    const Path list = path.Field("match");
    CheckMatch(checker, list.At(i), role, route.match(i));
  }
  CheckHeaderOperations(checker, path.Field("headers"), route.headers());
  if (route.has_cors_policy()) CheckCors(checker, path.Field("corsPolicy"), route.cors_policy());
  if (route.has_fault()) CheckFault(checker, path.Field("fault"), route.fault());
  if (route.has_fault() && route.has_direct_response()) {
    checker->Fail(path.Field("fault"), "goes with no directResponse; give one of them");
  }
  if (route.has_mirror_percent() && route.mirror_percent().value() > 100) {
    checker->Fail(path.Field("mirrorPercent"),
                  absl::StrCat(route.mirror_percent().value(), " is not a percentage, 0 to 100"));
  }
  if (route.has_mirror_percentage() && route.mirror_percentage().value() > 100) {
    checker->Fail(path.Field("mirrorPercentage"), absl::StrCat(route.mirror_percentage().value(),
                                                               " is not a percentage, 0 to 100"));
  }
  if (route.has_mirror()) CheckDestination(checker, path.Field("mirror"), route.mirror());
  if (route.has_mirror() && !route.mirrors().empty()) {
    checker->Fail(path.Field("mirror"), "goes with no mirrors; write all of them there");
  }
  constexpr size_t kLargestBody = 1 << 20;
  const net::HTTPBody& body = route.direct_response().body();
  if (std::max(body.string().size(), body.bytes().size()) > kLargestBody) {
    checker->Fail(path.Field("directResponse").Field("body"),
                  "is above 1 MB, and every proxy keeps it; let a service answer");
  }
  for (int i = 0; i < route.mirrors_size(); ++i) {
    const Path list = path.Field("mirrors");
    const Path at = list.At(i);
    CheckDestination(checker, at.Field("destination"), route.mirrors(i).destination());
    const double share = route.mirrors(i).percentage().value();
    if (share < 0 || share > 100) {
      checker->Fail(at.Field("percentage"), absl::StrCat(share, " is not a percentage, 0 to 100"));
    }
  }
  if (route.has_redirect()) CheckRedirect(checker, path.Field("redirect"), route);
  if (route.has_retries()) CheckRetries(checker, path.Field("retries"), route.retries());
  if (route.has_rewrite() && route.rewrite().uri().empty() && route.rewrite().authority().empty() &&
      !route.rewrite().has_uri_regex_rewrite()) {
    checker->Fail(path.Field("rewrite"), "changes nothing; give uri, authority or both");
  }
  if (route.rewrite().has_uri_regex_rewrite()) {
    const net::RegexRewrite& rewrite = route.rewrite().uri_regex_rewrite();
    const Path at = path.Field("rewrite");
    const Path regex = at.Field("uriRegexRewrite");
    if (!route.rewrite().uri().empty()) {
      checker->Fail(at, "has uri and uriRegexRewrite; give one of them");
    }
    if (rewrite.match().empty() || rewrite.rewrite().empty()) {
      checker->Fail(regex, "needs match and rewrite");
    }
    checker->Check(regex.Field("match"), CheckRegex(rewrite.match()));
  }
  CheckDestinations(checker, path.Field("route"), route.route());
  if (route.has_timeout()) checker->Check(path.Field("timeout"), CheckDuration(route.timeout()));
}

// What TLS and TCP matches share.
template <class Match>
void CheckConnectionMatch(Checker* checker, const Path& path, const Match& match) {
  for (int i = 0; i < match.destination_subnets_size(); ++i) {
    const Path list = path.Field("destinationSubnets");
    checker->Check(list.At(i), CheckSubnet(match.destination_subnets(i)));
  }
  if (match.port() != 0) checker->Check(path.Field("port"), CheckPort(match.port()));
  CheckLabels(checker, path.Field("sourceLabels"), match.source_labels());
  CheckGatewayNames(checker, path.Field("gateways"), match.gateways());
}

void CheckSniHost(Checker* checker, const Path& path, const std::string& sni,
                  const net::VirtualService& service, const HostSet& hosts) {
  const std::string problem = CheckWildcardDomain(sni);
  if (!problem.empty() && !IsIpAddress(sni)) {
    checker->Fail(path, problem);
    return;
  }
  if (hosts.FindCovering(sni) != HostSet::kNone) return;
  constexpr int kNamed = 20;
  std::string names;
  for (int i = 0; i < service.hosts_size() && i < kNamed; ++i) {
    absl::StrAppend(&names, i == 0 ? "" : ", ", service.hosts(i));
  }
  if (service.hosts_size() > kNamed) absl::StrAppend(&names, ", ...");
  checker->Fail(path, absl::StrCat("\"", sni, "\" is none of the hosts of this object: ", names));
}

void CheckTlsRoute(Checker* checker, const Path& path, const net::TLSRoute& route,
                   const net::VirtualService& service, const HostSet& service_hosts) {
  if (route.match().empty()) checker->Fail(path, "match is missing: say at least sniHosts");
  for (int i = 0; i < route.match_size(); ++i) {
    const net::TLSMatchAttributes& match = route.match(i);
    const Path list = path.Field("match");
    const Path at = list.At(i);
    if (match.sni_hosts().empty()) checker->Fail(at, "sniHosts is missing");
    for (int k = 0; k < match.sni_hosts_size(); ++k) {
      const Path hosts = at.Field("sniHosts");
      CheckSniHost(checker, hosts.At(k), match.sni_hosts(k), service, service_hosts);
    }
    CheckConnectionMatch(checker, at, match);
  }
  if (route.route().empty()) checker->Fail(path, "route is missing");
  CheckDestinations(checker, path.Field("route"), route.route());
}

void CheckTcpRoute(Checker* checker, const Path& path, const net::TCPRoute& route) {
  for (int i = 0; i < route.match_size(); ++i) {
    const net::L4MatchAttributes& match = route.match(i);
    const Path list = path.Field("match");
    const Path at = list.At(i);
    CheckConnectionMatch(checker, at, match);
    if (!match.source_subnet().empty()) {
      checker->Check(at.Field("sourceSubnet"), CheckSubnet(match.source_subnet()));
    }
  }
  if (route.route().empty()) checker->Fail(path, "route is missing");
  CheckDestinations(checker, path.Field("route"), route.route());
}

void CheckHosts(Checker* checker, const Path& path, const Strings& hosts, bool in_mesh,
                const HostSet& all) {
  bool all_good = true;
  for (int i = 0; i < hosts.size(); ++i) {
    const std::string problem = CheckWildcardDomain(hosts[i]);
    if (!problem.empty()) {
      if (IsIpAddress(hosts[i])) continue;
      checker->Fail(path.At(i), problem);
      all_good = false;
    } else if (in_mesh && hosts[i] == "*") {
      checker->Fail(path.At(i),
                    "* would take over every service of the mesh; name the hosts, or name "
                    "gateways other than mesh");
      all_good = false;
    }
  }
  if (!all_good) return;
  for (int i = 0; i < hosts.size(); ++i) {
    const size_t other = all.FindCovering(hosts[i], i);
    if (other == HostSet::kNone) continue;
    const int first = std::min<int>(i, other);
    const int second = std::max<int>(i, other);
    checker->Fail(path.At(second), absl::StrCat("\"", hosts[second], "\" overlaps with \"",
                                                hosts[first], "\" of the same list; keep one"));
  }
}

// Sidecars choose routes before they look at tokens.
void CheckNoClaims(Checker* checker, const Path& path, const net::HTTPRoute& route) {
  const Path list = path.Field("match");
  for (int i = 0; i < route.match_size(); ++i) {
    const Path at = list.At(i);
    const auto check = [&](std::string_view name, const auto& headers) {
      const Path field = at.Field(name);
      for (const auto* header : Sorted(headers)) {
        if (!IsTokenClaim(header->first)) continue;
        checker->Fail(field.Key(header->first),
                      "claims are matched at gateways only; name some in spec.gateways, and not "
                      "mesh");
      }
    };
    check("headers", route.match(i).headers());
    check("withoutHeaders", route.match(i).without_headers());
  }
}

}  // namespace

void CheckVirtualService(Checker* checker, const Path& path, const ValidateOptions& options,
                         const net::VirtualService& service) {
  const bool is_delegate = options.delegates && service.hosts().empty();
  if (is_delegate) {
    const auto exclude = [&](bool has, std::string_view field) {
      if (has) checker->Fail(path.Field(field), "is not for a delegate, which has http only");
    };
    exclude(!service.gateways().empty(), "gateways");
    exclude(!service.tls().empty(), "tls");
    exclude(!service.tcp().empty(), "tcp");
  } else if (service.hosts().empty()) {
    checker->Fail(path, "hosts is missing: name at least one");
  }
  CheckGatewayNames(checker, path.Field("gateways"), service.gateways());
  bool in_mesh = service.gateways().empty();
  bool at_gateway = false;
  for (const std::string& gateway : service.gateways()) {
    (gateway == "mesh" ? in_mesh : at_gateway) = true;
  }
  HostSet hosts;
  for (int i = 0; i < service.hosts_size(); ++i) hosts.Add(service.hosts(i), i);
  CheckHosts(checker, path.Field("hosts"), service.hosts(), in_mesh, hosts);
  if (service.http().empty() && service.tcp().empty() && service.tls().empty()) {
    checker->Fail(path, "has no rules; give http, tls or tcp");
  }
  for (int i = 0; i < service.http_size(); ++i) {
    const net::HTTPRoute& route = service.http(i);
    const Path list = path.Field("http");
    const Path at = list.At(i);
    if (route.has_delegate() && !at_gateway) {
      checker->Fail(at.Field("delegate"), "works at gateways only; name one in spec.gateways");
    }
    const RouteRole role = is_delegate                                 ? RouteRole::kDelegate
                           : options.delegates && route.has_delegate() ? RouteRole::kRoot
                                                                       : RouteRole::kAlone;
    CheckHttpRoute(checker, at, role, route);
    if (in_mesh) CheckNoClaims(checker, at, route);
  }
  for (int i = 0; i < service.tls_size(); ++i) {
    const Path list = path.Field("tls");
    CheckTlsRoute(checker, list.At(i), service.tls(i), service, hosts);
  }
  for (int i = 0; i < service.tcp_size(); ++i) {
    const Path list = path.Field("tcp");
    CheckTcpRoute(checker, list.At(i), service.tcp(i));
  }
  CheckExportTo(checker, path.Field("exportTo"), service.export_to(), false);
}

}  // namespace mesh::config
