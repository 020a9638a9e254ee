// For tests of TLS: a mesh's authority, and the listeners and clusters that its control plane
// sends.
#ifndef MESH_PROXY_TLS_TESTING_H_
#define MESH_PROXY_TLS_TESTING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mesh/proxy/testing.h"
#include "mesh/tls/testing.h"

namespace mesh::proxy::testing {

// "spiffe://cluster.local/ns/default/sa/NAME".
std::string MeshId(const std::string& name);

// The trust domain cluster.local, now.
class TestMesh {
 public:
  TestMesh() : authority_("mesh root", absl::Now()) {}

  const tls::TestAuthority& authority() const { return authority_; }
  // `default` and `ROOTCA` of a workload.
  std::vector<Secret> SecretsOf(const std::string& name) const;
  // A client of the mesh as another sidecar is one, and a server.
  std::shared_ptr<const tls::Context> ClientOf(const std::string& name,
                                               std::vector<std::string> alpn = {
                                                   "istio-http/1.1", "istio", "http/1.1"}) const;
  std::shared_ptr<const tls::Context> ServerOf(const std::string& name) const;
  // The same with what the caller changes.
  tls::ContextOptions OptionsOf(const std::string& name) const;

 private:
  const tls::TestAuthority authority_;
};

Secret IdentitySecret(const std::string& name, tls::Identity identity);
Secret RootsSecret(const std::string& name, std::vector<tls::Certificate> roots);

enum class Mode { kDisable, kPermissive, kStrict };
// A listener "in" on any port of loopback as a sidecar's: HTTP to the cluster, with the chains that
// the mode asks for. `manager` are more fields of the HTTP connection manager.
envoy::Listener InboundListener(Mode mode, const std::string& cluster,
                                const std::string& manager = "");
// The JSON of a transport socket: a sidecar's own, either side.
std::string MeshServerSocket();
std::string MeshClientSocket(const std::string& more_validation = "");
// A STATIC cluster with automatic mutual TLS: to those `mutual` says, in plaintext to others.
struct MeshEndpoint {
  uint16_t port;
  bool mutual;
};
envoy::Cluster MeshCluster(const std::string& name, const std::vector<MeshEndpoint>& endpoints,
                           const std::string& more_validation = "");

// "127_0_0_1" form of where a listener counts: "listener.127.0.0.1_PORT."
std::string ListenerPrefix(const Proxy& proxy, const std::string& name = "in");

}  // namespace mesh::proxy::testing

#endif  // MESH_PROXY_TLS_TESTING_H_
