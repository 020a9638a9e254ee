// A whole mesh on this machine without root, containers or interception: the pods that YAML asks
// for, a sidecar for each, an ingress gateway and the control plane, as child processes on loopback
// addresses. (design.md: the demo without interception.)
//
//   LocalMeshOptions options;
//   options.files = {"examples/bookinfo/yaml"};
//   options.programs = {"bin/meshd", "bin/mesh-proxy", "bin/bookinfo"};
//   absl::StatusOr<std::unique_ptr<LocalMesh>> mesh = LocalMesh::Start(options);
//   ...                                         // http://127.0.0.1:8080/productpage
//   (*mesh)->Kill("reviews-v3-0");
#ifndef MESH_LOCAL_LOCAL_MESH_H_
#define MESH_LOCAL_LOCAL_MESH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/local/addresses.h"
#include "mesh/local/objects.h"
#include "mesh/local/plan.h"
#include "mesh/local/supervisor.h"
#include "nlohmann/json_fwd.hpp"

namespace mesh::local {

struct LocalMeshOptions {
  // Files or directories of YAML; the control plane watches them too.
  std::vector<std::string> files;
  struct Programs {
    std::string meshd, mesh_proxy, bookinfo;  // paths
  } programs;
  // For the objects this mesh writes and for logs. Empty: a new one in the system's directory for
  // temporary files. It stays when the mesh is stopped.
  std::string run_directory;
  // With STRICT every proxy has a certificate of the mesh's own authority, and its sidecar takes
  // nothing else (unless the YAML says otherwise).
  MutualTls mutual_tls = MutualTls::kStrict;
  // Of the ingress gateway, on 127.0.0.1; 0 takes a free one.
  int gateway_port = 0;
  // The control plane on 127.0.0.1:15010, :15012 and :15014 where these are free, so that meshctl
  // finds it by itself; otherwise on an address of this mesh's own, where it is in nobody's way.
  bool well_known_ports = false;
  absl::Duration start_timeout = absl::Seconds(60);
  LogSink* log = LogSink::Null();  // component "local"; outlives the mesh
};

struct PodStatus {
  std::string name;  // "reviews-v1-0"
  std::string ns;
  std::string deployment;
  BookinfoRole app;
  PodAddresses addresses;
  bool wanted = true;  // false between Kill and Revive
  bool ready = false;
  int restarts = 0;  // of its processes, after crashes
};

// What the control plane says about one proxy: meshctl proxy-status, one row.
struct ProxySync {
  std::string proxy;    // "reviews-v1-0.default"
  std::string version;  // of all it should have
  std::string reason;   // why it refused something; empty when it did not
  bool in_sync = false;
  // Of the configuration that it has acknowledged all of, as the control plane counts them.
  uint64_t generation = 0;
};

// What the control plane's authority says: meshctl ca inspect, in short.
struct CertificateStatus {
  size_t certified = 0;       // proxies that have proven that they have a certificate
  std::string first_expires;  // of theirs: "in 23 h 59 min"; empty: there is none
  std::string rotation;       // "stable", "announced", "switched"
};

// Threads: the supervisor's (supervisor.h), and one that does what a kubelet does: asks each pod
// and its sidecar whether they are ready and rewrites the Pod object when the answer changes. All
// methods are thread-safe; those that say so wait.
class LocalMesh {
 public:
  // Waits until every pod is ready, the gateway listens and every proxy is in sync. Otherwise
  // everything that was started is ended again, and the status says what went wrong and which log
  // tells more: FailedPrecondition when the YAML holds nothing to run or has errors in what it
  // does, Unavailable when addresses or ports are taken, DeadlineExceeded.
  static absl::StatusOr<std::unique_ptr<LocalMesh>> Start(LocalMeshOptions options);
  ~LocalMesh();  // stops
  LocalMesh(const LocalMesh&) = delete;
  LocalMesh& operator=(const LocalMesh&) = delete;

  // Ends all processes (SIGTERM, SIGKILL after a few seconds) and waits for them. May be called
  // twice.
  void Stop();

  int gateway_port() const { return gateway_port_; }
  const std::string& run_directory() const { return options_.run_directory; }
  // The control plane's HTTP side.
  const std::string& control_address() const { return control_address_; }
  int monitoring_port() const { return monitoring_port_; }
  MutualTls mutual_tls() const { return options_.mutual_tls; }
  // Where a pod's sidecar keeps its key and certificate (ca/service/server_certificate.h), with
  // STRICT.
  std::string IdentityDirectory(const std::string& pod) const;
  // Lines about what is not run and why.
  const std::vector<std::string>& remarks() const { return plan_.remarks; }

  std::vector<PodStatus> Pods() const;
  // Pods and the gateway.
  size_t proxies() const { return plan_.pods.size() + 1; }

  // Kills a pod's application and sidecar with SIGKILL and leaves them dead; its Pod object says
  // so at once. Waits for their end. NotFound.
  absl::Status Kill(const std::string& pod);
  // Starts them again; the Pod is Ready when both answer. Does not wait for that. NotFound.
  absl::Status Revive(const std::string& pod);
  // SIGKILL, and no restart until StartControlPlane, which waits until it is ready.
  void KillControlPlane();
  absl::Status StartControlPlane();

  // Asks the control plane. Unavailable when it does not answer.
  absl::StatusOr<std::vector<ProxySync>> ProxyStatus() const;
  absl::StatusOr<CertificateStatus> Certificates() const;
  // Waits until every proxy has acknowledged all that the control plane knows at this moment, and
  // `done`, when given, accepts the status. DeadlineExceeded names the proxies that are behind.
  absl::Status WaitInSync(
      absl::Duration timeout,
      const std::function<bool(const std::vector<ProxySync>&)>& done = nullptr) const;

 private:
  struct Pod {
    PodPlan plan;
    PodAddresses addresses;
    bool gateway = false;
    // From here on guarded by mutex_.
    bool wanted = true;
    bool ready = false;
    int failed_checks = 0;
    int exits = 0;  // of its processes
    absl::Time next_check = absl::InfinitePast();
  };

  explicit LocalMesh(LocalMeshOptions options);
  absl::Status StartAll();
  absl::Status ReadFiles();
  absl::Status TakeAddresses();
  absl::Status WriteObjects();
  absl::Status StartPod(const Pod& pod);
  // Lets the pod's proxy join the mesh: what is to be added to its command line.
  absl::StatusOr<std::vector<std::string>> Admit(const Pod& pod) const;
  absl::Status WaitReady(absl::Time deadline);
  // Until the control plane knows the ready pods as endpoints.
  absl::Status WaitKnown(absl::Time deadline) const;
  // A page of the control plane as JSON.
  absl::StatusOr<nlohmann::json> AskControlPlane(const std::string& path) const;
  void OnExit(const ProcessState& state, bool wanted);
  void Keep();  // the kubelet's thread
  void SetReady(Pod* pod, bool ready) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Healthy(const Pod& pod, bool listener_too) const;
  Pod* FindPod(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string ObjectFile(const Pod& pod) const;
  std::string ObjectText(const Pod& pod) const;
  std::string LogFile(const std::string& process) const;
  void Say(LogLevel level, const std::string& text) const {
    options_.log->Log(level, "local", text);
  }

  LocalMeshOptions options_;
  Plan plan_;
  bool own_peer_authentication_ = true;
  std::unique_ptr<AddressBlock> block_;
  int gateway_port_ = 0;
  std::string control_address_;
  int xds_port_ = 0;
  int monitoring_port_ = 0;
  ProcessSpec control_plane_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<Pod>> pods_;  // the gateway last; the vector itself never changes
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread keeper_;
  std::unique_ptr<Supervisor> supervisor_;  // last: its thread calls OnExit
};

}  // namespace mesh::local

#endif  // MESH_LOCAL_LOCAL_MESH_H_
