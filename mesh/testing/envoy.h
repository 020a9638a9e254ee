// A real Envoy in a proxy's place: a child process with nothing in its bootstrap but who it is and
// where to ask.
//
//   EnvoyOptions options;
//   options.binary = "/usr/bin/envoy";
//   options.node_id = "sidecar~127.1.0.1~reviews-v1-0.default~default.svc.cluster.local";
//   options.xds_address = "127.0.0.1:15010";
//   absl::StatusOr<std::unique_ptr<Envoy>> envoy = Envoy::Start(std::move(options));
//   (*envoy)->Admin("/server_info");
#ifndef MESH_TESTING_ENVOY_H_
#define MESH_TESTING_ENVOY_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/base/log.h"
#include "mesh/local/supervisor.h"

namespace mesh::testing {

struct EnvoyOptions {
  std::string binary;
  std::string node_id;
  std::string node_cluster;
  std::string node_metadata_json = "{}";
  // Of an ADS server, plaintext: HOST:PORT, or "unix:PATH", an agent's socket, with which it is a
  // member of a mesh with mutual TLS.
  std::string xds_address;
  LogSink* log = LogSink::Null();  // component "supervisor"; outlives the process
};

// Thread-safe. Files: a directory of its own below TEST_TMPDIR or the system's, gone with it.
// Threads: the supervisor's. The kernel ends the process when this one dies.
class Envoy {
 public:
  // Returns once the process runs: what it has been told by its control plane is another matter.
  // InvalidArgument for metadata that is no JSON or an address without a port, NotFound when there
  // is no such binary, Internal when there is no room for its files.
  static absl::StatusOr<std::unique_ptr<Envoy>> Start(EnvoyOptions options);
  ~Envoy();  // kills it
  Envoy(const Envoy&) = delete;
  Envoy& operator=(const Envoy&) = delete;

  // An admin page. Unavailable while it has none, and once it has died.
  absl::StatusOr<std::string> Admin(std::string_view path) const;
  absl::StatusOr<std::string> AdminPost(std::string_view path) const;
  // One of its statistics by its full name; 0 where there is none.
  uint64_t Stat(std::string_view name) const;
  // What it wrote to standard output so far: the access logs of a mesh with accessLogFile
  // /dev/stdout, some 50 ms late.
  std::string Output() const;
  // What it says about itself, warnings and worse.
  std::string Log() const;

 private:
  Envoy(std::string directory, LogSink* log);
  absl::StatusOr<std::string> AskAdmin(std::string_view method, std::string_view path) const;

  const std::string directory_;
  local::Supervisor supervisor_;
};

}  // namespace mesh::testing

#endif  // MESH_TESTING_ENVOY_H_
