// What a port carries, as Istio 1.7 reads it from a port's name, appProtocol or protocol field.
#ifndef MESH_REGISTRY_PROTOCOL_H_
#define MESH_REGISTRY_PROTOCOL_H_

#include <string_view>

namespace mesh::registry {

enum class Protocol {
  kUnsupported,  // unnamed or unknown: the proxy has to look at the first bytes
  kTcp,
  kUdp,
  kHttp,
  kHttp2,
  kHttps,
  kGrpc,
  kGrpcWeb,
  kTls,
  kMongo,
  kRedis,
  kMySql,
  kThrift,
  kHttpProxy,  // of a Sidecar's egress port: any host, as a forward proxy
};

// "HTTP", "GRPC-Web", "UnsupportedProtocol" …: Istio's names.
std::string_view ProtocolName(Protocol protocol);

// The protocol field of a ServiceEntry, Gateway or Sidecar port; letters' case does not matter.
// "http1", "h2" and the like are kUnsupported, as in Istio.
Protocol ParseProtocol(std::string_view name);

// A Kubernetes service port: `transport` is TCP, UDP or SCTP (empty: TCP); `app_protocol` wins over
// the name, of which the part before the first '-' counts. The well-known ports 25, 53, 3306 and
// 27017 are kTcp where nothing else is said.
Protocol KubernetesProtocol(int port, std::string_view name, std::string_view transport,
                            std::string_view app_protocol);

// HTTP in any form that is not encrypted end to end.
bool IsHttp(Protocol protocol);
bool IsHttp2(Protocol protocol);
// A byte stream, encrypted ones included.
bool IsTcp(Protocol protocol);
// Encrypted end to end: only the server name can be seen.
bool IsTls(Protocol protocol);

}  // namespace mesh::registry

#endif  // MESH_REGISTRY_PROTOCOL_H_
