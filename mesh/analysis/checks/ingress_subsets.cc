// Requests through a gateway that pass by the rules which the sidecars have for the same service.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;
using config::Kind;

// Whether a subset is less than the whole service. Where no workload is known, it may be.
bool Narrows(const Facts& facts, const std::string& ns, const net::Destination& destination) {
  const std::string fqdn = FullHost(ns, destination.host());
  const Host* host = facts.FindHost(ns, destination.host());
  const auto places = facts.FindSubsets(fqdn, destination.subset());
  if (host == nullptr || places.empty() || host->object->kind() != Kind::kService) return true;
  const Labels selector = ToLabels(host->object->As<kubernetes::v1::Service>().spec().selector());
  if (selector.empty()) return true;
  const std::vector<size_t> all = facts.Select(host->object->ns(), selector);
  if (all.empty()) return true;
  const SubsetPlace& place = places.front();
  Labels both = selector;
  const auto& subset = place.rule->As<net::DestinationRule>().subsets(place.index);
  for (const auto& [key, value] : subset.labels()) both[key] = value;
  return facts.Select(host->object->ns(), both).size() < all.size();
}

// Whether two hosts as objects of a namespace write them are one.
bool IsSameHost(const std::string& ns, const std::string& a, const std::string& b) {
  const bool full = a.find('.') != std::string::npos && b.find('.') != std::string::npos;
  return a == b || (!full && FullHost(ns, a) == FullHost(ns, b));
}

}  // namespace

void CheckIngressSubsets(const Facts& facts, Findings* findings) {
  // Hosts that VirtualServices send to a part of themselves, by the full name.
  std::map<std::string, const config::Resource*> narrowed;
  for (const config::ResourcePtr& service : facts.snapshot().List(Kind::kVirtualService)) {
    const auto& spec = service->As<net::VirtualService>();
    for (const auto& rule : spec.http()) {
      for (const auto& route : rule.route()) {
        const net::Destination& destination = route.destination();
        if (destination.subset().empty()) continue;
        const bool own =
            std::any_of(spec.hosts().begin(), spec.hosts().end(), [&](const std::string& host) {
              return IsSameHost(service->ns(), host, destination.host());
            });
        if (!own) continue;
        const std::string fqdn = FullHost(service->ns(), destination.host());
        if (narrowed.count(fqdn) == 0 && Narrows(facts, service->ns(), destination)) {
          narrowed.emplace(fqdn, service.get());
        }
      }
    }
  }
  if (narrowed.empty()) return;
  for (const config::ResourcePtr& service : facts.snapshot().List(Kind::kVirtualService)) {
    const auto& spec = service->As<net::VirtualService>();
    const bool at_gateway = std::any_of(spec.gateways().begin(), spec.gateways().end(),
                                        [](const std::string& name) { return name != "mesh"; });
    if (!at_gateway) continue;
    for (int i = 0; i < spec.http_size(); ++i) {
      for (int r = 0; r < spec.http(i).route_size(); ++r) {
        const net::Destination& destination = spec.http(i).route(r).destination();
        if (!destination.subset().empty()) continue;
        const auto other = narrowed.find(FullHost(service->ns(), destination.host()));
        if (other == narrowed.end() || other->second == service.get()) continue;
        Report("IST0140", *service,
               IndexPath(IndexPath("spec.http", i) + ".route", r) + ".destination.host",
               absl::StrCat("requests through the gateway pass by the rules of VirtualService ",
                            other->second->ns(), "/", other->second->name(), " for \"",
                            destination.host(), "\": they go to all its versions"),
               "name the subset here as well", findings);
      }
    }
  }
}

}  // namespace mesh::analysis
