#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"
#include "re2/re2.h"

namespace mesh::config {
namespace {

namespace sec = ::istio::security::v1beta1;

std::string CheckIp(const std::string& value) {
  return absl::StrContains(value, "/") ? CheckSubnet(value) : CheckIpAddress(value);
}

std::string CheckPortText(const std::string& value) {
  uint32_t port = 0;
  const bool digits = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
  return digits && absl::SimpleAtoi(value, &port) && port <= 65535
             ? ""
             : absl::StrCat("\"", value, "\" is not a port, 0 to 65535");
}

// NAME or NAMESPACE/NAME.
std::string CheckAccount(const std::string& value) {
  const std::vector<std::string> parts = absl::StrSplit(value, '/');
  if (parts.size() > 2 || parts.front().empty() || parts.back().empty() ||
      absl::StrContains(value, "*") || value.size() > 320) {
    return absl::StrCat("\"", value, "\" is not NAME or NAMESPACE/NAME of a service account");
  }
  return "";
}

// One * may stand at the beginning or at the end.
std::string CheckTrustDomain(const std::string& value) {
  const std::string inner =
      value == "*" ? "" : std::string(absl::StripSuffix(absl::StripPrefix(value, "*"), "*"));
  const bool both = value.size() > 1 && value.front() == '*' && value.back() == '*';
  if (both || absl::StrContains(inner, "*") || absl::StrContains(value, "/")) {
    return absl::StrCat("\"", value,
                        "\" is no trust domain, such as cluster.local or *.example.com");
  }
  return "";
}

// A path with {*} for one segment, and {**}, which comes last of those, for all that are left.
std::string CheckPathTemplate(const std::string& value) {
  static const RE2* const kLiteral = new RE2("[a-zA-Z0-9._~%!$&'()+,;:@=-]+");
  const bool is_template = absl::StrContains(value, "{*}") || absl::StrContains(value, "{**}");
  const size_t first = value.find_first_not_of('/');
  if (first == std::string::npos) return "";
  const std::string inner = value.substr(first, value.find_last_not_of('/') + 1 - first);
  bool rest = false;
  for (absl::string_view segment : absl::StrSplit(inner, '/')) {
    if (segment == "{*}" || segment == "{**}") {
      if (rest) return absl::StrCat("\"", value, "\": {**} is the last of the placeholders");
      rest = segment == "{**}";
      continue;
    }
    if (segment.find_first_of("{}") != absl::string_view::npos) {
      return absl::StrCat("\"", value,
                          "\": { and } stand in {*} and {**} alone, as whole segments");
    }
    if (is_template && !RE2::FullMatch(std::string(segment), *kLiteral)) {
      return absl::StrCat("\"", value, "\": \"", segment, "\" is no segment of a path");
    }
  }
  return "";
}

// How the values of one list are checked besides not being empty.
enum class Values { kText, kAddresses, kPorts, kAccounts, kTrustDomains, kPaths };

std::string CheckValue(Values what, const std::string& value) {
  if (value.empty()) return "is empty; to match anything write *";
  switch (what) {
    case Values::kAddresses:
      return CheckIp(value);
    case Values::kPorts:
      return CheckPortText(value);
    case Values::kAccounts:
      return CheckAccount(value);
    case Values::kTrustDomains:
      return CheckTrustDomain(value);
    case Values::kPaths:
      return CheckPathTemplate(value);
    case Values::kText:
      break;
  }
  return "";
}

// The lists of a source or an operation: checks each, and says whether there is any.
class Lists {
 public:
  Lists(Checker* checker, const Path& path) : checker_(checker), path_(path) {}
  Lists& Add(std::string_view name, const Strings& values, Values what = Values::kText) {
    any_ = any_ || !values.empty();
    const Path list = path_.Field(name);
    for (int i = 0; i < values.size(); ++i) {
      checker_->Check(list.At(i), CheckValue(what, values[i]));
    }
    return *this;
  }
  bool any() const { return any_; }

 private:
  Checker* const checker_;
  const Path& path_;
  bool any_ = false;
};

void CheckSource(Checker* checker, const Path& path, const sec::Source& source) {
  Lists lists(checker, path);
  lists.Add("principals", source.principals())
      .Add("notPrincipals", source.not_principals())
      .Add("requestPrincipals", source.request_principals())
      .Add("notRequestPrincipals", source.not_request_principals())
      .Add("namespaces", source.namespaces())
      .Add("notNamespaces", source.not_namespaces())
      .Add("serviceAccounts", source.service_accounts(), Values::kAccounts)
      .Add("notServiceAccounts", source.not_service_accounts(), Values::kAccounts)
      .Add("trustDomains", source.trust_domains(), Values::kTrustDomains)
      .Add("notTrustDomains", source.not_trust_domains(), Values::kTrustDomains)
      .Add("ipBlocks", source.ip_blocks(), Values::kAddresses)
      .Add("notIpBlocks", source.not_ip_blocks(), Values::kAddresses)
      .Add("remoteIpBlocks", source.remote_ip_blocks(), Values::kAddresses)
      .Add("notRemoteIpBlocks", source.not_remote_ip_blocks(), Values::kAddresses);
  if (!lists.any()) {
    checker->Fail(path, "is empty; say something of the source, or leave from out for any");
  }
  if (source.service_accounts_size() + source.not_service_accounts_size() == 0) return;
  if (source.principals_size() + source.not_principals_size() + source.namespaces_size() +
          source.not_namespaces_size() >
      0) {
    checker->Fail(path,
                  "serviceAccounts says the namespace as well; give no principals or "
                  "namespaces beside it");
  }
  for (const auto* accounts : {&source.service_accounts(), &source.not_service_accounts()}) {
    if (accounts->size() > 16) checker->Fail(path, "serviceAccounts takes 16 values at most");
  }
}

void CheckOperation(Checker* checker, const Path& path, const sec::Operation& operation) {
  Lists lists(checker, path);
  lists.Add("hosts", operation.hosts())
      .Add("notHosts", operation.not_hosts())
      .Add("ports", operation.ports(), Values::kPorts)
      .Add("notPorts", operation.not_ports(), Values::kPorts)
      .Add("methods", operation.methods())
      .Add("notMethods", operation.not_methods())
      .Add("paths", operation.paths(), Values::kPaths)
      .Add("notPaths", operation.not_paths(), Values::kPaths);
  if (!lists.any()) {
    checker->Fail(path, "is empty; say something of the operation, or leave to out for any");
  }
}

// attribute[key]
bool HasMapKey(const std::string& key) {
  const size_t open = key.find('[');
  return absl::EndsWith(key, "]") && open != std::string::npos && open > 0 && open + 2 < key.size();
}

// What is wrong with the key of a condition, and how its values are checked.
std::string CheckKey(const std::string& key, Values* values) {
  *values = Values::kText;
  for (const char* map :
       {"request.headers", "request.auth.claims", "experimental.envoy.filters."}) {
    if (!absl::StartsWith(key, map)) continue;
    return HasMapKey(key) ? "" : absl::StrCat("\"", key, "\" needs a key: ", map, "[KEY]");
  }
  for (const char* name : {"source.namespace", "source.principal", "request.auth.principal",
                           "request.auth.audiences", "request.auth.presenter", "connection.sni"}) {
    if (key == name) return "";
  }
  if (key == "source.ip" || key == "remote.ip" || key == "destination.ip") {
    *values = Values::kAddresses;
    return "";
  }
  if (key == "destination.port") {
    *values = Values::kPorts;
    return "";
  }
  if (key == "source.serviceAccount") {
    *values = Values::kAccounts;
    return "";
  }
  return absl::StrCat("\"", key,
                      "\" is no attribute; there is request.headers[], source.ip, remote.ip, "
                      "source.namespace, source.principal, request.auth.principal, "
                      "request.auth.audiences, request.auth.presenter, request.auth.claims[], "
                      "destination.ip, destination.port, connection.sni, "
                      "experimental.envoy.filters.*[]");
}

void CheckCondition(Checker* checker, const Path& path, const sec::Condition& condition) {
  if (condition.key().empty()) {
    checker->Fail(path, "key is missing");
    return;
  }
  if (condition.values().empty() && condition.not_values().empty()) {
    checker->Fail(path, "values is missing; give values, notValues or both");
    return;
  }
  Values what = Values::kText;
  const std::string problem = CheckKey(condition.key(), &what);
  if (!problem.empty()) {
    checker->Fail(path.Field("key"), problem);
    return;
  }
  Lists lists(checker, path);
  lists.Add("values", condition.values(), what).Add("notValues", condition.not_values(), what);
}

void CheckRule(Checker* checker, const Path& path, const sec::Rule& rule) {
  const Path from = path.Field("from");
  const Path to = path.Field("to");
  if (rule.from().empty() && checker->IsWritten(from)) {
    checker->Fail(from, "is empty; name a source, or leave it out for any");
  }
  for (int i = 0; i < rule.from_size(); ++i) {
    const Path at = from.At(i);
    if (!rule.from(i).has_source()) {
      checker->Fail(at, "source is missing");
    } else {
      CheckSource(checker, at.Field("source"), rule.from(i).source());
    }
  }
  if (rule.to().empty() && checker->IsWritten(to)) {
    checker->Fail(to, "is empty; name an operation, or leave it out for any");
  }
  for (int i = 0; i < rule.to_size(); ++i) {
    const Path at = to.At(i);
    if (!rule.to(i).has_operation()) {
      checker->Fail(at, "operation is missing");
    } else {
      CheckOperation(checker, at.Field("operation"), rule.to(i).operation());
    }
  }
  for (int i = 0; i < rule.when_size(); ++i) {
    const Path list = path.Field("when");
    CheckCondition(checker, list.At(i), rule.when(i));
  }
}

// What a proxy cannot look at before the provider has answered: who the peer and the user are.
void CheckForProvider(Checker* checker, const Path& path, const sec::Rule& rule) {
  constexpr char kLater[] = "cannot be looked at where the action is CUSTOM";
  const Path from = path.Field("from");
  for (int i = 0; i < rule.from_size(); ++i) {
    const sec::Source& source = rule.from(i).source();
    const Path at = from.At(i);
    const Path inside = at.Field("source");
    const std::pair<const char*, int> kSizes[] = {
        {"namespaces", source.namespaces_size()},
        {"notNamespaces", source.not_namespaces_size()},
        {"serviceAccounts", source.service_accounts_size()},
        {"notServiceAccounts", source.not_service_accounts_size()},
        {"trustDomains", source.trust_domains_size()},
        {"notTrustDomains", source.not_trust_domains_size()},
        {"principals", source.principals_size()},
        {"notPrincipals", source.not_principals_size()},
        {"requestPrincipals", source.request_principals_size()},
        {"notRequestPrincipals", source.not_request_principals_size()},
    };
    for (const auto& [name, size] : kSizes) {
      if (size > 0) checker->Fail(inside.Field(name), kLater);
    }
  }
  const Path when = path.Field("when");
  for (int i = 0; i < rule.when_size(); ++i) {
    const std::string& key = rule.when(i).key();
    if (key == "source.namespace" || key == "source.serviceAccount" ||
        key == "source.trustDomain" || key == "source.principal" ||
        absl::StartsWith(key, "request.auth.")) {
      checker->Fail(when.At(i), absl::StrCat(key, " ", kLater));
    }
  }
}

}  // namespace

void CheckAuthorizationPolicy(Checker* checker, const Path& path,
                              const sec::AuthorizationPolicy& policy) {
  CheckSelector(checker, path.Field("selector"), policy.selector());
  CheckTargets(checker, path, policy);
  const bool custom = policy.action() == sec::AuthorizationPolicy::CUSTOM;
  if (custom && policy.provider().name().empty()) {
    checker->Fail(path, "provider.name is missing: who decides when the action is CUSTOM");
  } else if (!custom && policy.has_provider()) {
    checker->Fail(path.Field("provider"), "goes with action CUSTOM only");
  }
  if (custom && policy.rules().empty()) {
    checker->Fail(path,
                  "CUSTOM without rules asks nobody; to ask about everything write rules: [{}]");
  }
  if (policy.action() == sec::AuthorizationPolicy::DENY && policy.rules().empty() &&
      !checker->IsWritten(path.Field("rules"))) {
    checker->Fail(path, "DENY without rules denies nothing; to deny everything write rules: [{}]");
  }
  for (int i = 0; i < policy.rules_size(); ++i) {
    const Path list = path.Field("rules");
    CheckRule(checker, list.At(i), policy.rules(i));
    if (custom) CheckForProvider(checker, list.At(i), policy.rules(i));
  }
}

}  // namespace mesh::config
