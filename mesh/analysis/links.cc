#include "mesh/analysis/links.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>

#include "absl/hash/hash.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/facts.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::Kind;

enum class What { kGateway, kSubset, kMeshHost };

LinkName Name(What what, std::string_view first, std::string_view second) {
  return absl::Hash<std::tuple<int, std::string_view, std::string_view>>()(
      {static_cast<int>(what), first, second});
}

template <class Routes>
void AddSubsets(const config::Resource& object, const Routes& routes, Links* links) {
  for (const auto& route : routes) {
    const net::Destination& to = route.destination();
    if (to.subset().empty()) continue;
    links->uses.push_back(Name(What::kSubset, FullHost(object.ns(), to.host()), to.subset()));
  }
}

void AddVirtualService(const config::Resource& object, Links* links) {
  const auto& spec = object.As<net::VirtualService>();
  bool in_mesh = spec.gateways().empty();
  for (const std::string& gateway : spec.gateways()) {
    if (gateway == "mesh") {
      in_mesh = true;
      continue;
    }
    const size_t slash = gateway.find('/');
    const std::string_view name = gateway;
    links->uses.push_back(slash == std::string::npos ? Name(What::kGateway, object.ns(), name)
                                                     : Name(What::kGateway, name.substr(0, slash),
                                                            name.substr(slash + 1)));
  }
  for (const net::HTTPRoute& http : spec.http()) {
    AddSubsets(object, http.route(), links);
    AddSubsets(object, http.mirrors(), links);
    if (!http.mirror().subset().empty()) {
      links->uses.push_back(
          Name(What::kSubset, FullHost(object.ns(), http.mirror().host()), http.mirror().subset()));
    }
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
      links.defines.push_back(Name(What::kGateway, object.ns(), object.name()));
      break;
    case Kind::kDestinationRule: {
      const auto& spec = object.As<net::DestinationRule>();
      for (const net::Subset& subset : spec.subsets()) {
        links.defines.push_back(
            Name(What::kSubset, FullHost(object.ns(), spec.host()), subset.name()));
      }
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
