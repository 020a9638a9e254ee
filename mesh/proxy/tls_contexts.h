// TLS settings and secrets in, TLS contexts out.
#ifndef MESH_PROXY_TLS_CONTEXTS_H_
#define MESH_PROXY_TLS_CONTEXTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/envoy/transport_socket.h"
#include "mesh/proxy/secret.h"
#include "mesh/tls/context.h"
#include "mesh/tls/verify.h"

namespace mesh::proxy {

// Belongs to the configuration thread. The same settings with the same secrets are the same context
// as long as somebody holds it: sessions to resume live in it.
class TlsContexts {
 public:
  // What connections of a context carry: Istio's sidecars tell each other by ALPN.
  enum class Use { kServer, kHttpClient, kTcpClient };

  TlsContexts();

  // Replaces what stood under the name. False where it is what stood there.
  bool Set(const Secret& secret);
  bool Has(const std::string& name) const { return secrets_.count(name) > 0; }

  // Null where a secret is missing. InvalidArgument where settings and secrets make no context: a
  // certificate that cannot be read, a cipher suite that is not known.
  absl::StatusOr<std::shared_ptr<const tls::Context>> Get(const envoy::TlsSettings& settings,
                                                          Use use);
  // Of the secrets that the settings name, those that are not there.
  std::vector<std::string> Missing(const envoy::TlsSettings& settings) const;

  // By name: for /certs.
  std::vector<Secret> all() const;

 private:
  struct Held {
    Secret secret;
    tls::TrustRoots roots;  // the secret's, shared by all contexts
    uint64_t version = 0;
  };
  absl::StatusOr<tls::ContextOptions> Options(const envoy::TlsSettings& settings, Use use) const;
  const Held* Find(const std::string& name) const;
  const std::string& TicketSecret();

  std::map<std::string, Held> secrets_;
  uint64_t versions_ = 0;
  std::map<std::string, std::weak_ptr<const tls::Context>> contexts_;
  std::string ticket_secret_;
  absl::Time ticket_secret_made_ = absl::InfinitePast();
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_TLS_CONTEXTS_H_
