// Routes by the claims of a token, at gateways that check no tokens.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "api/security/v1beta1/request_authentication.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"
#include "mesh/config/token_claim.h"
#include "mesh/registry/label_index.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;
using config::Kind;
using istio::security::v1beta1::RequestAuthentication;

struct Use {
  std::string field;
  std::string key;
};

template <class Headers>
bool HasClaim(const Headers& headers) {
  for (const auto& header : headers) {
    if (config::IsTokenClaim(header.first)) return true;
  }
  return false;
}

// The first claim by name.
template <class Headers>
Use UseOf(const Headers& headers, const std::string& field) {
  Use use;
  for (const auto& [key, value] : headers) {
    if (config::IsTokenClaim(key) && (use.key.empty() || key < use.key)) {
      use = {config::KeyPath(field, key), key};
    }
  }
  return use;
}

// The first condition that looks at a claim; an empty key where none does.
Use FirstUse(const net::VirtualService& spec) {
  for (int i = 0; i < spec.http_size(); ++i) {
    for (int j = 0; j < spec.http(i).match_size(); ++j) {
      const net::HTTPMatchRequest& match = spec.http(i).match(j);
      const bool with = HasClaim(match.headers());
      if (!with && !HasClaim(match.without_headers())) continue;
      const std::string path = IndexPath(IndexPath("spec.http", i) + ".match", j);
      return with ? UseOf(match.headers(), path + ".headers")
                  : UseOf(match.without_headers(), path + ".withoutHeaders");
    }
  }
  return {};
}

bool ChecksTokens(const Facts& facts, const Workload& workload) {
  for (const std::string& ns : {facts.snapshot().mesh_config().root_namespace(), workload.ns}) {
    for (const config::ResourcePtr& object :
         facts.snapshot().List(Kind::kRequestAuthentication, ns)) {
      const Labels selector =
          ToLabels(object->As<RequestAuthentication>().selector().match_labels());
      if (registry::Selects(selector, workload.labels)) return true;
    }
  }
  return false;
}

}  // namespace

void CheckJwtRoutes(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(Kind::kVirtualService)) {
    const auto& spec = service->As<net::VirtualService>();
    const Use use = FirstUse(spec);
    if (use.key.empty()) continue;
    for (const std::string& name : spec.gateways()) {
      if (name == "mesh") continue;
      const std::string full = FullGateway(service->ns(), name);
      const config::Resource* gateway = facts.FindGateway(full);
      if (gateway == nullptr) continue;
      for (size_t i : facts.Select("*", ToLabels(gateway->As<net::Gateway>().selector()))) {
        const Workload& workload = facts.workloads()[i];
        if (ChecksTokens(facts, workload)) continue;
        Report("IST0149", *service, use.field,
               absl::StrCat("the rule looks at ", use.key,
                            ", and no RequestAuthentication checks "
                            "tokens at workload \"",
                            workload.name, "\" of gateway \"", full, "\": it never matches"),
               absl::StrCat("write a RequestAuthentication in namespace ", workload.ns,
                            " that selects the gateway's pods"),
               findings);
      }
    }
  }
}

}  // namespace mesh::analysis
