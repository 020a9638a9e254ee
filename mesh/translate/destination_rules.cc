#include "mesh/translate/destination_rules.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/config/list_changes.h"
#include "mesh/translate/host.h"
#include "mesh/translate/virtual_services.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;

int FindSubsetIn(const networking::DestinationRule& spec, std::string_view name) {
  for (int i = 0; i < spec.subsets_size(); ++i) {
    if (spec.subsets(i).name() == name) return i;
  }
  return -1;
}

Origin OriginOfSubset(const DestinationRule::Place& place) {
  return OriginIn(*place.source, absl::StrCat("spec.subsets[", place.index, "]"));
}

// Whether nothing has to be left out of it, nor its host written in full.
bool IsWhole(const networking::DestinationRule& spec) {
  for (int i = 0; i < spec.subsets_size(); ++i) {
    if (FindSubsetIn(spec, spec.subsets(i).name()) != i) return false;
  }
  return IsFullHost(spec.host());
}

}  // namespace

Origin DestinationRule::PolicyOrigin(std::string_view field) const {
  return OriginIn(*(policy_source != nullptr ? policy_source : source), std::string(field));
}

Origin DestinationRule::SubsetOrigin(int subset) const { return OriginOfSubset(subsets[subset]); }

int DestinationRule::FindSubset(std::string_view name) const { return FindSubsetIn(spec, name); }

// What came to and left the hosts of each table and namespace.
struct DestinationRules::Changes {
  struct Host {
    std::vector<config::ResourcePtr> gone, come;
  };
  std::map<std::pair<Table, std::string>, std::map<std::string, Host>> hosts;
};

DestinationRules::DestinationRules(absl::Span<const config::ResourcePtr> resources,
                                   DestinationRuleOptions options, const DestinationRules* previous)
    : options_(std::move(options)), resources_(resources.begin(), resources.end()) {
  Changes changes;
  if (previous == nullptr || 4 * resources_.size() < previous->resources_.size()) {
    for (const config::ResourcePtr& resource : resources_) Add(resource, false, &changes);
    Apply(std::move(changes));
    return;
  }
  for (int table = 0; table < kTables; ++table) tables_[table] = previous->tables_[table];
  config::ForEachChange(previous->resources_, resources_,
                        [&](const config::ResourcePtr& before, const config::ResourcePtr& after) {
                          if (before != nullptr) Add(before, true, &changes);
                          if (after != nullptr) Add(after, false, &changes);
                        });
  Apply(std::move(changes));
}

std::vector<std::string> DestinationRules::ExportOf(const config::Resource& resource) const {
  const auto& names = resource.As<networking::DestinationRule>().export_to();
  return names.empty() ? options_.default_export
                       : std::vector<std::string>(names.begin(), names.end());
}

void DestinationRules::Add(const config::ResourcePtr& resource, bool gone, Changes* changes) const {
  const std::string& ns = resource->ns();
  const std::vector<std::string> export_to = ExportOf(*resource);
  const bool only_own = std::all_of(export_to.begin(), export_to.end(),
                                    [&](const auto& name) { return name == "." || name == ns; }) &&
                        !export_to.empty();
  const bool local = Exported(export_to, {}, ns, ns);
  const std::string host =
      FullHost(resource->As<networking::DestinationRule>().host(), ns, options_.domain);
  const auto add = [&](Table table) {
    Changes::Host& of_host = changes->hosts[{table, ns}][host];
    (gone ? of_host.gone : of_host.come).push_back(resource);
  };
  if (local) add(kLocal);
  if (local && only_own && ns == options_.root_namespace) add(kRootLocal);
  if (!only_own) add(kExported);
}

void DestinationRules::Apply(Changes changes) {
  for (auto& [place, hosts] : changes.hosts) {
    const auto& [table, ns] = place;
    std::shared_ptr<const ByHost>& by_host = tables_[table][ns];
    auto now = by_host == nullptr ? std::make_shared<ByHost>() : std::make_shared<ByHost>(*by_host);
    for (auto& [host, change] : hosts) {
      std::shared_ptr<const Merged>& merged = (*now)[host];
      std::vector<config::ResourcePtr> sources = std::move(change.come);
      if (merged != nullptr) {
        std::copy_if(merged->sources.begin(), merged->sources.end(), std::back_inserter(sources),
                     [&gone = change.gone](const config::ResourcePtr& source) {
                       return std::find(gone.begin(), gone.end(), source) == gone.end();
                     });
      }
      if (sources.empty()) {
        now->erase(host);
        continue;
      }
      sources = ByAge(sources);
      // Mostly a namespace's own rules are those that it exports.
      const Merged* own = table == kLocal ? nullptr : FindMerged(kLocal, ns, host);
      merged = own != nullptr && own->sources == sources
                   ? tables_[kLocal].find(ns)->second->find(host)->second
                   : Merge(host, std::move(sources));
    }
    if (now->empty()) {
      tables_[table].erase(ns);
    } else {
      by_host = std::move(now);
    }
  }
}

std::shared_ptr<const DestinationRules::Merged> DestinationRules::Merge(
    const std::string& host, std::vector<config::ResourcePtr> sources) const {
  auto merged = std::make_shared<Merged>();
  merged->export_to = ExportOf(*sources.front());
  auto made = std::make_shared<networking::DestinationRule>();
  made->set_host(host);
  config::ResourcePtr policy_source;
  std::vector<DestinationRule::Place> subsets;
  const auto& first = sources.front()->As<networking::DestinationRule>();
  const bool whole = sources.size() == 1 && IsWhole(first);
  for (const config::ResourcePtr& resource : sources) {
    const auto& spec = resource->As<networking::DestinationRule>();
    for (int i = 0; i < spec.subsets_size(); ++i) {
      const networking::Subset& subset = spec.subsets(i);
      if (whole) {
        subsets.push_back({resource, i});
        continue;
      }
      if (const int known = FindSubsetIn(*made, subset.name()); known >= 0) {
        const Origin in_force = OriginOfSubset(subsets[known]);
        merged->findings.push_back(
            {"MSH0105", OriginOfSubset({resource, i}),
             absl::StrCat("subset \"", subset.name(), "\" of ", host, " is already at ",
                          in_force.object, " ", in_force.field,
                          ", which stays in force; this one is left out")});
        continue;
      }
      *made->add_subsets() = subset;
      subsets.push_back({resource, i});
    }
    if (!spec.has_traffic_policy()) continue;
    if (policy_source != nullptr) {
      merged->findings.push_back(
          {"MSH0106", OriginIn(*resource, "spec.trafficPolicy"),
           absl::StrCat(host, " has a traffic policy of ", policy_source->ObjectName(),
                        " already, which stays in force; this one is left out")});
      continue;
    }
    policy_source = resource;
    if (!whole) *made->mutable_traffic_policy() = spec.traffic_policy();
  }
  auto rule = std::make_shared<DestinationRule>(
      sources.front(),
      whole ? std::shared_ptr<const networking::DestinationRule>(sources.front(), &first)
            : std::move(made));
  rule->policy_source = std::move(policy_source);
  rule->subsets = std::move(subsets);
  merged->sources = std::move(sources);
  merged->rule = std::move(rule);
  return merged;
}

void DestinationRules::AddFindings(std::vector<Finding>* findings) const {
  for (const auto& [ns, by_host] : tables_[kLocal]) {
    for (const auto& [host, merged] : *by_host) {
      findings->insert(findings->end(), merged->findings.begin(), merged->findings.end());
    }
  }
}

const DestinationRules::Merged* DestinationRules::FindMerged(Table table, std::string_view ns,
                                                             std::string_view host) const {
  const auto by_host = tables_[table].find(ns);
  if (by_host == tables_[table].end()) return nullptr;
  const auto merged = by_host->second->find(host);
  return merged == by_host->second->end() ? nullptr : merged->second.get();
}

const DestinationRules::Merged* DestinationRules::FindNarrowest(Table table, std::string_view ns,
                                                                std::string_view host) const {
  const auto by_host = tables_[table].find(ns);
  if (by_host == tables_[table].end()) return nullptr;
  const std::optional<std::string> pattern = NarrowestPattern(host, *by_host->second);
  return pattern.has_value() ? by_host->second->find(*pattern)->second.get() : nullptr;
}

DestinationRulePtr DestinationRules::FindExported(std::string_view ns, std::string_view host,
                                                  std::string_view client_ns) const {
  const Merged* merged = FindNarrowest(kExported, ns, host);
  return merged != nullptr && Exported(merged->export_to, {}, ns, client_ns) ? merged->rule
                                                                             : nullptr;
}

DestinationRulePtr DestinationRules::Find(std::string_view host, std::string_view service_ns,
                                          std::string_view client_ns) const {
  // Rules of the root namespace are for everybody: to its own proxies they must not hide a
  // service's own.
  const std::string& root = options_.root_namespace;
  if (const Merged* own = FindNarrowest(client_ns == root ? kRootLocal : kLocal, client_ns, host)) {
    return own->rule;
  }
  if (!service_ns.empty()) {
    if (DestinationRulePtr found = FindExported(service_ns, host, client_ns)) return found;
  }
  return FindExported(root, host, client_ns);
}

}  // namespace mesh::translate
