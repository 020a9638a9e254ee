// ADS for a stock Envoy beside: what it asks its control plane goes through the agent, which shows
// its certificate there, and "default" and "ROOTCA" are answered here. So an Envoy needs nothing of
// the mesh but the agent's socket. Private to mesh/agent.
#ifndef MESH_AGENT_ADS_RELAY_H_
#define MESH_AGENT_ADS_RELAY_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/workload_certificate.h"

namespace mesh::agent {

// envoy.service.discovery.v3.AggregatedDiscoveryService, state of the world. Thread-safe. Each
// stream takes two threads while it lasts: one of gRPC's and one named "ads-relay". It ends when
// the control plane's does, so that the Envoy asks anew. No private key goes to the control plane
// or comes from it but gateways' own credentials.
class AdsRelay final : public ::envoy::service::discovery::v3::AggregatedDiscoveryService::Service {
 public:
  using Held = ca::WorkloadCertificate::Held;

  // `control_plane`: a channel to it; null before there is a certificate.
  AdsRelay(std::function<std::shared_ptr<grpc::Channel>()> control_plane, LogSink* log)
      : control_plane_(std::move(control_plane)), log_(log) {}

  // From now on; every stream that asked for them is sent them.
  void Set(const Held& held);

  grpc::Status StreamAggregatedResources(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<::envoy::service::discovery::v3::DiscoveryResponse,
                               ::envoy::service::discovery::v3::DiscoveryRequest>* stream) override;

 private:
  class Stream;
  std::shared_ptr<const Held> held() const {
    MutexLock lock(&mutex_);
    return held_;
  }

  const std::function<std::shared_ptr<grpc::Channel>()> control_plane_;
  LogSink* const log_;
  mutable Mutex mutex_;
  std::shared_ptr<const Held> held_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::agent

#endif  // MESH_AGENT_ADS_RELAY_H_
