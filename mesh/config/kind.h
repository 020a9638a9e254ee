// The kinds of objects that the mesh is configured with.
#ifndef MESH_CONFIG_KIND_H_
#define MESH_CONFIG_KIND_H_

#include <optional>
#include <string_view>

#include "absl/types/span.h"

namespace google::protobuf {
class Message;
}

namespace mesh::config {

enum class Kind {
  // networking.istio.io
  kVirtualService,
  kDestinationRule,
  kGateway,
  kServiceEntry,
  kWorkloadEntry,
  kWorkloadGroup,
  kSidecar,
  kEnvoyFilter,
  kProxyConfig,
  // security.istio.io
  kPeerAuthentication,
  kRequestAuthentication,
  kAuthorizationPolicy,
  // telemetry.istio.io
  kTelemetry,
  // Kubernetes
  kNamespace,
  kService,
  kPod,
  kDeployment,
  kEndpoints,
  kEndpointSlice,
  kServiceAccount,
  kSecret,
  // The mesh's own settings: a document without apiVersion and kind, at most one in a snapshot.
  kMeshConfig,
};

inline constexpr int kKindCount = static_cast<int>(Kind::kMeshConfig) + 1;

// What is known about a kind. Lives forever.
struct KindInfo {
  Kind kind;
  std::string_view name;    // "VirtualService"
  std::string_view plural;  // "virtualservices": in Kubernetes' URLs and on command lines
  std::string_view group;   // "networking.istio.io"; empty for Kubernetes' core
  // Oldest first: "v1alpha3", "v1beta1", "v1". All are read as the same.
  absl::Span<const std::string_view> versions;
  bool namespaced;
  // True: an object's message stands under "spec" and an unknown field is an error. False: the
  // message is the whole object but its metadata, and unknown fields are skipped (Kubernetes has
  // many more than we read).
  bool istio;
  // The default instance of the message that Resource::spec() holds.
  const google::protobuf::Message* prototype;
};

// Cost: O(1).
const KindInfo& InfoOf(Kind kind);
inline std::string_view KindName(Kind kind) { return InfoOf(kind).name; }

// In the order of the enum.
absl::Span<const KindInfo> AllKinds();

// FindKind("networking.istio.io", "VirtualService"). None for kinds that are not read, and for
// MeshConfig, which has neither.
std::optional<Kind> FindKind(std::string_view group, std::string_view name);

}  // namespace mesh::config

#endif  // MESH_CONFIG_KIND_H_
