// Network filters: HTTP connection managers and TCP proxies as Istio configures them. Private to
// this folder.
#ifndef MESH_TRANSLATE_FILTERS_H_
#define MESH_TRANSLATE_FILTERS_H_

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/listener/v3/listener_components.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "mesh/translate/authorization.h"

namespace mesh::translate {

enum class HttpSide { kOutbound, kInbound, kGateway };

struct HttpFilterOptions {
  HttpSide side = HttpSide::kOutbound;
  std::string stat_prefix;
  // One of the two: a name to ask for, or the routes themselves.
  std::string route_name;
  const envoy::config::route::v3::RouteConfiguration* routes = nullptr;
  bool http2 = false;     // the port is said to carry HTTP/2
  bool grpc_web = false;  // translate it to gRPC
  // Asked before anything else, in order; may be null.
  const InboundAuthorization* authorization = nullptr;
};

envoy::config::listener::v3::Filter HttpFilter(const istio::mesh::v1alpha1::MeshConfig& mesh,
                                               const HttpFilterOptions& options);

envoy::config::listener::v3::Filter TcpFilter(const istio::mesh::v1alpha1::MeshConfig& mesh,
                                              std::string_view stat_prefix,
                                              std::string_view cluster);
struct WeightedTarget {
  std::string cluster;
  uint32_t weight;
};
envoy::config::listener::v3::Filter TcpFilter(const istio::mesh::v1alpha1::MeshConfig& mesh,
                                              std::string_view stat_prefix,
                                              absl::Span<const WeightedTarget> targets);

// Asked before a connection goes on.
envoy::config::listener::v3::Filter TcpAuthorizationFilter(const AuthorizationStep& step);

// To the cluster that the server name says.
envoy::config::listener::v3::Filter ServerNameFilter();

envoy::config::listener::v3::ListenerFilter OriginalDestinationInspector();
envoy::config::listener::v3::ListenerFilter TlsInspector();
envoy::config::listener::v3::ListenerFilter HttpInspector();

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_FILTERS_H_
