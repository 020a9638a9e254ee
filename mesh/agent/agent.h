// A workload's identity, kept: makes its key, has it certified by the mesh's authority, renews in
// time, follows the roots, and hands both on to the proxy beside it.
//
//   mesh::agent::AgentOptions options;
//   options.authority = "127.0.0.1:15012";
//   options.roots_file = "/etc/mesh/root-cert.pem";
//   options.token_file = "/var/run/secrets/tokens/istio-token";
//   options.on_change = [&](const mesh::agent::Held& held) { proxy->SetSecrets(...); };
//   auto agent = mesh::agent::Agent::Start(options);
//   (*agent)->WaitReady(absl::Seconds(30));
#ifndef MESH_AGENT_AGENT_H_
#define MESH_AGENT_AGENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/base/clock.h"
#include "mesh/base/log.h"
#include "mesh/ca/workload_certificate.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace mesh::agent {

using Held = ca::WorkloadCertificate::Held;

struct AgentOptions {
  // Of the authority, which is verified before anything is said to it.
  std::string authority;                                   // "127.0.0.1:15012"
  std::string authority_name = "istiod.istio-system.svc";  // that its certificate must have
  // Roots as PEM, whom to trust before anything else is known; read again at each attempt.
  std::string roots_file;
  // What the authority takes where there is no certificate yet; read again at each attempt. May be
  // empty where `directory` holds a certificate.
  std::string token_file;
  // Of mode 0700, made where it is missing: key and certificate stay here between two runs. Empty:
  // they live in memory alone.
  std::string directory;
  // Of the proxy, as it tells its control plane.
  std::string node_id;
  absl::Duration lifetime;  // to ask for; zero: the authority's default
  // When there is the first certificate, when it is renewed and when roots change; on the agent's
  // thread. Once it has returned, the authority is told that the roots are in use.
  std::function<void(const Held&)> on_change;
  // Where SDS, ADS (for a stock Envoy, passed on with this workload's certificate) and the SPIFFE
  // Workload API (X.509 and JWT) are served beside: the path of a Unix socket, in a directory of
  // mode 0700 that is made where it is missing. Empty: nowhere.
  std::string sds_socket;
  const Clock* clock = Clock::Real();  // outlives the agent
  LogSink* log = LogSink::Null();      // components "ca" and "agent"; outlives the agent
};

// The certificate is renewed between 40 and 50 % of its life, at once when the authority begins to
// issue from another root, and as often as need be when that fails; what is held serves until it
// expires. Each renewal makes a new key. Then nobody accepts it any more: the proxy fails closed,
// and the log has said so from a quarter of the life before.
//
// Threads: "agent", which renews, "agent-roots", which listens for roots, and gRPC's. Thread-safe;
// nothing may be called from within on_change but Credentials and current.
class Agent {
 public:
  // InvalidArgument: an option is missing. Returns before there is a certificate. What is in
  // `directory` and is still good serves at once.
  static absl::StatusOr<std::unique_ptr<Agent>> Start(AgentOptions options);
  ~Agent();  // stops
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Until on_change has returned for the first time. Otherwise why not: the last attempt's error.
  absl::Status WaitReady(absl::Duration timeout) const;
  // Null until the first one is there.
  std::shared_ptr<const Held> current() const;
  // For connections to the control plane, which show what is held at this moment.
  std::shared_ptr<grpc::ChannelCredentials> Credentials() const;

  void Stop();

 private:
  class Core;
  explicit Agent(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

}  // namespace mesh::agent

#endif  // MESH_AGENT_AGENT_H_
