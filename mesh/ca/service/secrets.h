// Certificates as Envoy's secrets, and the service that hands them out (SDS).
//
//   mesh::ca::SecretService service;
//   service.SetWorkload(*certificate.current());      // "default" and "ROOTCA"
//   builder.AddListeningPort("unix:/run/agent/sds", grpc::InsecureServerCredentials());
//   builder.RegisterService(&service);
//
// Private keys go to whoever can connect: serve it on a Unix socket in a directory of mode 0700, or
// give it nothing but roots.
#ifndef MESH_CA_SERVICE_SECRETS_H_
#define MESH_CA_SERVICE_SECRETS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/workload_certificate.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/context.h"

namespace mesh::ca {

// Names that Istio's proxies ask for.
inline constexpr std::string_view kWorkloadSecret = "default";
inline constexpr std::string_view kRootsSecret = "ROOTCA";
// What our agents ask for beside: the keys that verify JWT-SVIDs (jwt_svid.h).
inline constexpr std::string_view kJwtBundleSecret = "JWTBUNDLE";

using Secret = envoy::extensions::transport_sockets::tls::v3::Secret;
// A chain and its key.
Secret CertificateSecret(std::string_view name, const tls::Identity& identity);
// Roots to trust.
Secret RootsSecret(std::string_view name, absl::Span<const tls::Certificate> roots);
// Anything that is no certificate, in plain sight.
Secret TextSecret(std::string_view name, std::string text);
// A hash of its content, as SecretService::StreamStatus has it.
std::string SecretVersion(const Secret& secret);

// envoy.service.secret.v3.SecretDiscoveryService, state of the world. Thread-safe. Calls run on
// gRPC's threads. A name that is not there is answered when it comes.
class SecretService final
    : public envoy::service::secret::v3::SecretDiscoveryService::CallbackService {
 public:
  // Who opens a stream, as PEM: its certificate chain; an error refuses the stream. Null: anybody,
  // and nobody is known.
  using Admit = std::function<absl::StatusOr<std::string>(const grpc::CallbackServerContext&)>;
  explicit SecretService(LogSink* log = LogSink::Null(), Admit admit = nullptr)
      : log_(log), admit_(std::move(admit)) {}

  // From now on; every stream that asked for the name and has other content is sent it.
  void Set(const Secret& secret) { SetAll({&secret, 1}); }
  // All in one answer.
  void SetAll(absl::Span<const Secret> secrets);
  // "default" and "ROOTCA" together.
  void SetWorkload(const WorkloadCertificate::Held& held);
  void Remove(std::string_view name);

  struct StreamStatus {
    std::string node;
    std::vector<std::string> names;
    std::string sent_version, acknowledged_version;
    // SecretVersion of each secret that the peer has acknowledged last.
    std::map<std::string, std::string> acknowledged;
    std::string refusal;     // of the last one that was refused
    std::string peer_chain;  // as `Admit` said
  };
  std::vector<StreamStatus> streams() const;

  grpc::ServerBidiReactor<envoy::service::discovery::v3::DiscoveryRequest,
                          envoy::service::discovery::v3::DiscoveryResponse>*
  StreamSecrets(grpc::CallbackServerContext* context) override;

 private:
  class Stream;
  struct Entry {
    std::string bytes;    // of the Secret
    std::string version;  // a hash of them
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  std::shared_ptr<const Entries> entries() const;
  static void Put(Entries* entries, const Secret& secret);
  void Replace(Entries entries);  // and tells the streams
  void Forget(const Stream* stream);

  LogSink* const log_;
  const Admit admit_;
  Mutex change_;  // held over a whole change
  mutable Mutex mutex_;
  std::shared_ptr<const Entries> entries_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<const Entries>();
  std::vector<std::shared_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::ca

#endif  // MESH_CA_SERVICE_SECRETS_H_
