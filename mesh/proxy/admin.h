// The admin interface over HTTP: questions of people and of monitoring, and two orders.
#ifndef MESH_PROXY_ADMIN_H_
#define MESH_PROXY_ADMIN_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "mesh/proxy/event_loop.h"
#include "mesh/proxy/http1.h"
#include "mesh/proxy/socket.h"

namespace mesh::proxy {

struct AdminAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=UTF-8";
  std::string body;
};

// A small HTTP/1 server on the configuration thread: one request at a time on each connection, no
// request bodies. Not thread-safe.
class AdminServer {
 public:
  // Calls `answer` once, now or later, on the loop's thread.
  using Handler = std::function<void(const std::string& method, const std::string& path,
                                     std::function<void(AdminAnswer)> answer)>;

  AdminServer(EventLoop* loop, Handler handler);
  ~AdminServer();

  // Unavailable where the address cannot be bound.
  absl::Status Listen(const Address& address);
  const Address& address() const { return address_; }
  void Stop();

 private:
  class Acceptor;
  class Connection;

  EventLoop* const loop_;
  const Handler handler_;
  Address address_;
  std::unique_ptr<Acceptor> acceptor_;
  absl::flat_hash_set<Connection*> connections_;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_ADMIN_H_
