// A workload's certificate on its way from the agent to the proxy, whichever is there first.
//
//   ProxyIdentity identity;
//   identity.Start(agent_options, &proxy_options);
//   auto proxy = Proxy::Start(proxy_options);
//   identity.GiveTo(proxy->get());
//   ...
//   identity.Stop();  // before the proxy ends
#ifndef EXAMPLES_MESH_PROXY_IDENTITY_H_
#define EXAMPLES_MESH_PROXY_IDENTITY_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "mesh/agent/agent.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/proxy.h"

namespace examples {

// Thread-safe.
class ProxyIdentity {
 public:
  ProxyIdentity() = default;
  ~ProxyIdentity() { Stop(); }
  ProxyIdentity(const ProxyIdentity&) = delete;
  ProxyIdentity& operator=(const ProxyIdentity&) = delete;

  // Lets the proxy of `options` connect to its control plane with the certificate. `on_change` of
  // the agent's options is taken. Once.
  absl::Status Start(mesh::agent::AgentOptions agent, mesh::proxy::ProxyOptions* options);
  absl::Status WaitReady(absl::Duration timeout) const { return agent_->WaitReady(timeout); }
  // What there is, at once, and what comes, until Stop.
  void GiveTo(mesh::proxy::Proxy* proxy);
  void Stop();
  // Null before Start.
  const mesh::agent::Agent* agent() const { return agent_.get(); }

 private:
  void Give() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mesh::Mutex mutex_;
  mesh::proxy::Proxy* proxy_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::optional<mesh::agent::Held> held_ ABSL_GUARDED_BY(mutex_);
  std::string shown_ ABSL_GUARDED_BY(mutex_);  // fingerprint of what the control plane has seen
  std::unique_ptr<mesh::agent::Agent> agent_;  // last: its thread uses the others
};

}  // namespace examples

#endif  // EXAMPLES_MESH_PROXY_IDENTITY_H_
