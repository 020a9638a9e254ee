// What an external authorization service is asked about a request and answers, as plain values.
#ifndef MESH_PROXY_AUTHORIZATION_CLIENT_H_
#define MESH_PROXY_AUTHORIZATION_CLIENT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace mesh::proxy {

// envoy.service.auth.v3.CheckRequest. Copies: it outlives the request's turn.
struct AuthorizationQuestion {
  std::string cluster, authority;
  absl::Duration timeout;
  std::string source_ip, destination_ip;
  uint16_t source_port = 0, destination_port = 0;
  std::string source_principal, destination_principal;
  absl::Time time;
  std::string id, method, path, host, scheme, protocol;  // `path` with its query
  int64_t size = -1;                                     // of the body; -1: not known
  std::vector<std::pair<std::string, std::string>> headers;
};

// CheckResponse.
struct AuthorizationAnswer {
  enum class Kind {
    kAllowed,
    kDenied,
    kError,  // nobody there, no answer in time, or none that makes sense
  };
  Kind kind = Kind::kError;
  struct Header {
    std::string name, value;
    bool append = false;  // beside what is there, else in its place
  };
  // Of the request that goes on, or of the answer that denies.
  std::vector<Header> headers;
  std::vector<std::string> remove_headers;
  int status = 403;  // of a denial
  std::string body;
  std::string error;  // for the log
};

// Asks services. Thread-safe.
class AuthorizationClient {
 public:
  virtual ~AuthorizationClient() = default;
  // `done` is called once, on another thread or before this returns.
  virtual void Ask(AuthorizationQuestion question,
                   std::function<void(AuthorizationAnswer)> done) = 0;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_AUTHORIZATION_CLIENT_H_
