#include "mesh/local/http_client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "llhttp.h"
#include "mesh/base/strings.h"

namespace mesh::local {
namespace {

constexpr size_t kMaxBody = 64 << 20;

// Waits for `events`; false at the deadline.
bool WaitFor(int fd, short events, absl::Time deadline) {
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    pollfd entry = {fd, events, 0};
    const int n = poll(&entry, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return true;  // the call that follows reports it
  }
}

struct Parsed {
  HttpResponse response;
  std::string name, value;
  bool complete = false;
  bool keep_alive = false;
  bool head = false;
};

Parsed* Of(llhttp_t* parser) { return static_cast<Parsed*>(parser->data); }

llhttp_settings_t Settings() {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_header_field = [](llhttp_t* parser, const char* at, size_t length) {
    Of(parser)->name.append(at, length);
    return 0;
  };
  settings.on_header_value = [](llhttp_t* parser, const char* at, size_t length) {
    Of(parser)->value.append(at, length);
    return 0;
  };
  settings.on_header_value_complete = [](llhttp_t* parser) {
    Parsed* parsed = Of(parser);
    parsed->response.headers.emplace_back(std::move(parsed->name), std::move(parsed->value));
    parsed->name.clear();
    parsed->value.clear();
    return 0;
  };
  settings.on_headers_complete = [](llhttp_t* parser) {
    return Of(parser)->head ? 1 : 0;  // 1: no body follows
  };
  settings.on_body = [](llhttp_t* parser, const char* at, size_t length) {
    std::string& body = Of(parser)->response.body;
    if (body.size() + length > kMaxBody) return -1;
    body.append(at, length);
    return 0;
  };
  settings.on_message_complete = [](llhttp_t* parser) {
    Parsed* parsed = Of(parser);
    if (parser->status_code / 100 == 1) {  // an interim response; the real one follows
      parsed->response = HttpResponse();
      return 0;
    }
    parsed->response.status = parser->status_code;
    parsed->complete = true;
    parsed->keep_alive = llhttp_should_keep_alive(parser) != 0;
    return static_cast<int>(HPE_PAUSED);
  };
  return settings;
}

}  // namespace

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, Absl(name))) return value;
  }
  return "";
}

void HttpConnection::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::Status HttpConnection::Connect(absl::Time deadline) {
  Close();
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error =
          getaddrinfo(address_.c_str(), std::to_string(port_).c_str(), &hints, &found);
      error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot find the address of \"", address_, "\": ", gai_strerror(error)));
  }
  absl::Status status;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    status = ConnectTo(*each, deadline);
    if (status.ok()) break;
  }
  freeaddrinfo(found);
  return status;
}

absl::Status HttpConnection::ConnectTo(const addrinfo& name, absl::Time deadline) {
  Close();
  fd_ = socket(name.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  int error = 0;
  if (connect(fd_, name.ai_addr, name.ai_addrlen) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      if (!WaitFor(fd_, POLLOUT, deadline)) {
        return absl::DeadlineExceededError(
            absl::StrCat("no connection to ", address_, ":", port_, " in time"));
      }
      socklen_t size = sizeof(error);
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot connect to ", address_, ":", port_, ": ", strerror(error)));
  }
  return absl::OkStatus();
}

absl::Status HttpConnection::Send(std::string_view bytes, absl::Time deadline) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (!WaitFor(fd_, POLLOUT, deadline)) {
        return absl::DeadlineExceededError("the request could not be sent in time");
      }
    } else {
      return absl::UnavailableError(
          absl::StrCat("the connection broke while sending: ", strerror(errno)));
    }
  }
  return absl::OkStatus();
}

absl::Status HttpConnection::Open(absl::Duration timeout) {
  if (fd_ >= 0) return absl::OkStatus();
  absl::Status status = Connect(absl::Now() + timeout);
  if (!status.ok()) Close();
  return status;
}

absl::StatusOr<HttpResponse> HttpConnection::Get(std::string_view path, const HttpHeaders& headers,
                                                 absl::Duration timeout) {
  return Request("GET", path, headers, "", timeout);
}

absl::StatusOr<HttpResponse> HttpConnection::Request(std::string_view method, std::string_view path,
                                                     const HttpHeaders& headers,
                                                     std::string_view body,
                                                     absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  if (fd_ >= 0) {
    // Readable before anything was asked: closed by the server, or out of step.
    pollfd entry = {fd_, POLLIN, 0};
    if (poll(&entry, 1, 0) != 0) Close();
  }
  if (fd_ < 0) {
    if (absl::Status status = Connect(deadline); !status.ok()) {
      Close();
      return status;
    }
  }
  std::string request = absl::StrCat(Absl(method), " ", Absl(path), " HTTP/1.1\r\n");
  bool has_host = false;
  for (const auto& [name, value] : headers) {
    absl::StrAppend(&request, name, ": ", value, "\r\n");
    has_host = has_host || absl::EqualsIgnoreCase(name, "host");
  }
  if (!has_host) absl::StrAppend(&request, "host: ", address_, ":", port_, "\r\n");
  if (!body.empty() || method == "POST") {
    absl::StrAppend(&request, "content-length: ", body.size(), "\r\n");
  }
  absl::StrAppend(&request, "\r\n", Absl(body));
  if (absl::Status status = Send(request, deadline); !status.ok()) {
    Close();
    return status;
  }

  static const llhttp_settings_t settings = Settings();
  Parsed parsed;
  parsed.head = method == "HEAD";
  llhttp_t parser;
  llhttp_init(&parser, HTTP_RESPONSE, &settings);
  parser.data = &parsed;
  char buffer[16384];
  while (true) {
    if (!WaitFor(fd_, POLLIN, deadline)) {
      Close();
      return absl::DeadlineExceededError("no complete response in time");
    }
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) {
      const int error = errno;
      Close();
      return absl::UnavailableError(absl::StrCat("the connection broke: ", strerror(error)));
    }
    const llhttp_errno_t error =
        n == 0 ? llhttp_finish(&parser) : llhttp_execute(&parser, buffer, static_cast<size_t>(n));
    if (parsed.complete) {
      if (!parsed.keep_alive || n == 0) Close();
      return std::move(parsed.response);
    }
    if (n == 0) {
      Close();
      return absl::UnavailableError("the server closed the connection before its response ended");
    }
    if (error != HPE_OK) {
      Close();
      return absl::DataLossError(absl::StrCat("not HTTP: ", llhttp_errno_name(error)));
    }
  }
}

}  // namespace mesh::local
