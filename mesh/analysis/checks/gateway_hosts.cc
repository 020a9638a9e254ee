// VirtualServices none of whose hosts a gateway that they are bound to has.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/checks/destinations.h"
#include "mesh/base/name_hash.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using istio::networking::v1alpha3::Gateway;
using istio::networking::v1alpha3::VirtualService;

// The hosts that gateways have, read once each, as many VirtualServices may be bound to one, and
// kept close to each other.
class Offers {
 public:
  explicit Offers(const Facts& facts) : facts_(facts) {}

  // For VirtualServices of a namespace; nothing where there is no gateway of that name.
  std::optional<std::vector<std::string>> For(const std::string& gateway, const std::string& ns) {
    const auto [known, first] = ranges_.try_emplace(HashName(gateway));
    if (first) known->second = Read(facts_.FindGateway(gateway));
    const Range& range = known->second;
    if (!range.found) return std::nullopt;
    std::vector<std::string> hosts;
    for (uint32_t i = range.begin; i < range.end; ++i) {
      const Offer& offer = all_[i];
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
  struct Range {
    bool found = false;
    uint32_t begin = 0, end = 0;
  };

  Range Read(const config::Resource* gateway) {
    if (gateway == nullptr) return {};
    const uint32_t begin = all_.size();
    for (const auto& server : gateway->As<Gateway>().servers()) {
      for (const std::string& host : server.hosts()) {
        const size_t slash = host.find('/');
        if (slash == std::string::npos) {
          all_.push_back({"*", host});
          continue;
        }
        const std::string scope = host.substr(0, slash);
        all_.push_back({scope == "." ? gateway->ns() : scope, host.substr(slash + 1)});
      }
    }
    return {true, begin, static_cast<uint32_t>(all_.size())};
  }

  const Facts& facts_;
  std::vector<Offer> all_;
  absl::flat_hash_map<NameHash, Range> ranges_;
};

}  // namespace

void CheckGatewayHosts(const Facts& facts, Findings* findings) {
  Offers offers(facts);
  for (const config::ResourcePtr& service : facts.snapshot().List(config::Kind::kVirtualService)) {
    const auto& spec = service->As<VirtualService>();
    if (spec.hosts().empty()) continue;
    for (int i = 0; i < spec.gateways_size(); ++i) {
      if (spec.gateways(i) == "mesh" || IsMadeByIstio(spec.gateways(i))) continue;
      const std::string full = FullGateway(service->ns(), spec.gateways(i));
      const std::optional<std::vector<std::string>> offered = offers.For(full, service->ns());
      if (!offered.has_value()) {
        Report("IST0132", *service, config::IndexPath("spec.gateways", i),
               absl::StrCat("gateway \"", full, "\", which is not there, has none of the hosts ",
                            absl::StrJoin(spec.hosts(), ", ")),
               "correct the gateway's name", findings);
        continue;
      }
      const std::vector<std::string>& hosts = *offered;
      bool found = false;
      for (const std::string& own : spec.hosts()) {
        const std::string host = FullHost(service->ns(), own);
        for (const std::string& theirs : hosts) {
          found = found || HostWithin(host, theirs) || HostWithin(theirs, host) ||
                  HostWithin(own, theirs);
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
