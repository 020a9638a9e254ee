// TLS as clusters and listeners ask for it. Private to this folder.
#ifndef MESH_TRANSLATE_TLS_H_
#define MESH_TRANSLATE_TLS_H_

#include <string>
#include <string_view>
#include <vector>

#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"

namespace mesh::translate {

envoy::config::core::v3::TransportSocket PlainSocket();
envoy::config::core::v3::TransportSocket TlsSocket(
    const envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext& context);
envoy::config::core::v3::TransportSocket TlsSocket(
    const envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext& context);

// The workload's own certificate and the mesh's root, both fetched as secrets ("default",
// "ROOTCA"). `http2` adds h2 to what is offered.
envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext MutualTlsContext(
    std::string_view server_name, const std::vector<std::string>& peer_names, bool http2);

// SIMPLE and MUTUAL of a DestinationRule.
envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext ClientContext(
    const istio::networking::v1alpha3::ClientTLSSettings& settings, bool http2);

// What a sidecar terminates: any identity of these trust domains is let in.
envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext InboundContext(
    const std::vector<std::string>& trust_domains, bool tcp);

// A gateway server that terminates TLS.
envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext ServerContext(
    const istio::networking::v1alpha3::ServerTLSSettings& settings,
    const std::vector<std::string>& trust_domains);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_TLS_H_
