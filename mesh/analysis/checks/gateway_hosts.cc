// VirtualServices none of whose hosts a gateway that they are bound to has.
#include <algorithm>
#include <string>
#include <vector>

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

// The hosts that a gateway has for VirtualServices of a namespace.
std::vector<std::string> HostsFor(const config::Resource& gateway, const std::string& ns) {
  std::vector<std::string> hosts;
  for (const auto& server : gateway.As<Gateway>().servers()) {
    for (const std::string& host : server.hosts()) {
      if (std::find(hosts.begin(), hosts.end(), host) != hosts.end()) continue;
      const size_t slash = host.find('/');
      if (slash == std::string::npos) {
        hosts.push_back(host);
        continue;
      }
      std::string scope = host.substr(0, slash);
      if (scope == ".") scope = gateway.ns();
      if (scope == "*" || scope == ns) hosts.push_back(host.substr(slash + 1));
    }
  }
  return hosts;
}

}  // namespace

void CheckGatewayHosts(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(config::Kind::kVirtualService)) {
    const auto& spec = service->As<VirtualService>();
    if (spec.hosts().empty()) continue;
    for (int i = 0; i < spec.gateways_size(); ++i) {
      if (spec.gateways(i) == "mesh" || IsMadeByIstio(spec.gateways(i))) continue;
      const std::string full = FullGateway(service->ns(), spec.gateways(i));
      const config::ResourcePtr gateway = facts.FindGateway(full);
      if (gateway == nullptr) {
        Report("IST0132", *service, config::IndexPath("spec.gateways", i),
               absl::StrCat("gateway \"", full, "\", which is not there, has none of the hosts ",
                            absl::StrJoin(spec.hosts(), ", ")),
               "correct the gateway's name", findings);
        continue;
      }
      const std::vector<std::string> hosts = HostsFor(*gateway, service->ns());
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
