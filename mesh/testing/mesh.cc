#include "mesh/testing/mesh.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "examples/bookinfo/app.h"
#include "examples/mesh-proxy/identity.h"
#include "mesh/base/mutex.h"
#include "mesh/base/strings.h"
#include "mesh/ca/file.h"
#include "mesh/ca/join_token.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"
#include "mesh/config/validate.h"
#include "mesh/local/files.h"
#include "mesh/local/objects.h"
#include "mesh/tls/spiffe.h"

namespace mesh::testing {
namespace {

constexpr char kBookinfo[] = "examples/bookinfo/yaml";
constexpr int kGatewayPort = 8080;
constexpr int kGatewayIndex = 252;
constexpr int kControlPlaneIndex = 253;
constexpr int kXdsPort = 15010;
constexpr int kSecurePort = 15012;

absl::Status DeadlineExceeded(absl::string_view what) { return absl::DeadlineExceededError(what); }

}  // namespace

// One of Bookinfo's services, on a free port of 127.0.0.1.
class Mesh::App {
 public:
  explicit App(const bookinfo::Options& options) { bookinfo::Register(options, &server_); }
  // To be ended after the sidecar, whose open connections would keep its threads.
  ~App() {
    if (!thread_.joinable()) return;
    server_.Stop();
    thread_.join();
  }
  absl::StatusOr<int> Start(absl::Duration timeout) {
    const int port = server_.Bind("127.0.0.1", 0);
    if (port < 0) return absl::UnavailableError("no free port on 127.0.0.1");
    thread_ = std::thread([this] { server_.Serve(); });
    // The connection waits in the listener's queue until the server accepts.
    const absl::StatusOr<local::HttpResponse> health =
        local::HttpConnection("127.0.0.1", port).Get("/health", {}, timeout);
    if (!health.ok()) return health.status();
    return port;
  }

 private:
  bookinfo::Server server_;
  std::thread thread_;
};

// An access log in memory. Thread-safe.
class Mesh::Lines {
 public:
  void Append(std::string_view lines) {
    MutexLock lock(&mutex_);
    Add(lines);
    more_.NotifyAll();
  }
  // From now on what this one writes belongs to it; null: no longer, with what it has written.
  void Follow(std::shared_ptr<const Envoy> envoy) {
    MutexLock lock(&mutex_);
    TakeOutput();
    envoy_ = std::move(envoy);
    taken_ = 0;
  }
  std::vector<std::string> All() {
    MutexLock lock(&mutex_);
    TakeOutput();
    return lines_;
  }
  absl::StatusOr<std::string> Wait(std::string_view text, absl::Duration timeout) {
    using SteadyClock = std::chrono::steady_clock;
    // A file does not tell that it has grown.
    constexpr auto kLookAgain = std::chrono::milliseconds(20);
    const auto deadline = SteadyClock::now() + absl::ToChronoNanoseconds(timeout);
    MutexLock lock(&mutex_);
    for (size_t next = 0;;) {
      TakeOutput();
      for (; next < lines_.size(); ++next) {
        if (absl::StrContains(lines_[next], Absl(text))) return lines_[next];
      }
      const auto now = SteadyClock::now();
      if (now >= deadline) {
        return DeadlineExceeded(absl::StrCat("no line holds \"", Absl(text), "\"; there are:\n",
                                             absl::StrJoin(lines_, "\n")));
      }
      more_.WaitUntil(&mutex_, envoy_ == nullptr ? deadline : std::min(deadline, now + kLookAgain));
    }
  }

 private:
  void Add(std::string_view lines) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (absl::string_view line : absl::StrSplit(Absl(lines), '\n', absl::SkipEmpty())) {
      lines_.emplace_back(line);
    }
  }
  // Whole lines only: the rest of one is still to come.
  void TakeOutput() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (envoy_ == nullptr) return;
    const std::string output = envoy_->Output();
    const size_t end = output.rfind('\n') + 1;  // 0 where there is none
    if (end <= taken_) return;
    Add(std::string_view(output).substr(taken_, end - taken_));
    taken_ = end;
  }

  Mutex mutex_;
  CondVar more_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Envoy> envoy_ ABSL_GUARDED_BY(mutex_);
  size_t taken_ ABSL_GUARDED_BY(mutex_) = 0;  // bytes of its output
};

struct Mesh::Part {
  local::PodPlan plan;
  local::PodAddresses addresses;
  bool gateway = false;
  bool ready = true;
  std::string envoy_binary;  // empty: its proxy is ours
  // In this order: the proxy ends before the application and the identity.
  Lines log;
  std::unique_ptr<App> app;
  std::unique_ptr<examples::ProxyIdentity> identity;  // null without mutual TLS
  std::unique_ptr<proxy::Proxy> proxy;
  std::unique_ptr<agent::Agent> agent;  // beside an Envoy; null without mutual TLS
  std::shared_ptr<Envoy> envoy;

  bool proxied() const { return proxy != nullptr || envoy != nullptr; }
  void EndProxy() {
    if (identity != nullptr) identity->Stop();
    proxy.reset();
    identity.reset();
    log.Follow(nullptr);
    envoy.reset();
    agent.reset();
  }
};

Mesh::Mesh(MeshOptions options) : options_(std::move(options)) {}

Mesh::~Mesh() {
  for (const auto& part : parts_) part->EndProxy();
  for (const auto& part : parts_) part->app.reset();
  control_plane_.reset();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

absl::StatusOr<std::unique_ptr<Mesh>> Mesh::Start(MeshOptions options) {
  std::unique_ptr<Mesh> mesh(new Mesh(std::move(options)));
  if (absl::Status status = mesh->StartAll(); !status.ok()) return status;
  return mesh;
}

absl::Status Mesh::StartAll() {
  if (absl::Status status = ReadFiles(); !status.ok()) return status;
  if (options_.mutual_tls == local::MutualTls::kStrict) {
    directory_ = (std::filesystem::temp_directory_path() / "mesh-XXXXXX").string();
    if (mkdtemp(directory_.data()) == nullptr) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", directory_));
    }
  }
  if (absl::Status status = TakeAddresses(); !status.ok()) return status;
  for (const auto& part : parts_) {
    if (part->gateway) continue;
    if (absl::Status status = StartApp(part.get()); !status.ok()) return status;
  }
  for (const auto& part : parts_) {
    if (absl::Status status = SetReady(part.get(), true); !status.ok()) return status;
  }
  if (absl::Status status = StartControlPlane(); !status.ok()) return status;
  for (const auto& part : parts_) {
    if (absl::Status status = StartProxyOf(part.get()); !status.ok()) return status;
  }
  return WaitInSync();
}

absl::Status Mesh::ReadFiles() {
  documents_ = std::make_unique<Documents>(options_.mesh_config.empty()
                                               ? local::MeshConfigText(options_.mutual_tls)
                                               : options_.mesh_config);
  std::map<std::string, std::string> documents = options_.documents;
  std::vector<std::string> paths = options_.files;
  if (paths.empty() && documents.empty()) paths.push_back(kBookinfo);
  for (const std::string& path : paths) {
    absl::StatusOr<std::vector<std::string>> files = local::ListYamlFiles(path);
    if (!files.ok()) return files.status();
    for (const std::string& file : *files) {
      absl::StatusOr<std::string> text = local::ReadFile(file);
      if (!text.ok()) return text.status();
      const std::string name = file.substr(file.rfind('/') + 1);
      const bool added = documents.emplace(name, *std::move(text)).second;
      if (!added && options_.documents.count(name) == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("two files are named ", name, "; one is ", file, ": rename it"));
      }
    }
  }
  std::vector<config::ResourcePtr> resources;
  std::vector<std::string> errors;
  for (const auto& [name, yaml] : documents) {
    const absl::Status status = documents_->Change(name, yaml, ++revision_);
    if (!status.ok()) errors.emplace_back(status.message());
    for (config::ResourcePtr& resource : config::ReadYaml(name, yaml).resources) {
      resources.push_back(std::move(resource));
    }
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  const config::SnapshotPtr snapshot = config::Snapshot::Of(std::move(resources));
  absl::StatusOr<local::Plan> plan = local::MakePlan(*snapshot);
  if (!plan.ok()) return plan.status();
  plan_ = *std::move(plan);
  for (const std::string& remark : plan_.remarks) {
    options_.log->Log(LogLevel::kWarning, "testing", remark);
  }
  if (snapshot->Find(config::Kind::kPeerAuthentication, local::kGatewayNamespace, "default") ==
      nullptr) {
    return documents_->Change("~peer-authentication",
                              local::PeerAuthenticationObjects(options_.mutual_tls), ++revision_);
  }
  return absl::OkStatus();
}

absl::Status Mesh::TakeAddresses() {
  std::vector<int> ports = plan_.outbound_ports;
  for (const local::PodPlan& pod : plan_.pods) {
    for (const local::PodPort& port : pod.ports) ports.push_back(port.number);
  }
  absl::StatusOr<local::AddressBlock> block =
      local::AddressBlock::Reserve(static_cast<int>(plan_.pods.size()), ports);
  if (!block.ok()) return block.status();
  block_ = std::make_unique<local::AddressBlock>(*std::move(block));
  for (const local::PodPlan& plan : plan_.pods) {
    parts_.push_back(std::make_unique<Part>());
    parts_.back()->plan = plan;
    if (!directory_.empty()) local::MarkMutualTls(&parts_.back()->plan);
    parts_.back()->addresses = {block_->Own(plan.index), block_->Outbound(plan.index), 0};
  }
  parts_.push_back(std::make_unique<Part>());
  Part& gateway = *parts_.back();
  gateway.gateway = true;
  gateway.plan.name = local::kGatewayPod;
  gateway.plan.ns = local::kGatewayNamespace;
  gateway.plan.deployment = local::kGatewayName;
  gateway.plan.service_account = local::kGatewayServiceAccount;
  gateway.addresses = {block_->Own(kGatewayIndex), block_->Outbound(kGatewayIndex), 0};
  return absl::OkStatus();
}

absl::Status Mesh::StartApp(Part* part) {
  bookinfo::Options options;
  options.role = part->plan.app.role;
  options.version = part->plan.app.version;
  options.pod = part->plan.name;
  options.upstream_address = part->addresses.outbound;
  if (!plan_.outbound_ports.empty()) options.upstream_port = outbound_port();
  part->app = std::make_unique<App>(options);
  absl::StatusOr<int> port = part->app->Start(options_.timeout);
  if (!port.ok()) {
    part->app.reset();
    return port.status();
  }
  part->addresses.app_port = *port;
  return absl::OkStatus();
}

absl::Status Mesh::StartEnvoyOf(Part* part) {
  const std::string& own = part->addresses.own;
  EnvoyOptions options;
  options.binary = part->envoy_binary;
  options.node_id =
      part->gateway ? local::GatewayNodeId(own) : local::SidecarNodeId(part->plan, own);
  options.node_cluster = absl::StrCat(part->plan.deployment, ".", part->plan.ns);
  options.node_metadata_json =
      part->gateway ? local::GatewayNodeMetadata(own) : local::SidecarNodeMetadata(part->plan, own);
  options.xds_address = ControlAddress(kXdsPort);
  options.log = options_.log;
  if (!directory_.empty()) {
    absl::StatusOr<agent::AgentOptions> admitted = Admit(*part, options.node_id);
    if (!admitted.ok()) return admitted.status();
    // Short, as a socket's path must be.
    admitted->sds_socket = absl::StrCat(directory_, "/", part->plan.name, "/socket");
    options.xds_address = "unix:" + admitted->sds_socket;
    absl::StatusOr<std::unique_ptr<agent::Agent>> agent = agent::Agent::Start(*std::move(admitted));
    if (!agent.ok()) return agent.status();
    part->agent = *std::move(agent);
    if (control_plane_ != nullptr) {
      const absl::Status ready = part->agent->WaitReady(options_.timeout);
      if (!ready.ok()) return ready;
    }
  }
  absl::StatusOr<std::unique_ptr<Envoy>> envoy = Envoy::Start(std::move(options));
  if (!envoy.ok()) return envoy.status();
  part->envoy = *std::move(envoy);
  part->log.Follow(part->envoy);
  return absl::OkStatus();
}

// What an agent needs to let that proxy join the mesh with a certificate.
absl::StatusOr<agent::AgentOptions> Mesh::Admit(const Part& part,
                                                const std::string& node_id) const {
  const auto identity =
      tls::SpiffeId::Workload(local::kTrustDomain, part.plan.ns, part.plan.service_account);
  if (!identity.ok()) return identity.status();
  const auto token =
      ca::CreateJoinToken(directory_ + "/tokens", *identity, absl::Now() + absl::Hours(1));
  if (!token.ok()) return token.status();
  agent::AgentOptions agent;
  agent.directory = absl::StrCat(directory_, "/", part.plan.name, ".", part.plan.ns);
  agent.token_file = agent.directory + ".token";
  const absl::Status written = ca::ReplaceFile(agent.token_file, *token, 0600);
  if (!written.ok()) return written;
  agent.authority = ControlAddress(kSecurePort);
  agent.roots_file = directory_ + "/ca/root-cert.pem";
  agent.node_id = node_id;
  agent.log = options_.log;
  return agent;
}

absl::Status Mesh::StartProxyOf(Part* part) {
  if (!part->envoy_binary.empty()) return StartEnvoyOf(part);
  const std::string& own = part->addresses.own;
  proxy::ProxyOptions options;
  options.node.id =
      part->gateway ? local::GatewayNodeId(own) : local::SidecarNodeId(part->plan, own);
  options.node.cluster = absl::StrCat(part->plan.deployment, ".", part->plan.ns);
  options.node.metadata_json =
      part->gateway ? local::GatewayNodeMetadata(own) : local::SidecarNodeMetadata(part->plan, own);
  options.xds_address = ControlAddress(kXdsPort);
  // A Gateway resource names no address, which means all of them.
  options.wildcard_address = own;
  options.log = options_.log;
  options.access_log = [log = &part->log](std::string_view, std::string_view lines) {
    log->Append(lines);
  };
  if (!directory_.empty()) {
    absl::StatusOr<agent::AgentOptions> admitted = Admit(*part, options.node.id);
    if (!admitted.ok()) return admitted.status();
    options.xds_address = admitted->authority;
    part->identity = std::make_unique<examples::ProxyIdentity>();
    absl::Status ready = part->identity->Start(*std::move(admitted), &options);
    if (ready.ok() && control_plane_ != nullptr) {
      ready = part->identity->WaitReady(options_.timeout);
    }
    if (!ready.ok()) return ready;
  }
  absl::StatusOr<std::unique_ptr<proxy::Proxy>> proxy = proxy::Proxy::Start(std::move(options));
  if (!proxy.ok()) return proxy.status();
  part->proxy = *std::move(proxy);
  if (part->identity != nullptr) part->identity->GiveTo(part->proxy.get());
  if (control_plane_ != nullptr && !part->proxy->WaitReady(options_.timeout)) {
    return DeadlineExceeded(absl::StrCat(part->plan.name, " is not ready in time"));
  }
  return absl::OkStatus();
}

absl::Status Mesh::SetReady(Part* part, bool ready) {
  part->ready = ready;
  return Change(absl::StrCat("~pod-", part->plan.name, ".", part->plan.ns),
                part->gateway
                    ? local::GatewayObjects(part->addresses.own, kGatewayPort, ready)
                    : local::PodObjects(part->plan, part->addresses, plan_.outbound_ports, ready));
}

absl::StatusOr<local::HttpResponse> Mesh::Get(std::string_view path,
                                              const local::HttpHeaders& headers) const {
  return local::HttpConnection(gateway_address(), gateway_port())
      .Get(path, headers, options_.timeout);
}

absl::StatusOr<local::HttpResponse> Mesh::Call(const std::string& pod, const std::string& host,
                                               std::string_view path,
                                               local::HttpHeaders headers) const {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return part.status();
  headers.emplace_back("Host", host);
  return local::HttpConnection((*part)->addresses.outbound, outbound_port())
      .Get(path, headers, options_.timeout);
}

std::string Mesh::Address(const std::string& pod) const {
  absl::StatusOr<Part*> part = Find(pod);
  return part.ok() ? (*part)->addresses.own : "";
}

std::string Mesh::gateway_address() const { return block_->Own(kGatewayIndex); }

int Mesh::gateway_port() const { return kGatewayPort; }

std::string Mesh::outbound_address(const std::string& pod) const {
  absl::StatusOr<Part*> part = Find(pod);
  return part.ok() ? (*part)->addresses.outbound : "";
}

int Mesh::outbound_port() const {
  return plan_.outbound_ports.empty() ? 0 : plan_.outbound_ports[0];
}

std::string Mesh::ControlAddress(int port) const {
  return absl::StrCat(block_->Own(kControlPlaneIndex), ":", port);
}

std::shared_ptr<const agent::Held> Mesh::Certificate(const std::string& pod) const {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return nullptr;
  if ((*part)->agent != nullptr) return (*part)->agent->current();
  return (*part)->identity == nullptr ? nullptr : (*part)->identity->agent()->current();
}

absl::Status Mesh::Change(const std::string& name, std::optional<std::string> yaml) {
  const absl::Status errors = documents_->Change(name, std::move(yaml), ++revision_);
  if (control_plane_ != nullptr) {
    if (absl::Status status = WaitInSync(); !status.ok()) return status;
  }
  return errors;
}

absl::Status Mesh::Apply(const std::string& name, const std::string& yaml) {
  return Change(name, yaml);
}

absl::Status Mesh::Remove(const std::string& name) {
  if (!documents_->Find(name).has_value()) {
    return absl::NotFoundError(absl::StrCat("there is no document \"", name, "\""));
  }
  return Change(name, std::nullopt);
}

std::string Mesh::Document(const std::string& name) const {
  return documents_->Find(name).value_or("");
}

// The control plane takes changes on a thread of its own: only its snapshot tells that it has.
absl::Status Mesh::WaitForRevision() const {
  const absl::Time deadline = absl::Now() + options_.timeout;
  const auto poll_interval = absl::Milliseconds(1);
  while (true) {
    const config::SnapshotPtr snapshot = control_plane_->snapshot();
    const config::ResourcePtr revision =
        snapshot->Find(config::Kind::kNamespace, "", Documents::kRevision);
    if (revision != nullptr) {
      const auto& labels = revision->metadata().labels;
      const auto label = labels.find("revision");
      if (label != labels.end() && label->second == absl::StrCat(revision_)) {
        return absl::OkStatus();
      }
    }
    if (absl::Now() > deadline) {
      return DeadlineExceeded("the control plane has not taken the change in time");
    }
    absl::SleepFor(poll_interval);
  }
}

absl::Status Mesh::WaitInSync() const {
  if (control_plane_ == nullptr) {
    return absl::FailedPreconditionError("the control plane is dead");
  }
  if (absl::Status status = WaitForRevision(); !status.ok()) return status;
  const uint64_t generation = control_plane_->snapshot()->generation();
  if (control_plane_->WaitInSync(running(), generation, options_.timeout)) {
    // A proxy acknowledges before its workers have let go of a listener; they answer after that.
    for (const auto& part : parts_) {
      if (part->proxy != nullptr) (void)part->proxy->Admin("/stats");
    }
    return absl::OkStatus();
  }
  std::vector<std::string> behind;
  for (const xds::PeerStatus& status : control_plane_->Status()) {
    if (!status.in_sync || status.acknowledged_generation < generation) {
      behind.push_back(status.peer.node.id());
    }
  }
  return DeadlineExceeded(absl::StrCat(
      "generation ", generation, " is not acknowledged in time by: ", absl::StrJoin(behind, ", "),
      "; ", absl::StrJoin(Rejections(), "; ")));
}

std::vector<std::string> Mesh::Rejections() const {
  std::vector<std::string> lines;
  if (control_plane_ == nullptr) return lines;
  for (const xds::PeerStatus& status : control_plane_->Status()) {
    const std::vector<std::string> id = absl::StrSplit(status.peer.node.id(), '~');
    for (const xds::TypeStatus& type : status.types) {
      if (type.reason.empty()) continue;
      lines.push_back(absl::StrCat(id.size() == 4 ? id[2] : status.peer.node.id(), " ",
                                   Absl(xds::ShortName(type.type)), ": ", type.reason));
    }
  }
  return lines;
}

std::vector<std::string> Mesh::Workloads() const {
  std::vector<std::string> names;
  for (const local::PodPlan& pod : plan_.pods) names.push_back(pod.name);
  return names;
}

size_t Mesh::running() const {
  size_t count = 0;
  for (const auto& part : parts_) count += part->proxied() ? 1 : 0;
  return count;
}

absl::StatusOr<Mesh::Part*> Mesh::Find(const std::string& pod) const {
  for (const auto& part : parts_) {
    if (part->plan.name == pod) return part.get();
  }
  return absl::NotFoundError(absl::StrCat("there is no pod \"", pod, "\"; there are ",
                                          absl::StrJoin(Workloads(), ", "), " and ", kGateway));
}

absl::Status Mesh::KillWorkload(const std::string& pod) {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return part.status();
  if ((*part)->app == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(pod, " has no application that runs"));
  }
  (*part)->EndProxy();
  (*part)->app.reset();
  return SetReady(*part, false);
}

absl::Status Mesh::StopWorkload(const std::string& pod) {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return part.status();
  if ((*part)->app == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(pod, " has no application that runs"));
  }
  if (absl::Status status = SetReady(*part, false); !status.ok()) return status;
  if (absl::Status status = WaitUntilIdle(*part); !status.ok()) return status;
  (*part)->EndProxy();
  (*part)->app.reset();
  return WaitInSync();
}

absl::Status Mesh::WaitUntilIdle(Part* part) const {
  const absl::Status late =
      DeadlineExceeded(absl::StrCat(part->plan.name, " does not finish what is under way"));
  if (part->proxy != nullptr) {
    part->proxy->Drain();
    return part->proxy->WaitDrained(options_.timeout) ? absl::OkStatus() : late;
  }
  if (part->envoy == nullptr) return absl::OkStatus();
  if (absl::Status status = part->envoy->AdminPost("/drain_listeners?graceful").status();
      !status.ok()) {
    return status;
  }
  const auto poll_interval = absl::Milliseconds(5);
  for (const absl::Time deadline = absl::Now() + options_.timeout; absl::Now() < deadline;) {
    const absl::StatusOr<std::string> active =
        part->envoy->Admin("/stats?filter=^http\\..*bound.*downstream_rq_active$");
    if (!active.ok()) return active.status();
    bool idle = true;
    for (absl::string_view line : absl::StrSplit(*active, '\n', absl::SkipEmpty())) {
      idle = idle && absl::EndsWith(line, ": 0");
    }
    if (idle) return absl::OkStatus();
    absl::SleepFor(poll_interval);
  }
  return late;
}

absl::Status Mesh::StartWorkload(const std::string& pod) {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return part.status();
  if ((*part)->gateway || (*part)->app != nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(pod, " has no application to be started"));
  }
  if (absl::Status status = StartApp(*part); !status.ok()) return status;
  // Its port is another one than before, which the sidecar must be told first.
  if (absl::Status status = SetReady(*part, false); !status.ok()) return status;
  if (absl::Status status = StartProxyOf(*part); !status.ok()) return status;
  return SetReady(*part, true);
}

absl::Status Mesh::KillProxy(const std::string& pod) {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return part.status();
  if (!(*part)->proxied()) {
    return absl::FailedPreconditionError(absl::StrCat("the proxy of ", pod, " does not run"));
  }
  (*part)->EndProxy();
  return absl::OkStatus();
}

absl::Status Mesh::UseEnvoy(const std::string& pod, const std::string& binary) {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return part.status();
  (*part)->envoy_binary = binary;
  if (!(*part)->proxied()) return absl::OkStatus();
  (*part)->EndProxy();
  if (absl::Status status = StartEnvoyOf(*part); !status.ok()) return status;
  return control_plane_ == nullptr ? absl::OkStatus() : WaitInSync();
}

absl::Status Mesh::StartProxy(const std::string& pod) {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return part.status();
  if ((*part)->proxied() || (!(*part)->gateway && (*part)->app == nullptr)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the proxy of ", pod, " runs, or its application does not"));
  }
  if (absl::Status status = StartProxyOf(*part); !status.ok()) return status;
  return control_plane_ == nullptr ? absl::OkStatus() : WaitInSync();
}

void Mesh::KillControlPlane() { control_plane_.reset(); }

absl::Status Mesh::StartControlPlane() {
  if (control_plane_ != nullptr) {
    return absl::FailedPreconditionError("the control plane runs");
  }
  discovery::ControlPlaneOptions options;
  options.sources.push_back({"documents", documents_->MakeSource()});
  options.xds_address = ControlAddress(kXdsPort);
  options.monitoring_address = "";
  if (!directory_.empty()) {
    discovery::AuthorityOptions authority;
    authority.directory = directory_ + "/ca";
    authority.join_token_directory = directory_ + "/tokens";
    options.authority = std::move(authority);
    options.secure_address = ControlAddress(kSecurePort);
  }
  options.world.registry.expand_deployments = false;  // the pods that run are there as Pods
  options.log = options_.log;
  options.clock = options_.clock;
  absl::StatusOr<std::unique_ptr<discovery::ControlPlane>> control_plane =
      discovery::ControlPlane::Start(std::move(options));
  if (!control_plane.ok()) return control_plane.status();
  control_plane_ = *std::move(control_plane);
  return WaitInSync();
}

std::vector<std::string> Mesh::AccessLog(const std::string& pod) const {
  absl::StatusOr<Part*> part = Find(pod);
  return part.ok() ? (*part)->log.All() : std::vector<std::string>();
}

absl::StatusOr<std::string> Mesh::WaitForLine(const std::string& pod, std::string_view text) const {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return part.status();
  return (*part)->log.Wait(text, options_.timeout);
}

absl::StatusOr<std::string> Mesh::Admin(const std::string& pod, const std::string& path) const {
  absl::StatusOr<Part*> part = Find(pod);
  if (!part.ok()) return part.status();
  if ((*part)->envoy != nullptr) return (*part)->envoy->Admin(path);
  if ((*part)->proxy != nullptr) return (*part)->proxy->Admin(path);
  return absl::FailedPreconditionError(absl::StrCat("the proxy of ", pod, " does not run"));
}

proxy::Proxy* Mesh::proxy(const std::string& pod) const {
  absl::StatusOr<Part*> part = Find(pod);
  return part.ok() ? (*part)->proxy.get() : nullptr;
}

Envoy* Mesh::envoy(const std::string& pod) const {
  absl::StatusOr<Part*> part = Find(pod);
  return part.ok() ? (*part)->envoy.get() : nullptr;
}

}  // namespace mesh::testing
