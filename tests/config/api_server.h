// A real API server for objects that CustomResourceDefinitions define: Kubernetes' own code over a
// real etcd, in the program api_server_peer.
#ifndef TESTS_CONFIG_API_SERVER_H_
#define TESTS_CONFIG_API_SERVER_H_

#include <memory>
#include <string>
#include <string_view>

#include "mesh/config/kind.h"
#include "mesh/local/http_client.h"
#include "nlohmann/json.hpp"
#include "tests/ca/peer_process.h"

namespace mesh {

// What the server said to an object.
struct ServerVerdict {
  int status = 0;  // of HTTP
  // Its words, where it refuses.
  std::string message;
  // It refuses for nothing but fields of the spec that are required and missing.
  bool only_missing = false;
  bool accepts() const { return status == 200 || status == 201; }
};

// Not thread-safe: one connection, one request at a time.
class ApiServer {
 public:
  explicit ApiServer(const std::string& binary) : process_(binary, [](absl::string_view) {}) {}

  // Whether it has come up.
  bool Connect();

  struct Answer {
    int status = 0;
    nlohmann::ordered_json body;
  };
  // `body` is JSON, or YAML where its first character is not {.
  Answer Ask(const std::string& method, const std::string& path, const std::string& body = "",
             const std::string& accept = "application/json");

  // Gives it a definition as `kubectl apply` does, and waits until it serves the kind and says
  // nothing more of it: the definition as it is then.
  nlohmann::ordered_json Define(const nlohmann::ordered_json& definition);

  // Has it judge an object without keeping it, as strictly as it can: an unknown field and a key
  // given twice are refused.
  ServerVerdict Judge(const config::KindInfo& kind, std::string_view version, std::string_view ns,
                      const std::string& object);

  static std::string PathOf(const config::KindInfo& kind, std::string_view version,
                            std::string_view ns);

 private:
  local::HttpResponse Send(const std::string& method, const std::string& path,
                           const std::string& body, const std::string& accept);

  PeerProcess process_;
  std::unique_ptr<local::HttpConnection> connection_;
};

}  // namespace mesh

#endif  // TESTS_CONFIG_API_SERVER_H_
