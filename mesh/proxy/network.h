// The seam between the proxy and the kernel: every system call on a connection goes through it, so
// that a test can cut reads short, fail writes or hold packets back.
#ifndef MESH_PROXY_NETWORK_H_
#define MESH_PROXY_NETWORK_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "mesh/proxy/address.h"

namespace mesh::proxy {

// What a descriptor is watched for; that its connection is broken is always said.
struct Interest {
  bool reads = false;
  bool writes = false;
};

// What is so on a descriptor, said again as long as it is and is asked for; but without interest in
// reads, that a connection is broken is said once.
struct ReadyEvent {
  void* handler = nullptr;  // as given to Watch
  bool readable = false;
  bool writable = false;
  bool hangup = false;  // the peer has closed its side, or it is broken
  bool broken = false;  // both sides are closed, or an error stands
};

// One thread's set of descriptors. All sockets are non-blocking and close-on-exec. Calls return
// -errno where the system call would set errno.
class Network {
 public:
  virtual ~Network() = default;

  virtual int Accept(int listener, Address* peer) = 0;
  // -EINPROGRESS never escapes: the descriptor becomes writable when the connection is made, or
  // hangs up when it is not; ConnectResult says which.
  virtual int Connect(const Address& to, const Address* from) = 0;
  virtual int ConnectResult(int fd) = 0;
  virtual ssize_t Read(int fd, char* to, size_t size) = 0;
  virtual ssize_t Write(int fd, const char* from, size_t size) = 0;
  // True where nothing but silence waits on the connection: no bytes, no end, no error.
  virtual bool IsQuiet(int fd) = 0;
  virtual void ShutdownWrites(int fd) = 0;
  // Reset rather than an orderly end.
  virtual void SetReset(int fd) = 0;
  virtual void Close(int fd) = 0;

  // Events come with `handler`. Closing ends it.
  virtual int Watch(int fd, void* handler, Interest interest) = 0;
  virtual void ChangeInterest(int fd, void* handler, Interest interest) = 0;
  virtual void Unwatch(int fd) = 0;
  // Waits for at most `timeout_ms` (-1: without end); returns how many events were written.
  virtual int Wait(ReadyEvent* events, int capacity, int timeout_ms) = 0;
};

// epoll(7). Not thread-safe: one for each thread.
class EpollNetwork : public Network {
 public:
  EpollNetwork();
  ~EpollNetwork() override;

  int Accept(int listener, Address* peer) override;
  int Connect(const Address& to, const Address* from) override;
  int ConnectResult(int fd) override;
  ssize_t Read(int fd, char* to, size_t size) override;
  ssize_t Write(int fd, const char* from, size_t size) override;
  bool IsQuiet(int fd) override;
  void ShutdownWrites(int fd) override;
  void SetReset(int fd) override;
  void Close(int fd) override;
  int Watch(int fd, void* handler, Interest interest) override;
  void ChangeInterest(int fd, void* handler, Interest interest) override;
  void Unwatch(int fd) override;
  int Wait(ReadyEvent* events, int capacity, int timeout_ms) override;

 private:
  const int epoll_;
};

// A TCP socket bound to the address, or -errno. `shared` allows others of this process to listen on
// the same address too (SO_REUSEPORT), the kernel spreading connections over them. listen(2) is
// left to do.
int BindTo(const Address& address, bool shared);
// The same, listening.
int ListenOn(const Address& address, bool shared, int backlog);

}  // namespace mesh::proxy

#endif  // MESH_PROXY_NETWORK_H_
