#include "mesh/local/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "gtest/gtest.h"

namespace mesh::local {
namespace {

// Answers each connection with the next of its scripts: for every request read, one string; then
// closes.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::vector<std::string>> connections)
      : connections_(std::move(connections)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof(name));
    listen(listener_, 8);
    socklen_t size = sizeof(name);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size);
    port_ = ntohs(name.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  int port() const { return port_; }
  std::string requests() const { return requests_; }  // once all has been served

 private:
  void Serve() {
    for (const auto& answers : connections_) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      for (const std::string& answer : answers) {
        std::string request;
        char buffer[4096];
        while (request.find("\r\n\r\n") == std::string::npos) {
          const ssize_t n = read(fd, buffer, sizeof(buffer));
          if (n <= 0) break;
          request.append(buffer, n);
        }
        requests_ += request;
        (void)!write(fd, answer.data(), answer.size());
      }
      close(fd);
    }
  }
  std::vector<std::vector<std::string>> connections_;
  int listener_;
  int port_;
  std::string requests_;
  std::thread thread_;
};

constexpr absl::Duration kLong = absl::Seconds(30);

TEST(HttpClientTest, ReadsLengthsChunksAndKeepsTheConnection) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
                          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n"
                          "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                          "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"}});
  HttpConnection connection("127.0.0.1", server.port());
  auto first = connection.Get("/a", {{"end-user", "jason"}}, kLong);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(first->body, "hello");
  EXPECT_EQ(first->Header("x-a"), "b");
  auto second = connection.Get("/b", {}, kLong);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->status, 404);
  EXPECT_EQ(second->body, "abcde");
  auto third = connection.Request("HEAD", "/c", {{"host", "shop"}}, "", kLong);
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->body, "");
  const std::string host = "host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n\r\n";
  EXPECT_EQ(server.requests(), "GET /a HTTP/1.1\r\nend-user: jason\r\n" + host +
                                   "GET /b HTTP/1.1\r\n" + host +
                                   "HEAD /c HTTP/1.1\r\nhost: shop\r\n\r\n");
}

TEST(HttpClientTest, AResponseCutShortIsNoResponse) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"},
                         {"HTTP/1.1 200 OK\r\n\r\nuntil the end"},
                         {"nonsense\r\n\r\n"}});
  HttpConnection connection("127.0.0.1", server.port());
  EXPECT_EQ(connection.Get("/", {}, kLong).status().message(),
            "the server closed the connection before its response ended");
  auto until_close = connection.Get("/", {}, kLong);
  ASSERT_TRUE(until_close.ok()) << until_close.status();
  EXPECT_EQ(until_close->body, "until the end");
  EXPECT_EQ(connection.Get("/", {}, kLong).status().code(), absl::StatusCode::kDataLoss);
}

TEST(HttpClientTest, NobodyThere) {
  int port;
  {
    ScriptedServer server({});
    port = server.port();
  }
  HttpConnection connection("127.0.0.1", port);
  EXPECT_EQ(connection.Get("/", {}, kLong).status().message(),
            "cannot connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

}  // namespace
}  // namespace mesh::local
