// Tokens over gRPC, for the agents of workloads: FetchJWTSVID of the SPIFFE Workload API, asked by
// who is authenticated by certificate instead of by a local socket.
#ifndef MESH_CA_SERVICE_JWT_SVID_SERVICE_H_
#define MESH_CA_SERVICE_JWT_SVID_SERVICE_H_

#include <memory>
#include <vector>

#include "api/spiffe/workload.grpc.pb.h"
#include "mesh/base/log.h"
#include "mesh/ca/service/authenticator.h"
#include "mesh/ca/service/jwt_svid.h"

namespace mesh::ca {

struct JwtSvidServiceOptions {
  JwtIssuer* issuer = nullptr;  // must outlive the service
  // Who may ask: those who prove that they hold a key. A token must not buy another token.
  std::vector<std::shared_ptr<Authenticator>> authenticators;
  LogSink* log = LogSink::Null();  // must outlive the service
};

// Answers on gRPC's threads, each call in about the time of one verification and one signature. The
// token names the caller, whatever the request says; a request for another name is refused. One
// line a call in the log, component "ca-audit", without the token. All other calls of the Workload
// API are UNIMPLEMENTED: they are the agent's.
class JwtSvidService final
    : public SpiffeWorkloadAPI::WithCallbackMethod_FetchJWTSVID<SpiffeWorkloadAPI::Service> {
 public:
  explicit JwtSvidService(JwtSvidServiceOptions options) : options_(std::move(options)) {}

  // Status codes: UNAUTHENTICATED, PERMISSION_DENIED for another's name, INVALID_ARGUMENT for
  // audiences that cannot be granted, UNAVAILABLE when the authority cannot sign now.
  grpc::ServerUnaryReactor* FetchJWTSVID(grpc::CallbackServerContext* context,
                                         const JWTSVIDRequest* request,
                                         JWTSVIDResponse* response) override;

 private:
  grpc::Status Answer(grpc::CallbackServerContext* context, const JWTSVIDRequest& request,
                      JWTSVIDResponse* response);

  const JwtSvidServiceOptions options_;
};

}  // namespace mesh::ca

#endif  // MESH_CA_SERVICE_JWT_SVID_SERVICE_H_
