// Names to addresses, on a thread that may wait.
#ifndef MESH_PROXY_RESOLVER_H_
#define MESH_PROXY_RESOLVER_H_

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/address.h"
#include "mesh/proxy/event_loop.h"

namespace mesh::proxy {

// getaddrinfo(3) on one thread ("resolver"), started with the first question. A dead name server
// holds up other names, nothing else.
class Resolver {
 public:
  enum class Family { kAny, kIpv4, kIpv6 };
  using Done = std::function<void(absl::StatusOr<std::vector<Address>>)>;

  // Answers are posted to `loop`, which must outlive Stop.
  explicit Resolver(EventLoop* loop) : loop_(loop) {}
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Addresses have the port 0.
  void Resolve(std::string name, Family family, Done done);
  // Questions not yet asked are dropped. Waits for the one being asked.
  void Stop();

 private:
  struct Question {
    std::string name;
    Family family;
    Done done;
  };
  void Run();

  EventLoop* const loop_;
  Mutex mutex_;
  CondVar more_;
  std::deque<Question> questions_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_RESOLVER_H_
