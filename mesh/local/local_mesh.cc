#include "mesh/local/local_mesh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/base/strings.h"
#include "mesh/ca/file.h"
#include "mesh/ca/join_token.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"
#include "mesh/local/files.h"
#include "mesh/local/http_client.h"
#include "mesh/tls/spiffe.h"
#include "nlohmann/json.hpp"

namespace mesh::local {
namespace {

constexpr int kAdminPort = 15000;
constexpr int kXdsPort = 15010;
constexpr int kSecurePort = 15012;
constexpr int kMonitoringPort = 15014;
constexpr int kGatewayIndex = 252;
constexpr int kControlPlaneIndex = 253;
constexpr char kControlPlane[] = "meshd";
constexpr absl::Duration kGrace = absl::Seconds(5);
constexpr absl::Duration kCheckTimeout = absl::Seconds(2);
// A token that is not used is of no use to anybody else later.
constexpr absl::Duration kTokenLifetime = absl::Hours(1);
// A pod that fails this often in a row is no longer ready.
constexpr int kFailureThreshold = 3;

std::string AppProcess(const std::string& pod) { return pod + ".app"; }
std::string ProxyProcess(const std::string& pod) { return pod + ".proxy"; }

// The last lines of a log, for a message.
std::string Tail(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return "";
  size_t begin = text->size();
  for (int lines = 0; begin > 0 && lines < 6; --begin) {
    if ((*text)[begin - 1] == '\n' && begin != text->size()) ++lines;
  }
  return text->substr(begin == 0 ? 0 : begin + 1);
}

// 0 where there is none.
uint64_t Number(const nlohmann::json& object, const char* key) {
  const auto it = object.find(key);  // of anything but an object: the end
  return it != object.end() && it->is_number_unsigned() ? it->get<uint64_t>() : 0;
}

}  // namespace

LocalMesh::LocalMesh(LocalMeshOptions options) : options_(std::move(options)) {}

LocalMesh::~LocalMesh() { Stop(); }

absl::StatusOr<std::unique_ptr<LocalMesh>> LocalMesh::Start(LocalMeshOptions options) {
  std::unique_ptr<LocalMesh> mesh(new LocalMesh(std::move(options)));
  if (absl::Status status = mesh->StartAll(); !status.ok()) {
    mesh->Stop();
    return status;
  }
  return mesh;
}

absl::Status LocalMesh::ReadFiles() {
  std::vector<config::ReadResult> inputs;
  for (const std::string& path : options_.files) {
    absl::StatusOr<std::vector<std::string>> files = ListYamlFiles(path);
    if (!files.ok()) return files.status();
    for (const std::string& file : *files) {
      absl::StatusOr<std::string> text = ReadFile(file);
      if (!text.ok()) return text.status();
      inputs.push_back(config::ReadYaml(file, *text));
    }
  }
  config::RefuseDuplicates(&inputs);
  std::vector<config::ResourcePtr> resources;
  for (config::ReadResult& input : inputs) {
    for (const FieldError& error : input.errors) Say(LogLevel::kWarning, error.ToString());
    for (config::ResourcePtr& resource : input.resources) {
      resources.push_back(std::move(resource));
    }
  }
  const config::SnapshotPtr snapshot = config::Snapshot::Of(std::move(resources));
  if (snapshot->Find(config::Kind::kService, kGatewayNamespace, kGatewayName) != nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the YAML has a Service ", kGatewayNamespace, "/", kGatewayName,
                     "; the local mesh brings its own ingress gateway: leave yours out"));
  }
  own_peer_authentication_ =
      snapshot->Find(config::Kind::kPeerAuthentication, kGatewayNamespace, "default") == nullptr;
  if (!own_peer_authentication_ && options_.mutual_tls == MutualTls::kDisabled) {
    Say(LogLevel::kWarning,
        "the YAML has a PeerAuthentication istio-system/default of its own; this mesh has no "
        "certificates, so that STRICT would let nothing through");
  }
  absl::StatusOr<Plan> plan = MakePlan(*snapshot);
  if (!plan.ok()) return plan.status();
  plan_ = std::move(*plan);
  if (options_.mutual_tls == MutualTls::kStrict) {
    for (PodPlan& pod : plan_.pods) MarkMutualTls(&pod);
  }
  for (const std::string& remark : plan_.remarks) Say(LogLevel::kWarning, remark);
  return absl::OkStatus();
}

absl::Status LocalMesh::TakeAddresses() {
  std::vector<int> ports = plan_.outbound_ports;
  ports.push_back(kAdminPort);
  for (const PodPlan& pod : plan_.pods) {
    for (const PodPort& port : pod.ports) ports.push_back(port.number);
  }
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  absl::StatusOr<AddressBlock> block =
      AddressBlock::Reserve(static_cast<int>(plan_.pods.size()), ports);
  if (!block.ok()) return block.status();
  block_ = std::make_unique<AddressBlock>(std::move(*block));
  int next = block_->FirstPort() + 1;
  for (const PodPlan& plan : plan_.pods) {
    absl::StatusOr<int> port = FreePort("127.0.0.1", next);
    if (!port.ok()) return port.status();
    next = *port + 1;
    auto pod = std::make_unique<Pod>();
    pod->plan = plan;
    pod->addresses = {block_->Own(plan.index), block_->Outbound(plan.index), *port};
    pods_.push_back(std::move(pod));
  }

  gateway_port_ = options_.gateway_port;
  if (gateway_port_ != 0) {
    if (absl::Status status = CanListen("127.0.0.1", gateway_port_); !status.ok()) {
      return absl::UnavailableError(
          absl::StrCat("another program listens on port ", gateway_port_,
                       ", where the ingress gateway is to be: end it or choose another port"));
    }
  } else {
    absl::StatusOr<int> port = FreePort("127.0.0.1", next);
    if (!port.ok()) return port.status();
    gateway_port_ = *port;
  }
  auto gateway = std::make_unique<Pod>();
  gateway->gateway = true;
  gateway->plan.name = kGatewayPod;
  gateway->plan.ns = kGatewayNamespace;
  gateway->plan.deployment = kGatewayName;
  gateway->plan.service_account = kGatewayServiceAccount;
  gateway->addresses = {block_->Own(kGatewayIndex), block_->Outbound(kGatewayIndex), 0};
  pods_.push_back(std::move(gateway));

  control_address_ = block_->Own(kControlPlaneIndex);
  if (options_.well_known_ports) {
    // Block 0 is one mesh's at a time, so that two which start at once do not both choose them.
    if (block_->number() == 0 && CanListen("127.0.0.1", kXdsPort).ok() &&
        CanListen("127.0.0.1", kSecurePort).ok() && CanListen("127.0.0.1", kMonitoringPort).ok()) {
      control_address_ = "127.0.0.1";
    } else {
      Say(LogLevel::kWarning,
          absl::StrCat("ports 15010, 15012 and 15014 of 127.0.0.1 are not free; meshd is on ",
                       control_address_, " (meshctl proxy-status --server ", control_address_,
                       ":15014)"));
    }
  }
  xds_port_ = kXdsPort;
  monitoring_port_ = kMonitoringPort;
  return absl::OkStatus();
}

std::string LocalMesh::ObjectFile(const Pod& pod) const {
  return absl::StrCat(options_.run_directory, "/mesh/pod-", pod.plan.name, ".", pod.plan.ns,
                      ".json");
}

std::string LocalMesh::LogFile(const std::string& process) const {
  return absl::StrCat(options_.run_directory, "/log/", process, ".log");
}

absl::Status LocalMesh::WriteObjects() {
  std::string& directory = options_.run_directory;
  if (directory.empty()) {
    const char* temporary = getenv("TMPDIR");
    directory = absl::StrCat(temporary == nullptr ? "/tmp" : temporary, "/local-mesh-XXXXXX");
    if (mkdtemp(directory.data()) == nullptr) {
      return absl::InternalError(
          absl::StrCat("cannot make a directory ", directory, ": ", strerror(errno)));
    }
  }
  for (const char* part : {"/mesh", "/log", "/identity"}) {
    std::error_code error;
    std::filesystem::create_directories(directory + part, error);
    if (error) {
      return absl::InternalError(
          absl::StrCat("cannot make ", directory, part, ": ", error.message()));
    }
  }
  absl::Status status =
      WriteAtomically(directory + "/mesh.yaml", MeshConfigText(options_.mutual_tls));
  if (status.ok() && own_peer_authentication_) {
    status = WriteAtomically(directory + "/mesh/peer-authentication.json",
                             PeerAuthenticationObjects(options_.mutual_tls));
  }
  MutexLock lock(&mutex_);
  for (const auto& pod : pods_) {
    if (status.ok()) status = WriteAtomically(ObjectFile(*pod), ObjectText(*pod));
  }
  return status;
}

std::string LocalMesh::ObjectText(const Pod& pod) const {
  return pod.gateway ? GatewayObjects(pod.addresses.own, gateway_port_, pod.ready)
                     : PodObjects(pod.plan, pod.addresses, plan_.outbound_ports, pod.ready);
}

std::string LocalMesh::IdentityDirectory(const std::string& pod) const {
  return absl::StrCat(options_.run_directory, "/identity/", pod);
}

absl::StatusOr<std::vector<std::string>> LocalMesh::Admit(const Pod& pod) const {
  const std::string control_plane = absl::StrCat(control_address_, ":", xds_port_);
  if (options_.mutual_tls == MutualTls::kDisabled) {
    return std::vector<std::string>{absl::StrCat("--xds=", control_plane)};
  }
  const auto identity =
      tls::SpiffeId::Workload(kTrustDomain, pod.plan.ns, pod.plan.service_account);
  if (!identity.ok()) return identity.status();
  const auto token = ca::CreateJoinToken(options_.run_directory + "/tokens", *identity,
                                         absl::Now() + kTokenLifetime);
  if (!token.ok()) return token.status();
  const std::string directory = IdentityDirectory(pod.plan.name);
  // Only its own user may read it, and it is for one use.
  const absl::Status written =
      ca::ReplaceFile(directory + ".token", absl::StrCat(*token, "\n"), 0600);
  if (!written.ok()) return written;
  const std::string secure = absl::StrCat(control_address_, ":", kSecurePort);
  return std::vector<std::string>{
      absl::StrCat("--xds=", secure), absl::StrCat("--ca=", secure),
      absl::StrCat("--ca_roots=", options_.run_directory, "/ca/root-cert.pem"),
      absl::StrCat("--token_file=", directory, ".token"),
      absl::StrCat("--identity_dir=", directory)};
}

absl::Status LocalMesh::StartPod(const Pod& pod) {
  const std::string& name = pod.plan.name;
  if (!pod.gateway) {
    const int outbound_port = plan_.outbound_ports.empty() ? 9080 : plan_.outbound_ports[0];
    const absl::Status status = supervisor_->Start(
        {AppProcess(name),
         {options_.programs.bookinfo, absl::StrCat("--role=", pod.plan.app.role),
          absl::StrCat("--version=", pod.plan.app.version), absl::StrCat("--pod=", name),
          "--address=127.0.0.1", absl::StrCat("--port=", pod.addresses.app_port),
          absl::StrCat("--upstream=", pod.addresses.outbound, ":", outbound_port)},
         LogFile(AppProcess(name))});
    if (!status.ok()) return status;
  }
  const absl::StatusOr<std::vector<std::string>> admission = Admit(pod);
  if (!admission.ok()) return admission.status();
  ProcessSpec proxy{
      ProxyProcess(name),
      {options_.programs.mesh_proxy,
       absl::StrCat("--node_id=", pod.gateway ? GatewayNodeId(pod.addresses.own)
                                              : SidecarNodeId(pod.plan, pod.addresses.own)),
       absl::StrCat("--node_cluster=", pod.plan.deployment, ".", pod.plan.ns),
       absl::StrCat("--node_metadata=", pod.gateway
                                            ? GatewayNodeMetadata(pod.addresses.own)
                                            : SidecarNodeMetadata(pod.plan, pod.addresses.own)),
       absl::StrCat("--admin=", pod.addresses.outbound, ":", kAdminPort),
       // A Gateway resource names no address, which means all of them.
       "--wildcard_address=127.0.0.1"},
      LogFile(ProxyProcess(name))};
  proxy.argv.insert(proxy.argv.end(), admission->begin(), admission->end());
  return supervisor_->Start(proxy);
}

absl::Status LocalMesh::StartAll() {
  if (absl::Status status = ReadFiles(); !status.ok()) return status;
  if (absl::Status status = TakeAddresses(); !status.ok()) return status;
  if (absl::Status status = WriteObjects(); !status.ok()) return status;
  Say(LogLevel::kInfo, absl::StrCat("files and logs of this run are in ", options_.run_directory));

  const absl::Time deadline = absl::Now() + options_.start_timeout;
  Supervisor::Options supervision;
  supervision.log = options_.log;
  supervision.on_exit = [this](const ProcessState& state, bool wanted) { OnExit(state, wanted); };
  supervisor_ = std::make_unique<Supervisor>(std::move(supervision));
  control_plane_ = {
      kControlPlane,
      {options_.programs.meshd,
       absl::StrCat("--config=", absl::StrJoin(options_.files, ","), ",", options_.run_directory,
                    "/mesh"),
       "--expand_deployments=false",  // the pods that run are written as Pods
       absl::StrCat("--mesh=", options_.run_directory, "/mesh.yaml"),
       absl::StrCat("--state_dir=", options_.run_directory, "/state"),
       absl::StrCat("--xds_address=", control_address_, ":", xds_port_),
       absl::StrCat("--monitoring_address=", control_address_, ":", monitoring_port_)},
      LogFile(kControlPlane)};
  if (options_.mutual_tls == MutualTls::kStrict) {
    const std::string& directory = options_.run_directory;
    for (const std::string& flag :
         {absl::StrCat("--ca_dir=", directory, "/ca"),
          absl::StrCat("--secure_address=", control_address_, ":", kSecurePort),
          absl::StrCat("--join_tokens=", directory, "/tokens"), std::string("--ca_rotation")}) {
      control_plane_.argv.push_back(flag);
    }
    Say(LogLevel::kInfo, absl::StrCat("mutual TLS is STRICT: certificates by meshd, on ",
                                      control_address_, ":", kSecurePort));
  }
  Say(LogLevel::kInfo, absl::StrCat("meshd: xDS on ", control_address_, ":", xds_port_,
                                    ", metrics and /debug on port ", monitoring_port_));
  if (absl::Status status = StartControlPlane(); !status.ok()) return status;
  for (const auto& pod : pods_) {
    if (pod->gateway) {
      Say(LogLevel::kInfo, absl::StrCat(pod->plan.name, ": ingress gateway on port ", gateway_port_,
                                        ", admin ", pod->addresses.outbound, ":", kAdminPort));
    } else {
      Say(LogLevel::kInfo,
          absl::StrCat(pod->plan.name, ": ", pod->plan.app.role, " ", pod->plan.app.version,
                       " on 127.0.0.1:", pod->addresses.app_port, ", its sidecar on ",
                       pod->addresses.own, " and ", pod->addresses.outbound));
    }
    if (absl::Status status = StartPod(*pod); !status.ok()) return status;
  }
  keeper_ = std::thread([this] { Keep(); });
  if (absl::Status status = WaitReady(deadline); !status.ok()) return status;
  if (absl::Status status = WaitKnown(deadline); !status.ok()) return status;
  return WaitInSync(deadline - absl::Now());
}

absl::Status LocalMesh::WaitReady(absl::Time deadline) {
  std::vector<std::string> waiting;
  {
    const auto until =
        std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(deadline - absl::Now());
    MutexLock lock(&mutex_);
    while (true) {
      waiting.clear();
      for (const auto& pod : pods_) {
        if (!pod->ready) waiting.push_back(pod->plan.name);
      }
      if (waiting.empty()) return absl::OkStatus();
      if (!changed_.WaitUntil(&mutex_, until)) break;
    }
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "not ready in time: ", absl::StrJoin(waiting, ", "), "\n", LogFile(ProxyProcess(waiting[0])),
      " ends with:\n", Tail(LogFile(ProxyProcess(waiting[0]))), "\n", LogFile(kControlPlane),
      " ends with:\n", Tail(LogFile(kControlPlane))));
}

absl::Status LocalMesh::WaitKnown(absl::Time deadline) const {
  while (true) {
    const absl::StatusOr<nlohmann::json> known = AskControlPlane("/debug/endpointz");
    const std::string text = known.ok() ? known->dump() : "";
    const auto unknown = std::find_if(pods_.begin(), pods_.end(), [&](const auto& pod) {
      return !absl::StrContains(text, absl::StrCat("\"", pod->addresses.own, "\""));
    });
    if (unknown == pods_.end()) return absl::OkStatus();
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("meshd does not know that ", (*unknown)->plan.name, " is ready; ",
                       LogFile(kControlPlane), " ends with:\n", Tail(LogFile(kControlPlane))));
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
}

void LocalMesh::Stop() {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (keeper_.joinable()) keeper_.join();
  if (supervisor_ != nullptr) supervisor_->StopAll(kGrace);
}

void LocalMesh::SetReady(Pod* pod, bool ready) {
  pod->failed_checks = 0;
  if (pod->ready == ready) return;
  pod->ready = ready;
  const absl::Status status = WriteAtomically(ObjectFile(*pod), ObjectText(*pod));
  if (!status.ok()) Say(LogLevel::kError, std::string(status.message()));
  changed_.NotifyAll();
}

void LocalMesh::OnExit(const ProcessState& state, bool wanted) {
  MutexLock lock(&mutex_);
  for (const auto& pod : pods_) {
    if (state.name == AppProcess(pod->plan.name) || state.name == ProxyProcess(pod->plan.name)) {
      if (!stopping_) SetReady(pod.get(), false);
      ++pod->exits;
    }
  }
}

bool LocalMesh::Healthy(const Pod& pod, bool listener_too) const {
  const auto answers = [](const std::string& address, int port, const char* path) {
    HttpConnection connection(address, port);
    const absl::StatusOr<HttpResponse> response = connection.Get(path, {}, kCheckTimeout);
    return response.ok() && response->status == 200;
  };
  if (!pod.gateway && !answers("127.0.0.1", pod.addresses.app_port, "/health")) return false;
  if (!answers(pod.addresses.outbound, kAdminPort, "/ready")) return false;
  if (!listener_too) return true;
  // That is what others will dial, and it does not exist before the control plane has said so. What
  // it answers is not for this process, which has no certificate.
  HttpConnection connection(pod.gateway ? "127.0.0.1" : pod.addresses.own,
                            pod.gateway ? gateway_port_ : pod.plan.ports[0].number);
  return connection.Open(kCheckTimeout).ok();
}

void LocalMesh::Keep() {
  while (true) {
    Pod* due = nullptr;
    bool was_ready = false;
    int exits = 0;
    {
      MutexLock lock(&mutex_);
      absl::Time next = absl::InfiniteFuture();
      for (const auto& pod : pods_) {
        if (pod->wanted && pod->next_check < next) {
          next = pod->next_check;
          due = pod.get();
        }
      }
      if (stopping_) return;
      const absl::Duration wait =
          std::min(absl::Seconds(1), std::max(next - absl::Now(), absl::ZeroDuration()));
      if (wait > absl::ZeroDuration()) {
        changed_.WaitUntil(&mutex_,
                           std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait));
        continue;
      }
      was_ready = due->ready;
      exits = due->exits;
    }
    const bool healthy = Healthy(*due, !was_ready);  // the parts it reads never change
    MutexLock lock(&mutex_);
    due->next_check = absl::Now() + (healthy ? absl::Seconds(1) : absl::Milliseconds(100));
    // What ended meanwhile outdoes what it answered before.
    if (!due->wanted || stopping_ || due->exits != exits) continue;
    if (healthy) {
      SetReady(due, true);
    } else if (due->ready && ++due->failed_checks >= kFailureThreshold) {
      Say(LogLevel::kWarning, absl::StrCat(due->plan.name, " no longer answers its health checks"));
      SetReady(due, false);
    }
  }
}

LocalMesh::Pod* LocalMesh::FindPod(const std::string& name) {
  for (const auto& pod : pods_) {
    if (pod->plan.name == name) return pod.get();
  }
  return nullptr;
}

absl::Status LocalMesh::Kill(const std::string& name) {
  {
    MutexLock lock(&mutex_);
    Pod* pod = FindPod(name);
    if (pod == nullptr) return absl::NotFoundError(absl::StrCat("there is no pod \"", name, "\""));
    pod->wanted = false;
  }
  supervisor_->StopEach({AppProcess(name), ProxyProcess(name)}, absl::ZeroDuration());
  return absl::OkStatus();
}

absl::Status LocalMesh::Revive(const std::string& name) {
  Pod* pod;
  {
    MutexLock lock(&mutex_);
    pod = FindPod(name);
    if (pod == nullptr) return absl::NotFoundError(absl::StrCat("there is no pod \"", name, "\""));
  }
  if (absl::Status status = StartPod(*pod); !status.ok()) return status;
  MutexLock lock(&mutex_);
  pod->wanted = true;
  pod->next_check = absl::InfinitePast();
  changed_.NotifyAll();
  return absl::OkStatus();
}

void LocalMesh::KillControlPlane() { supervisor_->StopEach({kControlPlane}, absl::ZeroDuration()); }

absl::Status LocalMesh::StartControlPlane() {
  if (absl::Status status = supervisor_->Start(control_plane_); !status.ok()) return status;
  const absl::Time deadline = absl::Now() + options_.start_timeout;
  HttpConnection connection(control_address_, monitoring_port_);
  const auto poll_interval = absl::Milliseconds(20);
  while (true) {
    const absl::StatusOr<HttpResponse> response = connection.Get("/ready", {}, kCheckTimeout);
    if (response.ok() && response->status == 200) return absl::OkStatus();
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("meshd is not ready in time; ",
                                                      LogFile(kControlPlane), " ends with:\n",
                                                      Tail(LogFile(kControlPlane))));
    }
    absl::SleepFor(poll_interval);
  }
}

std::vector<PodStatus> LocalMesh::Pods() const {
  std::vector<ProcessState> processes = supervisor_->States();
  MutexLock lock(&mutex_);
  std::vector<PodStatus> result;
  for (const auto& pod : pods_) {
    if (pod->gateway) continue;
    PodStatus status{pod->plan.name, pod->plan.ns, pod->plan.deployment, pod->plan.app,
                     pod->addresses, pod->wanted,  pod->ready,           0};
    for (const ProcessState& process : processes) {
      if (process.name == AppProcess(pod->plan.name) ||
          process.name == ProxyProcess(pod->plan.name)) {
        status.restarts += process.restarts;
      }
    }
    result.push_back(std::move(status));
  }
  return result;
}

absl::StatusOr<nlohmann::json> LocalMesh::AskControlPlane(const std::string& path) const {
  HttpConnection connection(control_address_, monitoring_port_);
  absl::StatusOr<HttpResponse> response = connection.Get(path, {}, kCheckTimeout);
  if (!response.ok()) return response.status();
  nlohmann::json json = nlohmann::json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (response->status != 200 || json.is_discarded()) {
    return absl::UnavailableError(
        absl::StrCat("meshd answered ", path, " with status ", response->status));
  }
  return json;
}

absl::StatusOr<std::vector<ProxySync>> LocalMesh::ProxyStatus() const {
  const absl::StatusOr<nlohmann::json> json = AskControlPlane("/debug/syncz");
  if (!json.ok()) return json.status();
  std::vector<ProxySync> result;
  for (const auto& row : *json) {
    if (!row.is_object()) continue;
    const auto text = [&row](const char* key) {
      const auto it = row.find(key);
      return it != row.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    ProxySync sync{text("proxy"), text("version"), text("reason"), text("cds") == "SYNCED", 0};
    for (const char* type : {"lds", "eds", "rds"}) {
      const std::string state = text(type);
      // What a proxy has no use for is not sent.
      sync.in_sync = sync.in_sync && (state == "SYNCED" || state == "NOT SENT");
    }
    sync.generation = Number(row, "acknowledged_generation");
    result.push_back(std::move(sync));
  }
  return result;
}

absl::StatusOr<CertificateStatus> LocalMesh::Certificates() const {
  const absl::StatusOr<nlohmann::json> json = AskControlPlane("/debug/ca");
  if (!json.ok()) return json.status();
  const auto text = [](const nlohmann::json& object, const char* key) {
    const auto it = object.find(key);  // of anything but an object: the end
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  CertificateStatus status;
  if (const auto rotation = json->find("rotation"); rotation != json->end()) {
    status.rotation = text(*rotation, "phase");
  }
  const auto proxies = json->find("proxies");
  if (proxies == json->end()) return status;
  std::string first;  // times of this form sort as text
  for (const auto& proxy : *proxies) {
    const std::string not_after = text(proxy, "not_after");
    if (not_after.empty()) continue;
    ++status.certified;
    if (!first.empty() && first <= not_after) continue;
    first = not_after;
    status.first_expires = text(proxy, "expires");
  }
  return status;
}

absl::Status LocalMesh::WaitInSync(
    absl::Duration timeout, const std::function<bool(const std::vector<ProxySync>&)>& done) const {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    size_t expected = 0;
    {
      MutexLock lock(&mutex_);
      for (const auto& pod : pods_) expected += pod->wanted ? 1 : 0;
    }
    // First what there is to have, then who has it.
    const absl::StatusOr<nlohmann::json> newest = AskControlPlane("/debug/push_status");
    const uint64_t generation = newest.ok() ? Number(*newest, "generation") : 0;
    const absl::StatusOr<std::vector<ProxySync>> status = ProxyStatus();
    std::vector<std::string> behind;
    if (newest.ok() && status.ok()) {
      for (const ProxySync& proxy : *status) {
        if (!proxy.in_sync || proxy.generation < generation) {
          behind.push_back(proxy.reason.empty() ? proxy.proxy
                                                : absl::StrCat(proxy.proxy, ": ", proxy.reason));
        }
      }
      if (behind.empty() && status->size() >= expected && (done == nullptr || done(*status))) {
        return absl::OkStatus();
      }
    }
    if (absl::Now() > deadline) {
      if (!newest.ok()) return newest.status();
      if (!status.ok()) return status.status();
      return absl::DeadlineExceededError(absl::StrCat(
          status->size(), " of ", expected, " proxies are connected, ", behind.size(), " behind: ",
          behind.empty() ? "the new version has not come" : absl::StrJoin(behind, "; ")));
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
}

}  // namespace mesh::local
