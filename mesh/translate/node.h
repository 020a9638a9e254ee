// The proxy that something is translated for.
#ifndef MESH_TRANSLATE_NODE_H_
#define MESH_TRANSLATE_NODE_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace envoy::config::core::v3 {
class Node;
}

namespace mesh::translate {

enum class NodeType {
  kSidecar,  // beside a workload
  kRouter,   // a gateway
};

// How an application's traffic comes to its sidecar.
enum class Interception {
  kRedirect,  // iptables REDIRECT: virtual listeners on 15001 and 15006
  kTproxy,
  kNone,  // the application dials the sidecar's own listeners; no virtual listeners are sent
};

struct Node {
  std::string id;    // the whole of Envoy's node.id, or POD.NAMESPACE where there is no more
  std::string name;  // the pod's name
  std::string ns;
  std::string ip;
  NodeType type = NodeType::kSidecar;
  std::map<std::string, std::string> labels;
  std::string service_account;
  Interception interception = Interception::kRedirect;
  std::string locality;  // region/zone/sub-zone; empty: as the registry knows it
  // The rest of node.metadata whose values are text.
  std::map<std::string, std::string> metadata;
};

// An Envoy node: id `sidecar~10.1.1.1~POD.NAMESPACE~NAMESPACE.svc.cluster.local`, metadata
// INTERCEPTION_MODE, LABELS, NAMESPACE, SERVICE_ACCOUNT as Istio's bootstrap writes them.
// InvalidArgument, saying what an id looks like, when it is none.
absl::StatusOr<Node> ParseNode(const ::envoy::config::core::v3::Node& node);

// {"id","name","ns","ip","labels":{},"sa","type":"sidecar"|"router","metadata":{…}}
// (`meshctl translate --node`).
absl::StatusOr<Node> ParseNodeJson(std::string_view json);

// "none", "redirect", "tproxy" in any letters' case.
absl::StatusOr<Interception> ParseInterception(std::string_view mode);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_NODE_H_
