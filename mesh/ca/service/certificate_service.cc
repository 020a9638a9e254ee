#include "mesh/ca/service/certificate_service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/base/strings.h"
#include "mesh/ca/request.h"

namespace mesh::ca {
namespace {

std::string AuditLine(const Caller& caller, const std::string& peer, const Issued& issued,
                      const std::vector<std::string>& ignored) {
  std::string line = absl::StrCat(
      "issued ", caller.identity.ToString(), " to ", peer, " by ", caller.by, ": serial ",
      issued.leaf.serial(), ", ", issued.leaf.public_key().Description(), ", until ",
      absl::FormatTime(absl::RFC3339_sec, issued.leaf.not_after(), absl::UTCTimeZone()));
  const auto unlike = std::count_if(ignored.begin(), ignored.end(), [&](const std::string& name) {
    return name != "URI:" + caller.identity.ToString();
  });
  if (unlike == 0) return line;
  // The first few only: a request may ask for thousands.
  absl::StrAppend(&line, "; asked for, and did not get, ", unlike, " other names: ");
  int shown = 0;
  for (const std::string& name : ignored) {
    if (name == "URI:" + caller.identity.ToString()) continue;
    if (shown == 3) break;
    absl::StrAppend(&line, shown++ == 0 ? "" : ", ", name.substr(0, 200));
  }
  return line;
}

}  // namespace

grpc::ServerUnaryReactor* CertificateService::CreateCertificate(
    grpc::CallbackServerContext* context, const istio::v1::auth::IstioCertificateRequest* request,
    istio::v1::auth::IstioCertificateResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(Answer(context, *request, response));
  return reactor;
}

grpc::Status CertificateService::Answer(grpc::CallbackServerContext* context,
                                        const istio::v1::auth::IstioCertificateRequest& request,
                                        istio::v1::auth::IstioCertificateResponse* response) {
  ++requests_;
  const std::string peer = context->peer();
  const auto refuse = [&](grpc::StatusCode code, absl::string_view who, const absl::Status& why) {
    options_.log->Log(LogLevel::kWarning, "ca-audit",
                      absl::StrCat("refused ", who, " at ", peer, ": ", why.message()));
    return grpc::Status(code, std::string(why.message()));
  };

  const auto caller = AuthenticateByAny(options_.authenticators, CredentialsOf(*context));
  if (!caller.ok()) {
    ++authentication_failures_;
    return refuse(grpc::StatusCode::UNAUTHENTICATED, "somebody", caller.status());
  }
  const std::string who = caller->identity.ToString();
  const auto proven = ProveKey(request.csr());
  if (!proven.ok()) {
    ++parsing_errors_;
    return refuse(grpc::StatusCode::INVALID_ARGUMENT, who, proven.status());
  }
  const auto issued = options_.issuer->Issue(
      {proven->key, caller->identity, absl::Seconds(request.validity_duration())});
  if (!issued.ok()) {
    ++signing_errors_;
    return refuse(absl::IsInvalidArgument(issued.status()) ? grpc::StatusCode::INVALID_ARGUMENT
                                                           : grpc::StatusCode::UNAVAILABLE,
                  who, issued.status());
  }
  response->add_cert_chain(issued->leaf.ToPem());
  for (const tls::Certificate& certificate : issued->intermediates) {
    response->add_cert_chain(certificate.ToPem());
  }
  // Agents trust the last entry: all roots in force, the chain's own first.
  std::string roots = issued->root.ToPem();
  for (const tls::Certificate& root : issued->bundle->roots) {
    if (root != issued->root) roots += root.ToPem();
  }
  response->add_cert_chain(std::move(roots));
  ++issued_;
  options_.log->Log(LogLevel::kInfo, "ca-audit",
                    AuditLine(*caller, peer, *issued, proven->ignored_names));
  return grpc::Status::OK;
}

CertificateCounts CertificateService::counts() const {
  return {requests_, authentication_failures_, parsing_errors_, signing_errors_, issued_};
}

}  // namespace mesh::ca
