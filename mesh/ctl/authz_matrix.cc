#include "mesh/ctl/authz_matrix.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/translate.h"

namespace mesh::ctl {
namespace {

using ::envoy::config::cluster::v3::Cluster;
using ::envoy::config::endpoint::v3::ClusterLoadAssignment;
using ::envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;

template <class M>
const M* Find(const std::vector<translate::ResourcePtr>& resources, const std::string& name) {
  for (const translate::ResourcePtr& resource : resources) {
    if (resource->name != name) continue;
    return google::protobuf::DynamicCastToGenerated<M>(resource->message.get());
  }
  return nullptr;
}

bool ShowsCertificate(const ::envoy::config::core::v3::TransportSocket& socket) {
  UpstreamTlsContext context;
  return socket.typed_config().UnpackTo(&context) &&
         (context.common_tls_context().tls_certificate_sds_secret_configs_size() > 0 ||
          context.common_tls_context().tls_certificates_size() > 0);
}

// Whether a proxy that is sent this shows its certificate to the endpoint at `ip`.
bool IsMutual(const translate::Output& client, const std::string& cluster_name,
              const std::string& ip) {
  const auto* const cluster = Find<Cluster>(client.clusters, cluster_name);
  if (cluster == nullptr) return false;
  if (cluster->has_transport_socket()) return ShowsCertificate(cluster->transport_socket());
  if (cluster->transport_socket_matches().empty()) return false;
  // Automatic: by what the endpoint says of its proxy.
  const auto* const endpoints = Find<ClusterLoadAssignment>(client.endpoints, cluster_name);
  if (endpoints == nullptr) return false;
  for (const auto& locality : endpoints->endpoints()) {
    for (const auto& endpoint : locality.lb_endpoints()) {
      if (endpoint.endpoint().address().socket_address().address() != ip) continue;
      const auto& metadata = endpoint.metadata().filter_metadata();
      const auto match = metadata.find("envoy.transport_socket_match");
      if (match == metadata.end()) return false;
      const auto mode = match->second.fields().find("tlsMode");
      return mode != match->second.fields().end() && mode->second.string_value() == "istio";
    }
  }
  return false;
}

struct Caller {
  std::string name, principal, ip;
  std::optional<translate::Output> sent;  // nothing: it has no proxy
};

// One a service account.
std::vector<Caller> Callers(const translate::World& world) {
  std::vector<Caller> callers;
  std::set<std::string> known;
  for (const registry::WorkloadPtr& workload : world.registry().workloads()) {
    const std::string account =
        workload->service_account.empty() ? "default" : workload->service_account;
    const std::string name = absl::StrCat(workload->ns, "/", account);
    if (!workload->pod || !known.insert(name).second) continue;
    const auto node = world.NodeOf(absl::StrCat(workload->name, ".", workload->ns));
    if (!node.ok()) continue;
    Caller caller;
    caller.name = name;
    caller.ip = workload->ip;
    caller.principal = absl::StrCat("spiffe://", world.registry().options().trust_domain, "/ns/",
                                    workload->ns, "/sa/", account);
    caller.sent = translate::Translate(world, *node);
    callers.push_back(std::move(caller));
  }
  Caller nobody;
  nobody.name = "(outside the mesh)";
  callers.push_back(std::move(nobody));
  return callers;
}

}  // namespace

absl::StatusOr<std::vector<MatrixRow>> AuthorizationMatrix(const translate::World& world,
                                                           const std::string& only) {
  std::vector<MatrixRow> rows;
  const std::vector<Caller> callers = Callers(world);
  std::set<std::string> deployments;
  for (const registry::WorkloadPtr& workload : world.registry().workloads()) {
    const std::string pod = absl::StrCat(workload->name, ".", workload->ns);
    if (!workload->pod || (!only.empty() && only != pod)) continue;
    if (only.empty() && !workload->deployment.empty() &&
        !deployments.insert(absl::StrCat(workload->ns, "/", workload->deployment)).second) {
      continue;
    }
    const auto node = world.NodeOf(pod);
    if (!node.ok()) return node.status();
    absl::StatusOr<std::vector<GuardedPort>> ports =
        GuardedPorts(translate::Translate(world, *node), workload->router);
    if (!ports.ok()) return ports.status();
    for (const GuardedPort& port : *ports) {
      for (const Caller& caller : callers) {
        CheckRequest check;
        check.mutual_tls =
            caller.sent.has_value() && IsMutual(*caller.sent, port.cluster, workload->ip);
        if (check.mutual_tls) check.request.principal = caller.principal;
        check.request.source_ip = caller.ip;
        check.request.destination_ip = workload->ip;
        check.request.destination_port = static_cast<uint16_t>(port.port);
        MatrixRow row;
        row.from = caller.name;
        row.principal = std::string(check.request.principal);
        row.to = pod;
        row.port = port.port;
        row.http = port.http;
        row.server = std::string(port.Mode());
        row.verdict = CheckReach(port, check, world.snapshot());
        const bool refused = check.mutual_tls ? !port.takes_mutual_tls : !port.takes_plaintext;
        row.tls = refused ? "refused" : check.mutual_tls ? "mTLS" : "plaintext";
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

}  // namespace mesh::ctl
