// One HTTP/1.1 connection that asks and waits: for the pages of admin ports, health checks and the
// demo's own load. Not for anything that has to be fast.
//
//   HttpConnection meshd("127.0.0.1", 15014);
//   absl::StatusOr<HttpResponse> answer = meshd.Get("/debug/syncz", {}, absl::Seconds(2));
#ifndef MESH_LOCAL_HTTP_CLIENT_H_
#define MESH_LOCAL_HTTP_CLIENT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

struct addrinfo;

namespace mesh::local {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;
  // The first header of that name in any case; "" when there is none.
  std::string_view Header(std::string_view name) const;
};

// Not thread-safe. Keeps its connection open between requests where the server does. A kept
// connection that the server has closed meanwhile is replaced before the request is sent; once it
// is sent nothing is repeated, so that a request which a server loses is seen to be lost.
// Never raises SIGPIPE.
class HttpConnection {
 public:
  // `address` is an IP address or a host name, which is looked up at each connection (that may
  // take longer than a timeout allows).
  HttpConnection(std::string address, int port) : address_(std::move(address)), port_(port) {}
  ~HttpConnection() { Close(); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // `headers` may hold Host; by default it is ADDRESS:PORT. Unavailable when the connection cannot
  // be made or breaks, DeadlineExceeded after `timeout` for all of it, DataLoss when what comes is
  // no HTTP or is more than 64 MiB.
  absl::StatusOr<HttpResponse> Get(std::string_view path, const HttpHeaders& headers,
                                   absl::Duration timeout);
  absl::StatusOr<HttpResponse> Request(std::string_view method, std::string_view path,
                                       const HttpHeaders& headers, std::string_view body,
                                       absl::Duration timeout);
  // Connects, without asking anything, unless it is connected already. Errors as of Get.
  absl::Status Open(absl::Duration timeout);
  void Close();

 private:
  absl::Status Connect(absl::Time deadline);
  absl::Status ConnectTo(const addrinfo& name, absl::Time deadline);
  absl::Status Send(std::string_view bytes, absl::Time deadline);

  const std::string address_;
  const int port_;
  int fd_ = -1;
};

}  // namespace mesh::local

#endif  // MESH_LOCAL_HTTP_CLIENT_H_
