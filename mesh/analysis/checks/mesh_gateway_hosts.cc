// VirtualServices that claim the same host for the sidecars: one of them has no effect.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using istio::networking::v1alpha3::VirtualService;

struct Claim {
  const config::Resource* object;
  int host;
};

bool ForSidecars(const VirtualService& spec) {
  return spec.gateways().empty() ||
         std::find(spec.gateways().begin(), spec.gateways().end(), "mesh") != spec.gateways().end();
}

}  // namespace

void CheckMeshGatewayHosts(const Facts& facts, Findings* findings) {
  std::map<std::string, std::vector<Claim>> claims;  // by "scope/host"
  for (const config::ResourcePtr& service : facts.snapshot().List(config::Kind::kVirtualService)) {
    const auto& spec = service->As<VirtualService>();
    if (!ForSidecars(spec)) continue;
    for (int h = 0; h < spec.hosts_size(); ++h) {
      for (const std::string& scope : Scopes(service->ns(), spec.export_to())) {
        std::vector<Claim>& claim = claims[scope + "/" + FullHost(service->ns(), spec.hosts(h))];
        const bool again = !claim.empty() && claim.back().object == service.get();
        if (!again) claim.push_back({service.get(), h});
      }
    }
  }
  for (const auto& [scoped_host, claimants] : claims) {
    if (claimants.size() < 2) continue;
    const std::string names =
        absl::StrJoin(claimants, ", ", [](std::string* out, const Claim& claim) {
          absl::StrAppend(out, claim.object->ns(), "/", claim.object->name());
        });
    for (const Claim& claim : claimants) {
      Report("IST0109", *claim.object, config::IndexPath("spec.hosts", claim.host),
             absl::StrCat("several VirtualServices claim the host ",
                          scoped_host.substr(scoped_host.find('/') + 1), " in the mesh: ", names,
                          "; only one of them has an effect"),
             "merge them into one VirtualService", findings);
    }
  }
}

}  // namespace mesh::analysis
