#include "mesh/route/action/apply.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"
#include "mesh/http/path.h"
#include "mesh/route/action/xxhash64.h"
#include "mesh/route/path_template.h"

namespace mesh::route::action {
namespace {

// Request headers with the pseudo headers, as formats see them.
struct WithPseudo {
  const Request* request;
  std::string_view authority;
  std::string_view path;
  http::Headers headers;
};

size_t FindHeader(const WithPseudo& all, std::string_view name, std::string_view* values,
                  size_t capacity) {
  std::string_view value;
  if (name == ":path") {
    value = all.path;
  } else if (name == ":authority" || name == "host") {
    value = all.authority;
  } else if (name == ":method") {
    value = all.request->method;
  } else if (name == ":scheme") {
    value = all.request->scheme;
  } else {
    return all.headers.Find(name, values, capacity);
  }
  if (value.data() == nullptr) return 0;
  if (capacity > 0) values[0] = value;
  return 1;
}

WithPseudo AsReceived(const Request& request) {
  return {&request, request.authority, request.path, request.headers};
}

// "" where there is none.
std::string_view First(const WithPseudo& all, std::string_view name) {
  std::string_view value;
  return FindHeader(all, name, &value, 1) > 0 ? value : std::string_view("");
}

// The part of the path that the rule matched and a prefix rewrite replaces.
size_t MatchedLength(const Route& route, std::string_view path) {
  switch (route.path.kind) {
    case PathMatch::Kind::kPrefix:
    case PathMatch::Kind::kExact:
    case PathMatch::Kind::kSeparatedPrefix:
      return std::min(route.path.text.size(), path.size());
    case PathMatch::Kind::kRegex:
    case PathMatch::Kind::kTemplate:
    case PathMatch::Kind::kConnect:
      break;
  }
  return http::WithoutQuery(path).size();
}

std::optional<std::string> Rewrite(const PathRewrite& rewrite, const Route& route,
                                   std::string_view path, const FormatContext& context) {
  const std::string_view only = http::WithoutQuery(path);
  const std::string_view rest = path.substr(only.size());
  if (const auto* prefix = std::get_if<PrefixRewrite>(&rewrite)) {
    return absl::StrCat(prefix->with, Absl(path.substr(MatchedLength(route, path))));
  }
  if (const auto* regex = std::get_if<RegexRewrite>(&rewrite)) {
    return absl::StrCat(regex->pattern->ReplaceAll(only, regex->substitution), Absl(rest));
  }
  if (const auto* pattern = std::get_if<TemplatePathRewrite>(&rewrite)) {
    const absl::StatusOr<TemplateRewrite> parts = ParseTemplateRewrite(pattern->text);
    if (!parts.ok() || !pattern->template_->FullMatch(only)) return std::string(path);
    std::string out;
    for (const TemplateRewrite::Part& part : parts->parts) {
      out += part.variable.empty() ? part.literal : pattern->template_->Group(only, part.variable);
    }
    return absl::StrCat(out, Absl(rest));
  }
  if (const auto* format = std::get_if<FormatRewrite>(&rewrite)) {
    std::string out = Evaluate(format->format, context);
    if (out.empty()) return std::nullopt;
    return absl::StrCat(out, Absl(rest));
  }
  return std::nullopt;
}

// All values are made from the headers as they were, then set.
void Edit(const std::vector<HeaderAdd>& add, const std::vector<std::string>& remove,
          const FormatContext& context, http::MutableHeaders* headers) {
  for (const std::string& name : remove) headers->Remove(name);
  absl::InlinedVector<std::pair<const HeaderAdd*, std::string>, 8> values;
  for (const HeaderAdd& one : add) {
    std::string value = Evaluate(one.value, context);
    if (value.empty() && !one.keep_empty) continue;
    if (one.how == HeaderAdd::How::kAddIfAbsent && headers->Find(one.name, nullptr, 0) > 0) {
      continue;
    }
    if (one.how == HeaderAdd::How::kOverwriteIfExists && headers->Find(one.name, nullptr, 0) == 0) {
      continue;
    }
    values.emplace_back(&one, std::move(value));
  }
  const auto overwrites = [](const HeaderAdd& one) {
    return one.how == HeaderAdd::How::kOverwriteOrAdd ||
           one.how == HeaderAdd::How::kOverwriteIfExists;
  };
  for (const auto& [one, value] : values) {
    if (overwrites(*one)) headers->Set(one->name, value);
  }
  for (const auto& [one, value] : values) {
    if (!overwrites(*one)) headers->Add(one->name, value);
  }
}

using Levels = absl::InlinedVector<const HeaderEdits*, 4>;

Levels LevelsOf(const RouteConfig& config, const Match& match, const ClusterChoice& choice) {
  Levels levels;
  if (choice.weighted != nullptr) levels.push_back(&choice.weighted->headers);
  if (const Route* route = config.RouteOf(match)) levels.push_back(&route->headers);
  if (const VirtualHostActions* host = config.HostOf(match)) levels.push_back(&host->headers);
  levels.push_back(&config.headers);
  if (config.most_specific_header_mutations_wins) std::reverse(levels.begin(), levels.end());
  return levels;
}

}  // namespace

ClusterChoice PickCluster(const Forward& action, const Request& request,
                          std::optional<uint64_t> hash) {
  const WithPseudo headers = AsReceived(request);
  ClusterChoice choice;
  if (action.weighted.empty()) {
    choice.cluster = action.cluster_header.empty() ? std::string_view(action.cluster)
                                                   : First(headers, action.cluster_header);
    return choice;
  }
  uint64_t value = request.random;
  if (!action.weight_header.empty()) {
    std::string_view values[2];
    uint64_t number = 0;
    if (FindHeader(headers, action.weight_header, values, 2) == 1 &&
        absl::SimpleAtoi(Absl(values[0]), &number)) {
      value = number;
    }
  } else if (action.weight_by_hash && hash) {
    value = *hash;
  }
  const Facts* facts = request.facts;
  const bool runtime = facts != nullptr && !action.weight_runtime_prefix.empty();
  const auto weight_of = [&](const WeightedCluster& cluster) -> uint64_t {
    if (!runtime) return cluster.weight;
    return facts->RuntimeInteger(absl::StrCat(action.weight_runtime_prefix, ".", cluster.name))
        .value_or(cluster.weight);
  };
  uint64_t total = action.total_weight;
  if (runtime) {
    total = 0;
    for (const WeightedCluster& cluster : action.weighted) total += weight_of(cluster);
  }
  if (total == 0) return choice;
  value %= total;
  for (const WeightedCluster& cluster : action.weighted) {
    const uint64_t weight = weight_of(cluster);
    if (value >= weight) {
      value -= weight;
      continue;
    }
    choice.weighted = &cluster;
    choice.cluster = cluster.name;
    if (!cluster.cluster_header.empty()) {
      choice.cluster = First(headers, cluster.cluster_header);
    }
    break;
  }
  return choice;
}

std::optional<std::string> RewritePath(const Route& route, std::string_view path,
                                       const FormatContext& context) {
  const auto* forward = std::get_if<Forward>(&route.action);
  if (forward == nullptr) return std::nullopt;
  return Rewrite(forward->path_rewrite, route, path, context);
}

std::optional<std::string> RewriteHost(const Route& route, const ClusterChoice& choice,
                                       std::string_view path, const http::Headers& headers,
                                       const FormatContext& context) {
  const auto* forward = std::get_if<Forward>(&route.action);
  if (forward == nullptr) return std::nullopt;
  std::optional<std::string> host;
  if (choice.weighted != nullptr && !choice.weighted->host_rewrite.empty()) {
    host = choice.weighted->host_rewrite;
  }
  if (const auto* literal = std::get_if<LiteralHost>(&forward->host_rewrite)) {
    host = literal->host;
  } else if (const auto* header = std::get_if<HeaderHost>(&forward->host_rewrite)) {
    const std::string_view value = headers.First(header->header).value_or("");
    if (!value.empty()) host = std::string(value);
  } else if (const auto* regex = std::get_if<PathRegexHost>(&forward->host_rewrite)) {
    host =
        regex->rewrite.pattern->ReplaceAll(http::WithoutQuery(path), regex->rewrite.substitution);
  } else if (const auto* format = std::get_if<FormatRewrite>(&forward->host_rewrite)) {
    std::string value = Evaluate(format->format, context);
    if (!value.empty()) host = std::move(value);
  }
  return host;
}

std::string RedirectLocation(const Route& route, const Request& request,
                             const FormatContext& given) {
  const auto* redirect = std::get_if<Redirect>(&route.action);
  if (redirect == nullptr) return "";
  const WithPseudo pseudo = AsReceived(request);
  FormatContext context = given;
  context.request = http::Headers(pseudo);
  const std::string_view scheme =
      redirect->scheme.empty() ? request.scheme : std::string_view(redirect->scheme);
  std::string_view host = redirect->host;
  if (host.empty()) {
    host = request.authority;
    const size_t port = http::PortStart(host);
    if (port != std::string_view::npos) {
      const std::string_view number = host.substr(port);
      const std::string_view received =
          request.headers.First("x-forwarded-proto").value_or(request.scheme);
      const bool is_default = scheme != received && ((received == "https" && number == ":443") ||
                                                     (received == "http" && number == ":80"));
      if (!redirect->port.empty() || is_default) host = host.substr(0, port);
    }
  }
  const std::string rewritten =
      Rewrite(redirect->rewrite, route, request.path, context).value_or(std::string(request.path));
  std::string path;
  const bool own_query = redirect->path.find('?') != std::string::npos;
  if (!redirect->path.empty()) {
    path = redirect->path;
    const size_t query = rewritten.find('?');
    if (!own_query && query != std::string::npos) path += rewritten.substr(query);
  } else {
    path = rewritten;
  }
  if (path.empty() || path[0] != '/') path.insert(0, 1, '/');
  if (redirect->strip_query && !own_query) path.resize(std::min(path.find('?'), path.size()));
  return absl::StrCat(Absl(scheme), "://", Absl(host), redirect->port, path);
}

std::string TlsRedirectLocation(const Request& request) {
  return absl::StrCat("https://", Absl(request.authority), Absl(request.path));
}

void ApplyRequest(const RouteConfig& config, const Match& match, const ClusterChoice& choice,
                  const Request& request, const Variables* variables, RequestTarget* target,
                  http::MutableHeaders* headers) {
  const Route* route = config.RouteOf(match);
  const Forward* forward = route == nullptr ? nullptr : std::get_if<Forward>(&route->action);
  if (forward == nullptr) return;
  const WithPseudo pseudo{&request, target->authority, target->path, headers->view()};
  const FormatContext context{http::Headers(pseudo), {}, variables};
  for (const HeaderEdits* level : LevelsOf(config, match, choice)) {
    Edit(level->request_add, level->request_remove, context, headers);
  }
  if (auto host = RewriteHost(*route, choice, target->path, headers->view(), context)) {
    if (forward->append_x_forwarded_host && !target->authority.empty()) {
      const http::JoinedHeader before(headers->view(), "x-forwarded-host");
      std::string_view last = before.value().substr(before.value().rfind(',') + 1);
      while (!last.empty() && last.front() == ' ') last.remove_prefix(1);
      if (last != target->authority) {
        headers->Set("x-forwarded-host",
                     before.present() && !before.value().empty()
                         ? absl::StrCat(Absl(before.value()), ",", target->authority)
                         : target->authority);
      }
    }
    target->authority = *std::move(host);
  }
  const WithPseudo after{&request, target->authority, target->path, headers->view()};
  if (auto path = RewritePath(*route, target->path, {http::Headers(after), {}, variables})) {
    headers->Set("x-envoy-original-path", target->path);
    target->path = *std::move(path);
  }
}

void ApplyResponse(const RouteConfig& config, const Match& match, const ClusterChoice& choice,
                   const Request& request, const Variables* variables,
                   http::MutableHeaders* response) {
  const WithPseudo pseudo = AsReceived(request);
  const FormatContext context{http::Headers(pseudo), response->view(), variables};
  for (const HeaderEdits* level : LevelsOf(config, match, choice)) {
    Edit(level->response_add, level->response_remove, context, response);
  }
}

bool InFraction(const FractionMatch& fraction, uint64_t random, const Facts* facts) {
  if (facts != nullptr && !fraction.runtime_key.empty()) {
    if (const auto percent = facts->RuntimeInteger(fraction.runtime_key)) {
      return random % 100 < *percent;
    }
  }
  return fraction.denominator != 0 && random % fraction.denominator < fraction.numerator;
}

std::optional<uint64_t> HashOf(const std::vector<HashPolicy>& policies, const Request& request,
                               std::string_view source_ip, NewCookie* new_cookie) {
  std::optional<uint64_t> hash;
  for (const HashPolicy& policy : policies) {
    std::optional<uint64_t> one;
    switch (policy.kind) {
      case HashPolicy::Kind::kHeader: {
        std::string_view found[16];
        const size_t count =
            std::min<size_t>(FindHeader(AsReceived(request), policy.name, found, 16), 16);
        if (count == 0) break;
        std::vector<std::string> values(found, found + count);
        if (policy.rewrite.pattern != nullptr) {
          for (std::string& value : values) {
            value = policy.rewrite.pattern->ReplaceAll(value, policy.rewrite.substitution);
          }
        }
        // The same values in another order are the same.
        std::sort(values.begin(), values.end());
        std::string all;
        for (const std::string& value : values) all += value;
        one = XxHash64(all);
        break;
      }
      case HashPolicy::Kind::kCookie: {
        std::string_view lines[8];
        const size_t count = std::min<size_t>(request.headers.Find("cookie", lines, 8), 8);
        std::string_view value;
        for (size_t i = 0; i < count && value.empty(); ++i) {
          value = http::Cookie(lines[i], policy.name).value_or("");
        }
        if (!value.empty()) {
          one = XxHash64(value);
        } else if (policy.cookie_ttl && new_cookie != nullptr) {
          new_cookie->name = policy.name;
          new_cookie->value = absl::StrCat(absl::Hex(request.random, absl::kZeroPad16));
          new_cookie->ttl = *policy.cookie_ttl;
          new_cookie->path = policy.cookie_path;
          new_cookie->attributes = policy.cookie_attributes;
          one = XxHash64(new_cookie->value);
        }
        break;
      }
      case HashPolicy::Kind::kSourceIp:
        if (!source_ip.empty()) one = XxHash64(source_ip);
        break;
      case HashPolicy::Kind::kQueryParameter:
        if (const auto value = http::QueryParameter(request.path, policy.name)) {
          one = XxHash64(*value);
        }
        break;
      case HashPolicy::Kind::kFilterState:
        if (request.facts != nullptr) {
          if (const auto value = request.facts->FilterState(policy.name)) one = XxHash64(*value);
        }
        break;
    }
    if (one) {
      // Rotated by one bit, so that two equal values do not cancel each other.
      hash = (hash ? (*hash << 1 | *hash >> 63) : 0) ^ *one;
    }
    if (policy.terminal && hash) break;
  }
  return hash;
}

}  // namespace mesh::route::action
