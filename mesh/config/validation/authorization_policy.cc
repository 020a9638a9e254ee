#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

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

// How the values of one list are checked besides not being empty.
enum class Values { kText, kAddresses, kPorts };

std::string CheckValue(Values what, const std::string& value) {
  if (value.empty()) return "is empty; to match anything write *";
  switch (what) {
    case Values::kAddresses:
      return CheckIp(value);
    case Values::kPorts:
      return CheckPortText(value);
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
      .Add("serviceAccounts", source.service_accounts())
      .Add("notServiceAccounts", source.not_service_accounts())
      .Add("trustDomains", source.trust_domains())
      .Add("notTrustDomains", source.not_trust_domains())
      .Add("ipBlocks", source.ip_blocks(), Values::kAddresses)
      .Add("notIpBlocks", source.not_ip_blocks(), Values::kAddresses)
      .Add("remoteIpBlocks", source.remote_ip_blocks(), Values::kAddresses)
      .Add("notRemoteIpBlocks", source.not_remote_ip_blocks(), Values::kAddresses);
  if (!lists.any()) {
    checker->Fail(path, "is empty; say something of the source, or leave from out for any");
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
      .Add("paths", operation.paths())
      .Add("notPaths", operation.not_paths());
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
  for (const char* name :
       {"source.namespace", "source.principal", "source.serviceAccount", "request.auth.principal",
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

}  // namespace

void CheckAuthorizationPolicy(Checker* checker, const Path& path,
                              const sec::AuthorizationPolicy& policy) {
  CheckSelector(checker, path.Field("selector"), policy.selector());
  const bool custom = policy.action() == sec::AuthorizationPolicy::CUSTOM;
  if (custom && policy.provider().name().empty()) {
    checker->Fail(path, "provider.name is missing: who decides when the action is CUSTOM");
  } else if (!custom && policy.has_provider()) {
    checker->Fail(path.Field("provider"), "goes with action CUSTOM only");
  }
  if (policy.action() == sec::AuthorizationPolicy::DENY && policy.rules().empty() &&
      !checker->IsWritten(path.Field("rules"))) {
    checker->Fail(path, "DENY without rules denies nothing; to deny everything write rules: [{}]");
  }
  for (int i = 0; i < policy.rules_size(); ++i) {
    const Path list = path.Field("rules");
    CheckRule(checker, list.At(i), policy.rules(i));
  }
}

}  // namespace mesh::config
