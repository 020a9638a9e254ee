// TLS of subsets and ports without verifying the server, where Istio's own check does not look.
#include <string>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;
using net::ClientTLSSettings;

bool Originates(const ClientTLSSettings& tls) {
  return tls.mode() == ClientTLSSettings::SIMPLE || tls.mode() == ClientTLSSettings::MUTUAL;
}

class Reader {
 public:
  Reader(const config::Resource& rule, Findings* findings) : rule_(rule), findings_(findings) {}

  // `whole`: of the rule itself, of which IST0128 and IST0129 say what has no authorities.
  void Read(const net::TrafficPolicy& policy, const std::string& path, bool whole) {
    Read(policy.tls(), path + ".tls", whole);
    for (int i = 0; i < policy.port_level_settings_size(); ++i) {
      Read(policy.port_level_settings(i).tls(), IndexPath(path + ".portLevelSettings", i) + ".tls",
           whole);
    }
  }

 private:
  void Read(const ClientTLSSettings& tls, const std::string& path, bool whole) {
    if (!Originates(tls)) return;
    if (tls.insecure_skip_verify().value()) {
      Report("MSH0127", rule_, path + ".insecureSkipVerify",
             "the server is not verified, as insecureSkipVerify says: anybody on the way can "
             "answer in its place",
             "set caCertificates and delete insecureSkipVerify", findings_);
    } else if (!whole && tls.ca_certificates().empty() && tls.credential_name().empty()) {
      Report("MSH0127", rule_, path,
             absl::StrCat("TLS is ", ClientTLSSettings::TLSmode_Name(tls.mode()),
                          " without caCertificates: any server is believed"),
             "set caCertificates to a file with the authorities that sign the server's certificate",
             findings_);
    } else if (!tls.ca_certificates().empty() && tls.subject_alt_names().empty()) {
      Report("MSH0127", rule_, path + ".caCertificates",
             "any certificate of these authorities is believed, whatever its name",
             "set subjectAltNames to the names that the server's certificate has", findings_);
    }
  }

  const config::Resource& rule_;
  Findings* findings_;
};

}  // namespace

void CheckTlsVerification(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& rule : facts.snapshot().List(config::Kind::kDestinationRule)) {
    const auto& spec = rule->As<net::DestinationRule>();
    Reader reader(*rule, findings);
    reader.Read(spec.traffic_policy(), "spec.trafficPolicy", true);
    for (int i = 0; i < spec.subsets_size(); ++i) {
      reader.Read(spec.subsets(i).traffic_policy(), IndexPath("spec.subsets", i) + ".trafficPolicy",
                  false);
    }
  }
}

}  // namespace mesh::analysis
