// The least a forwarder can do: one thread, epoll, one upstream connection for each client, bytes
// copied without looking at them. What anything on top costs is read off against it.
//
//   floor_forwarder LISTEN_PORT UPSTREAM_PORT
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct End {
  int fd = -1;
  End* other = nullptr;
  std::string unsent;  // what `fd` would not take yet
};

int epoll_fd;

void Watch(End* end, uint32_t events, int operation) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = end;
  epoll_ctl(epoll_fd, operation, end->fd, &event);
}

int Socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  return fd;
}

// True while the connection lives.
bool Pump(End* from) {
  static char buffer[65536];
  const ssize_t n = recv(from->fd, buffer, sizeof(buffer), 0);
  if (n < 0 && errno == EAGAIN) return true;
  if (n <= 0) return false;
  End* const to = from->other;
  ssize_t sent = to->unsent.empty() ? send(to->fd, buffer, n, MSG_NOSIGNAL) : 0;
  if (sent < 0) {
    if (errno != EAGAIN && errno != ENOTCONN) return false;
    sent = 0;
  }
  if (sent < n) {
    to->unsent.append(buffer + sent, n - sent);
    Watch(to, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    Watch(from, 0, EPOLL_CTL_MOD);  // held back until it is gone
  }
  return true;
}

bool Drain(End* end) {
  const ssize_t sent = send(end->fd, end->unsent.data(), end->unsent.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == ENOTCONN;
  end->unsent.erase(0, sent);
  if (end->unsent.empty()) {
    Watch(end, EPOLLIN, EPOLL_CTL_MOD);
    Watch(end->other, EPOLLIN, EPOLL_CTL_MOD);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "floor_forwarder LISTEN_PORT UPSTREAM_PORT\n");
    return 64;
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in upstream = address;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[1])));
  upstream.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[2])));
  const int listener = Socket();
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener, 1024) != 0) {
    std::perror("floor_forwarder");
    return 1;
  }
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  End accepting;
  accepting.fd = listener;
  Watch(&accepting, EPOLLIN, EPOLL_CTL_ADD);
  std::vector<End*> closed;
  for (;;) {
    epoll_event events[64];
    const int n = epoll_wait(epoll_fd, events, 64, -1);
    for (int i = 0; i < n; ++i) {
      End* const end = static_cast<End*>(events[i].data.ptr);
      if (end == &accepting) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        End* const client = new End;
        End* const server = new End;
        client->fd = fd;
        server->fd = Socket();
        client->other = server;
        server->other = client;
        connect(server->fd, reinterpret_cast<sockaddr*>(&upstream), sizeof(upstream));
        Watch(client, EPOLLIN, EPOLL_CTL_ADD);
        Watch(server, EPOLLIN, EPOLL_CTL_ADD);
        continue;
      }
      if (end->fd < 0) continue;
      bool lives = true;
      if ((events[i].events & EPOLLOUT) != 0 && !end->unsent.empty()) lives = Drain(end);
      if (lives && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) lives = Pump(end);
      if (lives) continue;
      for (End* side : {end, end->other}) {
        close(side->fd);
        side->fd = -1;
        closed.push_back(side);
      }
    }
    for (End* end : closed) delete end;
    closed.clear();
  }
}
