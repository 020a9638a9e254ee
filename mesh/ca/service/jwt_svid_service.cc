#include "mesh/ca/service/jwt_svid_service.h"

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "grpcpp/grpcpp.h"

namespace mesh::ca {

grpc::ServerUnaryReactor* JwtSvidService::FetchJWTSVID(grpc::CallbackServerContext* context,
                                                       const JWTSVIDRequest* request,
                                                       JWTSVIDResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(Answer(context, *request, response));
  return reactor;
}

grpc::Status JwtSvidService::Answer(grpc::CallbackServerContext* context,
                                    const JWTSVIDRequest& request, JWTSVIDResponse* response) {
  const std::string peer = context->peer();
  const auto refuse = [&](grpc::StatusCode code, absl::string_view who, absl::string_view why) {
    options_.log->Log(LogLevel::kWarning, "ca-audit",
                      absl::StrCat("refused a token to ", who, " at ", peer, ": ", why));
    return grpc::Status(code, std::string(why));
  };
  const auto caller = AuthenticateByAny(options_.authenticators, CredentialsOf(*context));
  if (!caller.ok()) {
    return refuse(grpc::StatusCode::UNAUTHENTICATED, "somebody", caller.status().message());
  }
  const std::string who = caller->identity.ToString();
  if (!request.spiffe_id().empty() && request.spiffe_id() != who) {
    return refuse(grpc::StatusCode::PERMISSION_DENIED, who,
                  "a token names its caller, and another name was asked for");
  }
  auto token = options_.issuer->IssueToken(caller->identity,
                                           {request.audience().begin(), request.audience().end()});
  if (!token.ok()) {
    return refuse(absl::IsInvalidArgument(token.status()) ? grpc::StatusCode::INVALID_ARGUMENT
                                                          : grpc::StatusCode::UNAVAILABLE,
                  who, token.status().message());
  }
  JWTSVID* svid = response->add_svids();
  svid->set_spiffe_id(who);
  svid->set_svid(*std::move(token));
  options_.log->Log(
      LogLevel::kInfo, "ca-audit",
      absl::StrCat("issued a token of ", who, " to ", peer, " by ", caller->by, ", for ",
                   absl::StrJoin(request.audience(), ", ",
                                 [](std::string* out, const std::string& audience) {
                                   absl::StrAppend(out, absl::CHexEscape(audience));
                                 })));
  return grpc::Status::OK;
}

}  // namespace mesh::ca
