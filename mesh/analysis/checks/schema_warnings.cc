// What is valid in an object by itself and yet not meant so: spellings that have been replaced,
// values that are ignored.
#include "mesh/analysis/checks/schema_warnings.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/config/field_path.h"
#include "re2/re2.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;
using config::Kind;

constexpr size_t kLargeBody = 100 << 10;

template <class Names>
void CheckGatewayNames(const config::Resource& object, const Names& names, const std::string& path,
                       Findings* findings) {
  for (int i = 0; i < names.size(); ++i) {
    if (names[i].find('/') != std::string::npos || names[i].find('.') == std::string::npos) {
      continue;
    }
    const std::vector<std::string> labels = absl::StrSplit(names[i], '.');
    Warn(object, IndexPath(path, i),
         absl::StrCat("\"", names[i], "\" is the old way to name a gateway of another namespace"),
         absl::StrCat("write ", labels[1], "/", labels[0]), findings);
  }
}

void CheckVirtualService(const config::Resource& object, Findings* findings) {
  static const RE2* const kAddress =
      new RE2("\\d+\\.\\d+\\.\\d+\\.\\d+|[0-9a-fA-F]*:[0-9a-fA-F:.]+");
  const auto& spec = object.As<net::VirtualService>();
  CheckGatewayNames(object, spec.gateways(), "spec.gateways", findings);
  const auto check_matches = [&](const auto& rules, const std::string& path) {
    for (int i = 0; i < rules.size(); ++i) {
      for (int m = 0; m < rules[i].match_size(); ++m) {
        CheckGatewayNames(object, rules[i].match(m).gateways(),
                          IndexPath(IndexPath(path, i) + ".match", m) + ".gateways", findings);
      }
    }
  };
  check_matches(spec.tls(), "spec.tls");
  check_matches(spec.tcp(), "spec.tcp");
  for (int i = 0; i < spec.http_size(); ++i) {
    const std::string rule = IndexPath("spec.http", i);
    const auto& http = spec.http(i);
    if (http.has_mirror_percent()) {
      Warn(object, rule + ".mirrorPercent", "mirrorPercent has been replaced",
           absl::StrCat("write mirrorPercentage: {value: ", http.mirror_percent().value(), "}"),
           findings);
    }
    if (http.fault().has_abort() && http.fault().abort().error_type_case() ==
                                        net::HTTPFaultInjection::Abort::ERROR_TYPE_NOT_SET) {
      Warn(object, rule + ".fault.abort", "the abort says no status: it aborts nothing",
           "write httpStatus: 503, or grpcStatus", findings);
    }
    const net::HTTPBody& body = http.direct_response().body();
    if (std::max(body.string().size(), body.bytes().size()) > kLargeBody) {
      Warn(object, rule + ".directResponse.body",
           "every proxy is sent the whole body with each change of its routes",
           "let a service answer with large bodies", findings);
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

void CheckBalancing(const config::Resource& object, const net::LoadBalancerSettings& balancing,
                    bool has_outlier_detection, const std::string& path, Findings* findings) {
  if (balancing.consistent_hash().minimum_ring_size() > 0) {
    Warn(object, path + ".loadBalancer.consistentHash.minimumRingSize",
         "consistentHash.minimumRingSize has been replaced",
         absl::StrCat("write ringHash: {minimumRingSize: ",
                      balancing.consistent_hash().minimum_ring_size(), "}"),
         findings);
  }
  const auto check = [&](const auto& locality, const std::string& field) {
    if (has_outlier_detection ||
        (locality.failover().empty() && locality.failover_priority().empty())) {
      return;
    }
    Warn(object, path + ".loadBalancer." + field,
         "without outlierDetection no endpoint is ever found to fail: there is no failover",
         "add an outlierDetection beside the loadBalancer", findings);
  };
  check(balancing.locality_lb_setting(), "localityLbSetting");
  check(balancing.zone_aware_lb_setting(), "zoneAwareLbSetting");
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
  CheckBalancing(object, policy.load_balancer(), policy.has_outlier_detection(), path, findings);
  for (int i = 0; i < policy.port_level_settings_size(); ++i) {
    const auto& port = policy.port_level_settings(i);
    const std::string at = IndexPath(path + ".portLevelSettings", i);
    check(port.outlier_detection(), at);
    CheckBalancing(object, port.load_balancer(), port.has_outlier_detection(), at, findings);
  }
}

}  // namespace

void Warn(const config::Resource& object, const std::string& field, std::string message,
          std::string remedy, Findings* findings) {
  Report("IST0133", object, field, std::move(message), std::move(remedy), findings);
}

void CheckSchemaWarnings(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& object : facts.snapshot().List(Kind::kVirtualService)) {
    CheckVirtualService(*object, findings);
  }
  for (const config::ResourcePtr& object : facts.snapshot().List(Kind::kDestinationRule)) {
    const auto& spec = object->As<net::DestinationRule>();
    CheckPolicy(*object, spec.traffic_policy(), "spec.trafficPolicy", findings);
    if (spec.has_workload_selector() && spec.workload_selector().match_labels().empty()) {
      Warn(*object, "spec.workloadSelector",
           "the workloadSelector has no labels: the rule is for all clients of its namespace",
           "write matchLabels, or delete workloadSelector", findings);
    }
    for (int i = 0; i < spec.subsets_size(); ++i) {
      CheckPolicy(*object, spec.subsets(i).traffic_policy(),
                  IndexPath("spec.subsets", i) + ".trafficPolicy", findings);
    }
  }
  static constexpr std::pair<Kind, void (*)(const config::Resource&, Findings*)> kOthers[] = {
      {Kind::kGateway, WarnOfGateway},
      {Kind::kSidecar, WarnOfSidecar},
      {Kind::kServiceEntry, WarnOfServiceEntry},
      {Kind::kEnvoyFilter, WarnOfEnvoyFilter},
      {Kind::kAuthorizationPolicy, WarnOfPolicy},
      {Kind::kPeerAuthentication, WarnOfPolicy},
      {Kind::kRequestAuthentication, WarnOfPolicy},
      {Kind::kTelemetry, WarnOfPolicy},
      {Kind::kProxyConfig, WarnOfPolicy},
  };
  for (const auto& [kind, warn] : kOthers) {
    for (const config::ResourcePtr& object : facts.snapshot().List(kind)) warn(*object, findings);
  }
}

}  // namespace mesh::analysis
