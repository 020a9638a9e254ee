// The objects that a local mesh writes for its control plane: what a cluster and its operator would
// have put there. (design.md: the demo without interception.)
#ifndef MESH_LOCAL_OBJECTS_H_
#define MESH_LOCAL_OBJECTS_H_

#include <string>
#include <vector>

#include "mesh/local/plan.h"

namespace mesh::local {

// Where one pod and its sidecar are.
struct PodAddresses {
  std::string own;       // others call the pod here
  std::string outbound;  // the application calls others here
  int app_port = 0;      // of the application, on 127.0.0.1
};

// The namespace and name of the ingress gateway's objects, which are Istio's.
inline constexpr char kGatewayNamespace[] = "istio-system";
inline constexpr char kGatewayName[] = "istio-ingressgateway";
inline constexpr char kGatewayPod[] = "istio-ingressgateway-0";
inline constexpr char kGatewayServiceAccount[] = "istio-ingressgateway-service-account";

// All of these return one JSON document (`kind: List`).
//
// The pod, Ready or not, and its Sidecar resource: ingress on the pod's own address for each of its
// ports, egress on its outbound address for each of `outbound_ports`, nothing captured.
std::string PodObjects(const PodPlan& pod, const PodAddresses& addresses,
                       const std::vector<int>& outbound_ports, bool ready);
// Service and pod of the ingress gateway: the service's port 80 is `port` of the gateway.
std::string GatewayObjects(const std::string& own_address, int port, bool ready);
// Whether the proxies of a local mesh speak TLS with each other.
enum class MutualTls { kDisabled, kStrict };
inline constexpr char kTrustDomain[] = "cluster.local";

// PeerAuthentication STRICT or DISABLE for the whole mesh.
std::string PeerAuthenticationObjects(MutualTls mutual_tls);

// MeshConfig (YAML): automatic mutual TLS or none; access logs on standard output, with the peer's
// identity at the end of each line where there is one.
std::string MeshConfigText(MutualTls mutual_tls);

// Says to others that the pod's sidecar takes mutual TLS: a label, as injection sets it.
void MarkMutualTls(PodPlan* pod);

// The node's metadata (JSON) and id, for a pod's sidecar and for the gateway.
std::string SidecarNodeId(const PodPlan& pod, const std::string& own_address);
std::string SidecarNodeMetadata(const PodPlan& pod, const std::string& own_address);
std::string GatewayNodeId(const std::string& own_address);
std::string GatewayNodeMetadata(const std::string& own_address);

}  // namespace mesh::local

#endif  // MESH_LOCAL_OBJECTS_H_
