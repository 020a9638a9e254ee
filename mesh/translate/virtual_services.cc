#include "mesh/translate/virtual_services.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "mesh/translate/delegate.h"
#include "mesh/translate/host.h"
#include "mesh/translate/names.h"
#include "mesh/translate/rule_findings.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;

template <class Matches>
void ResolveGateways(std::string_view ns, Matches* matches) {
  for (auto& match : *matches) {
    for (std::string& gateway : *match.mutable_gateways()) gateway = FullGateway(gateway, ns);
  }
}

// Short names are of the namespace of the object that writes them.
void ResolveRules(std::string_view ns, std::string_view domain, networking::VirtualService* spec) {
  for (networking::HTTPRoute& rule : *spec->mutable_http()) {
    ResolveGateways(ns, rule.mutable_match());
    for (networking::HTTPRouteDestination& route : *rule.mutable_route()) {
      if (!route.has_destination()) continue;
      route.mutable_destination()->set_host(FullHost(route.destination().host(), ns, domain));
    }
    if (rule.has_mirror()) {
      rule.mutable_mirror()->set_host(FullHost(rule.mirror().host(), ns, domain));
    }
    for (networking::HTTPMirrorPolicy& mirror : *rule.mutable_mirrors()) {
      mirror.mutable_destination()->set_host(FullHost(mirror.destination().host(), ns, domain));
    }
  }
  for (networking::TLSRoute& rule : *spec->mutable_tls()) {
    ResolveGateways(ns, rule.mutable_match());
    for (networking::RouteDestination& route : *rule.mutable_route()) {
      route.mutable_destination()->set_host(FullHost(route.destination().host(), ns, domain));
    }
  }
  for (networking::TCPRoute& rule : *spec->mutable_tcp()) {
    ResolveGateways(ns, rule.mutable_match());
    for (networking::RouteDestination& route : *rule.mutable_route()) {
      route.mutable_destination()->set_host(FullHost(route.destination().host(), ns, domain));
    }
  }
}

template <class Rules>
bool InFull(const Rules& rules) {
  for (const auto& rule : rules) {
    for (const auto& match : rule.match()) {
      if (!match.gateways().empty()) return false;
    }
    for (const auto& route : rule.route()) {
      if (!IsFullHost(route.destination().host())) return false;
    }
  }
  return true;
}

// Whether nothing is left to resolve; false where that cannot be told at a glance.
bool InFull(const networking::VirtualService& spec) {
  const auto full = [](const std::string& host) { return IsFullHost(host); };
  if (spec.gateways().empty() || !std::all_of(spec.hosts().begin(), spec.hosts().end(), full)) {
    return false;
  }
  for (const std::string& gateway : spec.gateways()) {
    if (gateway != kMeshGateway && gateway.find('/') == std::string::npos) return false;
    if (gateway.compare(0, 2, "./") == 0) return false;
  }
  for (const networking::HTTPRoute& rule : spec.http()) {
    if (rule.has_mirror() || !rule.mirrors().empty()) return false;
  }
  return InFull(spec.http()) && InFull(spec.tls()) && InFull(spec.tcp());
}

std::shared_ptr<const VirtualService> Prepare(const config::ResourcePtr& resource,
                                              std::string_view domain) {
  const auto& written = resource->As<networking::VirtualService>();
  if (InFull(written)) {
    return std::make_shared<const VirtualService>(
        resource, std::shared_ptr<const networking::VirtualService>(resource, &written));
  }
  auto spec = std::make_shared<networking::VirtualService>(written);
  for (std::string& host : *spec->mutable_hosts()) host = FullHost(host, resource->ns(), domain);
  if (spec->gateways().empty()) spec->add_gateways(kMeshGateway);
  for (std::string& gateway : *spec->mutable_gateways()) {
    gateway = FullGateway(gateway, resource->ns());
  }
  ResolveRules(resource->ns(), domain, spec.get());
  return std::make_shared<const VirtualService>(resource, std::move(spec));
}

const std::string& NamespaceOf(const networking::Delegate& delegate, const VirtualService& root) {
  return delegate.namespace_().empty() ? root.ns() : delegate.namespace_();
}

bool Delegates(const networking::VirtualService& spec) {
  return std::any_of(spec.http().begin(), spec.http().end(),
                     [](const networking::HTTPRoute& rule) { return rule.has_delegate(); });
}

// In the order of snapshots.
bool Before(const config::Resource& a, const config::Resource& b) {
  return std::tie(a.ns(), a.name()) < std::tie(b.ns(), b.name());
}

// Like comparing a_name.a_ns with b_name.b_ns.
int CompareNames(const config::Resource& a, const config::Resource& b) {
  const size_t common = std::min(a.name().size(), b.name().size());
  if (const int names = a.name().compare(0, common, b.name(), 0, common)) return names;
  if (a.name().size() == b.name().size()) return a.ns().compare(b.ns());
  return absl::StrCat(a.name().substr(common), ".", a.ns())
      .compare(absl::StrCat(b.name().substr(common), ".", b.ns()));
}

bool OlderSource(const VirtualServicePtr& a, const VirtualServicePtr& b) {
  return Older(*a->source, *b->source);
}

using Pointers = absl::flat_hash_set<const VirtualService*>;

// `before` without what is gone, with what has come; all are sorted.
std::vector<VirtualServicePtr> Replace(const std::vector<VirtualServicePtr>& before,
                                       const Pointers& gone,
                                       const std::vector<VirtualServicePtr>& come) {
  constexpr size_t kFew = 32;
  std::vector<VirtualServicePtr> now;
  now.reserve(before.size() + come.size());
  for (const VirtualServicePtr& one : before) {
    if (!gone.contains(one.get())) now.push_back(one);
  }
  if (come.size() <= kFew) {
    for (const VirtualServicePtr& one : come) {
      now.insert(std::upper_bound(now.begin(), now.end(), one, OlderSource), one);
    }
    return now;
  }
  const size_t kept = now.size();
  now.insert(now.end(), come.begin(), come.end());
  std::inplace_merge(now.begin(), now.begin() + kept, now.end(), OlderSource);
  return now;
}

}  // namespace

Origin OriginIn(const config::Resource& resource, std::string field) {
  Origin origin;
  origin.object = resource.ObjectName();
  origin.position = resource.PositionOf(field);
  origin.field = std::move(field);
  return origin;
}

VirtualService::VirtualService(config::ResourcePtr from, std::shared_ptr<const Spec> made)
    : source(std::move(from)),
      shared_spec(std::move(made)),
      spec(*shared_spec),
      hosts(spec.hosts().begin(), spec.hosts().end()) {}

VirtualService::Rule VirtualService::RuleAt(int rule) const {
  return http.empty() ? Rule{source, absl::StrCat("spec.http[", rule, "]"), true} : http[rule];
}

Origin VirtualService::OriginOfRule(int rule) const {
  const Rule at = RuleAt(rule);
  return OriginIn(*at.source, at.field);
}

Origin VirtualService::OriginOfMatch(int rule, int match) const {
  const Rule at = RuleAt(rule);
  return OriginIn(*at.source, match < 0 || !at.own_matches
                                  ? at.field
                                  : absl::StrCat(at.field, ".match[", match, "]"));
}

bool Exported(const std::vector<std::string>& export_to, const std::vector<std::string>& fallback,
              std::string_view owner, std::string_view viewer) {
  const std::vector<std::string>& names = export_to.empty() ? fallback : export_to;
  if (names.empty()) return true;
  for (const std::string& name : names) {
    if (name == "*" || name == viewer || (name == "." && owner == viewer)) return true;
  }
  return false;
}

bool Older(const config::Resource& a, const config::Resource& b) {
  const absl::Time created_a = a.metadata().creation.value_or(absl::UnixEpoch());
  const absl::Time created_b = b.metadata().creation.value_or(absl::UnixEpoch());
  if (created_a != created_b) return created_a < created_b;
  if (const int names = CompareNames(a, b)) return names < 0;
  return a.ns() < b.ns();
}

std::vector<config::ResourcePtr> ByAge(absl::Span<const config::ResourcePtr> resources) {
  std::vector<config::ResourcePtr> sorted(resources.begin(), resources.end());
  std::sort(
      sorted.begin(), sorted.end(),
      [](const config::ResourcePtr& a, const config::ResourcePtr& b) { return Older(*a, *b); });
  return sorted;
}

VirtualServices::VirtualServices(absl::Span<const config::ResourcePtr> resources,
                                 const VirtualServiceOptions& options,
                                 const VirtualServices* previous) {
  std::vector<VirtualServicePtr> gone, come;
  std::vector<size_t> anew;  // of the entries
  // Of few objects each is looked up, instead of walking through all there were.
  const bool walk = previous != nullptr && 4 * resources.size() > previous->entries_.size();
  size_t old = 0;
  const auto find = [&](const config::ResourcePtr& resource) -> const Entry* {
    if (previous == nullptr) return nullptr;
    if (!walk) return previous->Find(resource->ns(), resource->name());
    const std::vector<Entry>& before = previous->entries_;
    while (old < before.size() && before[old].own->source != resource &&
           Before(*before[old].own->source, *resource)) {
      if (before[old].merged != nullptr) gone.push_back(before[old].merged);
      ++old;
    }
    return old < before.size() ? &before[old] : nullptr;
  };
  entries_.reserve(resources.size());
  for (const config::ResourcePtr& resource : resources) {
    if (const Entry* known = find(resource); known != nullptr && known->own->source == resource) {
      if (known->delegates) anew.push_back(entries_.size());
      entries_.push_back(*known);
      ++old;
      continue;
    }
    anew.push_back(entries_.size());
    Entry& entry = entries_.emplace_back();
    entry.own = Prepare(resource, options.domain);
    entry.delegates = options.delegates && !entry.own->hosts.empty() && Delegates(entry.own->spec);
  }
  for (; walk && old < previous->entries_.size(); ++old) {
    if (const VirtualServicePtr& one = previous->entries_[old].merged) gone.push_back(one);
  }

  for (const size_t at : anew) {
    Entry& entry = entries_[at];
    if (entry.own->hosts.empty()) continue;
    if (entry.merged != nullptr) {
      if (SameDelegates(*entry.own, *previous)) continue;
      gone.push_back(std::move(entry.merged));
    }
    std::vector<Finding> findings;
    entry.merged =
        entry.delegates ? MergeDelegates(*entry.own, options.default_export, &findings) : entry.own;
    FindInRules(*entry.merged, &findings);
    entry.findings = findings.empty()
                         ? nullptr
                         : std::make_shared<const std::vector<Finding>>(std::move(findings));
    come.push_back(entry.merged);
  }
  Order(walk ? previous : nullptr, std::move(gone), std::move(come));
}

void VirtualServices::Order(const VirtualServices* previous, std::vector<VirtualServicePtr> gone,
                            std::vector<VirtualServicePtr> come) {
  if (previous != nullptr && 2 * (gone.size() + come.size()) < previous->all_.size()) {
    all_ = previous->all_;
    by_gateway_ = previous->by_gateway_;
  } else {
    gone.clear();
    come.clear();
    for (const Entry& entry : entries_) {
      if (entry.merged != nullptr) come.push_back(entry.merged);
    }
  }
  if (gone.empty() && come.empty()) return;
  std::sort(come.begin(), come.end(), OlderSource);
  const Pointers gone_pointers = [&] {
    Pointers pointers;
    for (const VirtualServicePtr& one : gone) pointers.insert(one.get());
    return pointers;
  }();
  all_ = Replace(all_, gone_pointers, come);
  // What has come to each gateway that something came to or left.
  std::map<std::string_view, std::vector<VirtualServicePtr>> touched;
  for (const VirtualServicePtr& one : gone) {
    for (const std::string& gateway : one->spec.gateways()) touched[gateway];
  }
  for (const VirtualServicePtr& one : come) {
    for (const std::string& gateway : one->spec.gateways()) {
      std::vector<VirtualServicePtr>& bound = touched[gateway];
      if (bound.empty() || bound.back() != one) bound.push_back(one);
    }
  }
  for (const auto& [gateway, bound] : touched) {
    std::vector<VirtualServicePtr> now = Replace(BoundTo(gateway), gone_pointers, bound);
    const auto at = by_gateway_.lower_bound(gateway);
    const bool known = at != by_gateway_.end() && at->first == gateway;
    if (now.empty()) {
      if (known) by_gateway_.erase(at);
      continue;
    }
    auto list = std::make_shared<const std::vector<VirtualServicePtr>>(std::move(now));
    if (known) {
      at->second = std::move(list);
    } else {
      by_gateway_.emplace_hint(at, std::string(gateway), std::move(list));
    }
  }
}

const std::vector<VirtualServicePtr>& VirtualServices::BoundTo(std::string_view gateway) const {
  static const auto* const kNone = new std::vector<VirtualServicePtr>();
  const auto it = by_gateway_.find(gateway);
  return it == by_gateway_.end() ? *kNone : *it->second;
}

const VirtualServices::Entry* VirtualServices::Find(std::string_view ns,
                                                    std::string_view name) const {
  const auto place = std::tie(ns, name);
  const auto at = std::partition_point(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return std::make_tuple(std::string_view(entry.own->ns()), std::string_view(entry.own->name())) <
           place;
  });
  return at != entries_.end() && at->own->ns() == ns && at->own->name() == name ? &*at : nullptr;
}

VirtualServicePtr VirtualServices::Of(const config::Resource& source) const {
  const Entry* entry = Find(source.ns(), source.name());
  return entry != nullptr && entry->own->source.get() == &source ? entry->merged : nullptr;
}

const VirtualService* VirtualServices::FindDelegate(std::string_view ns,
                                                    std::string_view name) const {
  const Entry* entry = Find(ns, name);
  return entry != nullptr && entry->own->hosts.empty() ? entry->own.get() : nullptr;
}

bool VirtualServices::SameDelegates(const VirtualService& root,
                                    const VirtualServices& previous) const {
  return std::all_of(root.spec.http().begin(), root.spec.http().end(), [&](const auto& rule) {
    if (!rule.has_delegate()) return true;
    const std::string& ns = NamespaceOf(rule.delegate(), root);
    return FindDelegate(ns, rule.delegate().name()) ==
           previous.FindDelegate(ns, rule.delegate().name());
  });
}

VirtualServicePtr VirtualServices::MergeDelegates(const VirtualService& root,
                                                  const std::vector<std::string>& default_export,
                                                  std::vector<Finding>* findings) const {
  auto spec = std::make_shared<networking::VirtualService>(root.spec);
  spec->clear_http();
  std::vector<VirtualService::Rule> rules;
  for (int i = 0; i < root.spec.http_size(); ++i) {
    const networking::HTTPRoute& rule = root.spec.http(i);
    if (!rule.has_delegate()) {
      *spec->add_http() = rule;
      rules.push_back(root.RuleAt(i));
      continue;
    }
    const std::string& ns = NamespaceOf(rule.delegate(), root);
    const Origin origin = OriginIn(*root.source, absl::StrCat("spec.http[", i, "].delegate"));
    const VirtualService* delegate = FindDelegate(ns, rule.delegate().name());
    if (delegate == nullptr) {
      findings->push_back(
          {"MSH0103", origin,
           absl::StrCat("there is no VirtualService ", ns, "/", rule.delegate().name(),
                        " without hosts to delegate to; the rule is left out")});
      continue;
    }
    if (!Exported({delegate->spec.export_to().begin(), delegate->spec.export_to().end()},
                  default_export, ns, root.ns())) {
      findings->push_back(
          {"MSH0103", origin,
           absl::StrCat("VirtualService ", ns, "/", rule.delegate().name(), " is not exported to ",
                        root.ns(), "; the rule is left out")});
      continue;
    }
    for (int j = 0; j < delegate->spec.http_size(); ++j) {
      std::optional<networking::HTTPRoute> both = MergeRule(rule, delegate->spec.http(j));
      if (!both.has_value()) {
        findings->push_back({"MSH0104", delegate->OriginOfRule(j),
                             absl::StrCat("its match does not go with that of ",
                                          root.source->ObjectName(), " spec.http[", i,
                                          "], which delegates to it; the rule is left out there")});
        continue;
      }
      *spec->add_http() = *std::move(both);
      rules.push_back({delegate->source, delegate->RuleAt(j).field, rule.match().empty()});
    }
  }
  auto merged = std::make_shared<VirtualService>(root.source, std::move(spec));
  merged->http = std::move(rules);
  return merged;
}

void VirtualServices::AddFindings(std::vector<Finding>* findings) const {
  for (const Entry& entry : entries_) {
    if (entry.findings == nullptr) continue;
    findings->insert(findings->end(), entry.findings->begin(), entry.findings->end());
  }
}

}  // namespace mesh::translate
