// What is valid in an object by itself and yet not meant so: spellings that have been replaced,
// values that are ignored.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"
#include "re2/re2.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;
using config::Kind;

void Warn(const config::Resource& object, const std::string& field, std::string message,
          std::string remedy, Findings* findings) {
  Report("IST0133", object, field, std::move(message), std::move(remedy), findings);
}

void CheckVirtualService(const config::Resource& object, Findings* findings) {
  static const RE2* const kAddress =
      new RE2("\\d+\\.\\d+\\.\\d+\\.\\d+|[0-9a-fA-F]*:[0-9a-fA-F:.]+");
  const auto& spec = object.As<net::VirtualService>();
  for (int i = 0; i < spec.http_size(); ++i) {
    const std::string rule = IndexPath("spec.http", i);
    const auto& http = spec.http(i);
    if (http.has_mirror_percent()) {
      Warn(object, rule + ".mirrorPercent", "mirrorPercent has been replaced",
           absl::StrCat("write mirrorPercentage: {value: ", http.mirror_percent().value(), "}"),
           findings);
    }
    if (http.cors_policy().allow_origin_size() > 0) {
      Warn(object, rule + ".corsPolicy.allowOrigin", "corsPolicy.allowOrigin has been replaced",
           absl::StrCat("write allowOrigins: [{exact: \"", http.cors_policy().allow_origin(0),
                        "\"}]"),
           findings);
    }
  }
  for (int i = 0; i < spec.tls_size(); ++i) {
    for (int m = 0; m < spec.tls(i).match_size(); ++m) {
      const auto& match = spec.tls(i).match(m);
      for (int s = 0; s < match.sni_hosts_size(); ++s) {
        if (!RE2::FullMatch(match.sni_hosts(s), *kAddress)) continue;
        Warn(object, IndexPath(IndexPath(IndexPath("spec.tls", i) + ".match", m) + ".sniHosts", s),
             absl::StrCat("\"", match.sni_hosts(s),
                          "\" is an address, and clients send names alone (RFC 6066 §3)"),
             "write the name that clients ask for", findings);
      }
    }
  }
}

void CheckPolicy(const config::Resource& object, const net::TrafficPolicy& policy,
                 const std::string& path, Findings* findings) {
  const auto check = [&](const net::OutlierDetection& outlier, const std::string& at) {
    if (outlier.consecutive_errors() <= 0) return;
    Warn(object, at + ".outlierDetection.consecutiveErrors",
         "outlierDetection.consecutiveErrors has been replaced",
         absl::StrCat("write consecutive5xxErrors: ", outlier.consecutive_errors(),
                      ", or consecutiveGatewayErrors where only 502, 503 and 504 count"),
         findings);
  };
  check(policy.outlier_detection(), path);
  for (int i = 0; i < policy.port_level_settings_size(); ++i) {
    check(policy.port_level_settings(i).outlier_detection(),
          IndexPath(path + ".portLevelSettings", i));
  }
}

void CheckGateway(const config::Resource& object, Findings* findings) {
  static const std::set<std::string>* const kSuites =
      new std::set<std::string>{"ECDHE-ECDSA-AES128-GCM-SHA256",
                                "ECDHE-RSA-AES128-GCM-SHA256",
                                "ECDHE-ECDSA-AES256-GCM-SHA384",
                                "ECDHE-RSA-AES256-GCM-SHA384",
                                "ECDHE-ECDSA-CHACHA20-POLY1305",
                                "ECDHE-RSA-CHACHA20-POLY1305",
                                "ECDHE-ECDSA-AES128-SHA",
                                "ECDHE-RSA-AES128-SHA",
                                "ECDHE-ECDSA-AES256-SHA",
                                "ECDHE-RSA-AES256-SHA",
                                "AES128-GCM-SHA256",
                                "AES256-GCM-SHA384",
                                "AES128-SHA",
                                "AES256-SHA",
                                "DES-CBC3-SHA",
                                "ECDHE-RSA-AES128-SHA256"};
  const auto& spec = object.As<net::Gateway>();
  for (int i = 0; i < spec.servers_size(); ++i) {
    std::set<std::string> seen;
    const auto& suites = spec.servers(i).tls().cipher_suites();
    for (int s = 0; s < suites.size(); ++s) {
      const std::string field = IndexPath(IndexPath("spec.servers", i) + ".tls.cipherSuites", s);
      if (kSuites->count(suites[s]) == 0) {
        Warn(object, field, absl::StrCat("no cipher suite is called \"", suites[s], "\""),
             "write a name of OpenSSL's, such as ECDHE-RSA-AES128-GCM-SHA256", findings);
      } else if (!seen.insert(suites[s]).second) {
        Warn(object, field, absl::StrCat("\"", suites[s], "\" is there already"), "delete it",
             findings);
      }
    }
  }
}

}  // namespace

void CheckSchemaWarnings(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& object : facts.snapshot().List(Kind::kVirtualService)) {
    CheckVirtualService(*object, findings);
  }
  for (const config::ResourcePtr& object : facts.snapshot().List(Kind::kDestinationRule)) {
    const auto& spec = object->As<net::DestinationRule>();
    CheckPolicy(*object, spec.traffic_policy(), "spec.trafficPolicy", findings);
    for (int i = 0; i < spec.subsets_size(); ++i) {
      CheckPolicy(*object, spec.subsets(i).traffic_policy(),
                  IndexPath("spec.subsets", i) + ".trafficPolicy", findings);
    }
  }
  for (const config::ResourcePtr& object : facts.snapshot().List(Kind::kGateway)) {
    CheckGateway(*object, findings);
  }
}

}  // namespace mesh::analysis
