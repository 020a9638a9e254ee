// Transport sockets inside listeners and clusters.
#ifndef MESH_ENVOY_TRANSPORT_SOCKET_FIELDS_H_
#define MESH_ENVOY_TRANSPORT_SOCKET_FIELDS_H_

#include <string>

#include "envoy/config/core/v3/base.pb.h"
#include "mesh/envoy/known_fields.h"
#include "mesh/envoy/transport_socket.h"

namespace mesh::envoy {

// The raw buffer, or TLS. HTTP/2 is not spoken: its names are left out of the protocols offered.
TransportSocket LoadServerSocket(const ::envoy::config::core::v3::TransportSocket& socket,
                                 const std::string& path, FieldErrors* errors);
TransportSocket LoadClientSocket(const ::envoy::config::core::v3::TransportSocket& socket,
                                 const std::string& path, FieldErrors* errors);
// Takes a protocol out of those that the handshake offers.
void WithdrawProtocol(const std::string& protocol, TransportSocket* tls);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_TRANSPORT_SOCKET_FIELDS_H_
