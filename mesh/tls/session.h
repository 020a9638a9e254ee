// One TLS connection without a socket: bytes of the wire in, bytes for the wire out. Whoever drives
// it does the reading, writing and waiting.
//
//   mesh::tls::Session session(context);
//   while (session.Handshake() == mesh::tls::Progress::kWantRead) {
//     SendAll(socket, &session);               // outgoing() and Sent()
//     session.Receive(ReadSome(socket));
//   }
//
// After every call look at outgoing(): handshakes, alerts and key updates produce bytes at any
// time. Not thread-safe; several sessions of one context may live on several threads.
#ifndef MESH_TLS_SESSION_H_
#define MESH_TLS_SESSION_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/context.h"

namespace mesh::tls {

enum class Progress {
  kDone,
  kWantRead,   // needs more bytes from the wire: Receive()
  kWantWrite,  // outgoing() is full: send some of it, Sent(), and call again
  kClosed,     // the peer has said that it will send no more (close_notify)
  kFailed,     // error() says why; an alert may be in outgoing()
};

struct IoResult {
  Progress progress;
  size_t bytes = 0;  // with kDone, at least 1
};

// What was agreed; filled when the handshake is done.
struct Connection {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_128_GCM_SHA256"
  std::string group;    // "X25519MLKEM768"
  std::string alpn;     // empty: none
  std::string server_name;
  bool resumed = false;
  // Leaf first; empty where the peer showed none. Verified, unless the context ignores them.
  std::vector<Certificate> peer_chain;
};

// What the peer's certificate was refused for.
enum class Refusal {
  kNone,           // it was not
  kNoCertificate,  // there was none
  kChain,          // no way to a root, expired, not for this use
  kName,           // none of its names is accepted
  kFingerprint,
};

struct SessionOptions {
  // Clients: sent as SNI where it is a DNS name; also chooses which session may be resumed.
  std::string server_name;
  // Write() answers kWantWrite while outgoing() holds this much.
  size_t max_outgoing_bytes = 256 * 1024;
};

class Session {
 public:
  explicit Session(std::shared_ptr<const Context> context, SessionOptions options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Bytes from the wire; copied.
  void Receive(std::string_view bytes);
  // The wire ended. Without a close_notify before it, Read then fails: data may be missing.
  void ReceiveEnd();
  // Bytes for the wire; valid until the next call that is not const.
  std::string_view outgoing() const;
  // The first `bytes` of outgoing() have been written.
  void Sent(size_t bytes);

  // Goes on as far as it can. Read and Write also do, but report kDone for data only.
  Progress Handshake();
  bool handshake_done() const;
  IoResult Read(absl::Span<char> into);
  IoResult Write(std::string_view from);
  // Says that we will send no more; Read goes on until the peer says the same.
  void Close();

  // What went wrong, for a log: "the peer's certificate is refused: ...". OK while nothing did.
  const absl::Status& error() const;
  Refusal refusal() const;
  // The library's own name for error(), as Envoy's logs have it; empty where it has none:
  //   268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED
  const std::string& library_error() const;
  // Meaningful once handshake_done().
  const Connection& connection() const;
  const Context& context() const;

  // For this folder.
  struct Rep;

 private:
  const std::unique_ptr<Rep> rep_;
};

}  // namespace mesh::tls

#endif  // MESH_TLS_SESSION_H_
