// Asks an IstioCertificateService for a certificate: ours, or Istio's.
#ifndef MESH_CA_SERVICE_CERTIFICATE_CLIENT_H_
#define MESH_CA_SERVICE_CERTIFICATE_CLIENT_H_

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/security/v1alpha1/ca.grpc.pb.h"
#include "grpcpp/channel.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/workload_certificate.h"

namespace grpc {
class ClientContext;
}  // namespace grpc

namespace mesh::ca {

struct CertificateClientOptions {
  // Over TLS to an authority that is verified: a token must not go to anyone else.
  std::shared_ptr<grpc::Channel> channel;
  // Sent as "authorization: Bearer"; read again for each request where it is a file's content.
  // Empty where the channel shows a certificate.
  std::function<std::string()> token;
  absl::Duration lifetime;  // zero: the authority's default
  absl::Duration timeout = absl::Seconds(10);
};

// Blocking; thread-safe. Statuses: Unauthenticated, InvalidArgument, Unavailable, DeadlineExceeded
// as the service gave them; Internal for an answer that cannot be read.
class CertificateClient {
 public:
  explicit CertificateClient(CertificateClientOptions options);
  absl::StatusOr<ObtainedChain> Request(const std::string& csr_pem);
  // Requests under way and later ones end with Cancelled.
  void Cancel();

 private:
  const CertificateClientOptions options_;
  const std::unique_ptr<istio::v1::auth::IstioCertificateService::Stub> stub_;
  Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> under_way_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::ca

#endif  // MESH_CA_SERVICE_CERTIFICATE_CLIENT_H_
