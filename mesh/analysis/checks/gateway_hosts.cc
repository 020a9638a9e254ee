// VirtualServices none of whose hosts a gateway that they are bound to has.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/checks/destinations.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using istio::networking::v1alpha3::Gateway;
using istio::networking::v1alpha3::VirtualService;

// The hosts that gateways have, read once each, as many VirtualServices may be bound to one.
class Offers {
 public:
  // For VirtualServices of a namespace.
  std::vector<std::string> For(const config::Resource& gateway, const std::string& ns) {
    const auto [known, first] = offers_.try_emplace(&gateway);
    if (first) known->second = Read(gateway);
    std::vector<std::string> hosts;
    for (const Offer& offer : known->second) {
      const bool meant = offer.scope == "*" || offer.scope == ns;
      if (meant && std::find(hosts.begin(), hosts.end(), offer.host) == hosts.end()) {
        hosts.push_back(offer.host);
      }
    }
    return hosts;
  }

 private:
  struct Offer {
    std::string scope;  // a namespace, or "*"
    std::string host;
  };

  static std::vector<Offer> Read(const config::Resource& gateway) {
    std::vector<Offer> offers;
    for (const auto& server : gateway.As<Gateway>().servers()) {
      for (const std::string& host : server.hosts()) {
        const size_t slash = host.find('/');
        if (slash == std::string::npos) {
          offers.push_back({"*", host});
          continue;
        }
        const std::string scope = host.substr(0, slash);
        offers.push_back({scope == "." ? gateway.ns() : scope, host.substr(slash + 1)});
      }
    }
    return offers;
  }

  absl::flat_hash_map<const config::Resource*, std::vector<Offer>> offers_;
};

}  // namespace

void CheckGatewayHosts(const Facts& facts, Findings* findings) {
  Offers offers;
  for (const config::ResourcePtr& service : facts.snapshot().List(config::Kind::kVirtualService)) {
    const auto& spec = service->As<VirtualService>();
    if (spec.hosts().empty()) continue;
    for (int i = 0; i < spec.gateways_size(); ++i) {
      if (spec.gateways(i) == "mesh" || IsMadeByIstio(spec.gateways(i))) continue;
      const std::string full = FullGateway(service->ns(), spec.gateways(i));
      const config::Resource* gateway = facts.FindGateway(full);
      if (gateway == nullptr) {
        Report("IST0132", *service, config::IndexPath("spec.gateways", i),
               absl::StrCat("gateway \"", full, "\", which is not there, has none of the hosts ",
                            absl::StrJoin(spec.hosts(), ", ")),
               "correct the gateway's name", findings);
        continue;
      }
      const std::vector<std::string> hosts = offers.For(*gateway, service->ns());
      bool found = false;
      for (const std::string& own : spec.hosts()) {
        const std::string host = FullHost(service->ns(), own);
        for (const std::string& offered : hosts) {
          found = found || HostWithin(host, offered) || HostWithin(offered, host) ||
                  HostWithin(own, offered);
        }
      }
      if (found) continue;
      Report("IST0132", *service, config::IndexPath("spec.gateways", i),
             absl::StrCat("gateway \"", full, "\" has none of the hosts ",
                          absl::StrJoin(spec.hosts(), ", "),
                          hosts.empty() ? std::string(": it has none for this namespace")
                                        : absl::StrCat(": it has ", absl::StrJoin(hosts, ", "))),
             "add the host to a server of the gateway, or correct it here", findings);
    }
  }
}

}  // namespace mesh::analysis
