// Aggregated Discovery Service client, state of the world, for proxies: keeps a stream open, hands
// whole types to a callback, acknowledges or rejects as it answers, and keeps what it has while
// there is no server.
//
//   auto client = xds::Client::Start({
//       .address = "127.0.0.1:15010",
//       .node = node,
//       .on_update = [&](const xds::Update& update) -> absl::Status {
//         if (update.type == xds::Type::kCluster) {
//           update.client->SetNames(xds::Type::kEndpoint, EndpointNames(update));
//         }
//         return Load(update);  // an error is a NACK with its message
//       }});
#ifndef MESH_XDS_CLIENT_H_
#define MESH_XDS_CLIENT_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "envoy/config/core/v3/base.pb.h"
#include "mesh/base/log.h"
#include "mesh/xds/resource.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace mesh::xds {

class Client;

// One resource as it came.
struct Received {
  std::string name;
  std::string message;  // the resource's own serialisation, without its Any
};
using ReceivedPtr = std::shared_ptr<const Received>;

// The new state of one whole type.
struct Update {
  Type type = Type::kCluster;
  std::string version;
  // All resources of this type that the client now has, sorted by name: for clusters and listeners
  // exactly those of the response; for endpoints and routes those of the response and the earlier
  // ones that are still subscribed and did not come again.
  std::vector<ReceivedPtr> resources;
  // Names whose resource is new or has other bytes than before, and (clusters and listeners only)
  // names that are gone.
  std::vector<std::string> changed;
  std::vector<std::string> removed;
  // For SetNames.
  Client* client = nullptr;
};

struct ClientOptions {
  std::string address;  // of the ADS server, as gRPC names targets: "127.0.0.1:15010"
  // Asked at each attempt to connect, so that a certificate that was renewed is shown from the next
  // one on; null: plaintext. Called on the client's own thread.
  std::function<std::shared_ptr<grpc::ChannelCredentials>()> credentials;
  std::string server_name;  // that the server's certificate must have; empty: `address`
  ::envoy::config::core::v3::Node node;  // from the root: there is a mesh::envoy
  // Called on the client's own thread, one call at a time. OK acknowledges; an error rejects
  // (its message is what the server's operator reads) and the client keeps what it had.
  // SetNames called from within is sent before the acknowledgement, as servers expect.
  std::function<absl::Status(const Update&)> on_update;
  // Called on the client's own thread when the stream is first answered and when it breaks.
  // May be empty.
  std::function<void(bool connected)> on_connection;
  LogSink* log = LogSink::Null();  // component "xds-client"
  // Between attempts to connect: doubles from the first to the second, each drawn at random from
  // its upper half.
  absl::Duration min_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(5);
};

struct ClientTypeStats {
  uint64_t update_success = 0;   // acknowledged
  uint64_t update_rejected = 0;  // NACK
  std::string version;           // the last acknowledged; empty: none yet
  absl::Time last_update = absl::InfinitePast();
};

struct ClientStats {
  bool connected = false;                         // the present stream has been answered
  uint64_t streams = 0;                           // opened so far
  uint64_t stream_failures = 0;                   // ended without our asking
  std::array<ClientTypeStats, kTypeCount> types;  // by Type
  const ClientTypeStats& of(Type type) const { return types[static_cast<int>(type)]; }
};

// Subscribes to all clusters and all listeners; endpoints and routes by the names that SetNames
// gives. After a break it reconnects and says which versions it has, so that a server with the same
// content sends nothing.
//
// Threads: one of its own ("xds-client"), on which callbacks run, and gRPC's. All methods are
// thread-safe; any number of clients may live in one process.
class Client {
 public:
  // Returns before the first attempt to connect. InvalidArgument: no address, node id or on_update.
  static absl::StatusOr<std::unique_ptr<Client>> Start(ClientOptions options);
  ~Client();  // stops
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Which endpoints or routes to subscribe to, replacing the earlier names; order and repetition
  // do not matter. Resources whose names are gone are forgotten without a callback.
  void SetNames(Type type, std::vector<std::string> names);
  ClientStats stats() const;
  // Ends the present stream and opens another, with new credentials. Nothing is sent anew that the
  // client has. Returns at once.
  void Reconnect();
  // Ends the stream; when it returns, no callback runs or will run. Not from within a callback.
  void Stop();

 private:
  class Core;
  explicit Client(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

}  // namespace mesh::xds

#endif  // MESH_XDS_CLIENT_H_
