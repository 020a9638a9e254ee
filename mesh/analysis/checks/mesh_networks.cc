// MeshNetworks: registries that nobody knows.
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/analysis/document.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

// Istio's own, and those that a multi-cluster secret brings: its keys name them.
std::set<std::string> KnownRegistries(const Facts& facts) {
  std::set<std::string> known = {"External", "Kubernetes", "Mock"};
  for (const UnreadObject& object : facts.options().unread) {
    if (object.kind != "Secret" || object.document == nullptr) continue;
    const auto& content = object.document->content;
    const auto labels = Texts(FindMapping(content, {"metadata", "labels"}));
    const auto multi = labels.find("istio/multiCluster");
    if (multi == labels.end() || multi->second != "true") continue;
    for (const char* part : {"data", "stringData"}) {
      const google::protobuf::Struct* values = FindMapping(content, {part});
      if (values == nullptr) continue;
      for (const auto& [key, value] : values->fields()) known.insert(key);
    }
  }
  return known;
}

}  // namespace

void CheckMeshNetworks(const Facts& facts, Findings* findings) {
  std::set<std::string> known;
  for (const UnreadObject& object : facts.options().unread) {
    if (object.kind != "MeshNetworks" || object.document == nullptr) continue;
    if (known.empty()) known = KnownRegistries(facts);
    const google::protobuf::Struct* all = FindMapping(object.document->content, {"networks"});
    if (all == nullptr) continue;
    const std::map<std::string, google::protobuf::Value> networks(all->fields().begin(),
                                                                  all->fields().end());
    for (const auto& [name, network] : networks) {
      const auto* endpoints = FindList(network.struct_value(), {"endpoints"});
      if (endpoints == nullptr) continue;
      for (int i = 0; i < endpoints->values_size(); ++i) {
        const std::string* registry =
            FindText(endpoints->values(i).struct_value(), {"fromRegistry"});
        if (registry == nullptr || known.count(*registry) > 0) continue;
        const std::string field =
            config::IndexPath(config::KeyPath("networks", name) + ".endpoints", i) +
            ".fromRegistry";
        Report("IST0126", object, object.PositionOf(field), field,
               absl::StrCat("network \"", name, "\" has endpoints of the registry \"", *registry,
                            "\", which nobody knows"),
               absl::StrCat("write one of ", absl::StrJoin(known, ", "),
                            ", or create the multi-cluster secret that brings it"),
               findings);
      }
    }
  }
}

}  // namespace mesh::analysis
