#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

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
  if (o.consecutive_local_origin_failures().value() > 0 &&
      !o.split_external_local_origin_errors()) {
    checker->Fail(path.Field("consecutiveLocalOriginFailures"),
                  "counts nothing without splitExternalLocalOriginErrors: true");
  }
}

bool IsPrime(uint64_t number) {
  if (number == 0) return false;  // Envoy takes 1
  for (uint64_t factor = 2; factor * factor <= number; ++factor) {
    if (number % factor == 0) return false;
  }
  return true;
}

void CheckHash(Checker* checker, const Path& path,
               const net::LoadBalancerSettings::ConsistentHashLB& hash) {
  const Path cookie = path.Field("httpCookie");
  const Path attributes = cookie.Field("attributes");
  std::set<std::string> names;
  for (int i = 0; i < hash.http_cookie().attributes_size(); ++i) {
    const std::string& name = hash.http_cookie().attributes(i).name();
    if (name.empty()) {
      checker->Fail(attributes.At(i), "the attribute needs a name");
    } else if (!names.insert(name).second) {
      checker->Fail(attributes.At(i), absl::StrCat("\"", name, "\" is there twice"));
    }
  }
  if (hash.minimum_ring_size() != 0 && (hash.has_ring_hash() || hash.has_maglev())) {
    checker->Fail(path.Field("minimumRingSize"),
                  "is the old form of ringHash.minimumRingSize; give one of them, or maglev");
  }
  if (!hash.has_maglev()) return;
  constexpr uint64_t kLargestTable = 5000011;  // of Envoy
  const uint64_t size = hash.maglev().table_size();
  if (size >= kLargestTable || !IsPrime(size)) {
    checker->Fail(
        path.Field("maglev").Field("tableSize"),
        absl::StrCat(size, " is not a prime number below ", kLargestTable, ", such as 65537"));
  }
}

void CheckWarmup(Checker* checker, const Path& path, const net::WarmupConfiguration& warmup) {
  if (!warmup.has_duration()) {
    checker->Fail(path, "duration is missing");
  } else {
    checker->Check(path.Field("duration"), CheckDuration(warmup.duration()));
  }
  if (warmup.minimum_percent().value() > 100) {
    checker->Fail(path.Field("minimumPercent"),
                  absl::StrCat(warmup.minimum_percent().value(), " is not a percentage, 0 to 100"));
  }
  if (warmup.has_aggression() && warmup.aggression().value() <= 0) {
    checker->Fail(path.Field("aggression"), "is not above 0");
  }
}

constexpr const char* kPlaces[] = {"topology.kubernetes.io/region", "topology.kubernetes.io/zone",
                                   "topology.istio.io/subzone"};

bool IsPlace(const std::string& label) {
  return std::any_of(std::begin(kPlaces), std::end(kPlaces),
                     [&](const char* place) { return label == place; });
}

void CheckZoneAware(Checker* checker, const Path& path,
                    const net::ZoneAwareLoadBalancerSetting& setting) {
  const Path labels = path.Field("failoverPriority");
  for (int i = 0; i < setting.failover_priority_size(); ++i) {
    if (!IsPlace(setting.failover_priority(i))) continue;
    checker->Fail(labels.At(i), "regions and zones are seen to anyway; name other labels");
  }
  const Path list = path.Field("failover");
  for (int i = 0; i < setting.failover_size(); ++i) {
    const auto& failover = setting.failover(i);
    if (failover.from() == failover.to()) {
      checker->Fail(list.At(i),
                    absl::StrCat("region \"", failover.from(), "\" cannot take over from itself"));
    }
    for (const std::string& region : {failover.from(), failover.to()}) {
      if (region.find_first_of("/*") == std::string::npos) continue;
      checker->Fail(list.At(i), absl::StrCat("\"", region, "\" is not a region by its name"));
    }
  }
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
  if (lb.has_consistent_hash()) {
    CheckHash(checker, path.Field("consistentHash"), lb.consistent_hash());
  }
  if (lb.has_warmup()) CheckWarmup(checker, path.Field("warmup"), lb.warmup());
  if (lb.has_locality_lb_setting() && lb.has_zone_aware_lb_setting()) {
    checker->Fail(path, "has localityLbSetting and zoneAwareLbSetting; give one of them");
  }
  if (lb.has_zone_aware_lb_setting()) {
    CheckZoneAware(checker, path.Field("zoneAwareLbSetting"), lb.zone_aware_lb_setting());
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

void CheckTunnel(Checker* checker, const Path& path, const net::TrafficPolicy& policy) {
  const auto& tunnel = policy.tunnel();
  if (policy.has_proxy_protocol()) {
    checker->Fail(path, "goes with no proxyProtocol; leave one of them out");
  }
  if (!tunnel.protocol().empty() && tunnel.protocol() != "CONNECT" && tunnel.protocol() != "POST") {
    checker->Fail(path.Field("protocol"),
                  absl::StrCat("\"", tunnel.protocol(), "\" is neither CONNECT nor POST"));
  }
  if (!IsIpAddress(tunnel.target_host())) {
    checker->Check(path.Field("targetHost"), CheckFqdn(tunnel.target_host()));
  }
  checker->Check(path.Field("targetPort"), CheckPort(tunnel.target_port()));
}

}  // namespace

void CheckClientTls(Checker* checker, const Path& path, const net::ClientTLSSettings& tls) {
  const bool simple = tls.mode() == net::ClientTLSSettings::SIMPLE;
  const bool mutual = tls.mode() == net::ClientTLSSettings::MUTUAL;
  if ((simple || mutual) && tls.insecure_skip_verify().value() &&
      (!tls.ca_certificates().empty() || !tls.subject_alt_names().empty() ||
       (simple && !tls.credential_name().empty()))) {
    checker->Fail(path.Field("insecureSkipVerify"),
                  "the server is not verified, and what to verify it by is given; leave one out");
  }
  if ((simple || mutual) && !tls.credential_name().empty()) {
    if (!tls.ca_crl().empty()) {
      checker->Fail(path.Field("caCrl"), "is a part of the credential that credentialName names");
    }
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
    if (http.use_client_protocol() &&
        http.h2_upgrade_policy() == net::ConnectionPoolSettings::HTTPSettings::UPGRADE) {
      checker->Fail(at.Field("useClientProtocol"),
                    "goes with no h2UpgradePolicy UPGRADE: the protocol is the client's");
    }
    if (http.has_http2_keep_alive()) {
      const Path keep = at.Field("http2KeepAlive");
      const auto check = [&](std::string_view name, bool given,
                             const google::protobuf::Duration& duration) {
        checker->Check(keep.Field(name), given ? CheckDuration(duration) : "is missing");
      };
      const auto& alive = http.http2_keep_alive();
      check("interval", alive.has_interval(), alive.interval());
      check("timeout", alive.has_timeout(), alive.timeout());
    }
  }
  if (pool.has_tcp()) {
    const Path at = path.Field("tcp");
    CheckNotNegative(checker, at.Field("maxConnections"), pool.tcp().max_connections());
    if (pool.tcp().has_connect_timeout()) {
      checker->Check(at.Field("connectTimeout"), CheckDuration(pool.tcp().connect_timeout()));
    }
    if (pool.tcp().has_max_connection_duration()) {
      checker->Check(at.Field("maxConnectionDuration"),
                     CheckDuration(pool.tcp().max_connection_duration()));
    }
    // None is no timeout.
    const auto& idle = pool.tcp().idle_timeout();
    if (idle.seconds() != 0 || idle.nanos() / 1'000'000 != 0) {
      checker->Check(at.Field("idleTimeout"), CheckDuration(idle));
    }
  }
}

void CheckLocality(Checker* checker, const Path& path,
                   const net::LocalityLoadBalancerSetting& setting) {
  if (!setting.distribute().empty() && !setting.failover().empty()) {
    checker->Fail(path, "has distribute and failover; give one of them");
  }
  if (!setting.failover().empty()) {
    for (const std::string& label : setting.failover_priority()) {
      if (!IsPlace(label)) continue;
      checker->Fail(path.Field("failoverPriority"),
                    absl::StrCat("failover says which region takes over, and so does ", label));
    }
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
  if (policy.has_tunnel()) CheckTunnel(checker, path.Field("tunnel"), policy);
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
    for (int i = 0; i < rule.export_to_size(); ++i) {
      const Path list = path.Field("exportTo");
      if (rule.export_to(i) == "." || rule.export_to(i) == checker->resource().ns()) continue;
      checker->Fail(list.At(i),
                    "a rule with workloadSelector is for its own namespace alone; write .");
    }
  }
}

}  // namespace mesh::config
