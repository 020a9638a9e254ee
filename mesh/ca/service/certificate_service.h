// istio.v1.auth.IstioCertificateService: certificates for workloads over gRPC, as Istio's agents
// ask for them on port 15012.
//
//   mesh::ca::CertificateServiceOptions options;
//   options.issuer = authority.get();
//   options.authenticators = {client_certificates, tokens};
//   mesh::ca::CertificateService service(options);
//   builder.RegisterService(&service);
#ifndef MESH_CA_SERVICE_CERTIFICATE_SERVICE_H_
#define MESH_CA_SERVICE_CERTIFICATE_SERVICE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/security/v1alpha1/ca.grpc.pb.h"
#include "mesh/base/log.h"
#include "mesh/ca/issuer.h"
#include "mesh/ca/service/authenticator.h"

namespace mesh::ca {

struct CertificateServiceOptions {
  Issuer* issuer = nullptr;  // must outlive the service
  std::vector<std::shared_ptr<Authenticator>> authenticators;
  LogSink* log = LogSink::Null();  // must outlive the service
};

// How often what happened; Istio's citadel_server_* counters read these.
struct CertificateCounts {
  uint64_t requests = 0;                 // csr_count
  uint64_t authentication_failures = 0;  // authentication_failure_count
  uint64_t parsing_errors = 0;           // csr_parsing_err_count: requests that ProveKey refuses
  uint64_t signing_errors = 0;           // csr_sign_err_count
  uint64_t issued = 0;                   // success_cert_issuance_count
};

// Answers on gRPC's threads, each call in about the time of one verification and one signature.
// Each call leaves one line in the log, component "ca-audit": who, how known, what was issued or
// why not. No key and no token is in it.
class CertificateService final : public istio::v1::auth::IstioCertificateService::CallbackService {
 public:
  explicit CertificateService(CertificateServiceOptions options) : options_(std::move(options)) {}

  // Status codes: UNAUTHENTICATED, INVALID_ARGUMENT for a request that is refused, UNAVAILABLE when
  // the authority cannot sign now.
  grpc::ServerUnaryReactor* CreateCertificate(
      grpc::CallbackServerContext* context, const istio::v1::auth::IstioCertificateRequest* request,
      istio::v1::auth::IstioCertificateResponse* response) override;

  CertificateCounts counts() const;

 private:
  grpc::Status Answer(grpc::CallbackServerContext* context,
                      const istio::v1::auth::IstioCertificateRequest& request,
                      istio::v1::auth::IstioCertificateResponse* response);

  const CertificateServiceOptions options_;
  std::atomic<uint64_t> requests_{0}, authentication_failures_{0}, parsing_errors_{0},
      signing_errors_{0}, issued_{0};
};

}  // namespace mesh::ca

#endif  // MESH_CA_SERVICE_CERTIFICATE_SERVICE_H_
