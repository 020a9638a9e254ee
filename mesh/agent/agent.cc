// Two threads. "agent" owns the certificate: it polls it, and takes over roots that have come.
// "agent-roots" holds a stream to the authority that says which roots to trust, hands them to the
// other thread and acknowledges them once they are in use; the certificate that it shows is the
// proof of what this workload shows to others, so that it connects anew after a renewal.
#include "mesh/agent/agent.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "mesh/agent/secret_socket.h"
#include "mesh/base/mutex.h"
#include "mesh/base/strings.h"
#include "mesh/ca/file.h"
#include "mesh/ca/service/certificate_client.h"
#include "mesh/ca/service/jwt_svid.h"
#include "mesh/ca/service/secrets.h"
#include "mesh/ca/service/server_certificate.h"

namespace mesh::agent {
namespace {

using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;
using envoy::service::secret::v3::SecretDiscoveryService;

constexpr char kComponent[] = "agent";
constexpr char kSecretType[] =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
constexpr absl::Duration kFirstRetry = absl::Milliseconds(100);
constexpr absl::Duration kLastRetry = absl::Seconds(5);
constexpr absl::Duration kRequestTimeout = absl::Seconds(5);

std::chrono::steady_clock::time_point In(absl::Duration wait) {
  return std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait);
}

std::optional<ca::Secret> SecretIn(const DiscoveryResponse& response, std::string_view name) {
  for (const auto& any : response.resources()) {
    ca::Secret secret;
    if (any.type_url() == kSecretType && secret.ParseFromString(any.value()) &&
        Std(secret.name()) == name) {
      return secret;
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<tls::Certificate>> RootsIn(const DiscoveryResponse& response) {
  const auto secret = SecretIn(response, ca::kRootsSecret);
  if (!secret) return absl::InvalidArgumentError("the answer holds no roots");
  return tls::Certificate::ListFromPem(secret->validation_context().trusted_ca().inline_bytes());
}

}  // namespace

class Agent::Core {
 public:
  explicit Core(AgentOptions options)
      : options_(std::move(options)), certificate_(CertificateOptions()) {}
  ~Core() { Stop(); }

  absl::Status Start();
  void Stop();
  absl::Status WaitReady(absl::Duration timeout) const;
  std::shared_ptr<const Held> current() const { return certificate_.current(); }
  std::shared_ptr<grpc::ChannelCredentials> Credentials() const {
    return CredentialsWith(current().get());
  }

 private:
  // A stream that Stop() and a renewal cut short.
  class Cancellable {
   public:
    Cancellable(Core* core, const Held& held, grpc::ClientContext* context) : core_(core) {
      MutexLock lock(&core_->mutex_);
      core_->stream_ = context;
      const bool outdated = held.identity.chain.front().Fingerprint() != core_->shown_;
      if (core_->stopping_ || outdated) context->TryCancel();
    }
    ~Cancellable() {
      MutexLock lock(&core_->mutex_);
      core_->stream_ = nullptr;
    }

   private:
    Core* const core_;
  };

  ca::WorkloadCertificateOptions CertificateOptions();
  std::shared_ptr<grpc::ChannelCredentials> CredentialsWith(const Held* held) const;
  std::shared_ptr<grpc::Channel> ChannelWith(const Held* held) const;
  // On which the socket asks; null before there is a certificate.
  std::shared_ptr<grpc::Channel> AuthorityChannel();
  absl::Status TakeJwtBundle(const DiscoveryResponse& response, const Held& held);
  absl::StatusOr<ca::ObtainedChain> Request(const std::string& csr);
  absl::StatusOr<ca::ObtainedChain> RequestWith(const Held* held, const std::string& csr);
  absl::Status Adopt();
  void OnChange(const Held& held);
  void KeepCertificate();
  void ListenForRoots();
  // Until the stream breaks; true if something came.
  bool RunRootsStream(const Held& held);
  // Hands roots to the other thread; true once they are in use.
  bool Use(std::vector<tls::Certificate> roots);
  bool Wait(absl::Duration wait);  // false: it is time to stop
  void Say(LogLevel level, const std::string& text) const {
    options_.log->Log(level, kComponent, text);
  }

  const AgentOptions options_;
  ca::WorkloadCertificate certificate_;
  std::unique_ptr<ca::CertificateDirectory> directory_;  // null: in memory alone
  std::unique_ptr<SecretSocket> socket_;                 // null: not served
  std::thread keeper_, listener_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;
  std::string shown_ ABSL_GUARDED_BY(mutex_);  // fingerprint of the certificate in use
  std::shared_ptr<grpc::Channel> authority_channel_ ABSL_GUARDED_BY(mutex_);  // shows that one
  grpc::ClientContext* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  ca::CertificateClient* client_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::optional<std::vector<tls::Certificate>> roots_ ABSL_GUARDED_BY(mutex_);  // to be used
};

ca::WorkloadCertificateOptions Agent::Core::CertificateOptions() {
  ca::WorkloadCertificateOptions options;
  options.request = [this](const std::string& csr) { return Request(csr); };
  options.clock = options_.clock;
  options.log = options_.log;
  return options;
}

absl::Status Agent::Core::Start() {
  if (options_.authority.empty()) return absl::InvalidArgumentError("agent: no authority");
  if (options_.roots_file.empty()) {
    return absl::InvalidArgumentError("agent: no file of roots, to know the authority by");
  }
  if (options_.node_id.empty()) return absl::InvalidArgumentError("agent: no node id");
  if (!options_.sds_socket.empty()) {
    auto socket = SecretSocket::Listen(
        options_.sds_socket, [this] { return AuthorityChannel(); }, options_.clock, options_.log);
    if (!socket.ok()) return socket.status();
    socket_ = *std::move(socket);
  }
  certificate_.OnChange([this](std::shared_ptr<const Held> held) { OnChange(*held); });
  if (!options_.directory.empty()) {
    auto directory = ca::CertificateDirectory::Open(options_.directory);
    if (!directory.ok()) return directory.status();
    directory_ = *std::move(directory);
  }
  keeper_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "agent");
    KeepCertificate();
  });
  listener_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "agent-roots");
    ListenForRoots();
  });
  return absl::OkStatus();
}

void Agent::Core::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    if (stream_ != nullptr) stream_->TryCancel();
    if (client_ != nullptr) client_->Cancel();
    changed_.NotifyAll();
  }
  if (socket_ != nullptr) socket_->Stop();  // who does not read there must not hold up the keeper
  if (keeper_.joinable()) keeper_.join();
  if (listener_.joinable()) listener_.join();
}

absl::Status Agent::Core::WaitReady(absl::Duration timeout) const {
  const auto deadline = In(timeout);
  MutexLock lock(&mutex_);
  while (!ready_) {
    if (stopping_) return absl::CancelledError("the agent is stopped");
    if (!changed_.WaitUntil(&mutex_, deadline) && !ready_) {
      const absl::Status why = certificate_.last_error();
      return absl::DeadlineExceededError(absl::StrCat(
          "no certificate in time: ", why.ok() ? "no answer yet" : std::string(why.message())));
    }
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::ChannelCredentials> Agent::Core::CredentialsWith(const Held* held) const {
  grpc::SslCredentialsOptions tls;
  // The file as well: it follows the roots while this workload does not run.
  const auto roots = ca::ReadFile(options_.roots_file);
  if (roots.ok()) tls.pem_root_certs = *roots;
  if (held != nullptr) {
    tls.pem_root_certs += tls::ToPem(held->roots);
    tls.pem_cert_chain = tls::ToPem(held->identity.chain);
    tls.pem_private_key = held->identity.key.ToPem();
  }
  return grpc::SslCredentials(tls);
}

std::shared_ptr<grpc::Channel> Agent::Core::ChannelWith(const Held* held) const {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(options_.authority_name);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  arguments.SetMaxReceiveMessageSize(-1);  // an Envoy's configuration may be large
  return grpc::CreateCustomChannel(options_.authority, CredentialsWith(held), arguments);
}

std::shared_ptr<grpc::Channel> Agent::Core::AuthorityChannel() {
  const auto held = current();
  MutexLock lock(&mutex_);
  if (authority_channel_ == nullptr && held != nullptr)
    authority_channel_ = ChannelWith(held.get());
  return authority_channel_;
}

absl::StatusOr<ca::ObtainedChain> Agent::Core::RequestWith(const Held* held,
                                                           const std::string& csr) {
  ca::CertificateClientOptions client_options;
  client_options.channel = ChannelWith(held);
  client_options.lifetime = options_.lifetime;
  client_options.timeout = kRequestTimeout;
  if (held == nullptr && !options_.token_file.empty()) {
    const auto token = ca::ReadFile(options_.token_file);
    if (!token.ok()) return token.status();
    client_options.token = [token = std::string(absl::StripAsciiWhitespace(*token))] {
      return token;
    };
  }
  ca::CertificateClient client(client_options);
  {
    MutexLock lock(&mutex_);
    if (stopping_) return absl::CancelledError("the agent is stopped");
    client_ = &client;
  }
  auto obtained = client.Request(csr);
  MutexLock lock(&mutex_);
  client_ = nullptr;
  return obtained;
}

absl::StatusOr<ca::ObtainedChain> Agent::Core::Request(const std::string& csr) {
  const auto roots = ca::ReadFile(options_.roots_file);
  if (!roots.ok()) return roots.status();
  const auto held = current();
  if (held == nullptr || held->identity.chain.front().not_after() <= options_.clock->Now()) {
    return RequestWith(nullptr, csr);
  }
  auto obtained = RequestWith(held.get(), csr);
  // The authority no longer knows this certificate; a token may still be good.
  if (absl::IsUnauthenticated(obtained.status()) && !options_.token_file.empty()) {
    return RequestWith(nullptr, csr);
  }
  return obtained;
}

absl::Status Agent::Core::Adopt() {
  const auto key = ca::ReadFile(directory_->key_path());
  if (!key.ok()) return key.status();
  const auto chain = ca::ReadFile(directory_->chain_path());
  if (!chain.ok()) return chain.status();
  const auto roots = ca::ReadFile(directory_->roots_path());
  if (!roots.ok()) return roots.status();
  auto identity = tls::Identity::FromPem(*chain, *key);
  if (!identity.ok()) return identity.status();
  auto list = tls::Certificate::ListFromPem(*roots);
  if (!list.ok()) return list.status();
  return certificate_.Adopt(*std::move(identity), *std::move(list));
}

void Agent::Core::OnChange(const Held& held) {
  if (directory_ != nullptr) {
    const absl::Status kept = directory_->Replace(held.identity, held.roots);
    if (!kept.ok()) {
      Say(LogLevel::kError, absl::StrCat("the certificate is not kept: ", kept.message()));
    }
  }
  if (socket_ != nullptr) socket_->Set(held);
  if (options_.on_change) options_.on_change(held);
  const std::string fingerprint = held.identity.chain.front().Fingerprint();
  MutexLock lock(&mutex_);
  ready_ = true;
  if (fingerprint != shown_) {
    shown_ = fingerprint;
    authority_channel_.reset();
    if (stream_ != nullptr) stream_->TryCancel();
  }
  changed_.NotifyAll();
}

void Agent::Core::KeepCertificate() {
  if (directory_ != nullptr) {
    const absl::Status adopted = Adopt();
    if (!adopted.ok() && !absl::IsNotFound(adopted)) {
      Say(LogLevel::kInfo,
          absl::StrCat("the certificate of an earlier run is not used: ", adopted.message()));
    }
  }
  for (;;) {
    const absl::Time next = certificate_.Poll();
    const auto until = In(std::max(absl::Milliseconds(1), next - options_.clock->Now()));
    std::optional<std::vector<tls::Certificate>> roots;
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && !roots_.has_value() && changed_.WaitUntil(&mutex_, until)) {
      }
      if (stopping_) return;
      roots = roots_;
    }
    if (!roots.has_value()) continue;
    certificate_.SetRoots(*std::move(roots));
    MutexLock lock(&mutex_);
    roots_.reset();
    changed_.NotifyAll();
  }
}

bool Agent::Core::Use(std::vector<tls::Certificate> roots) {
  MutexLock lock(&mutex_);
  roots_ = std::move(roots);
  changed_.NotifyAll();
  while (roots_.has_value() && !stopping_) changed_.Wait(&mutex_);
  return !stopping_;
}

// An authority that signs no tokens sends none.
absl::Status Agent::Core::TakeJwtBundle(const DiscoveryResponse& response, const Held& held) {
  const auto secret = SecretIn(response, ca::kJwtBundleSecret);
  if (!secret || socket_ == nullptr) return absl::OkStatus();
  auto bundle = ca::JwtBundle::Parse(held.identity.chain.front().SpiffeIdentity()->trust_domain(),
                                     secret->generic_secret().secret().inline_string());
  if (!bundle.ok()) return bundle.status();
  socket_->SetJwtBundle(*bundle);
  return absl::OkStatus();
}

bool Agent::Core::RunRootsStream(const Held& held) {
  grpc::ClientContext context;
  const Cancellable cancellable(this, held, &context);
  const auto stub = SecretDiscoveryService::NewStub(ChannelWith(&held));
  const auto stream = stub->StreamSecrets(&context);
  DiscoveryRequest request;
  request.mutable_node()->set_id(options_.node_id);
  request.set_type_url(kSecretType);
  request.add_resource_names(std::string(ca::kRootsSecret));
  request.add_resource_names(std::string(ca::kJwtBundleSecret));
  bool came = false;
  DiscoveryResponse response;
  if (stream->Write(request)) {
    while (stream->Read(&response)) {
      came = true;
      auto roots = RootsIn(response);
      request.clear_error_detail();
      const absl::Status taken = TakeJwtBundle(response, held);
      if (roots.ok() && !taken.ok()) roots = taken;
      if (!roots.ok()) {
        request.mutable_error_detail()->set_message(std::string(roots.status().message()));
      } else if (!Use(*std::move(roots))) {
        break;
      } else {
        request.set_version_info(response.version_info());
      }
      request.set_response_nonce(response.nonce());
      if (!stream->Write(request)) break;
    }
  }
  context.TryCancel();
  const grpc::Status status = stream->Finish();
  if (!came && status.error_code() != grpc::StatusCode::CANCELLED) {
    Say(LogLevel::kDebug,
        absl::StrCat("no roots from ", options_.authority, ": ", status.error_message()));
  }
  return came;
}

bool Agent::Core::Wait(absl::Duration wait) {
  const auto until = In(wait);
  MutexLock lock(&mutex_);
  while (!stopping_ && changed_.WaitUntil(&mutex_, until)) {
  }
  return !stopping_;
}

void Agent::Core::ListenForRoots() {
  {
    MutexLock lock(&mutex_);
    while (!ready_ && !stopping_) changed_.Wait(&mutex_);
  }
  absl::Duration retry = kFirstRetry;
  for (;;) {
    std::string shown;
    {
      MutexLock lock(&mutex_);
      if (stopping_) return;
      shown = shown_;
    }
    if (RunRootsStream(*current())) retry = kFirstRetry;
    {
      // Cut short by a renewal: at once.
      MutexLock lock(&mutex_);
      if (stopping_) return;
      if (shown != shown_) continue;
    }
    if (!Wait(retry)) return;
    retry = std::min(retry * 2, kLastRetry);
  }
}

Agent::Agent(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Agent::~Agent() = default;

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(AgentOptions options) {
  auto core = std::make_unique<Core>(std::move(options));
  if (absl::Status status = core->Start(); !status.ok()) return status;
  return std::unique_ptr<Agent>(new Agent(std::move(core)));
}

absl::Status Agent::WaitReady(absl::Duration timeout) const { return core_->WaitReady(timeout); }
std::shared_ptr<const Held> Agent::current() const { return core_->current(); }
std::shared_ptr<grpc::ChannelCredentials> Agent::Credentials() const {
  return core_->Credentials();
}
void Agent::Stop() { core_->Stop(); }

}  // namespace mesh::agent
