#include "mesh/translate/route.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "mesh/translate/names.h"
#include "mesh/translate/proto.h"
#include "mesh/translate/route_action.h"
#include "mesh/translate/route_match.h"
#include "mesh/translate/rule_findings.h"
#include "mesh/translate/traffic_policy.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
namespace route_v3 = ::envoy::config::route::v3;
using networking::HTTPMatchRequest;
using networking::HTTPRoute;
using ConsistentHash = networking::LoadBalancerSettings::ConsistentHashLB;

constexpr char kFaultFilter[] = "envoy.filters.http.fault";
constexpr char kCorsFilter[] = "envoy.filters.http.cors";

// No timeout where nobody sets one: Envoy's own 15 s would surprise. Where one is set, the cap of
// gRPC's own timeouts is said in the old field: beside the new one (max_stream_duration) Envoy does
// not look at `timeout` at all.
void SetTimeout(const google::protobuf::Duration& timeout, route_v3::RouteAction* action) {
  *action->mutable_timeout() = timeout;
  if (timeout.seconds() == 0 && timeout.nanos() == 0) {
    *action->mutable_max_stream_duration()->mutable_grpc_timeout_header_max() = timeout;
  } else {
    *action->mutable_max_grpc_timeout() = timeout;
  }
}

// What a trace calls the request: where it goes, or, with several places, by whose rule.
std::string Operation(const route_v3::Route& route, std::string_view name, uint32_t port) {
  std::string path = "/*";
  switch (route.match().path_specifier_case()) {
    case route_v3::RouteMatch::kPrefix:
      path = absl::StrCat(route.match().prefix(), "*");
      break;
    case route_v3::RouteMatch::kPath:
      path = route.match().path();
      break;
    case route_v3::RouteMatch::kSafeRegex:
      path = route.match().safe_regex().regex();
      break;
    default:
      break;
  }
  const std::vector<std::string> parts = absl::StrSplit(route.route().cluster(), '|');
  if (parts.size() == 4) return absl::StrCat(parts[3], ":", parts[1], path);
  return absl::StrCat(Absl(name), ":", port, path);
}

const ConsistentHash* HashIn(const networking::TrafficPolicy& policy, uint32_t port) {
  const PortPolicy blocks = PolicyAt(policy, port);
  return blocks.load_balancer != nullptr && blocks.load_balancer->has_consistent_hash()
             ? &blocks.load_balancer->consistent_hash()
             : nullptr;
}

// How requests to a destination are hashed: as the subset's policy says, else the rule's; in each
// the port's own comes first.
std::optional<route_v3::RouteAction::HashPolicy> HashFor(
    const RouteContext& context, const networking::Destination& destination) {
  const DestinationRulePtr rule =
      context.index.RuleForHost(destination.host(), context.scope, context.node);
  if (rule == nullptr) return std::nullopt;
  const networking::TrafficPolicy& whole = rule->spec.traffic_policy();
  const ConsistentHash* hash = nullptr;
  if (whole.load_balancer().has_consistent_hash()) {
    hash = &whole.load_balancer().consistent_hash();
  }
  const uint32_t port = destination.port().number();
  if (const ConsistentHash* found = HashIn(whole, port)) hash = found;
  if (const int subset = rule->FindSubset(destination.subset());
      subset >= 0 && !destination.subset().empty()) {
    if (const auto* found = HashIn(rule->spec.subsets(subset).traffic_policy(), port)) hash = found;
  }
  return hash == nullptr ? std::nullopt : TranslateHash(*hash);
}

class RuleTranslator {
 public:
  RuleTranslator(const RouteContext& context, const VirtualService& virtual_service, int rule)
      : context_(context),
        virtual_service_(virtual_service),
        rule_(virtual_service.spec.http(rule)),
        index_(rule) {}

  // `match` < 0: the rule has none. Nothing where it does not apply here.
  std::optional<RouteDraft> Translate(int match) const {
    RouteDraft draft;
    route_v3::Route& route = draft.message;
    std::string name = rule_.name();
    if (match >= 0) {
      const HTTPMatchRequest& condition = rule_.match(match);
      if (!AppliesHere(condition, context_)) return std::nullopt;
      *route.mutable_match() = TranslateMatch(condition);
      if (!condition.name().empty()) name = absl::StrCat(name, ".", condition.name());
    } else {
      route.mutable_match()->set_prefix("/");
    }
    route.set_name(name);
    SetConfigMetadata("virtual-service", virtual_service_.ns(), virtual_service_.name(),
                      route.mutable_metadata());
    draft.provenance.emplace("", virtual_service_.OriginOfMatch(index_, match));
    std::string authority;
    AddHeaderOperations(rule_.headers(), &route, &authority);
    if (rule_.has_redirect()) {
      if (!SetRedirect(&route)) return std::nullopt;
    } else if (rule_.has_direct_response()) {
      SetResponse(&route);
    } else if (HasDestination(rule_)) {
      SetAction(authority, draft);
    } else {
      return std::nullopt;  // Envoy would refuse the whole configuration
    }
    route.mutable_decorator()->set_operation(
        Operation(route, virtual_service_.name(), context_.port));
    if (rule_.has_fault()) {
      if (const auto fault = TranslateFault(rule_.fault())) {
        (*route.mutable_typed_per_filter_config())[kFaultFilter] = Pack(*fault);
      }
    }
    if (rule_.has_cors_policy() && !rule_.has_redirect()) {
      (*route.mutable_typed_per_filter_config())[kCorsFilter] =
          Pack(TranslateCors(rule_.cors_policy()));
    }
    return draft;
  }

 private:
  Origin OriginOf(const std::string& field) const {
    const VirtualService::Rule rule = virtual_service_.RuleAt(index_);
    return OriginIn(*rule.source, absl::StrCat(rule.field, field));
  }

  bool SetRedirect(route_v3::Route* route) const {
    const networking::HTTPRedirect& from = rule_.redirect();
    route_v3::RedirectAction& to = *route->mutable_redirect();
    to.set_host_redirect(from.authority());
    if (!from.uri().empty()) to.set_path_redirect(from.uri());
    if (!from.prefix_rewrite().empty()) to.set_prefix_rewrite(from.prefix_rewrite());
    if (!from.scheme().empty()) to.set_scheme_redirect(from.scheme());
    if (from.port() != 0) to.set_port_redirect(from.port());
    switch (from.redirect_code()) {
      case 0:
      case 301:
        to.set_response_code(route_v3::RedirectAction::MOVED_PERMANENTLY);
        return true;
      case 302:
        to.set_response_code(route_v3::RedirectAction::FOUND);
        return true;
      case 303:
        to.set_response_code(route_v3::RedirectAction::SEE_OTHER);
        return true;
      case 307:
        to.set_response_code(route_v3::RedirectAction::TEMPORARY_REDIRECT);
        return true;
      case 308:
        to.set_response_code(route_v3::RedirectAction::PERMANENT_REDIRECT);
        return true;
      default:
        return false;
    }
  }

  void SetResponse(route_v3::Route* route) const {
    const networking::HTTPDirectResponse& from = rule_.direct_response();
    route->mutable_direct_response()->set_status(from.status());
    if (!from.has_body()) return;
    auto* body = route->mutable_direct_response()->mutable_body();
    if (from.body().specifier_case() == networking::HTTPBody::kBytes) {
      body->set_inline_bytes(from.body().bytes());
    } else {
      body->set_inline_string(from.body().string());
    }
  }

  std::string ClusterOf(const networking::Destination& destination) const {
    const registry::ServicePtr service = context_.service_of(destination.host());
    return DestinationCluster(destination, service.get(), context_.port);
  }

  void SetAction(std::string authority, RouteDraft& draft) const {
    route_v3::Route& route = draft.message;
    route_v3::RouteAction& action = *route.mutable_route();
    SetTimeout(rule_.has_timeout() ? rule_.timeout() : Seconds(0), &action);
    if (const auto retries = TranslateRetries(rule_.has_retries() ? &rule_.retries() : nullptr)) {
      *action.mutable_retry_policy() = *retries;
    }
    if (rule_.has_rewrite()) {
      if (!rule_.rewrite().uri().empty()) action.set_prefix_rewrite(rule_.rewrite().uri());
      if (!rule_.rewrite().authority().empty()) authority = rule_.rewrite().authority();
    }
    if (rule_.has_mirror()) AddMirror(&action);
    SetDestinations(authority, draft);
  }

  void AddMirror(route_v3::RouteAction* action) const {
    const auto share = MirrorShare(rule_);
    if (!share.has_value()) return;
    auto* mirror = action->add_request_mirror_policies();
    mirror->set_cluster(ClusterOf(rule_.mirror()));
    *mirror->mutable_runtime_fraction() = *share;
    mirror->mutable_trace_sampled()->set_value(false);
  }

  void SetDestinations(const std::string& authority, RouteDraft& draft) const {
    route_v3::Route& route = draft.message;
    route_v3::RouteAction& action = *route.mutable_route();
    // Weight 0 takes no part, but a single destination gets everything whatever its weight.
    std::vector<int> parts;
    for (int i = 0; i < rule_.route_size(); ++i) {
      if (rule_.route(i).weight() > 0 || rule_.route_size() == 1) parts.push_back(i);
    }
    std::string rewrite = authority;
    for (const int i : parts) {
      const networking::HTTPRouteDestination& part = rule_.route(i);
      if (const auto hash = HashFor(context_, part.destination())) {
        *action.add_hash_policy() = *hash;
      }
      if (parts.size() == 1) {
        action.set_cluster(ClusterOf(part.destination()));
        AddHeaderOperations(part.headers(), &route, &rewrite);
        draft.provenance.emplace("route.cluster", OriginOf(absl::StrCat(".route[", i, "]")));
        continue;
      }
      auto* weighted = action.mutable_weighted_clusters()->add_clusters();
      weighted->set_name(ClusterOf(part.destination()));
      weighted->mutable_weight()->set_value(part.weight());
      std::string own;
      AddHeaderOperations(part.headers(), weighted, &own);
      if (!own.empty()) weighted->set_host_rewrite_literal(own);
      draft.provenance.emplace(absl::StrCat("route.weighted_clusters.clusters[",
                                            action.weighted_clusters().clusters_size() - 1, "]"),
                               OriginOf(absl::StrCat(".route[", i, "]")));
    }
    if (!rewrite.empty()) action.set_host_rewrite_literal(rewrite);
  }

  const RouteContext& context_;
  const VirtualService& virtual_service_;
  const HTTPRoute& rule_;
  const int index_;
};

}  // namespace

std::string DestinationCluster(const networking::Destination& destination,
                               const registry::Service* service, uint32_t port) {
  if (destination.has_port()) {
    port = destination.port().number();
  } else if (service != nullptr && service->ports.size() == 1) {
    port = service->ports[0].number;
  }
  return OutboundCluster(destination.host(), port, destination.subset());
}

std::vector<RouteDraft> VirtualServiceRoutes(const RouteContext& context,
                                             const VirtualService& virtual_service) {
  std::vector<RouteDraft> routes;
  const networking::VirtualService& spec = virtual_service.spec;
  for (int i = 0; i < spec.http_size(); ++i) {
    const RuleTranslator translator(context, virtual_service, i);
    if (spec.http(i).match().empty()) {
      if (auto route = translator.Translate(-1)) routes.push_back(*std::move(route));
      break;
    }
    // A condition of this rule that always holds makes its others needless.
    int everything = -1;
    for (int j = 0; j < spec.http(i).match_size() && everything < 0; ++j) {
      if (MatchesEverything(spec.http(i).match(j))) everything = j;
    }
    if (everything >= 0) {
      if (auto route = translator.Translate(everything)) {
        routes.push_back(*std::move(route));
        break;
      }
    }
    bool done = false;
    for (int j = 0; j < spec.http(i).match_size() && !done; ++j) {
      auto route = translator.Translate(j);
      if (!route.has_value()) continue;
      done = MatchesEverything(route->message.match());
      routes.push_back(*std::move(route));
    }
    if (done) break;
  }
  return routes;
}

bool HasRoutes(const RouteContext& context, const VirtualService& virtual_service) {
  for (const HTTPRoute& rule : virtual_service.spec.http()) {
    const bool leads = rule.has_redirect() ? IsRedirectCode(rule.redirect().redirect_code())
                                           : rule.has_direct_response() || HasDestination(rule);
    if (rule.match().empty()) return leads;
    if (leads &&
        std::any_of(rule.match().begin(), rule.match().end(),
                    [&](const HTTPMatchRequest& match) { return AppliesHere(match, context); })) {
      return true;
    }
  }
  return false;
}

route_v3::Route PlainRoute(std::string_view name, std::string_view cluster) {
  route_v3::Route route;
  route.set_name(std::string(name));
  route.mutable_match()->set_prefix("/");
  route.mutable_route()->set_cluster(std::string(cluster));
  SetTimeout(Seconds(0), route.mutable_route());
  return route;
}

RouteDraft DefaultRoute(const RouteContext& context, const registry::Service& service,
                        const registry::Port& port) {
  RouteDraft draft;
  draft.message = PlainRoute("default", OutboundCluster(service.hostname, port.number));
  route_v3::RouteAction& action = *draft.message.mutable_route();
  *action.mutable_retry_policy() = DefaultRetries();
  draft.message.mutable_decorator()->set_operation(
      absl::StrCat(service.hostname, ":", port.number, "/*"));
  if (const DestinationRulePtr rule = context.index.RuleFor(service, context.node)) {
    if (const ConsistentHash* hash = HashIn(rule->spec.traffic_policy(), port.number)) {
      if (const auto policy = TranslateHash(*hash)) *action.add_hash_policy() = *policy;
    }
  }
  draft.provenance.emplace("", OriginIn(*service.source, ""));
  return draft;
}

std::vector<RouteDraft> CombineRoutes(std::vector<RouteDraft> first,
                                      std::vector<RouteDraft> second) {
  std::vector<RouteDraft> some, everything;
  for (std::vector<RouteDraft>* routes : {&first, &second}) {
    for (RouteDraft& route : *routes) {
      const bool all = MatchesEverything(route.message.match());
      (all ? everything : some).push_back(std::move(route));
    }
  }
  std::move(everything.begin(), everything.end(), std::back_inserter(some));
  return some;
}

}  // namespace mesh::translate
