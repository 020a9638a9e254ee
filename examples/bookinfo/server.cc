#include "examples/bookinfo/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

namespace bookinfo {
namespace {

// Starts a thread when a connection comes and none is idle, up to a bound.
class GrowingThreads final : public httplib::TaskQueue {
 public:
  explicit GrowingThreads(size_t max_threads) : max_threads_(max_threads) {}

  void enqueue(std::function<void()> work) override {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(work));
    if (idle_ < queue_.size() && threads_.size() < max_threads_) {
      threads_.emplace_back([this] { Work(); });
    }
    changed_.notify_one();
  }

  void shutdown() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      ++idle_;
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      --idle_;
      if (queue_.empty()) return;
      const std::function<void()> work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  const size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // grown under mutex_, joined by shutdown
};

}  // namespace

Server::Server(const Options& options) {
  http_.new_task_queue = [max = options.max_connections] { return new GrowingThreads(max); };
  http_.set_keep_alive_max_count(static_cast<size_t>(-1));
  http_.set_keep_alive_timeout(options.idle_seconds);
  http_.set_tcp_nodelay(true);
  http_.set_payload_max_length(1 << 20);
  // The default would add SO_REUSEPORT, with which two programs on one port both seem to work.
  http_.set_socket_options([this](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    listener_ = socket;
  });
  http_.set_logger([this](const httplib::Request& request, const httplib::Response& response) {
    if (request.path == "/health" || request.path == "/metrics") return;
    const int hundreds = response.status / 100;
    if (hundreds >= 1 && hundreds <= 5) answered_[hundreds].fetch_add(1);
  });
  http_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
    std::string text = "# TYPE bookinfo_requests_total counter\n";
    for (int hundreds = 1; hundreds <= 5; ++hundreds) {
      text += "bookinfo_requests_total{response_code_class=\"" + std::to_string(hundreds) +
              "xx\"} " + std::to_string(Answered(hundreds)) + "\n";
    }
    response.set_content(text, "text/plain; version=0.0.4");
  });
}

int Server::Bind(const std::string& address, int port) {
  if (port == 0) {
    port = http_.bind_to_any_port(address);
  } else if (!http_.bind_to_port(address, port)) {
    port = -1;
  }
  // cpp-httplib listens with a backlog of 5; a burst of new connections would lose some.
  if (port > 0 && listener_ >= 0) listen(listener_, 512);
  return port;
}

}  // namespace bookinfo
