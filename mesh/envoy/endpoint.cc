#include "mesh/envoy/endpoint.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/envoy/core_fields.h"
#include "mesh/envoy/endpoint_fields.h"

namespace mesh::envoy {
namespace {

using ::envoy::config::core::v3::HealthStatus;

// Istio describes a workload as "name;namespace;canonical name;revision;cluster".
void LoadMetadata(const ::envoy::config::core::v3::Metadata& metadata, Endpoint* endpoint) {
  const auto socket = metadata.filter_metadata().find("envoy.transport_socket_match");
  if (socket != metadata.filter_metadata().end()) {
    endpoint->transport_socket_match = LoadMatchFields(socket->second);
  }
  const auto istio = metadata.filter_metadata().find("istio");
  if (istio == metadata.filter_metadata().end()) return;
  const auto workload = istio->second.fields().find("workload");
  if (workload == istio->second.fields().end()) return;
  const std::vector<std::string> parts = absl::StrSplit(workload->second.string_value(), ';');
  if (parts.size() < 2) return;
  endpoint->workload_name = parts[0];
  endpoint->workload_namespace = parts[1];
}

std::string LocalityName(const ::envoy::config::core::v3::Locality& locality) {
  std::string name = locality.region();
  if (!locality.zone().empty()) absl::StrAppend(&name, "/", locality.zone());
  if (!locality.sub_zone().empty()) absl::StrAppend(&name, "/", locality.sub_zone());
  return name;
}

}  // namespace

std::map<std::string, std::string> LoadMatchFields(const google::protobuf::Struct& fields) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : fields.fields()) out[name] = value.SerializeAsString();
  return out;
}

bool operator==(const Endpoint& a, const Endpoint& b) {
  return a.address == b.address && a.weight == b.weight && a.priority == b.priority &&
         a.healthy == b.healthy && a.locality == b.locality &&
         a.locality_weight == b.locality_weight && a.workload_name == b.workload_name &&
         a.workload_namespace == b.workload_namespace &&
         a.transport_socket_match == b.transport_socket_match;
}

bool operator==(const Endpoints& a, const Endpoints& b) {
  return a.cluster_name == b.cluster_name && a.endpoints == b.endpoints;
}

Endpoints LoadEndpointFields(const ::envoy::config::endpoint::v3::ClusterLoadAssignment& proto,
                             const std::string& path, bool dns_names, FieldErrors* errors) {
  Endpoints out;
  out.cluster_name = proto.cluster_name();
  errors->Only(proto, path, {"cluster_name", "endpoints", "policy"});
  if (proto.has_policy()) {
    // Overprovisioning says how much of a priority spills over to the next one; here a priority
    // takes all or nothing.
    errors->Only(proto.policy(), Join(path, "policy"), {},
                 {"overprovisioning_factor", "weighted_priority_health"});
  }
  for (int i = 0; i < proto.endpoints_size(); ++i) {
    const auto& group = proto.endpoints(i);
    const std::string group_path = At(Join(path, "endpoints"), i);
    errors->Only(group, group_path,
                 {"locality", "lb_endpoints", "load_balancing_weight", "priority"},
                 {"proximity", "metadata"});
    if (group.priority() > 128) errors->Add(Join(group_path, "priority"), "more than 128");
    const std::string locality = LocalityName(group.locality());
    for (int j = 0; j < group.lb_endpoints_size(); ++j) {
      const auto& lb = group.lb_endpoints(j);
      const std::string lb_path = At(Join(group_path, "lb_endpoints"), j);
      errors->Only(lb, lb_path, {"endpoint", "health_status", "metadata", "load_balancing_weight"});
      errors->Only(lb.endpoint(), Join(lb_path, "endpoint"), {"address"},
                   {"health_check_config", "hostname", "observability_name"});
      if (lb.has_load_balancing_weight() && lb.load_balancing_weight().value() == 0) {
        errors->Add(Join(lb_path, "load_balancing_weight"), "must be at least 1");
      }
      Endpoint endpoint;
      endpoint.address = LoadAddress(lb.endpoint().address(), Join(lb_path, "endpoint.address"),
                                     dns_names, errors);
      endpoint.weight = lb.has_load_balancing_weight() ? lb.load_balancing_weight().value() : 1;
      endpoint.priority = group.priority();
      endpoint.healthy = lb.health_status() != HealthStatus::UNHEALTHY &&
                         lb.health_status() != HealthStatus::DRAINING &&
                         lb.health_status() != HealthStatus::TIMEOUT;
      endpoint.locality = locality;
      endpoint.locality_weight = group.load_balancing_weight().value();
      LoadMetadata(lb.metadata(), &endpoint);
      out.endpoints.push_back(std::move(endpoint));
    }
  }
  return out;
}

absl::StatusOr<Endpoints> LoadEndpoints(
    const ::envoy::config::endpoint::v3::ClusterLoadAssignment& proto) {
  FieldErrors errors(absl::StrCat("endpoints \"", proto.cluster_name(), "\""));
  if (proto.cluster_name().empty()) errors.Add("cluster_name", "missing");
  Endpoints out = LoadEndpointFields(proto, "", /*dns_names=*/false, &errors);
  if (!errors.errors().empty()) return ToStatus(errors.errors());
  return out;
}

}  // namespace mesh::envoy
