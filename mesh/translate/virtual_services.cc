#include "mesh/translate/virtual_services.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/translate/delegate.h"
#include "mesh/translate/host.h"
#include "mesh/translate/names.h"

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

std::shared_ptr<VirtualService> Prepare(const config::ResourcePtr& resource,
                                        std::string_view domain) {
  auto prepared = std::make_shared<VirtualService>();
  prepared->source = resource;
  prepared->spec = resource->As<networking::VirtualService>();
  for (std::string& host : *prepared->spec.mutable_hosts()) {
    host = FullHost(host, resource->ns(), domain);
  }
  if (prepared->spec.gateways().empty()) prepared->spec.add_gateways(kMeshGateway);
  for (std::string& gateway : *prepared->spec.mutable_gateways()) {
    gateway = FullGateway(gateway, resource->ns());
  }
  ResolveRules(resource->ns(), domain, &prepared->spec);
  prepared->hosts.assign(prepared->spec.hosts().begin(), prepared->spec.hosts().end());
  for (int i = 0; i < prepared->spec.http_size(); ++i) {
    prepared->http.push_back({resource, absl::StrCat("spec.http[", i, "]"), true});
  }
  return prepared;
}

using Delegates = std::map<std::pair<std::string, std::string>, std::shared_ptr<VirtualService>>;

// Replaces each rule that delegates by the delegate's rules.
void MergeDelegates(const Delegates& delegates, const std::vector<std::string>& default_export,
                    VirtualService* root, std::vector<Finding>* findings) {
  networking::VirtualService merged = root->spec;
  merged.clear_http();
  std::vector<VirtualService::Rule> rules;
  for (int i = 0; i < root->spec.http_size(); ++i) {
    const networking::HTTPRoute& rule = root->spec.http(i);
    if (!rule.has_delegate()) {
      *merged.add_http() = rule;
      rules.push_back(root->http[i]);
      continue;
    }
    const std::string& ns =
        rule.delegate().namespace_().empty() ? root->ns() : rule.delegate().namespace_();
    const Origin origin = OriginIn(*root->source, absl::StrCat("spec.http[", i, "].delegate"));
    const auto it = delegates.find({ns, rule.delegate().name()});
    if (it == delegates.end()) {
      findings->push_back(
          {"MSH0103", origin,
           absl::StrCat("there is no VirtualService ", ns, "/", rule.delegate().name(),
                        " without hosts to delegate to; the rule is left out")});
      continue;
    }
    const VirtualService& delegate = *it->second;
    if (!Exported({delegate.spec.export_to().begin(), delegate.spec.export_to().end()},
                  default_export, ns, root->ns())) {
      findings->push_back(
          {"MSH0103", origin,
           absl::StrCat("VirtualService ", ns, "/", rule.delegate().name(), " is not exported to ",
                        root->ns(), "; the rule is left out")});
      continue;
    }
    for (int j = 0; j < delegate.spec.http_size(); ++j) {
      std::optional<networking::HTTPRoute> both = MergeRule(rule, delegate.spec.http(j));
      if (!both.has_value()) {
        findings->push_back({"MSH0104", delegate.OriginOfRule(j),
                             absl::StrCat("its match does not go with that of ",
                                          root->source->ObjectName(), " spec.http[", i,
                                          "], which delegates to it; the rule is left out there")});
        continue;
      }
      *merged.add_http() = *std::move(both);
      rules.push_back({delegate.source, delegate.http[j].field, rule.match().empty()});
    }
  }
  root->spec = std::move(merged);
  root->http = std::move(rules);
}

}  // namespace

Origin OriginIn(const config::Resource& resource, std::string field) {
  Origin origin;
  origin.object = resource.ObjectName();
  origin.position = resource.PositionOf(field);
  origin.field = std::move(field);
  return origin;
}

Origin VirtualService::OriginOfRule(int rule) const {
  return OriginIn(*http[rule].source, http[rule].field);
}

Origin VirtualService::OriginOfMatch(int rule, int match) const {
  if (match < 0 || !http[rule].own_matches) return OriginOfRule(rule);
  return OriginIn(*http[rule].source, absl::StrCat(http[rule].field, ".match[", match, "]"));
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

std::vector<config::ResourcePtr> ByAge(absl::Span<const config::ResourcePtr> resources) {
  std::vector<config::ResourcePtr> sorted(resources.begin(), resources.end());
  const auto key = [](const config::Resource& resource) {
    return std::make_pair(resource.metadata().creation.value_or(absl::UnixEpoch()),
                          absl::StrCat(resource.name(), ".", resource.ns()));
  };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const config::ResourcePtr& a, const config::ResourcePtr& b) {
                     return key(*a) < key(*b);
                   });
  return sorted;
}

std::vector<VirtualServicePtr> PrepareVirtualServices(
    absl::Span<const config::ResourcePtr> resources, std::string_view domain,
    const std::vector<std::string>& default_export, bool delegates,
    std::vector<Finding>* findings) {
  std::vector<std::shared_ptr<VirtualService>> roots;
  Delegates by_name;
  for (const config::ResourcePtr& resource : ByAge(resources)) {
    std::shared_ptr<VirtualService> prepared = Prepare(resource, domain);
    if (!prepared->hosts.empty()) {
      roots.push_back(std::move(prepared));
    } else {
      by_name.emplace(std::make_pair(resource->ns(), resource->name()), std::move(prepared));
    }
  }
  std::vector<VirtualServicePtr> result;
  for (std::shared_ptr<VirtualService>& root : roots) {
    if (delegates &&
        std::any_of(root->spec.http().begin(), root->spec.http().end(),
                    [](const networking::HTTPRoute& rule) { return rule.has_delegate(); })) {
      MergeDelegates(by_name, default_export, root.get(), findings);
    }
    result.push_back(std::move(root));
  }
  return result;
}

}  // namespace mesh::translate
