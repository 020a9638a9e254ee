#include "mesh/proxy/network.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace mesh::proxy {
namespace {

void SetOption(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof(value));
}

// Level-triggered, so that a read or a write may be as short as it likes. A broken connection is
// reported whatever is asked for: where nobody reads, by its edge alone.
epoll_event EventFor(void* handler, Interest interest) {
  epoll_event event = {};
  event.events = (interest.reads ? EPOLLIN | EPOLLRDHUP : 0u) | (interest.writes ? EPOLLOUT : 0u);
  if (!interest.reads) event.events |= EPOLLET;
  event.data.ptr = handler;
  return event;
}

}  // namespace

EpollNetwork::EpollNetwork() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
EpollNetwork::~EpollNetwork() { close(epoll_); }

int EpollNetwork::Accept(int listener, Address* peer) {
  socklen_t size = Address::kCapacity;
  const int fd = accept4(listener, peer->mutable_data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -errno;
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return fd;
}

int EpollNetwork::Connect(const Address& to, const Address* from) {
  const int fd = socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (from != nullptr) {
    // The port is chosen at connect, when the whole tuple is known.
    if (from->port() == 0) SetOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(fd, from->data(), from->size()) != 0) {
      const int error = errno;
      close(fd);
      return -error;
    }
  }
  if (connect(fd, to.data(), to.size()) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int EpollNetwork::ConnectResult(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
  return -error;
}

ssize_t EpollNetwork::Read(int fd, char* to, size_t size) {
  const ssize_t n = recv(fd, to, size, 0);
  return n < 0 ? -errno : n;
}

ssize_t EpollNetwork::Write(int fd, const char* from, size_t size) {
  const ssize_t n = send(fd, from, size, MSG_NOSIGNAL);
  return n < 0 ? -errno : n;
}

bool EpollNetwork::IsQuiet(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

void EpollNetwork::ShutdownWrites(int fd) { shutdown(fd, SHUT_WR); }

void EpollNetwork::SetReset(int fd) {
  const linger abort = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

void EpollNetwork::Close(int fd) {
  // A process that somebody forks has a copy of the descriptor until it executes: closing ours
  // alone would leave it watched, with events for a handler that is gone.
  Unwatch(fd);
  close(fd);
}

int EpollNetwork::Watch(int fd, void* handler, Interest interest) {
  epoll_event event = EventFor(handler, interest);
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void EpollNetwork::ChangeInterest(int fd, void* handler, Interest interest) {
  epoll_event event = EventFor(handler, interest);
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void EpollNetwork::Unwatch(int fd) { epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

int EpollNetwork::Wait(ReadyEvent* events, int capacity, int timeout_ms) {
  epoll_event ready[64];
  const int n = epoll_wait(epoll_, ready, std::min(capacity, 64), timeout_ms);
  for (int i = 0; i < n; ++i) {
    const uint32_t what = ready[i].events;
    events[i].handler = ready[i].data.ptr;
    events[i].readable = (what & EPOLLIN) != 0;
    events[i].writable = (what & EPOLLOUT) != 0;
    events[i].broken = (what & (EPOLLHUP | EPOLLERR)) != 0;
    events[i].hangup = events[i].broken || (what & EPOLLRDHUP) != 0;
  }
  return std::max(n, 0);
}

int BindTo(const Address& address, bool shared) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (shared) SetOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (address.family() == AF_INET6) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (bind(fd, address.data(), address.size()) != 0) {
    const int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int ListenOn(const Address& address, bool shared, int backlog) {
  const int fd = BindTo(address, shared);
  if (fd < 0 || listen(fd, backlog) == 0) return fd;
  const int error = errno;
  close(fd);
  return -error;
}

}  // namespace mesh::proxy
