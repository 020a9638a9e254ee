// What is wrong with each object by itself: what the reader and the validators say.
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/validate.h"

namespace mesh::analysis {
namespace {

using istio::networking::v1alpha3::VirtualService;

constexpr char kNameRemedy[] =
    "write lower-case letters, digits, - and .: Kubernetes refuses other names";
constexpr char kRemedy[] = "correct the field: an invalid object is not used";

// Whether some rule of a VirtualService delegates.
bool Delegate(const config::Resource& service) {
  const auto& rules = service.As<VirtualService>().http();
  return std::any_of(rules.begin(), rules.end(),
                     [](const auto& rule) { return rule.has_delegate(); });
}

// Namespace and name of the VirtualServices that others delegate to. Istio 1.7 has delegates where
// they are switched on; here a mesh that uses them is one that has them.
std::set<std::pair<std::string, std::string>> Delegates(const Facts& facts) {
  std::set<std::pair<std::string, std::string>> names;
  for (const config::ResourcePtr& service : facts.snapshot().List(config::Kind::kVirtualService)) {
    for (const auto& rule : service->As<VirtualService>().http()) {
      if (!rule.has_delegate()) continue;
      const std::string& ns = rule.delegate().namespace_();
      names.emplace(ns.empty() ? service->ns() : ns, rule.delegate().name());
    }
  }
  return names;
}

}  // namespace

void CheckSchema(const Facts& facts, Findings* findings) {
  const std::set<std::pair<std::string, std::string>> delegates = Delegates(facts);
  for (const config::KindInfo& kind : config::AllKinds()) {
    if (!kind.istio || kind.kind == config::Kind::kMeshConfig) continue;
    for (const config::ResourcePtr& object : facts.snapshot().List(kind.kind)) {
      config::ValidateOptions options;
      options.delegates =
          kind.kind == config::Kind::kVirtualService &&
          (Delegate(*object) || delegates.count({object->ns(), object->name()}) > 0);
      for (const FieldError& error : config::ValidateResource(*object, options)) {
        // Istio takes any name of an object, Kubernetes does not.
        if (error.field == "metadata.name") {
          Report("IST0133", *object, error.field, error.message, kNameRemedy, findings);
        } else {
          Report("IST0106", *object, error.field, error.message, kRemedy, findings);
        }
      }
    }
  }
  for (const UnreadObject& object : facts.options().unread) {
    for (const FieldError& error : object.errors) {
      Report("IST0106", object, error.position, error.field, error.message, kRemedy, findings);
    }
  }
}

}  // namespace mesh::analysis
