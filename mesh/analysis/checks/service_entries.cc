// ServiceEntries: TCP without an address, and one host and port under two protocols.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/mesh/v1alpha1/proxy.pb.h"
#include "api/networking/v1alpha3/service_entry.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using config::IndexPath;
using istio::networking::v1alpha3::ServiceEntry;

// Whether proxies answer DNS themselves and give hosts addresses of their own.
bool AllocatesAddresses(const Facts& facts) {
  const auto& metadata = facts.snapshot().mesh_config().default_config().proxy_metadata();
  const auto is_true = [&](const char* name) {
    const auto at = metadata.find(name);
    return at != metadata.end() && at->second == "true";
  };
  return is_true("PILOT_ENABLE_IP_AUTOALLOCATE") ||
         (is_true("ISTIO_META_DNS_CAPTURE") && is_true("ISTIO_META_DNS_AUTO_ALLOCATE"));
}

struct Place {
  const config::Resource* object;
  int port;
  std::string protocol;
};

}  // namespace

void CheckServiceEntryAddresses(const Facts& facts, Findings* findings) {
  if (AllocatesAddresses(facts)) return;
  for (const config::ResourcePtr& entry : facts.snapshot().List(config::Kind::kServiceEntry)) {
    const auto& spec = entry->As<ServiceEntry>();
    if (!spec.addresses().empty()) continue;
    for (int i = 0; i < spec.ports_size(); ++i) {
      const std::string& protocol = spec.ports(i).protocol();
      if (!protocol.empty() && !absl::EqualsIgnoreCase(protocol, "TCP")) continue;
      Report("IST0134", *entry, IndexPath("spec.ports", i),
             absl::StrCat("port ", spec.ports(i).number(), " is ",
                          protocol.empty() ? "of no protocol" : "TCP",
                          " and the entry has no addresses: it takes every connection to this "
                          "port, wherever it goes"),
             "write addresses, or a protocol that carries a name, such as TLS or HTTP", findings);
    }
  }
}

void CheckServiceEntryProtocols(const Facts& facts, Findings* findings) {
  std::map<std::tuple<std::string, std::string, uint32_t>, std::vector<Place>> places;
  for (const config::ResourcePtr& entry : facts.snapshot().List(config::Kind::kServiceEntry)) {
    const auto& spec = entry->As<ServiceEntry>();
    for (const std::string& scope : Scopes(entry->ns(), spec.export_to())) {
      for (const std::string& host : spec.hosts()) {
        for (int i = 0; i < spec.ports_size(); ++i) {
          places[{scope, host, spec.ports(i).number()}].push_back(
              {entry.get(), i, absl::AsciiStrToUpper(spec.ports(i).protocol())});
        }
      }
    }
  }
  for (const auto& [key, own] : places) {
    const auto& [scope, host, number] = key;
    std::vector<Place> all = own;
    if (scope != "*") {
      const auto everybody = places.find({"*", host, number});
      if (everybody != places.end()) {
        all.insert(all.end(), everybody->second.begin(), everybody->second.end());
      }
    }
    std::set<std::string> protocols, names;
    for (const Place& place : all) {
      protocols.insert(place.protocol);
      names.insert(place.object->ns() + "/" + place.object->name());
    }
    if (protocols.size() < 2 || names.size() < 2) continue;
    for (const Place& place : all) {
      Report("MSH0126", *place.object, IndexPath("spec.ports", place.port) + ".protocol",
             absl::StrCat(host, " port ", number, " is served under several protocols (",
                          absl::StrJoin(protocols, ", "), ") by ", absl::StrJoin(names, ", "),
                          "; only one of them counts"),
             "give it the same protocol everywhere", findings);
    }
  }
}

}  // namespace mesh::analysis
