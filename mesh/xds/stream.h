// One ADS stream of the server: gRPC's callbacks around a Conversation. Private to mesh/xds.
#ifndef MESH_XDS_STREAM_H_
#define MESH_XDS_STREAM_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "mesh/base/mutex.h"
#include "mesh/xds/conversation.h"
#include "mesh/xds/server.h"

namespace mesh::xds {

class Stream;

// What a stream needs of its server, which outlives it.
class StreamHost {
 public:
  virtual ~StreamHost() = default;
  virtual const ServerOptions& options() const = 0;
  // The first request came: peer() is known and will not change.
  virtual void Admit(const std::shared_ptr<Stream>& stream) = 0;
  // An admitted stream ended; its last callback is this one.
  virtual void Forget(Stream* stream) = 0;
};

// Locking: the mutex guards the conversation and who does what next; no call into gRPC, the host or
// the observer is made with it held. One write and one read are under way at most; Finish waits for
// the write. Lives until gRPC is done with it and nobody holds it.
class Stream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                     public std::enable_shared_from_this<Stream> {
 public:
  static Stream* Accept(StreamHost* host, const ListenAddress& listen,
                        grpc::CallbackServerContext* context, std::string nonce_prefix);

  // Only once admitted.
  const Peer& peer() const { return peer_; }
  void set_admission(uint64_t id) { admission_ = id; }
  uint64_t admission() const { return admission_; }

  // From the worker: the newest view, or why there is none.
  void Give(absl::StatusOr<ViewPtr> view);
  PeerStatus Status() const;
  Sent LastSent(Type type) const;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  Stream(StreamHost* host, std::string nonce_prefix);
  // Logs what may hold a peer's words, on one line.
  void Say(LogLevel level, const std::string& text) const;
  void OnRequest(const envoy::service::discovery::v3::DiscoveryRequest& message);
  // Writes what is due, if nothing is being written.
  void Pump();
  void End(grpc::Status status);

  StreamHost* const host_;
  std::shared_ptr<Stream> self_;  // until OnDone
  grpc::ByteBuffer incoming_;     // of the read under way
  grpc::ByteBuffer outgoing_;     // of the write under way
  bool admitted_ = false;         // reads only
  Peer peer_;
  uint64_t admission_ = 0;

  mutable Mutex mutex_;
  Conversation conversation_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status end_status_ ABSL_GUARDED_BY(mutex_);
  ViewPtr synced_view_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::xds

#endif  // MESH_XDS_STREAM_H_
