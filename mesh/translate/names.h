// Istio's names for clusters. Private to this folder.
#ifndef MESH_TRANSLATE_NAMES_H_
#define MESH_TRANSLATE_NAMES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::translate {

inline constexpr char kPassthroughCluster[] = "PassthroughCluster";
inline constexpr char kBlackHoleCluster[] = "BlackHoleCluster";
inline constexpr char kInboundPassthroughCluster[] = "InboundPassthroughClusterIpv4";
inline constexpr char kWildcardAddress[] = "0.0.0.0";
inline constexpr char kLocalhost[] = "127.0.0.1";
inline constexpr char kMeshGateway[] = "mesh";

// outbound|9080|v1|reviews.default.svc.cluster.local
inline std::string OutboundCluster(std::string_view host, uint32_t port,
                                   std::string_view subset = "") {
  return absl::StrCat("outbound|", port, "|", Absl(subset), "|", Absl(host));
}

// inbound|9080|http|reviews.default.svc.cluster.local
inline std::string InboundCluster(std::string_view host, uint32_t port,
                                  std::string_view port_name) {
  return absl::StrCat("inbound|", port, "|", Absl(port_name), "|", Absl(host));
}

// outbound_.9080_.v1_.reviews.default.svc.cluster.local: the server name that stands for a cluster.
inline std::string ClusterServerName(std::string_view host, uint32_t port,
                                     std::string_view subset = "") {
  return absl::StrCat("outbound_.", port, "_.", Absl(subset), "_.", Absl(host));
}

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_NAMES_H_
