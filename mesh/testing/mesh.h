// A whole mesh in one process, for tests: control plane, ingress gateway, and Bookinfo's workloads,
// each behind a sidecar. No child process, no file written (but keys, and where a real Envoy takes
// a proxy's place), no fixed port: any number run at once.
//
//   absl::StatusOr<std::unique_ptr<Mesh>> mesh = Mesh::Start();
//   (*mesh)->Get("/productpage")->status;                             // 200
//   (*mesh)->Apply("reviews.yaml", edited);                           // every proxy has taken it
//   (*mesh)->KillWorkload("reviews-v3-0");
//   (*mesh)->WaitForLine("reviews-v1-0", "GET /reviews/0");           // its sidecar's access log
//
// examples/embed/mesh_in_a_test.cc is a test with it.
#ifndef MESH_TESTING_MESH_H_
#define MESH_TESTING_MESH_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/agent/agent.h"
#include "mesh/base/clock.h"
#include "mesh/base/log.h"
#include "mesh/discovery/control_plane.h"
#include "mesh/local/addresses.h"
#include "mesh/local/http_client.h"
#include "mesh/local/objects.h"
#include "mesh/local/plan.h"
#include "mesh/proxy/proxy.h"
#include "mesh/testing/documents.h"
#include "mesh/testing/envoy.h"

namespace mesh::testing {

struct MeshOptions {
  // Files and directories of YAML. A file becomes a document of its last name: "reviews.yaml".
  // With neither these nor documents: examples/bookinfo/yaml (bookinfo.yaml,
  // destination-rules.yaml, gateway.yaml, reviews.yaml), which a test that depends on this library
  // has in its runfiles.
  std::vector<std::string> files;
  // More documents, name to YAML; in place of a file's of the same name.
  std::map<std::string, std::string> documents;
  // MeshConfig as YAML; empty: access logs, and mutual TLS or not (mesh/local/objects.h,
  // MeshConfigText).
  std::string mesh_config;
  // kStrict: an authority issues a certificate to every proxy, and sidecars take nothing but mutual
  // TLS unless a document has a PeerAuthentication istio-system/default. Its keys are in a
  // directory that goes with the mesh.
  local::MutualTls mutual_tls = local::MutualTls::kDisabled;

  // Held by a test with a FakeClock; outlives the mesh. It governs what the control plane says
  // about time: since when a proxy is connected, how long a change took to reach it. Debouncing,
  // deadlines, the proxies' timeouts and the times in access logs are the system's.
  const Clock* clock = Clock::Real();
  LogSink* log = LogSink::Null();  // of the control plane and of all proxies; outlives the mesh
  // How long any one method waits before it says DeadlineExceeded.
  absl::Duration timeout = absl::Seconds(60);
};

// Workloads are the pods of the YAML's Deployments at the start, as mesh/local runs them:
// "reviews-v1-0". Deployments of later edits are not started. The gateway is a proxy like the
// others, named kGateway, without an application.
//
// Get, Call and what reads access logs may be called by any thread, everything else by one at a
// time. Threads: those of discovery::ControlPlane, of proxy::Proxy for each proxy, and for each
// workload one that accepts and one for each connection.
class Mesh {
 public:
  static constexpr char kGateway[] = "istio-ingressgateway-0";

  // Waits until every proxy is ready and in sync. FailedPrecondition where the YAML holds nothing
  // to run, InvalidArgument with all its errors, NotFound for files, Unavailable when no address
  // block is free.
  static absl::StatusOr<std::unique_ptr<Mesh>> Start(MeshOptions options = {});
  ~Mesh();  // stops everything
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  // Asks the ingress gateway, on a connection of its own. `headers` may hold Host. Unavailable when
  // it does not answer.
  absl::StatusOr<local::HttpResponse> Get(std::string_view path,
                                          const local::HttpHeaders& headers = {}) const;
  // As the application of `pod` calls another: Call("productpage-v1-0", "reviews", "/reviews/0").
  // Goes to the first port of its sidecar's outbound side.
  absl::StatusOr<local::HttpResponse> Call(const std::string& pod, const std::string& host,
                                           std::string_view path,
                                           local::HttpHeaders headers = {}) const;
  // Where others call that pod: its sidecar's inbound side, on its ports. Empty for unknown names.
  std::string Address(const std::string& pod) const;
  std::string gateway_address() const;  // "127.1.0.252"
  int gateway_port() const;
  // Where the application of `pod` calls others: "127.2.0.3", and the port that Call asks. "" for
  // unknown names.
  std::string outbound_address(const std::string& pod) const;
  int outbound_port() const;

  // Configuration. Both wait until every running proxy has acknowledged it; while there is no
  // control plane they do not wait, and the next one begins with it. InvalidArgument with all that
  // is wrong in the document: the control plane got it nevertheless, as it would have from a file,
  // and keeps the last good version of what is wrong. NotFound: no document to remove.
  absl::Status Apply(const std::string& name, const std::string& yaml);
  absl::Status Remove(const std::string& name);
  // "" where there is none of that name.
  std::string Document(const std::string& name) const;
  // Until every running proxy has acknowledged everything. DeadlineExceeded names those behind.
  absl::Status WaitInSync() const;
  // What proxies refuse at this moment, a line each: "reviews-v1-0.default lds: reason".
  std::vector<std::string> Rejections() const;

  // Names of the workloads, by namespace and name; the gateway is not among them.
  std::vector<std::string> Workloads() const;

  // A workload dies: its application and its sidecar at once, connections cut. Its Pod is then no
  // longer Ready, and every other proxy knows (as in Apply). NotFound; FailedPrecondition when it
  // is in that state already, here and below.
  absl::Status KillWorkload(const std::string& pod);
  // As a cluster ends a pod: it is no longer Ready, every other proxy knows, what is under way is
  // finished, and only then application and sidecar end. DeadlineExceeded when it does not finish.
  absl::Status StopWorkload(const std::string& pod);
  // Both run again, the Pod is Ready, and every proxy knows.
  absl::Status StartWorkload(const std::string& pod);
  // The proxy alone (or the gateway's); its Pod stays Ready, as it does in the first moments after
  // a crash: others still send requests there.
  absl::Status KillProxy(const std::string& pod);
  absl::Status StartProxy(const std::string& pod);
  // From now on the proxy of `pod` (or the gateway) is an Envoy, whenever it is started: a child
  // process (mesh/testing/envoy.h). One that runs is killed and replaced; returns when the new one
  // is in sync. A gateway's Envoy listens where its Gateway says, so give its servers a `bind`:
  // without one that is all addresses of the machine. The last lines before its death are missing
  // in its access log.
  // With mutual TLS an agent runs beside it, in this process, and gives it certificate and
  // configuration.
  absl::Status UseEnvoy(const std::string& pod, const std::string& binary);
  void KillControlPlane();
  // A new one at the same address. Waits until every running proxy has come back to it.
  absl::Status StartControlPlane();

  // All that a proxy has logged so far (some 200 ms late, at once when it is killed), its
  // predecessors' lines included. Empty for unknown names.
  std::vector<std::string> AccessLog(const std::string& pod) const;
  // The first line that holds `text`, once there is one. DeadlineExceeded shows what there is.
  absl::StatusOr<std::string> WaitForLine(const std::string& pod, std::string_view text) const;

  // An admin page of a proxy, whichever it is: "/clusters". FailedPrecondition while it is dead.
  absl::StatusOr<std::string> Admin(const std::string& pod, const std::string& path) const;

  // Null while it is dead; borrowed until it is killed.
  discovery::ControlPlane* control_plane() const { return control_plane_.get(); }
  // Null where an Envoy runs, and the other way round.
  proxy::Proxy* proxy(const std::string& pod) const;
  Envoy* envoy(const std::string& pod) const;
  // What the proxy's agent holds; null without mutual TLS or while it is dead.
  std::shared_ptr<const agent::Held> Certificate(const std::string& pod) const;

 private:
  class App;
  class Lines;
  struct Part;

  explicit Mesh(MeshOptions options);
  absl::Status StartAll();
  absl::Status ReadFiles();
  absl::Status TakeAddresses();
  absl::Status StartApp(Part* part);
  absl::Status StartProxyOf(Part* part);
  absl::Status StartEnvoyOf(Part* part);
  absl::Status WaitUntilIdle(Part* part) const;
  absl::StatusOr<agent::AgentOptions> Admit(const Part& part, const std::string& node_id) const;
  absl::Status SetReady(Part* part, bool ready);
  absl::Status Change(const std::string& name, std::optional<std::string> yaml);
  absl::Status WaitForRevision() const;
  absl::StatusOr<Part*> Find(const std::string& pod) const;
  std::string ControlAddress(int port) const;
  size_t running() const;

  const MeshOptions options_;
  std::unique_ptr<Documents> documents_;
  int revision_ = 0;
  local::Plan plan_;
  std::unique_ptr<local::AddressBlock> block_;
  std::string directory_;  // of keys; empty without mutual TLS
  std::unique_ptr<discovery::ControlPlane> control_plane_;
  std::vector<std::unique_ptr<Part>> parts_;  // the gateway last
};

}  // namespace mesh::testing

#endif  // MESH_TESTING_MESH_H_
