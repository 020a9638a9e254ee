#include "examples/mesh-proxy/identity.h"

#include <utility>

namespace examples {
namespace {

// As control planes of Istio's kind name them in listeners and clusters.
constexpr char kIdentity[] = "default";
constexpr char kRoots[] = "ROOTCA";

std::string FingerprintOf(const mesh::agent::Held& held) {
  return held.identity.chain.front().Fingerprint();
}

}  // namespace

absl::Status ProxyIdentity::Start(mesh::agent::AgentOptions agent,
                                  mesh::proxy::ProxyOptions* options) {
  options->xds_server_name = agent.authority_name;
  agent.on_change = [this](const mesh::agent::Held& held) {
    mesh::MutexLock lock(&mutex_);
    held_ = held;
    Give();
  };
  auto started = mesh::agent::Agent::Start(std::move(agent));
  if (!started.ok()) return started.status();
  agent_ = *std::move(started);
  options->local_secrets = {kIdentity, kRoots};
  options->xds_credentials = [this] {
    const auto held = agent_->current();
    {
      mesh::MutexLock lock(&mutex_);
      shown_ = held == nullptr ? "" : FingerprintOf(*held);
    }
    return agent_->Credentials();
  };
  return absl::OkStatus();
}

void ProxyIdentity::GiveTo(mesh::proxy::Proxy* proxy) {
  mesh::MutexLock lock(&mutex_);
  proxy_ = proxy;
  Give();
}

void ProxyIdentity::Stop() {
  {
    mesh::MutexLock lock(&mutex_);
    proxy_ = nullptr;
  }
  if (agent_ != nullptr) agent_->Stop();
}

void ProxyIdentity::Give() {
  if (proxy_ == nullptr || !held_.has_value()) return;
  proxy_->SetSecrets(
      {{kIdentity, held_->identity, std::nullopt}, {kRoots, std::nullopt, held_->roots}});
  if (shown_ != FingerprintOf(*held_)) proxy_->ReconnectXds();
}

}  // namespace examples
