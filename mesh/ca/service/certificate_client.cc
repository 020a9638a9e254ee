#include "mesh/ca/service/certificate_client.h"

#include <chrono>

#include "absl/strings/str_cat.h"

namespace mesh::ca {

CertificateClient::CertificateClient(CertificateClientOptions options)
    : options_(std::move(options)),
      stub_(istio::v1::auth::IstioCertificateService::NewStub(options_.channel)) {}

absl::StatusOr<ObtainedChain> CertificateClient::Request(const std::string& csr_pem) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       absl::ToChronoMilliseconds(options_.timeout));
  const std::string token = options_.token ? options_.token() : "";
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  istio::v1::auth::IstioCertificateRequest request;
  istio::v1::auth::IstioCertificateResponse response;
  request.set_csr(csr_pem);
  request.set_validity_duration(absl::ToInt64Seconds(options_.lifetime));
  {
    MutexLock lock(&mutex_);
    if (cancelled_) return absl::CancelledError("cancelled");
    under_way_.insert(&context);
  }
  const grpc::Status status = stub_->CreateCertificate(&context, request, &response);
  {
    MutexLock lock(&mutex_);
    under_way_.erase(&context);
  }
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  if (response.cert_chain_size() < 2) {
    return absl::InternalError(
        absl::StrCat("the authority answered with ", response.cert_chain_size(), " certificates"));
  }
  ObtainedChain obtained;
  for (int i = 0; i < response.cert_chain_size(); ++i) {
    const auto list = tls::Certificate::ListFromPem(response.cert_chain(i));
    if (!list.ok()) return absl::InternalError(list.status().message());
    // The last entry is what to trust.
    auto& into = i + 1 == response.cert_chain_size() ? obtained.roots : obtained.chain;
    into.insert(into.end(), list->begin(), list->end());
  }
  return obtained;
}

void CertificateClient::Cancel() {
  MutexLock lock(&mutex_);
  cancelled_ = true;
  for (grpc::ClientContext* context : under_way_) context->TryCancel();
}

}  // namespace mesh::ca
