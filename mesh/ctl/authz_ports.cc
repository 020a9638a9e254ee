#include "mesh/ctl/authz_ports.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "mesh/config/resource.h"

namespace mesh::ctl {
namespace {

namespace listener_v3 = ::envoy::config::listener::v3;
using envoy::AuthorizationFilter;
using envoy::RbacFilter;
using HttpManager =
    ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using DownstreamTlsContext = ::envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext;
using TcpProxy = ::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

// "inbound|9080|http|host" is called "outbound|9080||host" by others.
std::string OutboundName(const std::string& inbound) {
  const std::vector<std::string> parts = absl::StrSplit(inbound, '|');
  if (parts.size() != 4 || parts[0] != "inbound") return "";
  return absl::StrCat("outbound|", parts[1], "||", parts[3]);
}

absl::Status ReadHttp(const google::protobuf::Any& any, GuardedPort* port) {
  HttpManager manager;
  if (!any.UnpackTo(&manager)) return absl::OkStatus();
  port->http = true;
  if (manager.route_config().virtual_hosts_size() > 0 &&
      manager.route_config().virtual_hosts(0).routes_size() > 0) {
    port->cluster =
        OutboundName(manager.route_config().virtual_hosts(0).routes(0).route().cluster());
  }
  port->paths.normalize = manager.normalize_path().value();
  port->paths.merge_slashes = manager.merge_slashes();
  if (manager.path_with_escaped_slashes_action() == HttpManager::UNESCAPE_AND_FORWARD) {
    port->paths.escaped_slashes = http::EscapedSlashes::kUnescapeAndForward;
  }
  port->filters.clear();
  for (const auto& filter : manager.http_filters()) {
    const std::string& url = filter.typed_config().type_url();
    absl::Status wrong;
    const auto take = [&](auto loaded) {
      if (!loaded.ok()) {
        wrong = loaded.status();
        return;
      }
      loaded->name = filter.name();
      port->filters.push_back(*std::move(loaded));
    };
    if (absl::EndsWith(url, "http.rbac.v3.RBAC")) {
      take(envoy::LoadRbacFilter(filter.typed_config()));
    } else if (absl::EndsWith(url, "jwt_authn.v3.JwtAuthentication")) {
      take(envoy::LoadJwtFilter(filter.typed_config()));
    } else if (absl::EndsWith(url, "ext_authz.v3.ExtAuthz")) {
      take(envoy::LoadExtAuthzFilter(filter.typed_config()));
    }
    if (!wrong.ok()) return wrong;
  }
  return absl::OkStatus();
}

absl::Status ReadChain(const listener_v3::FilterChain& chain, GuardedPort* port) {
  DownstreamTlsContext tls;
  const bool mutual = chain.transport_socket().typed_config().UnpackTo(&tls) &&
                      tls.require_client_certificate().value();
  (mutual ? port->takes_mutual_tls : port->takes_plaintext) = true;
  std::vector<RbacFilter> rules;
  for (const auto& filter : chain.filters()) {
    const std::string& url = filter.typed_config().type_url();
    if (absl::EndsWith(url, "network.rbac.v3.RBAC")) {
      absl::StatusOr<RbacFilter> loaded = envoy::LoadRbacNetworkFilter(filter.typed_config());
      if (!loaded.ok()) return loaded.status();
      rules.push_back(*std::move(loaded));
    } else if (absl::EndsWith(url, "HttpConnectionManager")) {
      if (absl::Status status = ReadHttp(filter.typed_config(), port); !status.ok()) return status;
    } else if (TcpProxy tcp; filter.typed_config().UnpackTo(&tcp)) {
      port->rules = rules;
      if (port->cluster.empty()) port->cluster = OutboundName(tcp.cluster());
    }
  }
  return absl::OkStatus();
}

// "ns[default]-policy[viewer]-rule[0]".
bool ParseName(absl::string_view name, std::string* ns, std::string* policy, int* rule) {
  const size_t at_policy = name.find("]-policy["), at_rule = name.rfind("]-rule[");
  if (!absl::StartsWith(name, "ns[") || at_policy == name.npos || at_rule == name.npos ||
      at_rule < at_policy + 9 || !absl::ConsumeSuffix(&name, "]")) {
    return false;
  }
  *ns = std::string(name.substr(3, at_policy - 3));
  *policy = std::string(name.substr(at_policy + 9, at_rule - at_policy - 9));
  return absl::SimpleAtoi(name.substr(at_rule + 7), rule);
}

// "istio_ext_authz_opa_": opa.
std::string ProviderOf(absl::string_view prefix) {
  if (!absl::ConsumePrefix(&prefix, "istio_ext_authz_")) return "";
  absl::ConsumeSuffix(&prefix, "_");
  return std::string(prefix);
}

std::string FilterName(authz::Action action) { return std::string(authz::ActionName(action)); }

// What an ALLOW filter's rules are, for the words "none of them".
std::string PoliciesOf(const authz::Engine& engine, const config::Snapshot& snapshot) {
  std::vector<std::string> names;
  for (const authz::Rule& rule : engine.rules()) {
    std::string name = RuleBehind(rule, snapshot).policy;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return absl::StrJoin(names, ", ");
}

bool IsEmptyAllow(const authz::Engine& engine) {
  return engine.rules().size() == 1 &&
         engine.rules()[0].condition.kind == authz::Condition::Kind::kNever;
}

class Checker {
 public:
  Checker(const config::Snapshot& snapshot, authz::Request request)
      : snapshot_(snapshot), request_(std::move(request)) {}

  // False where it ends here.
  bool Judge(const RbacFilter& filter) {
    if (filter.shadow != nullptr) Tell(*filter.shadow, ProviderOf(filter.shadow_prefix), true);
    if (filter.rules == nullptr) return true;
    const authz::Decision decision = Tell(*filter.rules, "", false);
    if (decision.allowed) {
      if (decision.why == authz::Decision::Why::kAllowed) By("allowed", decision.rule);
      return true;
    }
    if (decision.rule != nullptr) {
      By("denied", decision.rule);
    } else if (decision.why == authz::Decision::Why::kMalformed) {
      verdict_.why = "denied: the method, host or path cannot be judged";
    } else {
      verdict_.why =
          IsEmptyAllow(*filter.rules)
              ? "denied: there are ALLOW policies and none of them has a rule that can match here"
              : absl::StrCat("denied: no rule of the ALLOW policies matches (",
                             PoliciesOf(*filter.rules, snapshot_), ")");
      verdict_.by.reset();
    }
    return false;
  }

  bool Judge(const envoy::JwtFilter& filter) {
    authz::TokenVerdict tokens = filter.tokens->Check(request_.headers, request_.path, absl::Now());
    if (!tokens.allowed) {
      verdict_.why = absl::StrCat("denied: ", std::string(tokens.why),
                                  " (the workload's RequestAuthentications)");
      return false;
    }
    left_.values[envoy::kJwtFilter] = {std::move(tokens.metadata)};
    request_.facts = &left_;
    return true;
  }

  bool Judge(const envoy::ExtAuthzFilter&) { return true; }

  CheckVerdict Allowed() {
    verdict_.allowed = true;
    if (verdict_.why.empty()) verdict_.why = "allowed: no policy denies it and none asks for more";
    if (!verdict_.asked.empty()) {
      absl::StrAppend(&verdict_.why, "; ", absl::StrJoin(verdict_.asked, ", "), " is asked first");
    }
    return std::move(verdict_);
  }
  CheckVerdict Denied() { return std::move(verdict_); }

 private:
  class Left final : public route::Facts {
   public:
    const route::Value* Metadata(std::string_view filter) const override {
      const auto found = values.find(filter);
      return found == values.end() ? nullptr : &found->second;
    }
    std::map<std::string, route::Value, std::less<>> values;
  };

  void By(const char* what, const authz::Rule* rule) {
    verdict_.by = RuleBehind(*rule, snapshot_);
    verdict_.why =
        absl::StrCat(what, " by ", FilterName(rule->action), " policy ", verdict_.by->ToString());
  }

  authz::Decision Tell(const authz::Engine& engine, const std::string& provider, bool shadow) {
    authz::Explanation explanation = engine.Explain(request_);
    for (authz::Explanation::Tried& tried : explanation.rules) {
      if (tried.rule->policy == "none") continue;
      CheckStep step;
      step.filter =
          provider.empty() ? FilterName(tried.rule->action) : absl::StrCat("CUSTOM ", provider);
      step.dry_run = shadow && provider.empty();
      step.rule = RuleBehind(*tried.rule, snapshot_);
      step.matched = tried.matched;
      step.failed = std::move(tried.failed);
      if (step.matched && !provider.empty() &&
          (verdict_.asked.empty() || verdict_.asked.back() != provider)) {
        verdict_.asked.push_back(provider);
      }
      verdict_.steps.push_back(std::move(step));
    }
    return explanation.decision;
  }

  const config::Snapshot& snapshot_;
  authz::Request request_;
  Left left_;
  CheckVerdict verdict_;
};

// Why the connection itself does not come to be; empty where it does.
std::string RefusedByTls(const GuardedPort& port, bool mutual_tls) {
  if (mutual_tls && !port.takes_mutual_tls) {
    return "refused: the client speaks mutual TLS, the port (DISABLE) plaintext alone";
  }
  if (!mutual_tls && !port.takes_plaintext) {
    return "refused: the port takes mutual TLS alone (STRICT), the client comes in plaintext";
  }
  return "";
}

// Three-valued: whether a condition holds whatever of the request is not known.
Reach Evaluate(const authz::Condition& condition, const authz::Request& request) {
  using Kind = authz::Condition::Kind;
  switch (condition.kind) {
    case Kind::kAlways:
      return Reach::kAlways;
    case Kind::kNever:
      return Reach::kNever;
    case Kind::kNot:
      switch (Evaluate(condition.children[0], request)) {
        case Reach::kAlways:
          return Reach::kNever;
        case Reach::kNever:
          return Reach::kAlways;
        default:
          return Reach::kDepends;
      }
    case Kind::kAll:
    case Kind::kAny: {
      const Reach ends = condition.kind == Kind::kAll ? Reach::kNever : Reach::kAlways;
      Reach all = condition.kind == Kind::kAll ? Reach::kAlways : Reach::kNever;
      for (const authz::Condition& child : condition.children) {
        const Reach one = Evaluate(child, request);
        if (one == ends) return ends;
        if (one == Reach::kDepends) all = Reach::kDepends;
      }
      return all;
    }
    case Kind::kPrincipal:
    case Kind::kNamespace:
    case Kind::kTrustDomain:
    case Kind::kSourceIp:
    case Kind::kDestinationIp:
    case Kind::kDestinationPort:
      break;
    case Kind::kRemoteIp:
    case Kind::kServerName:
      return Reach::kDepends;
    default:
      // Of HTTP: not known, or, on a connection that is not HTTP, never.
      return request.http ? Reach::kDepends : Reach::kNever;
  }
  authz::Rule rule;
  rule.condition = condition;
  const auto engine = authz::Engine::Build({std::move(rule)});
  authz::Request connection = request;
  connection.http = false;  // the rest of the request is not there to be judged
  return engine.ok() && (*engine)->Decide(connection).allowed ? Reach::kAlways : Reach::kNever;
}

// True where this filter decides; `verdict` then says how.
bool DecideReach(const RbacFilter& filter, const authz::Request& request,
                 const config::Snapshot& snapshot, ReachVerdict* verdict) {
  if (!ProviderOf(filter.shadow_prefix).empty() && filter.shadow != nullptr) {
    for (const authz::Rule& rule : filter.shadow->rules()) {
      if (Evaluate(rule.condition, request) == Reach::kNever) continue;
      verdict->reach = Reach::kDepends;
      verdict->why = absl::StrCat("asks ", ProviderOf(filter.shadow_prefix), " by ",
                                  RuleBehind(rule, snapshot).ToString());
      break;
    }
  }
  if (filter.rules == nullptr) return false;
  const authz::Rule* depends = nullptr;
  bool allows = false;
  for (const authz::Rule& rule : filter.rules->rules()) {
    if (rule.action == authz::Action::kAudit) return false;
    allows = rule.action == authz::Action::kAllow;
    const Reach reach = Evaluate(rule.condition, request);
    if (reach == Reach::kAlways) {
      if (allows) {
        if (verdict->why.empty()) {
          verdict->why = absl::StrCat("ALLOW ", RuleBehind(rule, snapshot).ToString());
        }
        return false;
      }
      *verdict = {Reach::kNever, absl::StrCat("DENY ", RuleBehind(rule, snapshot).ToString())};
      return true;
    }
    if (reach == Reach::kDepends && depends == nullptr) depends = &rule;
  }
  if (depends != nullptr) {
    const std::string why =
        absl::StrCat(FilterName(depends->action), " ", RuleBehind(*depends, snapshot).ToString());
    verdict->reach = Reach::kDepends;
    verdict->why = verdict->why.empty() ? why : absl::StrCat(verdict->why, "; ", why);
    return false;
  }
  if (!allows) return false;
  *verdict = {Reach::kNever, IsEmptyAllow(*filter.rules)
                                 ? "no ALLOW policy has a rule that can match"
                                 : absl::StrCat("no rule of the ALLOW policies matches (",
                                                PoliciesOf(*filter.rules, snapshot), ")")};
  return true;
}

}  // namespace

std::string_view GuardedPort::Mode() const {
  if (!takes_mutual_tls) return "DISABLE";
  return takes_plaintext ? "PERMISSIVE" : "STRICT";
}

std::string PolicyRule::ToString() const {
  std::string text = policy;
  if (rule >= 0) absl::StrAppend(&text, " rule ", rule);
  const std::string where = at.ToString();
  if (!where.empty()) absl::StrAppend(&text, " (", where, ")");
  return text;
}

absl::StatusOr<std::vector<GuardedPort>> GuardedPorts(const translate::Output& output,
                                                      bool gateway) {
  std::vector<GuardedPort> ports;
  for (const translate::ResourcePtr& resource : output.listeners) {
    const auto* const listener =
        google::protobuf::DynamicCastToGenerated<listener_v3::Listener>(resource->message.get());
    if (listener == nullptr ||
        (!gateway && listener->traffic_direction() != ::envoy::config::core::v3::INBOUND)) {
      continue;
    }
    const bool shared = listener->name() == "virtualInbound";
    for (const listener_v3::FilterChain& chain : listener->filter_chains()) {
      const auto& match = chain.filter_chain_match();
      // The chains for ports that no service names are nobody's.
      if (shared && !match.has_destination_port()) continue;
      const uint32_t number = shared ? match.destination_port().value()
                                     : listener->address().socket_address().port_value();
      auto found = std::find_if(ports.begin(), ports.end(),
                                [number](const GuardedPort& p) { return p.port == number; });
      if (found == ports.end()) {
        found = ports.insert(ports.end(), GuardedPort());
        found->port = number;
      }
      if (absl::Status status = ReadChain(chain, &*found); !status.ok()) return status;
    }
  }
  return ports;
}

PolicyRule RuleBehind(const authz::Rule& rule, const config::Snapshot& snapshot) {
  PolicyRule out;
  std::string ns, name;
  if (!ParseName(rule.policy, &ns, &name, &out.rule)) {
    out.policy = rule.policy;
    out.at = rule.position;
    return out;
  }
  out.policy = absl::StrCat(ns, "/", name);
  const config::ResourcePtr policy = snapshot.Find(config::Kind::kAuthorizationPolicy, ns, name);
  if (policy != nullptr) out.at = policy->PositionOf(absl::StrCat("spec.rules[", out.rule, "]"));
  return out;
}

CheckVerdict Check(const GuardedPort& port, const CheckRequest& check,
                   const config::Snapshot& snapshot) {
  CheckVerdict refused;
  refused.why = RefusedByTls(port, check.mutual_tls);
  if (!refused.why.empty()) return refused;
  authz::Request request = check.request;
  request.http = port.http;
  std::string path(request.path);
  if (port.http && http::NormalizePath(port.paths, &path) == http::PathOutcome::kReject) {
    refused.why = "refused: the path has no canonical form (400)";
    return refused;
  }
  request.path = path;
  Checker checker(snapshot, request);
  if (port.http) {
    for (const AuthorizationFilter& filter : port.filters) {
      if (!std::visit([&](const auto& one) { return checker.Judge(one); }, filter)) {
        return checker.Denied();
      }
    }
  } else {
    for (const RbacFilter& rules : port.rules) {
      if (!checker.Judge(rules)) return checker.Denied();
    }
  }
  return checker.Allowed();
}

ReachVerdict CheckReach(const GuardedPort& port, const CheckRequest& check,
                        const config::Snapshot& snapshot) {
  ReachVerdict verdict;
  verdict.why = RefusedByTls(port, check.mutual_tls);
  if (!verdict.why.empty()) return verdict;
  verdict.reach = Reach::kAlways;
  authz::Request request = check.request;
  request.http = port.http;
  if (port.http) {
    for (const AuthorizationFilter& filter : port.filters) {
      const auto* const rules = std::get_if<RbacFilter>(&filter);
      if (rules != nullptr && DecideReach(*rules, request, snapshot, &verdict)) return verdict;
    }
  } else {
    for (const RbacFilter& rules : port.rules) {
      if (DecideReach(rules, request, snapshot, &verdict)) return verdict;
    }
  }
  if (verdict.why.empty()) verdict.why = "no policy";
  return verdict;
}

}  // namespace mesh::ctl
