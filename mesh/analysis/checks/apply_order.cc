// Objects of one file that break requests while it is applied from top to bottom: a VirtualService
// that sends to a subset which comes only later.
#include <string>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/checks/destinations.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;

bool Later(const config::Resource& a, const config::Resource& b) {
  const SourcePosition& one = a.position();
  const SourcePosition& two = b.position();
  return one.known() && two.known() && one.file != nullptr && two.file != nullptr &&
         *one.file == *two.file && two.line < one.line;
}

}  // namespace

void CheckApplyOrder(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(config::Kind::kVirtualService)) {
    ForEachDestination(service->As<net::VirtualService>(), [&](const net::Destination& destination,
                                                               const DestinationPath& path, bool) {
      if (destination.subset().empty()) return;
      const auto places =
          facts.FindSubsets(FullHost(service->ns(), destination.host()), destination.subset());
      if (places.empty()) return;
      for (const SubsetPlace& place : places) {
        if (!Later(*place.rule, *service)) return;
      }
      const config::Resource& rule = *places.front().rule;
      Report("MSH0128", *service, path + ".subset",
             absl::StrCat("subset \"", destination.subset(), "\" comes only later, in ",
                          rule.ObjectName(), " at ", rule.position().ToString(),
                          ": applied in this order, requests get 503 until it is there"),
             "put the DestinationRule before the VirtualService, or apply it first", findings);
    });
  }
}

}  // namespace mesh::analysis
