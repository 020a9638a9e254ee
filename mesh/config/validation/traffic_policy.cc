#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {
namespace {

namespace net = ::istio::networking::v1alpha3;

void CheckNotNegative(Checker* checker, const Path& path, int64_t value) {
  if (value < 0) checker->Fail(path, absl::StrCat(value, " is below 0"));
}

void CheckOutlierDetection(Checker* checker, const Path& path, const net::OutlierDetection& o) {
  if (o.has_interval()) checker->Check(path.Field("interval"), CheckDuration(o.interval()));
  if (o.has_base_ejection_time()) {
    checker->Check(path.Field("baseEjectionTime"), CheckDuration(o.base_ejection_time()));
  }
  checker->Check(path.Field("maxEjectionPercent"), CheckPercent(o.max_ejection_percent()));
  checker->Check(path.Field("minHealthPercent"), CheckPercent(o.min_health_percent()));
}

void CheckLoadBalancer(Checker* checker, const Path& path, const net::LoadBalancerSettings& lb) {
  if (lb.consistent_hash().has_http_cookie()) {
    const auto& cookie = lb.consistent_hash().http_cookie();
    const Path hash = path.Field("consistentHash");
    const Path at = hash.Field("httpCookie");
    if (cookie.name().empty()) checker->Fail(at, "the cookie needs a name");
    if (!cookie.has_ttl()) {
      checker->Fail(at, "the cookie needs a ttl; 0s lets it end with the browser's session");
    }
  }
  if (lb.has_locality_lb_setting()) {
    CheckLocality(checker, path.Field("localityLbSetting"), lb.locality_lb_setting());
  }
}

// The part that ports have too.
template <class Policy>
void CheckPolicyParts(Checker* checker, const Path& path, const Policy& policy) {
  if (policy.has_outlier_detection()) {
    CheckOutlierDetection(checker, path.Field("outlierDetection"), policy.outlier_detection());
  }
  if (policy.has_connection_pool()) {
    CheckConnectionPool(checker, path.Field("connectionPool"), policy.connection_pool());
  }
  if (policy.has_load_balancer()) {
    CheckLoadBalancer(checker, path.Field("loadBalancer"), policy.load_balancer());
  }
  if (policy.has_tls()) CheckClientTls(checker, path.Field("tls"), policy.tls());
}

template <class Policy>
bool HasPart(const Policy& policy) {
  return policy.has_outlier_detection() || policy.has_connection_pool() ||
         policy.has_load_balancer() || policy.has_tls();
}

// Region, zone and sub-zone of localities, for telling whether one is inside another.
class Localities {
 public:
  std::string Add(const std::string& locality) {
    const size_t star = locality.find('*');
    if (star != std::string::npos && star + 1 != locality.size()) {
      return absl::StrCat("\"", locality, "\": one * may stand, at the end");
    }
    const std::string overlap =
        absl::StrCat("\"", locality, "\" overlaps with another locality of this list");
    if (all_) return overlap;
    const std::vector<std::string> parts = absl::StrSplit(locality, absl::MaxSplits('/', 2));
    for (const std::string& part : parts) {
      if (part.empty()) {
        return absl::StrCat("\"", locality,
                            "\" is not REGION, REGION/ZONE or "
                            "REGION/ZONE/SUBZONE");
      }
    }
    const std::string& region = parts[0];
    if (parts.size() == 1) {
      if (region == "*") all_ = true;
      return zones_.emplace(region, Zones{{"*", {"*"}}}).second ? "" : overlap;
    }
    Zones& zones = zones_[region];
    if (zones.count("*") > 0) return overlap;
    const std::string& zone = parts[1];
    if (parts.size() == 2) {
      return zones.emplace(zone, std::set<std::string>{"*"}).second ? "" : overlap;
    }
    std::set<std::string>& subzones = zones[zone];
    if (subzones.count("*") > 0) return overlap;
    return subzones.insert(parts[2]).second ? "" : overlap;
  }

 private:
  using Zones = std::map<std::string, std::set<std::string>>;
  std::map<std::string, Zones> zones_;
  bool all_ = false;
};

}  // namespace

void CheckClientTls(Checker* checker, const Path& path, const net::ClientTLSSettings& tls) {
  const bool simple = tls.mode() == net::ClientTLSSettings::SIMPLE;
  const bool mutual = tls.mode() == net::ClientTLSSettings::MUTUAL;
  if ((simple || mutual) && !tls.credential_name().empty()) {
    if (!tls.client_certificate().empty() || !tls.private_key().empty() ||
        !tls.ca_certificates().empty()) {
      checker->Fail(path,
                    "credentialName stands for clientCertificate, privateKey and caCertificates; "
                    "leave those out");
    }
    return;
  }
  if (!mutual) return;
  if (tls.client_certificate().empty()) checker->Fail(path, "MUTUAL needs clientCertificate");
  if (tls.private_key().empty()) checker->Fail(path, "MUTUAL needs privateKey");
}

void CheckConnectionPool(Checker* checker, const Path& path,
                         const net::ConnectionPoolSettings& pool) {
  if (!pool.has_http() && !pool.has_tcp()) {
    checker->Fail(path, "is empty; give tcp, http or both, or leave it out");
    return;
  }
  if (pool.has_http()) {
    const Path at = path.Field("http");
    const auto& http = pool.http();
    CheckNotNegative(checker, at.Field("http1MaxPendingRequests"),
                     http.http1_max_pending_requests());
    CheckNotNegative(checker, at.Field("http2MaxRequests"), http.http2_max_requests());
    CheckNotNegative(checker, at.Field("maxRequestsPerConnection"),
                     http.max_requests_per_connection());
    CheckNotNegative(checker, at.Field("maxRetries"), http.max_retries());
    CheckNotNegative(checker, at.Field("maxConcurrentStreams"), http.max_concurrent_streams());
    if (http.has_idle_timeout()) {
      checker->Check(at.Field("idleTimeout"), CheckDuration(http.idle_timeout()));
    }
  }
  if (pool.has_tcp()) {
    const Path at = path.Field("tcp");
    CheckNotNegative(checker, at.Field("maxConnections"), pool.tcp().max_connections());
    if (pool.tcp().has_connect_timeout()) {
      checker->Check(at.Field("connectTimeout"), CheckDuration(pool.tcp().connect_timeout()));
    }
  }
}

void CheckLocality(Checker* checker, const Path& path,
                   const net::LocalityLoadBalancerSetting& setting) {
  if (!setting.distribute().empty() && !setting.failover().empty()) {
    checker->Fail(path, "has distribute and failover; give one of them");
  }
  Localities sources;
  for (int i = 0; i < setting.distribute_size(); ++i) {
    const auto& distribute = setting.distribute(i);
    const Path list = path.Field("distribute");
    const Path at = list.At(i);
    checker->Check(at.Field("from"), sources.Add(distribute.from()));
    Localities destinations;
    uint64_t total = 0;
    for (const auto* to : Sorted(distribute.to())) {
      const Path destination = at.Field("to");
      if (to->second == 0) checker->Fail(destination.Key(to->first), "a weight is 1 to 100");
      total += to->second;
      checker->Check(destination.Key(to->first), destinations.Add(to->first));
    }
    if (total != 100) {
      checker->Fail(at.Field("to"), absl::StrCat("the weights add up to ", total, ", not to 100"));
    }
  }
  for (int i = 0; i < setting.failover_size(); ++i) {
    const auto& failover = setting.failover(i);
    const Path list = path.Field("failover");
    if (failover.from() == failover.to()) {
      checker->Fail(list.At(i),
                    absl::StrCat("region \"", failover.from(), "\" cannot take over from itself"));
    }
    if (absl::StrContains(failover.to(), "*")) {
      checker->Fail(list.At(i), "the region that takes over is one, without *");
    }
  }
}

void CheckTrafficPolicy(Checker* checker, const Path& path, const net::TrafficPolicy& policy) {
  const Path ports = path.Field("portLevelSettings");
  if (!HasPart(policy) && policy.port_level_settings().empty() && !policy.has_tunnel() &&
      !policy.has_proxy_protocol() && !policy.has_retry_budget() && !checker->IsWritten(ports)) {
    checker->Fail(path,
                  "is empty; give loadBalancer, connectionPool, outlierDetection, tls or "
                  "portLevelSettings, or leave it out");
    return;
  }
  CheckPolicyParts(checker, path, policy);
  for (int i = 0; i < policy.port_level_settings_size(); ++i) {
    const auto& port = policy.port_level_settings(i);
    const Path at = ports.At(i);
    if (!port.has_port()) checker->Fail(at, "port is missing: say port.number");
    if (!HasPart(port)) {
      checker->Fail(at,
                    "is empty; give loadBalancer, connectionPool, outlierDetection or tls for "
                    "the port");
    } else {
      CheckPolicyParts(checker, at, port);
    }
  }
}

void CheckDestinationRule(Checker* checker, const Path& path, const net::DestinationRule& rule) {
  checker->Check(path.Field("host"), CheckWildcardDomain(rule.host()));
  if (rule.has_traffic_policy()) {
    CheckTrafficPolicy(checker, path.Field("trafficPolicy"), rule.traffic_policy());
  }
  for (int i = 0; i < rule.subsets_size(); ++i) {
    const net::Subset& subset = rule.subsets(i);
    const Path list = path.Field("subsets");
    const Path at = list.At(i);
    checker->Check(at.Field("name"), CheckSubsetName(subset.name()));
    CheckLabels(checker, at.Field("labels"), subset.labels());
    if (subset.has_traffic_policy()) {
      CheckTrafficPolicy(checker, at.Field("trafficPolicy"), subset.traffic_policy());
    }
  }
  CheckExportTo(checker, path.Field("exportTo"), rule.export_to(), false);
  if (rule.has_workload_selector()) {
    CheckSelector(checker, path.Field("workloadSelector"), rule.workload_selector());
  }
}

}  // namespace mesh::config
