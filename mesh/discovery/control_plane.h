// The control plane as one object: configuration in, every connected proxy up to date, and pages
// over HTTP that say so. What examples/meshd wires to flags.
//
//   discovery::ControlPlaneOptions options;
//   options.sources.push_back({"files", std::make_unique<source::DirectorySource>(directories)});
//   options.log = &log;
//   auto control_plane = discovery::ControlPlane::Start(std::move(options));
//   if (!control_plane.ok()) return Fail(control_plane.status());
//   ...
//   (*control_plane)->Stop();
#ifndef MESH_DISCOVERY_CONTROL_PLANE_H_
#define MESH_DISCOVERY_CONTROL_PLANE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/base/clock.h"
#include "mesh/base/log.h"
#include "mesh/base/version.h"
#include "mesh/config/snapshot.h"
#include "mesh/config/source.h"
#include "mesh/discovery/authority.h"
#include "mesh/discovery/key_fetcher.h"
#include "mesh/translate/world.h"
#include "mesh/xds/server.h"

namespace mesh::discovery {

struct ControlPlaneOptions {
  struct NamedSource {
    std::string name;  // tells sources apart; of two with the same object the first by name wins
    std::unique_ptr<config::Source> source;
  };
  std::vector<NamedSource> sources;

  // HOST:PORT; port 0 takes a free one. Both are plaintext: keep them on loopback, a warning is
  // logged where they are not. Nothing secret is given here.
  std::string xds_address = "127.0.0.1:15010";
  std::string monitoring_address = "127.0.0.1:15014";  // empty: no HTTP

  // A certificate authority, and ADS over TLS beside it at `secure_address`, for proxies that prove
  // who they are: what they say of themselves must agree with it. Credentials of gateways
  // (Kubernetes Secrets) are given there alone.
  std::optional<AuthorityOptions> authority;
  std::string secure_address = "127.0.0.1:15012";

  translate::WorldOptions world;  // its key_sets are this object's to fill
  // How RequestAuthentications' keys are fetched; `log` and `on_change` are this object's.
  KeyFetcherOptions keys;
  // For so long Start waits for keys before it listens, so that a restart refuses no good token.
  absl::Duration keys_first = absl::Seconds(2);
  // Changes are pushed once nothing has changed for so long, at the latest after the second. Errors
  // are reported at once.
  absl::Duration debounce = absl::Milliseconds(10);
  absl::Duration debounce_max = absl::Seconds(1);

  // Where the last good version of each object is kept over a restart (kept_state.h); empty:
  // nowhere.
  std::string state_directory;

  std::string identifier = "meshd";  // "meshd" in the rows of /debug/syncz
  std::string version = kVersion;    // of /version and pilot_info
  LogSink* log = LogSink::Null();    // components "discovery" and "xds"; outlives this
  const Clock* clock = Clock::Real();
};

// What is in force: the objects without errors, and of an object whose newest version has errors
// the last one without (config::Store).
//
// Threads: "discovery", which reads changes and indexes them; "key-fetcher"; the xDS server's own,
// which translates (xds::Server); five for HTTP, if there is HTTP; the authority's, if there is
// one; "kept-state", if there is a directory for it; those of the sources; gRPC's. All methods are
// thread-safe. Any number of control planes may live in one process.
class ControlPlane {
 public:
  // Reads all sources once before it listens, so that no proxy ever sees half a configuration.
  // Objects with errors are logged and left out. InvalidArgument for a bad address, Unavailable for
  // one that is taken, and whatever a source's Start returns.
  static absl::StatusOr<std::unique_ptr<ControlPlane>> Start(ControlPlaneOptions options);
  ~ControlPlane();  // stops
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  int xds_port() const;
  int monitoring_port() const;  // 0: no HTTP
  int secure_port() const;      // 0: no authority
  // Null where there is none; lives as long as this.
  Authority* authority() const;

  // What proxies are being given at this moment, and its generation (config::Snapshot).
  config::SnapshotPtr snapshot() const;
  std::vector<xds::PeerStatus> Status() const;
  // Waits until at least `proxies` are connected and every connected one has acknowledged all of
  // generation `generation` or a later one. False when `timeout` passed first.
  bool WaitInSync(size_t proxies, uint64_t generation, absl::Duration timeout) const;
  // Prometheus' text format, as /metrics answers.
  std::string Metrics() const;

  // Ends all streams and connections; when it returns, nothing of this runs any more. May be called
  // twice.
  void Stop();

 private:
  class Core;
  explicit ControlPlane(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_CONTROL_PLANE_H_
