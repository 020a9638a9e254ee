// SDS ("default" and "ROOTCA"), ADS and the SPIFFE Workload API over a Unix socket, for a proxy or
// a program beside. Private to mesh/agent.
#ifndef MESH_AGENT_SECRET_SOCKET_H_
#define MESH_AGENT_SECRET_SOCKET_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "mesh/base/log.h"
#include "mesh/ca/service/jwt_svid.h"
#include "mesh/ca/workload_certificate.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace mesh {
class Clock;
}

namespace mesh::agent {

// Thread-safe; calls run on gRPC's threads. Whoever may enter the socket's directory may have the
// key.
class SecretSocket {
 public:
  // Makes the socket's directory with mode 0700 where it is missing; PermissionDenied where others
  // may enter it. A socket that an earlier process left is replaced. Unavailable otherwise.
  // `authority`: where tokens are asked for and ADS is, showing what is held; null before there is
  // anything.
  static absl::StatusOr<std::unique_ptr<SecretSocket>> Listen(
      const std::string& path, std::function<std::shared_ptr<grpc::Channel>()> authority,
      const Clock* clock, LogSink* log);
  ~SecretSocket();  // stops

  void Set(const ca::WorkloadCertificate::Held& held);
  void SetJwtBundle(const ca::JwtBundle& bundle);
  void Stop();

 private:
  class Core;
  explicit SecretSocket(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

}  // namespace mesh::agent

#endif  // MESH_AGENT_SECRET_SOCKET_H_
