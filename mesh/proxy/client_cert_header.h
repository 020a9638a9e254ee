// x-forwarded-client-cert: what a proxy says of its client's certificate to the next one.
#ifndef MESH_PROXY_CLIENT_CERT_HEADER_H_
#define MESH_PROXY_CLIENT_CERT_HEADER_H_

#include "mesh/envoy/listener.h"
#include "mesh/proxy/headers.h"
#include "mesh/proxy/tls_facts.h"

namespace mesh::proxy {

// Whether what the client says itself is believed: ALWAYS_FORWARD_ONLY always, FORWARD_ONLY and
// APPEND_FORWARD where it has shown a certificate.
bool KeepsClientCert(const envoy::HttpConnectionManager& manager, const TlsFacts* tls);

// APPEND_FORWARD and SANITIZE_SET: adds By (our identity), Hash, and of Cert, Subject, URI and DNS
// what the manager asks for. A value that could be read as more than one is quoted.
void AddClientCert(const envoy::HttpConnectionManager& manager, const TlsFacts* tls,
                   HeaderMap* headers);

}  // namespace mesh::proxy

#endif  // MESH_PROXY_CLIENT_CERT_HEADER_H_
