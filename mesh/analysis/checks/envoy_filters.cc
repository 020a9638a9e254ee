// EnvoyFilters whose patch depends on others, or does nothing where it is applied.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/envoy_filter.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/document.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using istio::networking::v1alpha3::EnvoyFilter;
using Patch = EnvoyFilter::Patch;

constexpr char kAbsolute[] = "use INSERT_FIRST or ADD, or set priority so that the order is said";

// What a patch is about: the name in its value, else that of the filter it looks for. As in Istio
// patches without a value, such as removals, are not told apart.
std::string NameOf(const EnvoyFilter::EnvoyConfigObjectPatch& patch) {
  if (patch.patch().value().fields().empty()) return "";
  const std::string* name = FindText(patch.patch().value(), {"name"});
  return name != nullptr ? *name : patch.match().listener().filter_chain().filter().name();
}

}  // namespace

void CheckEnvoyFilters(const Facts& facts, Findings* findings) {
  std::set<std::string> by_version;  // names that patches before have for a version alone
  for (const config::ResourcePtr& filter : facts.snapshot().List(config::Kind::kEnvoyFilter)) {
    const auto& spec = filter->As<EnvoyFilter>();
    for (int i = 0; i < spec.config_patches_size(); ++i) {
      const auto& patch = spec.config_patches(i);
      if (!patch.has_patch()) continue;
      const std::string field = config::IndexPath("spec.configPatches", i) + ".patch.operation";
      const std::string operation = Patch::Operation_Name(patch.patch().operation());
      const std::string applied = EnvoyFilter::ApplyTo_Name(patch.apply_to());
      const bool routes = patch.apply_to() == EnvoyFilter::ROUTE_CONFIGURATION ||
                          patch.apply_to() == EnvoyFilter::HTTP_ROUTE;
      bool relative = false;
      switch (patch.patch().operation()) {
        case Patch::ADD:
        case Patch::REMOVE:
          if (routes) {
            Report(patch.patch().operation() == Patch::ADD ? "IST0153" : "IST0154", *filter, field,
                   absl::StrCat(operation, " is ignored where applyTo is ", applied),
                   "use MERGE, or apply it to VIRTUAL_HOST", findings);
          } else {
            relative = patch.patch().operation() == Patch::REMOVE;
          }
          break;
        case Patch::REPLACE:
          if (patch.apply_to() != EnvoyFilter::NETWORK_FILTER &&
              patch.apply_to() != EnvoyFilter::HTTP_FILTER &&
              patch.apply_to() != EnvoyFilter::VIRTUAL_HOST) {
            Report("IST0152", *filter, field,
                   absl::StrCat("REPLACE is ignored where applyTo is ", applied,
                                ": it is for HTTP_FILTER, NETWORK_FILTER and VIRTUAL_HOST"),
                   "use MERGE, or REMOVE and ADD", findings);
          } else {
            relative = true;
          }
          break;
        case Patch::INSERT_BEFORE:
        case Patch::INSERT_AFTER:
          relative = true;
          break;
        default:
          break;
      }
      const std::string name = NameOf(patch);
      if (relative && spec.priority() == 0) {
        if (by_version.count(name) > 0) {
          Report("IST0155", *filter, field,
                 absl::StrCat(operation,
                              " depends on what other EnvoyFilters have done, and one "
                              "before it patches ",
                              name.empty() ? "something" : absl::StrCat("\"", name, "\""),
                              " for some proxy versions only"),
                 kAbsolute, findings);
        } else {
          Report("IST0151", *filter, field,
                 absl::StrCat(operation,
                              " depends on what other EnvoyFilters have done, and "
                              "without priority the oldest is first"),
                 kAbsolute, findings);
        }
      }
      if (!patch.match().proxy().proxy_version().empty()) by_version.insert(name);
    }
  }
}

}  // namespace mesh::analysis
