// A real Envoy with many route tables, and a client that asks it.
#ifndef TESTS_ROUTE_ENVOY_PEER_H_
#define TESTS_ROUTE_ENVOY_PEER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace mesh {

// The path of the binary: ENVOY_BINARY, or what third_party/setup/peer has put into the cache.
// NotFound says where it was looked for.
absl::StatusOr<std::string> FindEnvoy();

// A TCP port of 127.0.0.1 that nobody has now; somebody else may take it before it is bound.
uint16_t FreePort();

// One process with one worker, one table a listener, each on a socket of its own below `directory`.
// Ends with the object.
class EnvoyPeer {
 public:
  // `extra` (may be null) is merged into the bootstrap's static_resources.
  static absl::StatusOr<std::unique_ptr<EnvoyPeer>> Start(
      const std::string& binary, const std::string& directory,
      const std::vector<nlohmann::ordered_json>& route_configs,
      const nlohmann::ordered_json& extra = {});
  ~EnvoyPeer();

  std::string SocketOf(size_t table) const;

 private:
  EnvoyPeer(std::string directory, int pid) : directory_(std::move(directory)), pid_(pid) {}
  const std::string directory_;
  const int pid_;
};

// A few keep-alive connections to one table, one request in flight on each (Envoy gives up a
// connection on which requests wait behind a direct response).
class PeerClient {
 public:
  struct Response {
    int status = 0;  // 0: no answer came
    std::string location;
    std::string body;
  };
  explicit PeerClient(std::string socket) : socket_(std::move(socket)) {}
  ~PeerClient();
  PeerClient(const PeerClient&) = delete;
  PeerClient& operator=(const PeerClient&) = delete;

  // One answer for each request, in order.
  std::vector<Response> Ask(const std::vector<std::string>& requests);

 private:
  static constexpr size_t kConnections = 16;
  bool Send(size_t connection, const std::string& request);
  Response Receive(size_t connection);
  void Close(size_t connection);

  const std::string socket_;
  int fds_[kConnections] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
};

}  // namespace mesh

#endif  // TESTS_ROUTE_ENVOY_PEER_H_
