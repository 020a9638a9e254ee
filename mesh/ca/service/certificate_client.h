// Asks an IstioCertificateService for a certificate: ours, or Istio's.
#ifndef MESH_CA_SERVICE_CERTIFICATE_CLIENT_H_
#define MESH_CA_SERVICE_CERTIFICATE_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/security/v1alpha1/ca.grpc.pb.h"
#include "grpcpp/channel.h"
#include "mesh/ca/workload_certificate.h"

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

 private:
  const CertificateClientOptions options_;
  const std::unique_ptr<istio::v1::auth::IstioCertificateService::Stub> stub_;
};

}  // namespace mesh::ca

#endif  // MESH_CA_SERVICE_CERTIFICATE_CLIENT_H_
