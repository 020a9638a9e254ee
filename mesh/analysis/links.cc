#include "mesh/analysis/links.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>

#include "absl/hash/hash.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/facts.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::Kind;

enum class What {
  kGateway,
  kSubset,
  kRoutedSubset,
  kRules,
  kMeshHost,
  kGatewayHost,
  kNarrowed,
  kDelegation,
  kSecret,
};

LinkName Name(What what, std::string_view first, std::string_view second) {
  return absl::Hash<std::tuple<int, std::string_view, std::string_view>>()(
      {static_cast<int>(what), first, second});
}

// What everybody who knows the name tells the others.
void Share(LinkName name, Links* links) {
  links->describes.push_back(name);
  links->uses.push_back(name);
}

void AddSubset(const config::Resource& object, const net::Destination& to, Links* links) {
  if (to.subset().empty()) return;
  const std::string host = FullHost(object.ns(), to.host());
  links->uses.push_back(Name(What::kSubset, host, to.subset()));
  links->defines.push_back(Name(What::kRoutedSubset, host, to.subset()));
}

template <class Routes>
void AddSubsets(const config::Resource& object, const Routes& routes, Links* links) {
  for (const auto& route : routes) AddSubset(object, route.destination(), links);
}

// Of requests through a gateway that pass by the sidecars' rules.
void AddNarrowed(const config::Resource& object, const net::VirtualService& spec, bool at_gateway,
                 Links* links) {
  for (const net::HTTPRoute& http : spec.http()) {
    for (const auto& route : http.route()) {
      const std::string host = FullHost(object.ns(), route.destination().host());
      if (!route.destination().subset().empty()) {
        links->describes.push_back(Name(What::kNarrowed, host, ""));
      } else if (at_gateway) {
        links->uses.push_back(Name(What::kNarrowed, host, ""));
      }
    }
  }
}

void AddVirtualService(const config::Resource& object, Links* links) {
  const auto& spec = object.As<net::VirtualService>();
  bool in_mesh = spec.gateways().empty();
  bool at_gateway = false;
  for (const std::string& gateway : spec.gateways()) {
    if (gateway == "mesh") {
      in_mesh = true;
      continue;
    }
    at_gateway = true;
    const std::string full = FullGateway(object.ns(), gateway);
    const std::string_view name = full;
    const size_t slash = full.find('/');
    links->uses.push_back(Name(What::kGateway, name.substr(0, slash), name.substr(slash + 1)));
    for (const std::string& host : spec.hosts()) {
      Share(Name(What::kGatewayHost, full, FullHost(object.ns(), host)), links);
    }
  }
  AddNarrowed(object, spec, at_gateway, links);
  if (spec.hosts().empty() ||
      std::any_of(spec.http().begin(), spec.http().end(),
                  [](const net::HTTPRoute& http) { return http.has_delegate(); })) {
    Share(Name(What::kDelegation, "", ""), links);
  }
  for (const net::HTTPRoute& http : spec.http()) {
    AddSubsets(object, http.route(), links);
    AddSubsets(object, http.mirrors(), links);
    AddSubset(object, http.mirror(), links);
  }
  for (const net::TLSRoute& tls : spec.tls()) AddSubsets(object, tls.route(), links);
  for (const net::TCPRoute& tcp : spec.tcp()) AddSubsets(object, tcp.route(), links);
  if (!in_mesh) return;
  for (const std::string& host : spec.hosts()) {
    for (const std::string& scope : Scopes(object.ns(), spec.export_to())) {
      const LinkName name = Name(What::kMeshHost, scope, FullHost(object.ns(), host));
      links->defines.push_back(name);
      links->uses.push_back(name);
    }
  }
}

void MakeUnique(std::vector<LinkName>* names) {
  std::sort(names->begin(), names->end());
  names->erase(std::unique(names->begin(), names->end()), names->end());
}

}  // namespace

Links LinksOf(const config::Resource& object) {
  Links links;
  switch (object.kind()) {
    case Kind::kVirtualService:
      AddVirtualService(object, &links);
      break;
    case Kind::kGateway:
      links.describes.push_back(Name(What::kGateway, object.ns(), object.name()));
      // In whose namespace, the gateway's pods say.
      for (const net::Server& server : object.As<net::Gateway>().servers()) {
        const std::string& name = server.tls().credential_name();
        if (!name.empty()) links.uses.push_back(Name(What::kSecret, name, ""));
      }
      break;
    case Kind::kSecret:
      links.describes.push_back(Name(What::kSecret, object.name(), ""));
      break;
    case Kind::kDestinationRule: {
      const auto& spec = object.As<net::DestinationRule>();
      const std::string host = FullHost(object.ns(), spec.host());
      for (const net::Subset& subset : spec.subsets()) {
        links.describes.push_back(Name(What::kSubset, host, subset.name()));
        links.uses.push_back(Name(What::kRoutedSubset, host, subset.name()));
      }
      links.describes.push_back(Name(What::kNarrowed, host, ""));
      Share(Name(What::kRules, host, ""), &links);
      break;
    }
    default:
      break;
  }
  MakeUnique(&links.defines);
  MakeUnique(&links.describes);
  MakeUnique(&links.uses);
  return links;
}

}  // namespace mesh::analysis
