// Requests of every kind for one mesh, and the upstream and configuration that they meet: what two
// proxies are asked, so that their answers and access logs can be compared.
#ifndef TESTS_E2E_TRAFFIC_H_
#define TESTS_E2E_TRAFFIC_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "mesh/base/mutex.h"
#include "mesh/proxy/testing.h"

namespace mesh {

// How a client behaves once it has sent its request.
enum class Then {
  kRead,   // takes the answer
  kLeave,  // goes away as soon as the upstream has the request
};

struct Case {
  const char* name;
  std::string request;
  Then then = Then::kRead;
};

// GET of `target` at log.test, with the case's name in X-Case and more lines of headers.
std::string GetRequest(const std::string& name, const std::string& target,
                       const std::string& more = "");

// All of them. `run` tells the requests of one round from those of another: "1/a query".
std::vector<Case> Cases(int run);

// One workload named client-0, and a service without any.
extern const char kTrafficWorkload[];
// The routes of log.test, for a gateway bound to `gateway` and for sidecars: to an upstream on that
// port of 127.0.0.1 and to one on a port where nobody listens.
std::string TrafficRoutes(const std::string& gateway, int upstream_port, int dead_port);

// What the upstream does, by path. Threads: those of proxy::testing::Server.
class Upstream {
 public:
  Upstream() : server_([this](proxy::testing::Peer& peer) { Serve(peer); }) {}
  uint16_t port() const { return server_.port(); }
  // A new request: nothing has happened yet.
  void Begin();
  // The client has what the upstream said so far.
  void HasArrived();
  // Waits until a request for a /slow path has come that nobody waited for yet.
  bool WaitForSlow();

 private:
  void Serve(proxy::testing::Peer& peer);
  // False where the connection is to end.
  bool Answer(proxy::testing::Peer& peer, const std::string& path, bool head);
  void WaitForArrival();

  Mutex mutex_;
  CondVar came_;
  int slow_ ABSL_GUARDED_BY(mutex_) = 0;
  bool arrived_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<int> flaky_{0};
  proxy::testing::Server server_;  // the last: its threads use the others
};

// A port of 127.0.0.1 that is taken but on which nobody listens.
class DeadPort {
 public:
  DeadPort();
  ~DeadPort();
  int port() const { return port_; }

 private:
  const int fd_;
  int port_ = 0;
};

proxy::testing::Peer ConnectTo(const std::string& address, int port);

}  // namespace mesh

#endif  // TESTS_E2E_TRAFFIC_H_
