// A host and a port as Envoy's API names them.
#ifndef MESH_ENVOY_ADDRESS_H_
#define MESH_ENVOY_ADDRESS_H_

#include <cstdint>
#include <string>

namespace mesh::envoy {

// envoy.config.core.v3.SocketAddress, TCP. `host` is an IPv4 or IPv6 address, or a DNS name where
// the field's owner allows one (STRICT_DNS).
struct HostPort {
  std::string host;
  uint16_t port = 0;

  // "10.0.0.1:80", "[::1]:80".
  std::string ToString() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  }
};

inline bool operator==(const HostPort& a, const HostPort& b) {
  return a.port == b.port && a.host == b.host;
}
inline bool operator!=(const HostPort& a, const HostPort& b) { return !(a == b); }
inline bool operator<(const HostPort& a, const HostPort& b) {
  return a.host != b.host ? a.host < b.host : a.port < b.port;
}

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_ADDRESS_H_
