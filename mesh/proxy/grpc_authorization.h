// External authorization over gRPC: envoy.service.auth.v3.Authorization.
#ifndef MESH_PROXY_GRPC_AUTHORIZATION_H_
#define MESH_PROXY_GRPC_AUTHORIZATION_H_

#include <functional>
#include <memory>
#include <string>

#include "mesh/proxy/authorization_client.h"
#include "mesh/proxy/event_loop.h"

namespace mesh::proxy {

// Questions are put together and sent on the configuration thread; answers come on gRPC's. What
// goes wrong is an answer of kind kError: no cluster, no endpoint, no answer in time, one that is
// no HTTP.
class GrpcAuthorization final : public AuthorizationClient {
 public:
  // Where a cluster's service is, as gRPC writes it ("ipv4:10.0.0.1:9000,10.0.0.2:9000"), or ""
  // where it cannot be asked; called on `loop`.
  using TargetOf = std::function<std::string(const std::string& cluster)>;
  GrpcAuthorization(EventLoop* loop, TargetOf target_of);
  ~GrpcAuthorization() override;

  void Ask(AuthorizationQuestion question, std::function<void(AuthorizationAnswer)> done) override;
  // All questions under way have been answered when it returns; later ones are at once, with
  // errors.
  void Stop();

 private:
  class Calls;
  EventLoop* const loop_;
  const std::shared_ptr<Calls> calls_;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_GRPC_AUTHORIZATION_H_
