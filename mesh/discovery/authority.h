// The control plane's certificate authority at work: issues to workloads over gRPC, tells them
// which roots to trust, keeps its own certificate and roots fresh, and knows who holds what, so
// that a root can be replaced without a moment in which two workloads disagree.
//
//   AuthorityOptions options;
//   options.directory = "/var/lib/meshd/ca";
//   auto authority = Authority::Start(options);
//   listen.credentials = (*authority)->Credentials();
//   listen.services = (*authority)->services();
#ifndef MESH_DISCOVERY_AUTHORITY_H_
#define MESH_DISCOVERY_AUTHORITY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "mesh/base/clock.h"
#include "mesh/base/log.h"
#include "mesh/ca/issuer.h"
#include "mesh/ca/leaf.h"
#include "mesh/ca/rotation.h"
#include "mesh/ca/service/authenticator.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/key.h"

namespace grpc {
class CallbackServerContext;
class ServerCredentials;
class Service;
}  // namespace grpc

namespace mesh::telemetry {
class MetricsText;
}

namespace mesh::discovery {

struct AuthorityOptions {
  // Of mode 0700; made where it is missing (its parents are not). Where it holds ca-cert.pem, that
  // authority is plugged in (ca/plugged_in.h); otherwise the authority is self-signed and keeps its
  // state here. `root-cert.pem` in it is what workloads trust at first, and follows the roots.
  // gRPC's own certificate is in `serving/`.
  std::string directory;
  // Empty: that of the MeshConfig when the control plane starts.
  std::string trust_domain;
  // That clients look for in the control plane's certificate.
  std::vector<std::string> server_names = {"istiod.istio-system.svc", "istiod.istio-system",
                                           "istiod"};
  tls::KeyType root_key = tls::KeyType::kP256;
  absl::Duration root_lifetime = absl::Hours(3650 * 24);
  ca::LeafPolicy leaf;

  // Who may ask, besides those who show a certificate of this authority. All three may be empty.
  std::string join_token_directory;  // ca/join_token.h
  // A file with a JSON Web Key Set and who signs with it, read again when it changes.
  std::string token_keys_file;
  std::string token_issuer;
  std::vector<std::string> token_audiences = {"istio-ca"};
  std::vector<std::shared_ptr<ca::Authenticator>> authenticators;  // a host's own
  // POST /ca/rotate on the monitoring address takes the next step of a rotation.
  bool rotation_over_http = false;

  // The control plane sets these to its own.
  const Clock* clock = Clock::Real();  // outlives the authority
  LogSink* log = LogSink::Null();      // components "ca" and "ca-audit"; likewise
};

// Threads: "ca", which looks after certificates about every second; one of gRPC's that watches
// files. Thread-safe.
class Authority {
 public:
  // Errors of the directory and of what is in it, with the file's name.
  static absl::StatusOr<std::unique_ptr<Authority>> Start(AuthorityOptions options);
  ~Authority();  // stops
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // What the secure address needs. A client's certificate is asked for, not demanded.
  std::shared_ptr<grpc::ServerCredentials> Credentials() const;
  // Certificates on request, and the roots ("ROOTCA") by SDS. They outlive the servers that they
  // are registered with only if this does.
  std::vector<grpc::Service*> services();
  // The SPIFFE id of whoever made that call, by certificate or by a token that may be used more
  // than once. Unauthenticated says why not.
  absl::StatusOr<std::string> IdentityOf(const grpc::CallbackServerContext& context) const;

  const std::string& trust_domain() const;
  std::shared_ptr<const ca::TrustBundle> bundle() const;

  // What a connected proxy has proven.
  struct Holding {
    ca::ProxyProof proof;
    std::vector<tls::Certificate> chain;  // that it shows; empty: none
    std::vector<tls::Certificate> roots;  // that it has acknowledged
  };
  // Of all who are connected: by node id, sorted. `connected` names (by node id) those proxies that
  // have a certificate, or should have: one that has proven nothing is not ready for anything.
  std::vector<Holding> Holdings(absl::Span<const std::string> connected) const;

  struct Rotation {
    bool possible = true;  // false: plugged in, where its maker decides
    ca::RotationState state;
  };
  Rotation rotation() const;
  // The next step: announces a new root, issues from it, retires the old one. FailedPrecondition
  // says who is not ready.
  absl::Status TakeNextStep(absl::Span<const std::string> connected);

  // What will hurt: "the root ... expires in 20 d". Also said in the log, once each.
  std::vector<std::string> Alarms() const;
  void WriteMetrics(telemetry::MetricsText* text) const;

  void Stop();

 private:
  class Core;
  explicit Authority(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_AUTHORITY_H_
