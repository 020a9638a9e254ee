#include "mesh/discovery/http_pages.h"

#include <sys/socket.h>

#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

// A reader that goes away must not raise SIGPIPE in our host.
#define CPPHTTPLIB_SEND_FLAGS MSG_NOSIGNAL
#include "httplib.h"

namespace mesh::discovery {

class HttpPages::Core {
 public:
  ~Core() { Stop(); }

  absl::Status Start(const std::string& address, const std::map<std::string, Handler>& pages,
                     const std::map<std::string, Handler>& actions) {
    const size_t colon = address.rfind(':');
    int port = 0;
    if (colon == std::string::npos || colon == 0 ||
        !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 || port > 65535) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", address, "\" is no address; write HOST:PORT"));
    }
    std::string host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    }
    server_.new_task_queue = [] { return new httplib::ThreadPool(4); };
    // Without SO_REUSEPORT, with which two servers would share one port unawares.
    server_.set_socket_options([](socket_t socket) {
      int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    server_.set_keep_alive_timeout(1);
    const auto answer = [](const Handler& handler, const httplib::Request& request,
                           httplib::Response& response) {
      Query query;
      for (const auto& [name, value] : request.params) query[name] = value;
      Page page = handler(query);
      response.status = page.status;
      response.set_content(std::move(page.body), page.content_type.c_str());
    };
    for (const auto& [path, handler] : pages) {
      server_.Get(path.c_str(), [answer, handler = handler](const httplib::Request& request,
                                                            httplib::Response& response) {
        answer(handler, request, response);
      });
    }
    for (const auto& [path, handler] : actions) {
      server_.Post(path.c_str(), [answer, handler = handler](const httplib::Request& request,
                                                             httplib::Response& response) {
        if (request.get_header_value("content-type") == "application/json") {
          return answer(handler, request, response);
        }
        response.status = 415;
        response.set_content("say content-type: application/json\n", "text/plain");
      });
    }
    port_ = port == 0 ? server_.bind_to_any_port(host.c_str())
                      : (server_.bind_to_port(host.c_str(), port) ? port : -1);
    if (port_ <= 0) return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    return absl::OkStatus();
  }
  int port() const { return port_; }
  void Stop() {
    if (!thread_.joinable()) return;
    // Stopping a server that is just starting has no effect.
    while (!server_.is_running()) std::this_thread::yield();
    server_.stop();
    thread_.join();
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

HttpPages::HttpPages(std::unique_ptr<Core> core) : core_(std::move(core)) {}
HttpPages::~HttpPages() = default;

absl::StatusOr<std::unique_ptr<HttpPages>> HttpPages::Start(
    const std::string& address, const std::map<std::string, Handler>& pages,
    const std::map<std::string, Handler>& actions) {
  auto core = std::make_unique<Core>();
  if (absl::Status status = core->Start(address, pages, actions); !status.ok()) return status;
  return std::unique_ptr<HttpPages>(new HttpPages(std::move(core)));
}

int HttpPages::port() const { return core_->port(); }
void HttpPages::Stop() { core_->Stop(); }

}  // namespace mesh::discovery
