// What translation leaves out or changes without Istio saying so: its own findings, with the place
// in the object and what to write instead.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/networking/v1alpha3/service_entry.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/translate/findings.h"
#include "mesh/translate/world.h"

namespace mesh::analysis {
namespace {

struct Remedy {
  std::string_view code;
  std::string_view text;
};
constexpr Remedy kRemedies[] = {
    {"MSH0101", "put the rule that takes everything last, or give it a match"},
    {"MSH0102", "merge the VirtualServices into one"},
    {"MSH0103", "correct the name; the delegate must have no hosts and be exported here"},
    {"MSH0104", "let the delegate's match narrow that of the rule which delegates"},
    {"MSH0105", "give the subset another name, or keep it in one DestinationRule"},
    {"MSH0106", "keep the traffic policy of the host in one DestinationRule"},
    {"MSH0107", "write regex: \"PREFIX.*\""},
    {"MSH0108", "write percentage: {value: 100}"},
    {"MSH0109", "write 301, 302, 303, 307 or 308"},
    {"MSH0110", "set trafficPolicy.tls of the whole rule"},
    {"MSH0111", "write endpoints, or resolution: NONE"},
    {"MSH0112", "match a prefix, whose place the rewrite takes"},
    {"MSH0113", "keep each server name in one rule"},
    {"MSH0114", "give the services different ports, or addresses of their own, or one protocol"},
    {"MSH0115",
     "bind a VirtualService with a tcp or tls rule for the server's hosts to the gateway"},
    {"MSH0116", "keep one of the servers"},
    {"MSH0117", "write a route with a destination, a redirect or a directResponse"},
    {"MSH0118",
     "give the MeshConfig an envoyExtAuthzGrpc provider of that name, for a service there is"},
    {"MSH0119",
     "write what the proxy can check: a key that there is, whole identities under principals"},
    {"MSH0131", "write a JSON Web Key Set with a public key, or its jwksUri"},
};

std::string_view RemedyOf(const std::string& code) {
  for (const Remedy& remedy : kRemedies) {
    if (remedy.code == code) return remedy.text;
  }
  return "correct the field";
}

void ReportAll(std::vector<translate::Finding> all, Findings* findings) {
  for (translate::Finding& found : all) {
    // "VirtualService default/reviews", "Namespace default".
    const std::string& object = found.origin.object;
    const size_t space = object.find(' ');
    const size_t slash = object.find('/', space);
    UnreadObject place;
    place.kind = object.substr(0, space);
    if (slash != std::string::npos) {
      place.ns = object.substr(space + 1, slash - space - 1);
      place.name = object.substr(slash + 1);
    } else if (space != std::string::npos) {
      place.name = object.substr(space + 1);
    }
    place.position = found.origin.position;
    Report(found.code, place, found.origin.position, found.origin.field, std::move(found.message),
           std::string(RemedyOf(found.code)), findings);
  }
}

}  // namespace

void CheckTranslation(const Facts& facts, Findings* findings) {
  ReportAll(translate::FindingsOf(facts.rules_world()), findings);
}

void CheckAuthorizationTranslation(const Facts& facts, Findings* findings) {
  if (facts.snapshot().List(config::Kind::kAuthorizationPolicy).empty()) return;
  ReportAll(translate::FindingsOfPolicies(
                facts.world(), facts.snapshot().List(config::Kind::kAuthorizationPolicy)),
            findings);
}

void CheckProxies(const Facts& facts, Findings* findings) {
  const config::Snapshot& snapshot = facts.snapshot();
  const uint64_t pairs = facts.options().translated_pairs;
  uint64_t services = snapshot.List(config::Kind::kService).size();
  for (const config::ResourcePtr& entry : snapshot.List(config::Kind::kServiceEntry)) {
    services += entry->As<istio::networking::v1alpha3::ServiceEntry>().hosts_size();
  }
  if (services >= pairs) return;
  ReportAll(translate::FindingsOfProxies(facts.world(), pairs), findings);
}

}  // namespace mesh::analysis
