// The HTTP server that every role runs on: cpp-httplib with connections that stay, a bounded number
// of threads, and a count of what it answered.
#ifndef EXAMPLES_BOOKINFO_SERVER_H_
#define EXAMPLES_BOOKINFO_SERVER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "httplib.h"

namespace bookinfo {

// Blocking: a connection holds one thread while it is open. Threads are started as connections
// come, at most `max_connections`; later ones wait. Setting it up ignores SIGPIPE (cpp-httplib
// does).
class Server {
 public:
  struct Options {
    size_t max_connections = 512;
    // Longer than a proxy keeps an idle connection: then it is never this side that closes one just
    // as a request is on its way.
    int idle_seconds = 3900;
  };
  Server() : Server(Options{}) {}
  explicit Server(const Options& options);

  // Handlers are called on many threads at once.
  httplib::Server& http() { return http_; }

  // Binds; port 0 takes a free one. Returns the port, or -1 when it cannot be had.
  int Bind(const std::string& address, int port);
  // Serves until Stop; false when it could not. Returns once open connections are closed.
  bool Serve() { return http_.listen_after_bind(); }
  void Stop() { http_.stop(); }

  // How many requests were answered with a status of hundreds*100 to hundreds*100+99;
  // /health and /metrics do not count.
  uint64_t Answered(int hundreds) const { return answered_[hundreds].load(); }

 private:
  httplib::Server http_;
  int listener_ = -1;
  std::atomic<uint64_t> answered_[6] = {};
};

}  // namespace bookinfo

#endif  // EXAMPLES_BOOKINFO_SERVER_H_
