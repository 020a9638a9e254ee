// DestinationRules that turn on TLS and name nothing to verify the server with.
#include <string>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using istio::networking::v1alpha3::ClientTLSSettings;
using istio::networking::v1alpha3::DestinationRule;

constexpr char kRemedy[] =
    "set caCertificates to a file with the authorities that sign the server's certificate";

// A credential has an authority too; sidecars fetch one where the rule selects them.
bool Verifies(const DestinationRule& rule, const ClientTLSSettings& tls) {
  const bool originates =
      tls.mode() == ClientTLSSettings::SIMPLE || tls.mode() == ClientTLSSettings::MUTUAL;
  return !originates || !tls.ca_certificates().empty() ||
         (!tls.credential_name().empty() && rule.has_workload_selector());
}

}  // namespace

void CheckCaCertificates(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& rule : facts.snapshot().List(config::Kind::kDestinationRule)) {
    const auto& spec = rule->As<DestinationRule>();
    const auto& policy = spec.traffic_policy();
    if (!Verifies(spec, policy.tls())) {
      Report("IST0128", *rule, "spec.trafficPolicy.tls",
             absl::StrCat("TLS to \"", spec.host(), "\" is ",
                          ClientTLSSettings::TLSmode_Name(policy.tls().mode()),
                          " without caCertificates: any server is believed"),
             kRemedy, findings);
    }
    for (int i = 0; i < policy.port_level_settings_size(); ++i) {
      const auto& port = policy.port_level_settings(i);
      if (Verifies(spec, port.tls())) continue;
      Report("IST0129", *rule,
             config::IndexPath("spec.trafficPolicy.portLevelSettings", i) + ".tls",
             absl::StrCat("TLS to \"", spec.host(), "\" port ", port.port().number(), " is ",
                          ClientTLSSettings::TLSmode_Name(port.tls().mode()),
                          " without caCertificates: any server is believed"),
             kRemedy, findings);
    }
  }
}

}  // namespace mesh::analysis
