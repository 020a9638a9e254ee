#include "mesh/proxy/request_authorization.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "mesh/base/strings.h"
#include "mesh/http/path.h"
#include "mesh/proxy/address.h"
#include "mesh/telemetry/access_log.h"

namespace mesh::proxy {
namespace {

using telemetry::Bit;
using telemetry::ResponseFlag;

std::string DenialDetails(const authz::Decision& decision) {
  std::string details = absl::StrCat("rbac_access_denied_matched_policy[",
                                     decision.why == authz::Decision::Why::kMalformed
                                         ? "malformed"
                                         : Absl(envoy::DecidingPolicy(decision)),
                                     "]");
  if (decision.rule != nullptr && decision.rule->position.known()) {
    absl::StrAppend(&details, "{", decision.rule->position.ToString(), "}");
  }
  std::replace(details.begin(), details.end(), ' ', '_');
  return details;
}

bool IsPreflight(const MessageHead& head) {
  const http::MutableHeaders& headers = head.headers;
  return head.method == "OPTIONS" && headers.Find("origin", nullptr, 0) > 0 &&
         headers.Find("access-control-request-method", nullptr, 0) > 0;
}

// `path` without the parameters of that name.
std::string WithoutParameter(const std::string& path, std::string_view name) {
  const size_t mark = path.find('?');
  if (mark == std::string::npos) return path;
  std::string out = path.substr(0, mark);
  char before = '?';
  for (size_t start = mark + 1; start <= path.size();) {
    const size_t end = std::min(path.find('&', start), path.size());
    const std::string_view parameter = std::string_view(path).substr(start, end - start);
    if (parameter.substr(0, parameter.find('=')) != name) {
      out += before;
      out += parameter;
      before = '&';
    }
    start = end + 1;
  }
  return out;
}

// What a route has in the place of a filter: nothing, another configuration, or that it is off.
struct Override {
  bool off = false;
  const envoy::RbacFilter* rules = nullptr;
};
Override OverrideOf(const RequestAuthorization::Input& input, const std::string& filter) {
  if (input.routes == nullptr) return {};
  const route::action::Route* const route = input.routes->RouteOf(input.match);
  if (route == nullptr) return {};
  for (const route::action::FilterConfigs* configs :
       {&route->filters, &input.routes->HostOf(input.match)->filters, &input.routes->filters}) {
    if (configs->empty()) continue;
    const auto found = configs->find(filter);
    if (found == configs->end()) continue;
    const std::string& url = found->second.type_url;
    if (found->second.disabled) return {true, nullptr};
    // Anything else under this name is not for this filter.
    if (url.substr(url.rfind('/') + 1) != envoy::kRbacPerRoute) return {};
    return {false, &static_cast<const envoy::RbacOverride*>(found->second.parsed.get())->filter};
  }
  return {};
}

// Counts; true where the request may go on.
bool Enforce(const authz::Engine& rules, const authz::Request& request, ListenerStats* stats,
             authz::Decision* decision) {
  *decision = rules.Decide(request);
  ++(decision->allowed ? stats->rbac_allowed : stats->rbac_denied);
  if (decision->audit != nullptr) ++stats->rbac_logged;
  return decision->allowed;
}

}  // namespace

void RemoveFilterHeaders(const envoy::HttpConnectionManager& manager, HeaderMap* headers) {
  for (const envoy::AuthorizationFilter& filter : manager.authorization) {
    const auto* const jwt = std::get_if<envoy::JwtFilter>(&filter);
    if (jwt == nullptr) continue;
    for (const std::string& name : jwt->tokens->own_headers()) headers->Remove(name);
  }
}

std::string_view ClientAddress(const envoy::HttpConnectionManager& manager,
                               const ConnectionInfo& connection, const HeaderMap& headers) {
  size_t behind = manager.xff_num_trusted_hops;  // how many entries stand behind the client's
  if (manager.use_remote_address) {
    if (behind == 0) return connection.remote_ip;
    if (manager.skip_xff_append) --behind;  // this connection's own is not among them
  }
  const auto& entries = headers.entries();
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->id != HeaderId::kXForwardedFor) continue;
    std::vector<std::string_view> members;
    ForEachListMember(entry->value, [&](std::string_view member) { members.push_back(member); });
    if (behind >= members.size()) {
      behind -= members.size();
      continue;
    }
    const std::string_view client = members[members.size() - 1 - behind];
    if (Address::Parse(client, 0).has_value()) return client;
    break;
  }
  return connection.remote_ip;
}

std::string RefuseConnection(const std::vector<envoy::RbacFilter>& filters,
                             const ConnectionInfo& connection, ListenerStats* stats) {
  if (filters.empty()) return "";
  authz::Request request;
  request.http = false;
  request.principal = connection.principal();
  request.source_ip = request.remote_ip = connection.remote_ip;
  request.destination_ip = connection.local_ip;
  request.destination_port = connection.local_port;
  request.server_name = connection.server_name();
  for (const envoy::RbacFilter& filter : filters) {
    if (filter.shadow != nullptr) {
      ++(filter.shadow->Decide(request).allowed ? stats->rbac_shadow_allowed
                                                : stats->rbac_shadow_denied);
    }
    authz::Decision decision;
    if (filter.rules != nullptr && !Enforce(*filter.rules, request, stats, &decision)) {
      return DenialDetails(decision);
    }
  }
  return "";
}

const route::Value* RequestAuthorization::Left::Metadata(std::string_view filter) const {
  const auto found = values.find(filter);
  return found == values.end() ? nullptr : &found->second;
}

void RequestAuthorization::Clear() {
  if (next_ == 0) return;  // nothing was asked
  next_ = 0;
  if (!metadata_.values.empty()) metadata_.values.clear();
  reply_ = LocalReply();
  reply_headers_.clear();
}

authz::Request RequestAuthorization::RequestOf(const Input& input) const {
  authz::Request request;
  request.principal = input.connection.principal();
  request.source_ip = input.connection.remote_ip;
  request.remote_ip = ClientAddress(input.manager, input.connection, input.head->headers);
  request.destination_ip = input.connection.local_ip;
  request.destination_port = input.connection.local_port;
  request.server_name = input.connection.server_name();
  request.method = input.head->method;
  request.scheme = input.parts->scheme;
  request.host = input.parts->authority;
  request.path = input.parts->path;
  request.headers = static_cast<const http::MutableHeaders&>(input.head->headers).view();
  request.facts = &metadata_;
  return request;
}

RequestAuthorization::Step RequestAuthorization::Run(const Input& input) {
  const auto& filters = input.manager.authorization;
  while (next_ < filters.size()) {
    const envoy::AuthorizationFilter& filter = filters[next_++];
    const Step step = std::visit([&](const auto& one) { return Check(input, one); }, filter);
    if (step != Step::kGoOn) return step;
  }
  return Step::kGoOn;
}

RequestAuthorization::Step RequestAuthorization::Check(const Input& input,
                                                       const envoy::JwtFilter& filter) {
  if (OverrideOf(input, filter.name).off) return Step::kGoOn;
  if (filter.bypass_cors_preflight && IsPreflight(*input.head)) {
    ++input.stats->jwt_cors_preflight_bypass;
    return Step::kGoOn;
  }
  HeaderMap& headers = input.head->headers;
  authz::TokenVerdict verdict = filter.tokens->Check(
      static_cast<const http::MutableHeaders&>(headers).view(), input.parts->path, input.now);
  if (verdict.allowed) {
    ++input.stats->jwt_allowed;
    for (const std::string& name : verdict.remove_headers) headers.Remove(name);
    for (const std::string& name : verdict.remove_params) {
      input.parts->path = WithoutParameter(input.parts->path, name);
    }
    for (const auto& [name, value] : verdict.set_headers) headers.Set(name, value);
    if (!verdict.metadata.empty()) {
      metadata_.values[envoy::kJwtFilter] = {std::move(verdict.metadata)};
    }
    return Step::kGoOn;
  }
  ++input.stats->jwt_denied;
  details_ = absl::StrCat("jwt_authn_access_denied{", Absl(verdict.why), "}");
  std::replace(details_.begin(), details_.end(), ' ', '_');
  reply_.status = verdict.status;
  reply_.details = details_;
  reply_.flags = Bit(ResponseFlag::kUnauthorizedExternal);
  if (!filter.strip_failure_response) {
    reply_.body = verdict.why;
    // RFC 6750 §3.
    const std::string uri = absl::StrCat(Absl(input.parts->scheme), "://", input.parts->authority,
                                         Absl(http::WithoutQuery(input.parts->path)));
    reply_headers_.emplace_back(
        "www-authenticate",
        absl::StrCat("Bearer realm=\"", absl::StrReplaceAll(uri, {{"\"", "%22"}, {"\\", "%5C"}}),
                     "\"", verdict.missing ? "" : ", error=\"invalid_token\""));
    reply_.headers = reply_headers_;
  }
  return Step::kAnswer;
}

RequestAuthorization::Step RequestAuthorization::Check(const Input& input,
                                                       const envoy::RbacFilter& configured) {
  const Override there = OverrideOf(input, configured.name);
  if (there.off) return Step::kGoOn;
  const envoy::RbacFilter& filter = there.rules != nullptr ? *there.rules : configured;
  const authz::Request request = RequestOf(input);
  if (filter.shadow != nullptr) {
    const authz::Decision decision = filter.shadow->Decide(request);
    ++(decision.allowed ? input.stats->rbac_shadow_allowed : input.stats->rbac_shadow_denied);
    route::Value& value = metadata_.values[envoy::kRbacFilter];
    if (std::holds_alternative<std::monostate>(value.value)) value.value = route::Value::Struct();
    auto& fields = std::get<route::Value::Struct>(value.value);
    fields[filter.shadow_prefix + "shadow_engine_result"] = {
        std::string(decision.allowed ? "allowed" : "denied")};
    if (decision.rule != nullptr) {
      fields[filter.shadow_prefix + "shadow_effective_policy_id"] = {decision.rule->policy};
    }
  }
  authz::Decision decision;
  if (filter.rules == nullptr || Enforce(*filter.rules, request, input.stats, &decision)) {
    return Step::kGoOn;
  }
  details_ = DenialDetails(decision);
  reply_.status = 403;
  reply_.body = "RBAC: access denied";
  reply_.details = details_;
  if (input.explain) {
    reply_headers_.emplace_back("x-mesh-denied-by", details_);
    reply_.headers = reply_headers_;
  }
  return Step::kAnswer;
}

RequestAuthorization::Step RequestAuthorization::Check(const Input& input,
                                                       const envoy::ExtAuthzFilter& filter) {
  if (OverrideOf(input, filter.name).off) return Step::kGoOn;
  if (filter.only != nullptr && filter.only->Decide(RequestOf(input)).audit == nullptr) {
    return Step::kGoOn;
  }
  return Step::kAsk;
}

AuthorizationQuestion RequestAuthorization::Question(const Input& input) const {
  const auto& filter = std::get<envoy::ExtAuthzFilter>(input.manager.authorization[next_ - 1]);
  AuthorizationQuestion question;
  question.cluster = filter.cluster;
  question.authority = filter.authority;
  question.timeout = filter.timeout;
  question.source_ip = input.connection.remote_ip;
  const size_t colon = input.connection.remote.rfind(':');
  int port = 0;
  if (colon != std::string::npos &&
      absl::SimpleAtoi(input.connection.remote.substr(colon + 1), &port)) {
    question.source_port = static_cast<uint16_t>(port);
  }
  question.source_principal = input.connection.principal();
  question.destination_ip = input.connection.local_ip;
  question.destination_port = input.connection.local_port;
  question.time = input.now;
  question.method = input.head->method;
  question.path = input.parts->path;
  question.host = input.parts->authority;
  question.scheme = input.parts->scheme;
  question.protocol = input.head->minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
  if (input.head->framing == Framing::kNone) question.size = 0;
  for (const HeaderMap::Entry& entry : input.head->headers.entries()) {
    question.headers.emplace_back(entry.name, entry.value);
    if (entry.id == HeaderId::kXRequestId) question.id = entry.value;
    if (entry.id == HeaderId::kContentLength)
      (void)absl::SimpleAtoi(Absl(entry.value), &question.size);
  }
  return question;
}

RequestAuthorization::Step RequestAuthorization::FailedToAsk(const Input& input,
                                                             const envoy::ExtAuthzFilter& filter) {
  ++input.stats->ext_authz_error;
  if (filter.failure_mode_allow) {
    ++input.stats->ext_authz_failure_mode_allowed;
    if (filter.failure_mode_header) {
      input.head->headers.Set("x-envoy-auth-failure-mode-allowed", "true");
    }
    return Run(input);
  }
  reply_.status = filter.status_on_error;
  reply_.details = "ext_authz_error";
  reply_.flags = Bit(ResponseFlag::kUnauthorizedExternal);
  return Step::kAnswer;
}

RequestAuthorization::Step RequestAuthorization::Take(const Input& input,
                                                      const AuthorizationAnswer& answer) {
  const auto& filter = std::get<envoy::ExtAuthzFilter>(input.manager.authorization[next_ - 1]);
  switch (answer.kind) {
    case AuthorizationAnswer::Kind::kError:
      return FailedToAsk(input, filter);
    case AuthorizationAnswer::Kind::kAllowed:
      ++input.stats->ext_authz_ok;
      for (const std::string& name : answer.remove_headers) input.head->headers.Remove(name);
      for (const AuthorizationAnswer::Header& header : answer.headers) {
        if (header.append) {
          input.head->headers.Add(header.name, header.value);
        } else {
          input.head->headers.Set(header.name, header.value);
        }
      }
      return Run(input);
    case AuthorizationAnswer::Kind::kDenied:
      break;
  }
  ++input.stats->ext_authz_denied;
  body_ = answer.body;
  for (const AuthorizationAnswer::Header& header : answer.headers) {
    if (header.name == "content-type") {
      content_type_ = header.value;
      reply_.content_type = content_type_;
    } else {
      reply_headers_.emplace_back(header.name, header.value);
    }
  }
  reply_.status = answer.status;
  reply_.body = body_;
  reply_.details = "ext_authz_denied";
  reply_.flags = Bit(ResponseFlag::kUnauthorizedExternal);
  reply_.headers = reply_headers_;
  return Step::kAnswer;
}

}  // namespace mesh::proxy
