// Filters that Istio puts into every chain and that change nothing of a request. Private to this
// folder.
#ifndef MESH_ENVOY_OBSERVERS_H_
#define MESH_ENVOY_OBSERVERS_H_

#include <string>

#include "google/protobuf/any.pb.h"

namespace mesh::envoy {

// Whether the filter counts, tells the other side about the workload, or arranges what this proxy
// arranges by itself: istio.stats, istio.metadata_exchange, peer metadata, istio.alpn, grpc_stats.
// A proxy without it does the same to every request.
bool OnlyObserves(const google::protobuf::Any& config);

// The protocol of ALPN by which two proxies agree to exchange metadata ahead of a connection's
// bytes; empty where `config` is no such filter. Who leaves the filter out may not offer it: the
// other side would speak it.
std::string ExchangeProtocol(const google::protobuf::Any& config);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_OBSERVERS_H_
