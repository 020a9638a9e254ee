// Aggregated Discovery Service, state of the world, over gRPC: sends each proxy what its view
// holds and it asked for, in an order that breaks no traffic, and knows who acknowledged what.
//
//   class Fixed : public xds::ViewSource {
//     absl::StatusOr<xds::ViewPtr> ViewOf(const xds::Peer& peer) override { return view; }
//     ...
//   };
//   auto server = xds::Server::Start({.addresses = {{"127.0.0.1:15010"}}, .source = &fixed});
//   ...                      // the world changed
//   (*server)->Refresh();    // every proxy whose view changed is sent what changed
//   (*server)->Stop();
#ifndef MESH_XDS_SERVER_H_
#define MESH_XDS_SERVER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "envoy/config/core/v3/base.pb.h"
#include "mesh/base/clock.h"
#include "mesh/base/log.h"
#include "mesh/xds/resource.h"

namespace grpc {
class CallbackServerContext;
class ServerCredentials;
class Service;
}  // namespace grpc

namespace mesh::xds {

// Who is at the other end of a stream.
struct Peer {
  ::envoy::config::core::v3::Node node;  // as the first request of the stream says
  std::string address;                   // gRPC's form: "ipv4:127.0.0.1:40312"
  absl::Time connected_since;
  // Who it is proven to be, as ListenAddress::authenticate says; empty over plaintext. What may be
  // seen must follow from these, never from `node`, where it is secret.
  std::vector<std::string> authenticated;
};

// Decides what each proxy sees.
class ViewSource {
 public:
  virtual ~ViewSource() = default;
  // Called on the server's own thread, one call at a time, never on gRPC's: it may compute. Called
  // once when a proxy connects and once after each Refresh (calls of Refresh in quick succession
  // are served by one). An error closes the stream with that status when the proxy has no view
  // yet, and leaves it with its last view otherwise; both are logged.
  virtual absl::StatusOr<ViewPtr> ViewOf(const Peer& peer) = 0;
};

// Is told what happens. Called on gRPC's or the server's thread, several at a time; must not block.
// May call the server's Status and LastSent, nothing else of it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnConnected(const Peer& peer) {}
  virtual void OnDisconnected(const Peer& peer) {}
  virtual void OnSent(const Peer& peer, Type type, std::string_view version, size_t bytes) {}
  virtual void OnAcknowledged(const Peer& peer, Type type, std::string_view version) {}
  virtual void OnRejected(const Peer& peer, Type type, std::string_view version,
                          std::string_view reason) {}
  // The proxy has acknowledged all it subscribes to of this view. Once a view.
  virtual void OnSynced(const Peer& peer, const View& view) {}
};

enum class SyncState {
  kNotSent,  // nothing of this type was asked for or sent yet
  kSynced,   // the proxy acknowledged the newest version
  kStale,    // a newer version is on its way or waits for its turn
  kNacked,   // the proxy rejected the newest version
};
// "NOT SENT", "SYNCED", "STALE", "NACKED"
std::string_view SyncStateName(SyncState state);

struct TypeStatus {
  Type type = Type::kCluster;
  SyncState state = SyncState::kNotSent;
  bool subscribed = false;
  std::string version;       // the newest there is for this proxy
  std::string acknowledged;  // the last that it acknowledged
  std::string reason;        // its words, on one line, where state is kNacked
  size_t resources = 0;      // in the newest version
};

struct PeerStatus {
  Peer peer;
  // In kPushOrder.
  std::array<TypeStatus, kTypeCount> types;
  // Of the newest view given, and of the newest whose subscribed types are all acknowledged
  // (View::generation; 0: none yet).
  uint64_t generation = 0;
  uint64_t acknowledged_generation = 0;
  // All that the proxy subscribes to is acknowledged, and that includes clusters, listeners and,
  // where its view holds any, routes (or listeners by name, as gRPC's servers ask).
  bool in_sync = false;

  const TypeStatus& of(Type type) const { return types[static_cast<int>(type)]; }
};

// What was last sent of one type to one proxy.
struct Sent {
  std::string version;
  std::vector<EncodedResourcePtr> resources;
};

// Each address is a gRPC server of its own: what one serves, another need not.
struct ListenAddress {
  std::string address;  // "127.0.0.1:15010"; port 0 takes a free one
  std::shared_ptr<grpc::ServerCredentials> credentials;  // null: plaintext
  // Who is at the other end of a new stream: Peer::authenticated. An error refuses the stream with
  // that status. Called on gRPC's threads, several at a time. Null: the names in the certificate
  // that the peer showed, if it did.
  std::function<absl::StatusOr<std::vector<std::string>>(const grpc::CallbackServerContext&)>
      authenticate = nullptr;
  std::vector<grpc::Service*> services = {};  // others at this address; outlive the server
};

struct ServerOptions {
  std::vector<ListenAddress> addresses;
  ViewSource* source = nullptr;    // outlives the server
  Observer* observer = nullptr;    // may be null; outlives the server
  LogSink* log = LogSink::Null();  // component "xds"; outlives the server
  const Clock* clock = Clock::Real();
  std::string identifier = "meshd";  // DiscoveryResponse.control_plane.identifier
};

// Protocol: the xDS protocol's state of the world over one ADS stream a proxy.
// - A version of a type is a hash over what that proxy is to have of it, so the same content has
//   the same version in every process: a proxy that reconnects with what it should have is sent
//   nothing.
// - Clusters and listeners are sent whole. Endpoints and routes are sent as named by the request;
//   a request that adds names is answered even when the version stays.
// - Order: clusters, endpoints, listeners, routes; listeners and routes wait until the proxy has
//   answered the clusters and endpoints of the same change. Clusters that a change removes stay
//   until the proxy acknowledged the routes and listeners that no longer use them.
// - A rejected (NACK) version is logged, kept in Status() and not sent again until it changes.
// - A slow reader holds one response; what changes meanwhile is sent as its newest state.
//
// Threads: one of its own ("xds") that asks the ViewSource, and gRPC's, which are shared by all of
// gRPC in the process. All methods are thread-safe.
class Server {
 public:
  // Unavailable when an address cannot be bound; InvalidArgument when there is no address or
  // no source.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The ports in use, in the order of ServerOptions::addresses.
  const std::vector<int>& ports() const;
  // Asks the source again for the view of every connected proxy. Returns at once.
  void Refresh();
  // One for each connected node, sorted by node id; of two streams with one node id, the newer.
  std::vector<PeerStatus> Status() const;
  // What was last sent of `type` to the node of that id; nothing when it is not connected.
  Sent LastSent(std::string_view node_id, Type type) const;
  // Ends all streams and returns when the last callback has run. May be called twice.
  void Stop();

 private:
  class Core;
  explicit Server(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

}  // namespace mesh::xds

#endif  // MESH_XDS_SERVER_H_
