#include "mesh/authz/policy.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "mesh/authz/address.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"

// A field of a policy becomes All{Any{values}, Not{Any{not values}}}. On TCP, a field of HTTP
// becomes nothing in a DENY policy (what remains decides) and kNever in an ALLOW policy.
namespace mesh::authz {
namespace {

using Kind = Condition::Kind;

TextMatch Pattern(std::string_view value, std::string_view before = "") {
  TextMatch match;
  if (value == "*") {
    match.kind = TextMatch::Kind::kPresent;
  } else if (!value.empty() && value.back() == '*') {
    match.kind = TextMatch::Kind::kPrefix;
    match.value = absl::StrCat(Absl(before), Absl(value.substr(0, value.size() - 1)));
  } else if (!value.empty() && value.front() == '*') {
    // What stands before a suffix does not matter.
    match.kind = TextMatch::Kind::kSuffix;
    match.value = std::string(value.substr(1));
  } else {
    match.value = absl::StrCat(Absl(before), Absl(value));
  }
  return match;
}

class Builder {
 public:
  Builder(const Policy& policy, const PolicyOptions& options)
      : policy_(policy), options_(options), deny_(policy.action == Action::kDeny) {}

  absl::StatusOr<Condition> Build(const PolicyRule& rule) {
    std::vector<Condition> parts;
    if (!rule.from.empty()) {
      std::vector<Condition> any;
      for (const Source& source : rule.from) any.push_back(Build(source));
      parts.push_back(Condition::Any(std::move(any)));
    }
    if (!rule.to.empty()) {
      std::vector<Condition> any;
      for (const Operation& operation : rule.to) any.push_back(Build(operation));
      parts.push_back(Condition::Any(std::move(any)));
    }
    for (const When& when : rule.when) AddWhen(&parts, when);
    if (!status_.ok()) return status_;
    return Condition::All(std::move(parts));
  }

 private:
  using Parts = std::vector<Condition>;

  void Fail(absl::string_view what) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("AuthorizationPolicy ", policy_.ns, "/", policy_.name, ": ", what));
    }
  }

  // Adds what a field asks for, `one` making the condition of a value.
  template <class One>
  void Add(Parts* parts, const Values& values, One one) {
    const auto any = [&](const std::vector<std::string>& list) {
      Parts out;
      for (const std::string& value : list) out.push_back(one(value));
      return Condition::Any(std::move(out));
    };
    if (!values.in.empty()) parts->push_back(any(values.in));
    if (!values.not_in.empty()) parts->push_back(Condition::Not(any(values.not_in)));
  }

  // The same for a field that only HTTP has.
  template <class One>
  void AddHttp(Parts* parts, const Values& values, One one) {
    if (!options_.tcp) return Add(parts, values, one);
    if (values.in.empty() && values.not_in.empty()) return;
    if (!deny_) parts->push_back(Condition::Any({}));  // never
  }

  template <class One>
  void AddIdentity(Parts* parts, const Values& values, One one) {
    if (!values.not_in.empty() && !deny_) {
      parts->push_back(Condition::Text(Kind::kPrincipal, Pattern("*")));
    }
    Add(parts, values, one);
  }

  void AddPrincipals(Parts* parts, const Values& values) {
    AddIdentity(parts, values, [&](const std::string& value) { return Principal(value); });
  }
  void AddNamespaces(Parts* parts, const Values& values) {
    AddIdentity(parts, values, [](const std::string& value) {
      return Condition::Text(Kind::kNamespace, Pattern(value));
    });
  }
  void AddBlocks(Parts* parts, const Values& values, Kind kind, const char* field) {
    Add(parts, values, [&](const std::string& value) {
      if (!ParseBlock(value)) Fail(absl::StrCat(field, ": \"", value, "\" is no address or block"));
      return Condition::Block(kind, value);
    });
  }
  void AddPorts(Parts* parts, const Values& values, const char* field) {
    Add(parts, values, [&](const std::string& value) {
      int port = 0;
      if (!absl::SimpleAtoi(value, &port) || port < 1 || port > 65535) {
        Fail(absl::StrCat(field, ": \"", value, "\" is no port"));
      }
      return Condition::Ports(static_cast<uint16_t>(port), static_cast<uint16_t>(port));
    });
  }
  void AddText(Parts* parts, const Values& values, Kind kind) {
    Add(parts, values,
        [&](const std::string& value) { return Condition::Text(kind, Pattern(value)); });
  }
  void AddHttpText(Parts* parts, const Values& values, Kind kind) {
    AddHttp(parts, values,
            [&](const std::string& value) { return Condition::Text(kind, Pattern(value)); });
  }

  // A principal is written without its scheme; one of our trust domain is one of each alias.
  Condition Principal(const std::string& value) {
    const size_t slash = value.find('/');
    const std::string domain = value.substr(0, slash);
    const bool ours =
        slash != value.npos &&
        (domain == options_.trust_domain || domain == "cluster.local" ||
         std::find(options_.trust_domain_aliases.begin(), options_.trust_domain_aliases.end(),
                   domain) != options_.trust_domain_aliases.end());
    if (!ours) return Condition::Text(Kind::kPrincipal, Pattern(value, "spiffe://"));
    std::vector<std::string> domains = {options_.trust_domain};
    for (const std::string& alias : options_.trust_domain_aliases) {
      if (std::find(domains.begin(), domains.end(), alias) == domains.end()) {
        domains.push_back(alias);
      }
    }
    Parts any;
    for (const std::string& name : domains) {
      any.push_back(
          Condition::Text(Kind::kPrincipal, Pattern(name + value.substr(slash), "spiffe://")));
    }
    return Condition::Any(std::move(any));
  }

  Condition Build(const Source& source) {
    Parts parts;
    AddPrincipals(&parts, source.principals);
    AddHttpText(&parts, source.request_principals, Kind::kRequestPrincipal);
    AddNamespaces(&parts, source.namespaces);
    AddBlocks(&parts, source.ip_blocks, Kind::kSourceIp, "ipBlocks");
    AddBlocks(&parts, source.remote_ip_blocks, Kind::kRemoteIp, "remoteIpBlocks");
    AddIdentity(&parts, source.trust_domains, [](const std::string& value) {
      return Condition::Text(Kind::kTrustDomain, Pattern(value));
    });
    return Condition::All(std::move(parts));
  }

  Condition Build(const Operation& operation) {
    Parts parts;
    AddHttpText(&parts, operation.hosts, Kind::kHost);
    AddHttpText(&parts, operation.methods, Kind::kMethod);
    AddHttpText(&parts, operation.paths, Kind::kPath);
    AddPorts(&parts, operation.ports, "ports");
    return Condition::All(std::move(parts));
  }

  void AddWhen(Parts* parts, const When& when) {
    const Values& values = when.values;
    absl::string_view key = when.key;
    if (values.in.empty() && values.not_in.empty()) Fail(absl::StrCat(key, ": no values"));
    if (key == "source.ip") return AddBlocks(parts, values, Kind::kSourceIp, "source.ip");
    if (key == "remote.ip") return AddBlocks(parts, values, Kind::kRemoteIp, "remote.ip");
    if (key == "source.namespace") return AddNamespaces(parts, values);
    if (key == "source.principal") return AddPrincipals(parts, values);
    if (key == "destination.ip") {
      return AddBlocks(parts, values, Kind::kDestinationIp, "destination.ip");
    }
    if (key == "destination.port") return AddPorts(parts, values, "destination.port");
    if (key == "connection.sni") return AddText(parts, values, Kind::kServerName);
    if (key == "request.auth.principal") {
      return AddHttpText(parts, values, Kind::kRequestPrincipal);
    }
    if (key == "request.auth.audiences") return AddHttpText(parts, values, Kind::kAudience);
    if (key == "request.auth.presenter") return AddHttpText(parts, values, Kind::kPresenter);
    if (absl::ConsumePrefix(&key, "request.headers[") && absl::ConsumeSuffix(&key, "]") &&
        !key.empty()) {
      const std::string name = http::LowerCase(Std(key));
      // A value that forbids is looked for in every form; one that allows must be all there is.
      // What is negated forbids in an ALLOW policy and allows in a DENY policy.
      const auto header = [&](bool forbids) {
        return [&name, forbids](const std::string& value) {
          return Condition::Header(name, Pattern(value),
                                   forbids ? HeaderValues::kAny : HeaderValues::kJoined);
        };
      };
      AddHttp(parts, {values.in, {}}, header(deny_));
      return AddHttp(parts, {{}, values.not_in}, header(!deny_));
    }
    if (absl::ConsumePrefix(&key, "request.auth.claims[") && absl::ConsumeSuffix(&key, "]") &&
        !key.empty()) {
      const std::vector<std::string> path = Nested(key);
      return AddHttp(parts, values, [&](const std::string& value) {
        Condition claim = Condition::Text(Kind::kClaim, Pattern(value));
        claim.path = path;
        return claim;
      });
    }
    if (absl::ConsumePrefix(&key, "experimental.") && absl::ConsumeSuffix(&key, "]") &&
        absl::StrContains(key, '[')) {
      const size_t open = key.find('[');
      const std::string filter(key.substr(0, open));
      const std::vector<std::string> path = Nested(key.substr(open + 1));
      return Add(parts, values, [&](const std::string& value) {
        Condition metadata = Condition::Text(Kind::kMetadata, Pattern(value));
        metadata.name = filter;
        metadata.path = path;
        return metadata;
      });
    }
    Fail(absl::StrCat("unknown key \"", when.key, "\""));
  }

  // "a][b" of "claims[a][b]".
  static std::vector<std::string> Nested(absl::string_view key) {
    std::vector<std::string> path;
    for (size_t at = 0; at <= key.size();) {
      const size_t next = std::min(key.find("][", at), key.size());
      path.emplace_back(key.substr(at, next - at));
      at = next + 2;
    }
    return path;
  }

  const Policy& policy_;
  const PolicyOptions& options_;
  const bool deny_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::vector<Rule>> RulesOf(const Policy& policy, const PolicyOptions& options) {
  std::vector<Rule> rules;
  Rule rule;
  rule.policy = absl::StrCat(policy.ns, "/", policy.name);
  rule.action = policy.action;
  rule.provider = policy.provider;
  rule.dry_run = policy.dry_run;
  if (policy.rules.empty()) {
    rule.condition.kind = Condition::Kind::kNever;
    rule.position = policy.position;
    return std::vector<Rule>{rule};
  }
  Builder builder(policy, options);
  for (const PolicyRule& from : policy.rules) {
    auto condition = builder.Build(from);
    if (!condition.ok()) return condition.status();
    rule.index = static_cast<int>(rules.size());
    rule.condition = *std::move(condition);
    rule.position = from.position.known() ? from.position : policy.position;
    rules.push_back(rule);
  }
  return rules;
}

}  // namespace mesh::authz
