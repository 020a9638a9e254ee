#include "mesh/translate/locality.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"

namespace mesh::translate {
namespace {

namespace endpoint_v3 = ::envoy::config::endpoint::v3;
using envoy::config::core::v3::Locality;
using istio::networking::v1alpha3::LoadBalancerSettings;
using istio::networking::v1alpha3::LocalityLoadBalancerSetting;

// 0 is nearest.
int Distance(const Locality& from, const Locality& to) {
  if (from.region() != to.region()) return 3;
  if (from.zone() != to.zone()) return 2;
  return from.sub_zone() == to.sub_zone() ? 0 : 1;
}

void Distribute(const google::protobuf::Map<std::string, uint32_t>& shares,
                endpoint_v3::ClusterLoadAssignment* assignment) {
  // Each locality belongs to the first share that fits it, narrow ones being before wide ones.
  const std::map<std::string, uint32_t, std::greater<>> sorted(shares.begin(), shares.end());
  std::vector<bool> served(assignment->endpoints_size(), false);
  for (const auto& [pattern, share] : sorted) {
    std::vector<int> fitting;
    uint32_t sum = 0;
    for (int i = 0; i < assignment->endpoints_size(); ++i) {
      if (served[i] || !LocalityMatches(assignment->endpoints(i).locality(), pattern)) continue;
      served[i] = true;
      fitting.push_back(i);
      sum += assignment->endpoints(i).load_balancing_weight().value();
    }
    for (const int i : fitting) {
      auto* weight = assignment->mutable_endpoints(i)->mutable_load_balancing_weight();
      if (share > 0) {
        weight->set_value(
            static_cast<uint32_t>(std::ceil(static_cast<double>(weight->value()) * share / sum)));
      }
    }
  }
  for (int i = assignment->endpoints_size(); i-- > 0;) {
    if (!served[i]) assignment->mutable_endpoints()->DeleteSubrange(i, 1);
  }
}

void Prioritise(const Locality& from, const LocalityLoadBalancerSetting& setting,
                endpoint_v3::ClusterLoadAssignment* assignment) {
  std::map<int, std::vector<int>> by_distance;
  for (int i = 0; i < assignment->endpoints_size(); ++i) {
    const Locality& to = assignment->endpoints(i).locality();
    int distance = Distance(from, to);
    if (distance == 3) {
      for (const auto& failover : setting.failover()) {
        if (failover.from() != from.region()) continue;
        if (to.region() != failover.to()) distance = 4;
        break;
      }
    }
    by_distance[distance].push_back(i);
  }
  // Envoy wants priorities without a gap.
  uint32_t priority = 0;
  for (const auto& [distance, indices] : by_distance) {
    for (const int i : indices) assignment->mutable_endpoints(i)->set_priority(priority);
    ++priority;
  }
}

}  // namespace

Locality ParseLocality(std::string_view text) {
  Locality locality;
  const std::vector<std::string> parts = absl::StrSplit(Absl(text), absl::MaxSplits('/', 2));
  locality.set_region(parts[0]);
  if (parts.size() > 1) locality.set_zone(parts[1]);
  if (parts.size() > 2) locality.set_sub_zone(parts[2]);
  return locality;
}

bool LocalityMatches(const Locality& locality, std::string_view pattern) {
  const Locality wanted = ParseLocality(pattern);
  if (wanted.region() == "*") return true;
  if (wanted.region() != locality.region()) return false;
  if (wanted.zone() == "*" || wanted.zone().empty()) return true;
  if (wanted.zone() != locality.zone()) return false;
  if (wanted.sub_zone() == "*" || wanted.sub_zone().empty()) return true;
  return wanted.sub_zone() == locality.sub_zone();
}

const LocalityLoadBalancerSetting* LocalitySettings(const istio::mesh::v1alpha1::MeshConfig& mesh,
                                                    const LoadBalancerSettings* load_balancer) {
  const LocalityLoadBalancerSetting* setting = nullptr;
  if (load_balancer != nullptr && load_balancer->has_locality_lb_setting()) {
    setting = &load_balancer->locality_lb_setting();
  } else if (mesh.has_locality_lb_setting()) {
    setting = &mesh.locality_lb_setting();
  }
  if (setting == nullptr || (setting->has_enabled() && !setting->enabled().value())) return nullptr;
  return setting;
}

void PreferByLocality(std::string_view from, const LocalityLoadBalancerSetting& setting,
                      bool failover, endpoint_v3::ClusterLoadAssignment* assignment) {
  if (from.empty()) return;
  const Locality here = ParseLocality(from);
  if (!setting.distribute().empty()) {
    for (const auto& distribute : setting.distribute()) {
      if (!LocalityMatches(here, distribute.from())) continue;
      Distribute(distribute.to(), assignment);
      return;
    }
    return;
  }
  if (failover) Prioritise(here, setting, assignment);
}

}  // namespace mesh::translate
