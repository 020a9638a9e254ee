// One TCP connection on one loop: reads into its owner, writes out of a bounded buffer, with TLS in
// between where that is asked for.
#ifndef MESH_PROXY_SOCKET_H_
#define MESH_PROXY_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "mesh/proxy/address.h"
#include "mesh/proxy/buffer.h"
#include "mesh/proxy/event_loop.h"
#include "mesh/tls/session.h"

namespace mesh::proxy {

// What a connection buffers at most, plus one read, even where its configuration would allow more.
constexpr size_t kMaxBufferedBytes = 128 * 1024;

// A connection's owner derives from it; the socket is part of its owner and calls it back. Any
// callback may Close(): nothing is called after that.
class Socket : public EventHandler {
 public:
  explicit Socket(EventLoop* loop) : loop_(loop) {}
  ~Socket() override;

  // Before Open or Connect: all that is read and written goes through a TLS session, or with null
  // through none. The context says which side this is; `server_name` is a client's.
  void UseTls(std::shared_ptr<const tls::Context> context, const std::string& server_name);
  // Takes a connected descriptor over. `first` has been read from it already.
  void Open(int fd, std::string_view first = {});
  // Begins to connect. False: it failed at once, errno is in `*error`.
  bool Connect(const Address& to, const Address* from, int* error);

  bool open() const { return fd_ >= 0; }
  // Until OnConnected: the connection, and with TLS the handshake, are not finished.
  bool connecting() const { return connecting_ || (tls_ != nullptr && !secure_); }
  // Null in plaintext.
  const tls::Session* tls() const { return tls_.get(); }
  int fd() const { return fd_; }
  EventLoop* loop() const { return loop_; }

  // Bytes go out at the end of the turn, together with what else was written in it.
  void Write(std::string_view bytes) {
    out_.Append(bytes);
    FlushSoon();
  }
  // To be written into directly; FlushSoon afterwards.
  Buffer& out() { return out_; }
  void FlushSoon() { loop_->FlushLater(this); }
  size_t unsent() const { return out_.size() + (tls_ == nullptr ? 0 : tls_->outgoing().size()); }
  // True where more than the limit waits: whoever produces should pause until OnDrained.
  bool full() const { return unsent() >= limit_; }
  void set_limit(size_t bytes) { limit_ = bytes; }

  // While paused nothing is read; what the kernel holds keeps the peer back.
  void PauseReads();
  void ResumeReads();
  bool paused() const { return paused_; }

  // A peer that is gone for good is noticed even while paused, at the cost of what it said last.
  void set_drop_when_broken(bool drop) { drop_when_broken_ = drop; }

  // Ends our side once all is written; the peer may go on.
  void FinishWrites();
  // Closes once all is written, or right away. Reset makes the peer see an abort. Closing once
  // written also reads on for a moment, so that unread input does not turn the end into a reset.
  void CloseWhenFlushed();
  void Close();
  void Reset();

  // Of what is inside TLS.
  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t bytes_written() const { return bytes_written_; }

  void OnReady(const ReadyEvent& event) final;
  void Flush() final;

 protected:
  // Connect has come through; with TLS, on both sides, the handshake too.
  virtual void OnConnected() {}
  // Everything read; the owner keeps what it cannot use yet.
  virtual void OnData(std::string_view bytes) = 0;
  // The peer has ended its side.
  virtual void OnEnd() = 0;
  // The same, but without the close_notify by which TLS tells an end from a cut.
  virtual void OnCutOff() { OnEnd(); }
  // Reset, or any other error; the socket is closed already. While connecting: could not connect.
  // EPROTO: TLS failed, tls()->error() says why.
  virtual void OnError(int error) = 0;
  // What waits has fallen below half of the limit after having been above it.
  virtual void OnDrained() {}
  // CloseWhenFlushed, Close, Reset and errors end here, once, as the last call.
  virtual void OnClosed() {}

 private:
  void ReadAll();
  void Take(std::string_view bytes);
  void TakeEnd();
  // socket_tls.cc.
  void AdvanceTls();
  void ReadTls();
  void FailTls();
  void SayGoodbye();
  std::string_view NextOutgoing();
  void Sent(size_t bytes);
  void UpdateInterest();
  void Fail(int error);
  void FailAfterReading(int error);
  void Drop();

  EventLoop* const loop_;
  int fd_ = -1;
  bool connecting_ = false;
  bool paused_ = false;
  bool blocked_ = false;     // the kernel takes no more for now
  Interest interest_;        // as the kernel knows it
  bool wire_ended_ = false;  // the peer sends no more bytes
  bool ended_ = false;       // the owner knows
  bool finish_ = false;      // shut our side once all is written
  bool closing_ = false;     // close once all is written
  bool lingering_ = false;   // all is written; what still comes is thrown away
  bool was_full_ = false;
  bool drop_when_broken_ = false;
  size_t limit_ = kMaxBufferedBytes;
  Buffer out_;
  uint64_t bytes_read_ = 0;
  uint64_t bytes_written_ = 0;
  Timer linger_timer_{loop_, [this] { Close(); }};

  std::unique_ptr<tls::Session> tls_;
  bool secure_ = false;    // the handshake is done
  bool goodbye_ = false;   // our close_notify has been written
  bool read_tls_ = false;  // reads were resumed: the session may hold what was not taken
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_SOCKET_H_
