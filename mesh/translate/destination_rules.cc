#include "mesh/translate/destination_rules.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/translate/host.h"
#include "mesh/translate/virtual_services.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;

}  // namespace

Origin DestinationRule::PolicyOrigin(std::string_view field) const {
  return OriginIn(*(policy_source != nullptr ? policy_source : source), std::string(field));
}

int DestinationRule::FindSubset(std::string_view name) const {
  for (int i = 0; i < spec.subsets_size(); ++i) {
    if (spec.subsets(i).name() == name) return i;
  }
  return -1;
}

DestinationRules::DestinationRules(absl::Span<const config::ResourcePtr> resources,
                                   std::string_view domain, std::string_view root_namespace,
                                   const std::vector<std::string>& default_export,
                                   std::vector<Finding>* findings)
    : root_(root_namespace), default_export_(default_export) {
  for (const config::ResourcePtr& resource : ByAge(resources)) {
    const auto& spec = resource->As<networking::DestinationRule>();
    const std::string& ns = resource->ns();
    const std::string host = FullHost(spec.host(), ns, domain);
    std::vector<std::string> export_to(spec.export_to().begin(), spec.export_to().end());
    if (export_to.empty()) export_to = default_export_;
    const bool only_own =
        std::all_of(export_to.begin(), export_to.end(),
                    [&](const auto& name) { return name == "." || name == ns; }) &&
        !export_to.empty();
    if (Exported(export_to, {}, ns, ns)) {
      Add(resource, host, export_to, &local_[ns], findings);
      if (ns == root_ && only_own) Add(resource, host, export_to, &root_local_, nullptr);
    }
    if (!only_own) Add(resource, host, export_to, &exported_[ns], nullptr);
  }
}

void DestinationRules::Add(const config::ResourcePtr& resource, const std::string& host,
                           const std::vector<std::string>& export_to, ByHost* by_host,
                           std::vector<Finding>* findings) {
  const auto& spec = resource->As<networking::DestinationRule>();
  const auto [it, first] = by_host->try_emplace(host);
  Merged& merged = it->second;
  if (first) {
    merged.export_to = export_to;
    merged.rule = std::make_shared<DestinationRule>();
    merged.rule->source = resource;
    merged.rule->spec.set_host(host);
  }
  DestinationRule& rule = *merged.rule;
  for (int i = 0; i < spec.subsets_size(); ++i) {
    const networking::Subset& subset = spec.subsets(i);
    Origin origin = OriginIn(*resource, absl::StrCat("spec.subsets[", i, "]"));
    if (const int known = rule.FindSubset(subset.name()); known >= 0) {
      if (findings != nullptr) {
        findings->push_back(
            {"MSH0105", origin,
             absl::StrCat("subset \"", subset.name(), "\" of ", host, " is already at ",
                          rule.subsets[known].object, " ", rule.subsets[known].field,
                          ", which stays in force; this one is left out")});
      }
      continue;
    }
    *rule.spec.add_subsets() = subset;
    rule.subsets.push_back(std::move(origin));
  }
  if (!spec.has_traffic_policy()) return;
  if (rule.spec.has_traffic_policy()) {
    if (findings != nullptr) {
      findings->push_back(
          {"MSH0106", OriginIn(*resource, "spec.trafficPolicy"),
           absl::StrCat(host, " has a traffic policy of ", rule.policy_source->ObjectName(),
                        " already, which stays in force; this one is left out")});
    }
    return;
  }
  *rule.spec.mutable_traffic_policy() = spec.traffic_policy();
  rule.policy_source = resource;
}

DestinationRulePtr DestinationRules::FindExported(std::string_view ns, std::string_view host,
                                                  std::string_view client_ns) const {
  const auto rules = exported_.find(ns);
  if (rules == exported_.end()) return nullptr;
  const std::optional<std::string> pattern = NarrowestPattern(host, rules->second);
  if (!pattern.has_value()) return nullptr;
  const Merged& merged = rules->second.find(*pattern)->second;
  return Exported(merged.export_to, {}, ns, client_ns) ? merged.rule : nullptr;
}

DestinationRulePtr DestinationRules::Find(std::string_view host, std::string_view service_ns,
                                          std::string_view client_ns) const {
  // Rules of the root namespace are for everybody: to its own proxies they must not hide a
  // service's own.
  const ByHost* own = nullptr;
  if (client_ns == root_) {
    own = &root_local_;
  } else if (const auto it = local_.find(client_ns); it != local_.end()) {
    own = &it->second;
  }
  if (own != nullptr) {
    if (const std::optional<std::string> pattern = NarrowestPattern(host, *own)) {
      return own->find(*pattern)->second.rule;
    }
  }
  if (!service_ns.empty()) {
    if (DestinationRulePtr found = FindExported(service_ns, host, client_ns)) return found;
  }
  return FindExported(root_, host, client_ns);
}

}  // namespace mesh::translate
