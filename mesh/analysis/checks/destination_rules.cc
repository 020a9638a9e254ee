// DestinationRules for hosts that are not there, subsets that select nothing, and rules that hide
// others.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/service_entry.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "api/networking/v1alpha3/workload_entry.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/checks/destinations.h"
#include "mesh/config/field_path.h"
#include "mesh/registry/label_index.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;
using config::Kind;

// Whether an endpoint of the host's object carries the labels. What selects by nothing at all has
// its endpoints from elsewhere: nothing is known.
bool HasEndpoint(const Facts& facts, const Host& host, const Labels& subset) {
  const config::Resource& object = *host.object;
  Labels selector;
  if (object.kind() == Kind::kService) {
    selector = ToLabels(object.As<kubernetes::v1::Service>().spec().selector());
    if (selector.empty()) return true;
  } else {
    const auto& entry = object.As<net::ServiceEntry>();
    for (const auto& endpoint : entry.endpoints()) {
      if (registry::Selects(subset, ToLabels(endpoint.labels()))) return true;
    }
    selector = ToLabels(entry.workload_selector().labels());
    if (selector.empty()) return entry.endpoints().empty();
  }
  for (const auto& [key, value] : subset) {
    const auto [at, added] = selector.emplace(key, value);
    if (!added && at->second != value) return false;
  }
  if (!facts.Select(object.ns(), selector).empty()) return true;
  for (const config::ResourcePtr& entry :
       facts.snapshot().List(Kind::kWorkloadEntry, object.ns())) {
    if (registry::Selects(selector, ToLabels(entry->As<net::WorkloadEntry>().labels())))
      return true;
  }
  return false;
}

// A host that one of the namespaces sees which the rule is for.
const Host* FindHost(const Facts& facts, const config::Resource& rule, const std::string& fqdn) {
  for (const std::string& scope : Scopes(rule.ns(), rule.As<net::DestinationRule>().export_to())) {
    if (const Host* host = facts.FindHost(scope == "*" ? rule.ns() : scope, fqdn)) return host;
  }
  return nullptr;
}

// All hosts, to be asked by their end.
class KnownHosts {
 public:
  explicit KnownHosts(const Facts& facts) {
    for (const config::ResourcePtr& service : facts.snapshot().List(Kind::kService)) {
      Add(FullHost(service->ns(), service->name()));
    }
    for (const config::ResourcePtr& entry : facts.snapshot().List(Kind::kServiceEntry)) {
      for (const std::string& host : entry->As<net::ServiceEntry>().hosts()) {
        Add(FullHost(entry->ns(), host));
      }
    }
    std::sort(reversed_.begin(), reversed_.end());
  }

  // Whether a host ends as "*.end" does.
  bool HasWithin(const std::string& pattern) const {
    const std::string end(pattern.rbegin(), pattern.rend() - 1);
    const auto at = std::lower_bound(reversed_.begin(), reversed_.end(), end);
    return at != reversed_.end() && absl::StartsWith(*at, end);
  }

 private:
  void Add(const std::string& host) { reversed_.emplace_back(host.rbegin(), host.rend()); }

  std::vector<std::string> reversed_;
};

// Labels that the control plane adds to endpoints: nothing is known of them here.
bool LooksAtPlaces(const Labels& labels) {
  return std::any_of(labels.begin(), labels.end(), [](const auto& label) {
    return absl::StartsWith(label.first, "topology.") || label.first == "kubernetes.io/hostname";
  });
}

// Hosts and subsets that routes name.
std::set<std::pair<std::string, std::string>> RoutedSubsets(const Facts& facts) {
  std::set<std::pair<std::string, std::string>> routed;
  for (const config::ResourcePtr& service : facts.snapshot().List(Kind::kVirtualService)) {
    ForEachDestination(service->As<net::VirtualService>(), [&](const net::Destination& destination,
                                                               const DestinationPath&, bool) {
      if (destination.subset().empty()) return;
      routed.emplace(FullHost(service->ns(), destination.host()), destination.subset());
    });
  }
  return routed;
}

}  // namespace

void CheckDestinationRuleHosts(const Facts& facts, Findings* findings) {
  // Made where they are needed.
  std::optional<KnownHosts> known;
  std::optional<std::set<std::pair<std::string, std::string>>> routed;
  for (const config::ResourcePtr& rule : facts.snapshot().List(Kind::kDestinationRule)) {
    const auto& spec = rule->As<net::DestinationRule>();
    const std::string fqdn = FullHost(rule->ns(), spec.host());
    const Host* host = FindHost(facts, *rule, fqdn);
    const bool wildcard = fqdn.find('*') != std::string::npos;
    if (wildcard) {
      if (!known.has_value()) known.emplace(facts);
      if (host != nullptr || known->HasWithin(fqdn)) continue;  // for whatever there is
    }
    if (host == nullptr) {
      Report("IST0174", *rule, "spec.host",
             absl::StrCat("the host \"", spec.host(), "\" is no service that namespace \"",
                          rule->ns(), "\" can see: the rule has no effect"),
             "correct the name, or create the Service or ServiceEntry; a service of another "
             "namespace needs its full name",
             findings);
      continue;
    }
    std::vector<int> empty;
    for (int i = 0; i < spec.subsets_size(); ++i) {
      const Labels labels = ToLabels(spec.subsets(i).labels());
      if (!LooksAtPlaces(labels) && !HasEndpoint(facts, *host, labels)) empty.push_back(i);
    }
    // A subset for what may be deployed one day does no harm, as long as nobody is sent there.
    const bool all = static_cast<int>(empty.size()) == spec.subsets_size();
    for (int i : empty) {
      if (!all) {
        if (!routed.has_value()) routed = RoutedSubsets(facts);
        if (routed->count({fqdn, spec.subsets(i).name()}) == 0) continue;
      }
      const Labels labels = ToLabels(spec.subsets(i).labels());
      Report("IST0173", *rule, IndexPath("spec.subsets", i) + ".labels",
             absl::StrCat("subset \"", spec.subsets(i).name(),
                          "\" selects nothing: no workload of ", spec.host(), " has the labels ",
                          ToString(labels), "; requests to it get 503"),
             "write labels that pods of the service have", findings);
    }
  }
}

void CheckHiddenDestinationRules(const Facts& facts, Findings* findings) {
  const std::string& root = facts.snapshot().mesh_config().root_namespace();
  std::map<std::string, std::vector<const config::Resource*>> by_host;
  for (const config::ResourcePtr& rule : facts.snapshot().List(Kind::kDestinationRule)) {
    const auto& spec = rule->As<net::DestinationRule>();
    by_host[FullHost(rule->ns(), spec.host())].push_back(rule.get());
  }
  for (const auto& [fqdn, rules] : by_host) {
    if (rules.size() < 2) continue;
    const Host* host = facts.FindHost(rules.front()->ns(), fqdn);
    const std::string owner = host == nullptr ? root : host->object->ns();
    std::set<std::string> namespaces;
    for (const config::Resource* rule : rules) namespaces.insert(rule->ns());
    for (const std::string& ns : namespaces) {
      if (ns == owner || ns == root) continue;
      // What the clients of `ns` would have without their own rule.
      const config::Resource* hidden = nullptr;
      std::set<std::string> own, lost;
      const config::Resource* first = nullptr;
      bool own_tls = false, lost_tls = false;
      for (const config::Resource* rule : rules) {
        const auto& spec = rule->As<net::DestinationRule>();
        const std::vector<std::string> scopes = Scopes(rule->ns(), spec.export_to());
        const bool seen = std::find(scopes.begin(), scopes.end(), "*") != scopes.end() ||
                          std::find(scopes.begin(), scopes.end(), ns) != scopes.end();
        if (rule->ns() == ns) {
          if (first == nullptr) first = rule;
          for (const auto& subset : spec.subsets()) own.insert(subset.name());
          own_tls = own_tls || spec.traffic_policy().has_tls();
        } else if (seen && (rule->ns() == owner || (rule->ns() == root && hidden == nullptr))) {
          hidden = rule;
          for (const auto& subset : spec.subsets()) lost.insert(subset.name());
          lost_tls = lost_tls || spec.traffic_policy().has_tls();
        }
      }
      for (const std::string& subset : own) lost.erase(subset);
      if (hidden == nullptr || (lost.empty() && (own_tls || !lost_tls))) continue;
      Report("MSH0124", *first, "spec.host",
             absl::StrCat(
                 "for clients of namespace \"", ns, "\" this rule hides DestinationRule ",
                 hidden->ns(), "/", hidden->name(), " whole",
                 lost.empty() ? "" : ": its subsets are not there: ", absl::StrJoin(lost, ", "),
                 own_tls || !lost_tls ? "" : "; its TLS settings do not apply"),
             "repeat here what is to stay in force, or delete this rule", findings);
    }
  }
}

}  // namespace mesh::analysis
