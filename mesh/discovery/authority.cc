#include "mesh/discovery/authority.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/authz/jwt.h"
#include "mesh/base/mutex.h"
#include "mesh/base/strings.h"
#include "mesh/ca/file.h"
#include "mesh/ca/lifetime.h"
#include "mesh/ca/plugged_in.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/service/certificate_service.h"
#include "mesh/ca/service/jwt_svid.h"
#include "mesh/ca/service/jwt_svid_service.h"
#include "mesh/ca/service/secrets.h"
#include "mesh/ca/service/server_certificate.h"
#include "mesh/telemetry/metrics_text.h"
#include "mesh/tls/digest.h"
#include "mesh/tls/verify.h"

namespace mesh::discovery {
namespace {

constexpr char kComponent[] = "ca";
constexpr absl::Duration kLook = absl::Seconds(1);
// New roots are in force for gRPC's connections once it has looked at the files again.
constexpr absl::Duration kRootsInForce = absl::Seconds(2 * 1);
// Alarms are raised in the last tenth of a root's life: a self-signed one is renewed in its last
// fifth, so that one which gets there is not being looked after.
constexpr int kAlarmPart = 10;

// "POD.NAMESPACE" of a node id, as ProxyName of pages.h.
std::string NameOf(const std::string& node_id) {
  const std::vector<std::string> parts = absl::StrSplit(node_id, '~');
  return parts.size() == 4 ? parts[2] : node_id;
}

// Whether the holder of that certificate may speak of that node: it is of its namespace.
bool MaySpeakFor(const std::vector<tls::Certificate>& chain, const std::string& node_id) {
  if (chain.empty()) return false;
  const auto id = chain.front().SpiffeIdentity();
  const std::string name = NameOf(node_id);
  const size_t dot = name.rfind('.');
  return id.ok() && dot != std::string::npos && id->ns() == name.substr(dot + 1);
}

// Fingerprint of the first of `roots` that the chain leads to; empty: of none.
std::string RootOf(const std::vector<tls::Certificate>& chain,
                   const std::vector<tls::Certificate>& roots, absl::Time now) {
  if (chain.empty()) return "";
  for (const tls::Certificate& root : roots) {
    if (tls::VerifyChain(chain, tls::TrustRoots({root}), {now, tls::PeerRole::kAny}).ok()) {
      return root.Fingerprint();
    }
  }
  return "";
}

}  // namespace

class Authority::Core {
 public:
  explicit Core(AuthorityOptions options)
      : options_(std::move(options)),
        secrets_(options_.log,
                 [this](const grpc::CallbackServerContext& context) { return Admit(context); }) {}
  ~Core() { Stop(); }

  absl::Status Start();
  void Stop();

  std::shared_ptr<grpc::ServerCredentials> Credentials() const { return serving_->Credentials({}); }
  std::vector<grpc::Service*> services() {
    return {service_.get(), tokens_service_.get(), &secrets_};
  }
  absl::StatusOr<std::string> IdentityOf(const grpc::CallbackServerContext& context) const {
    const auto caller = ca::AuthenticateByAny(lasting_, ca::CredentialsOf(context));
    if (!caller.ok()) return caller.status();
    return caller->identity.ToString();
  }
  const std::string& trust_domain() const { return options_.trust_domain; }
  ca::Issuer& issuer() const {
    return plugged_in_ != nullptr ? static_cast<ca::Issuer&>(*plugged_in_) : *self_signed_;
  }
  std::vector<Holding> Holdings(absl::Span<const std::string> connected) const;
  Rotation rotation() const {
    if (self_signed_ != nullptr) return {true, self_signed_->rotation()};
    return {false,
            {ca::RotationPhase::kStable, issuer().bundle()->roots.front().Fingerprint(), ""}};
  }
  absl::Status TakeNextStep(absl::Span<const std::string> connected);
  std::vector<std::string> Alarms() const {
    MutexLock lock(&mutex_);
    return alarms_;
  }
  void WriteMetrics(telemetry::MetricsText* text) const;

 private:
  absl::StatusOr<std::string> Admit(const grpc::CallbackServerContext& context) const;
  absl::Status OpenIssuer();
  absl::Status OpenTokens();
  void ReadTokenKeys();
  // Keys of tokens that have gone by their time.
  absl::Status PublishTokenKeys() ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_);
  // Gives gRPC a certificate of the present root, and everyone the present roots.
  absl::Status Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_);
  void Look();
  void Say(LogLevel level, const std::string& text) const {
    options_.log->Log(level, kComponent, text);
  }

  const AuthorityOptions options_;
  std::unique_ptr<ca::DirectoryStore> store_;
  std::unique_ptr<ca::SelfSignedAuthority> self_signed_;  // one of the two
  std::unique_ptr<ca::PluggedInAuthority> plugged_in_;
  std::unique_ptr<ca::CertificateDirectory> serving_;
  std::shared_ptr<ca::TokenAuthenticator> tokens_;           // null: none are taken
  std::vector<std::shared_ptr<ca::Authenticator>> lasting_;  // that may be used again
  std::unique_ptr<ca::CertificateService> service_;
  std::unique_ptr<ca::JwtAuthority> jwt_;
  std::unique_ptr<ca::JwtSvidService> tokens_service_;
  ca::SecretService secrets_;
  std::thread thread_;

  Mutex change_;  // held over Publish and the steps of a rotation
  std::shared_ptr<const ca::TrustBundle> published_ ABSL_GUARDED_BY(change_);
  absl::Time renew_serving_ ABSL_GUARDED_BY(change_) = absl::InfinitePast();
  std::chrono::steady_clock::time_point published_at_ ABSL_GUARDED_BY(change_);

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::string token_keys_ ABSL_GUARDED_BY(mutex_);  // the file's content
  std::vector<std::string> alarms_ ABSL_GUARDED_BY(mutex_);
  // What the content of ROOTCA was, by its version; all that were published.
  std::map<std::string, std::vector<tls::Certificate>> bundles_ ABSL_GUARDED_BY(mutex_);
};

absl::Status Authority::Core::OpenIssuer() {
  auto store = ca::DirectoryStore::Open(options_.directory);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  const auto certificate = ca::ReadFile(options_.directory + "/ca-cert.pem");
  if (certificate.ok()) {
    ca::PluggedInOptions plugged_in;
    plugged_in.directory = options_.directory;
    plugged_in.leaf = options_.leaf;
    plugged_in.clock = options_.clock;
    plugged_in.log = options_.log;
    auto opened = ca::PluggedInAuthority::Open(plugged_in);
    if (!opened.ok()) return opened.status();
    plugged_in_ = *std::move(opened);
    return absl::OkStatus();
  }
  if (!absl::IsNotFound(certificate.status())) return certificate.status();
  ca::SelfSignedOptions self_signed;
  self_signed.organization = options_.trust_domain;
  self_signed.root_key = options_.root_key;
  self_signed.root_lifetime = options_.root_lifetime;
  self_signed.leaf = options_.leaf;
  self_signed.store = store_.get();
  self_signed.clock = options_.clock;
  self_signed.log = options_.log;
  auto opened = ca::SelfSignedAuthority::Open(self_signed);
  if (!opened.ok()) return opened.status();
  self_signed_ = *std::move(opened);
  return absl::OkStatus();
}

absl::Status Authority::Core::OpenTokens() {
  ca::JwtAuthorityOptions jwt;
  jwt.store = store_.get();
  jwt.clock = options_.clock;
  jwt.log = options_.log;
  auto opened = ca::JwtAuthority::Open(jwt, *issuer().bundle());
  if (!opened.ok()) return opened.status();
  jwt_ = *std::move(opened);
  ca::JwtSvidServiceOptions service;
  service.issuer = jwt_.get();
  service.authenticators = {lasting_.front()};  // by certificate alone
  service.log = options_.log;
  tokens_service_ = std::make_unique<ca::JwtSvidService>(service);
  return absl::OkStatus();
}

absl::Status Authority::Core::Start() {
  if (absl::Status opened = OpenIssuer(); !opened.ok()) return opened;
  lasting_ = {std::make_shared<ca::ClientCertificateAuthenticator>(
      options_.trust_domain, [this] { return issuer().bundle(); }, options_.clock)};
  if (absl::Status opened = OpenTokens(); !opened.ok()) return opened;
  if (!options_.token_keys_file.empty()) {
    if (options_.token_issuer.empty()) {
      return absl::InvalidArgumentError(
          "tokens are to be taken, but their issuer is not given (\"iss\" in them)");
    }
    ca::TokenAuthenticator::Options tokens;
    tokens.trust_domain = options_.trust_domain;
    tokens.issuer = options_.token_issuer;
    tokens.audiences = options_.token_audiences;
    tokens.clock = options_.clock;
    tokens_ = std::make_shared<ca::TokenAuthenticator>(tokens, authz::KeySet());
    ReadTokenKeys();
    lasting_.push_back(tokens_);
  }
  ca::CertificateServiceOptions service;
  service.issuer = &issuer();
  service.log = options_.log;
  service.authenticators = lasting_;
  if (!options_.join_token_directory.empty()) {
    service.authenticators.push_back(
        std::make_shared<ca::JoinTokenDirectory>(options_.join_token_directory, options_.clock));
  }
  service.authenticators.insert(service.authenticators.end(), options_.authenticators.begin(),
                                options_.authenticators.end());
  service_ = std::make_unique<ca::CertificateService>(service);

  auto serving = ca::CertificateDirectory::Open(options_.directory + "/serving");
  if (!serving.ok()) return serving.status();
  serving_ = *std::move(serving);
  {
    MutexLock lock(&change_);
    if (absl::Status published = Publish(); !published.ok()) return published;
  }
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "ca");
    MutexLock lock(&mutex_);
    while (!stopping_) {
      const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kLook);
      while (!stopping_ && changed_.WaitUntil(&mutex_, deadline)) {
      }
      if (stopping_) return;
      mutex_.Unlock();
      Look();
      mutex_.Lock();
    }
  });
  return absl::OkStatus();
}

void Authority::Core::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Authority::Core::ReadTokenKeys() {
  auto text = ca::ReadFile(options_.token_keys_file);
  {
    MutexLock lock(&mutex_);
    if (text.ok() && *text == token_keys_) return;
    token_keys_ = text.ok() ? *text : "";
  }
  auto keys = text.ok() ? authz::KeySet::Parse(*text) : text.status();
  if (!keys.ok()) {
    Say(LogLevel::kError, absl::StrCat(options_.token_keys_file, ": ", keys.status().message(),
                                       "; no token is taken until it is mended"));
  }
  tokens_->SetKeys(keys.ok() ? *std::move(keys) : authz::KeySet());
}

absl::Status Authority::Core::PublishTokenKeys() {
  const std::string before = jwt_->bundle();
  if (absl::Status followed = jwt_->Follow(*issuer().bundle()); !followed.ok()) return followed;
  if (jwt_->bundle() == before) return absl::OkStatus();
  secrets_.Set(ca::TextSecret(ca::kJwtBundleSecret, jwt_->bundle()));
  return absl::OkStatus();
}

absl::Status Authority::Core::Publish() {
  auto key = tls::PrivateKey::Generate();
  if (!key.ok()) return key.status();
  const auto me = tls::SpiffeId::Workload(options_.trust_domain, "istio-system", "istiod");
  if (!me.ok()) return me.status();
  auto issued = issuer().Issue({key->public_key(), *me, {}, options_.server_names});
  if (!issued.ok()) return issued.status();
  tls::Identity identity{{issued->leaf}, *std::move(key)};
  identity.chain.insert(identity.chain.end(), issued->intermediates.begin(),
                        issued->intermediates.end());
  const std::vector<tls::Certificate>& roots = issued->bundle->roots;
  if (absl::Status replaced = serving_->Replace(identity, roots); !replaced.ok()) return replaced;
  if (plugged_in_ == nullptr) {
    const absl::Status written =
        ca::ReplaceFile(options_.directory + "/root-cert.pem", tls::ToPem(roots), 0644);
    if (!written.ok()) return written;
  }
  renew_serving_ = ca::RenewalTime(issued->leaf.not_before(), issued->leaf.not_after(), 0);
  if (published_ != nullptr && published_->roots == roots) return absl::OkStatus();
  // Before the roots, so that whoever has acknowledged these holds their keys for tokens as well.
  if (absl::Status followed = jwt_->Follow(*issued->bundle); !followed.ok()) return followed;
  published_ = issued->bundle;
  published_at_ = std::chrono::steady_clock::now();
  const ca::Secret secret = ca::RootsSecret(ca::kRootsSecret, roots);
  {
    MutexLock lock(&mutex_);
    bundles_[ca::SecretVersion(secret)] = roots;
  }
  secrets_.SetAll({ca::TextSecret(ca::kJwtBundleSecret, jwt_->bundle()), secret});
  return absl::OkStatus();
}

void Authority::Core::Look() {
  if (tokens_ != nullptr) ReadTokenKeys();
  const absl::Time now = options_.clock->Now();
  std::vector<std::string> alarms;
  const auto changed = plugged_in_ != nullptr ? plugged_in_->Reload() : self_signed_->Maintain();
  if (!changed.ok()) {
    alarms.push_back(
        absl::StrCat("the authority cannot be kept fresh: ", changed.status().message()));
  }
  {
    MutexLock lock(&change_);
    if (published_->roots != issuer().bundle()->roots || now >= renew_serving_) {
      const absl::Status published = Publish();
      if (!published.ok()) {
        alarms.push_back(
            absl::StrCat("meshd gets no certificate of its own: ", published.message()));
      }
    } else if (const absl::Status published = PublishTokenKeys(); !published.ok()) {
      alarms.push_back(absl::StrCat("the keys of tokens are not kept: ", published.message()));
    }
  }
  // The first root is the one that is issued from; the others go when a rotation ends.
  const tls::Certificate root = issuer().bundle()->roots.front();
  const absl::Duration life = root.not_after() - root.not_before();
  if (now >= root.not_after() - life / kAlarmPart) {
    alarms.push_back(absl::StrCat("the root ", root.Fingerprint().substr(0, 16),
                                  now < root.not_after() ? " expires " : " expired ",
                                  ca::InWords(root.not_after(), now), ": replace it"));
  }
  std::vector<std::string> before;
  {
    MutexLock lock(&mutex_);
    before = std::move(alarms_);
    alarms_ = alarms;
  }
  // Said once: what differs in its times alone is the same alarm.
  const auto kind = [](const std::string& text) { return text.substr(0, 24); };
  for (const std::string& alarm : alarms) {
    const bool said = std::any_of(before.begin(), before.end(), [&](const std::string& other) {
      return kind(other) == kind(alarm);
    });
    if (!said) Say(LogLevel::kError, alarm);
  }
}

absl::StatusOr<std::string> Authority::Core::Admit(
    const grpc::CallbackServerContext& context) const {
  const ca::Credentials credentials = ca::CredentialsOf(context);
  const auto caller = ca::AuthenticateByAny(lasting_, credentials);
  if (!caller.ok()) return caller.status();
  return credentials.peer_chain_pem;
}

std::vector<Authority::Holding> Authority::Core::Holdings(
    absl::Span<const std::string> connected) const {
  const std::vector<tls::Certificate> roots = issuer().bundle()->roots;
  const absl::Time now = options_.clock->Now();
  std::map<std::string, Holding> by_node;
  for (const std::string& node : connected) by_node[node].proof.proxy = NameOf(node);
  for (const ca::SecretService::StreamStatus& stream : secrets_.streams()) {
    auto chain = tls::Certificate::ListFromPem(stream.peer_chain);
    if (!chain.ok() || !MaySpeakFor(*chain, stream.node)) continue;
    // Of two streams of one node the later one counts: the earlier is ending.
    Holding& holding = by_node[stream.node];
    holding = Holding();
    holding.proof.proxy = NameOf(stream.node);
    holding.chain = *std::move(chain);
    const auto acknowledged = stream.acknowledged.find(std::string(ca::kRootsSecret));
    if (acknowledged != stream.acknowledged.end()) {
      MutexLock lock(&mutex_);
      const auto content = bundles_.find(acknowledged->second);
      if (content != bundles_.end()) holding.roots = content->second;
    }
    for (const tls::Certificate& root : holding.roots) {
      holding.proof.trusted_roots.push_back(root.Fingerprint());
    }
    holding.proof.leaf_root = RootOf(holding.chain, roots, now);
  }
  std::vector<Holding> holdings;
  for (auto& [node, holding] : by_node) holdings.push_back(std::move(holding));
  return holdings;
}

absl::Status Authority::Core::TakeNextStep(absl::Span<const std::string> connected) {
  if (self_signed_ == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("this authority is plugged in: put the new root beside the old one into ",
                     options_.directory,
                     "/root-cert.pem, then exchange ca-cert.pem and ca-key.pem,"
                     " then take the old root out"));
  }
  MutexLock lock(&change_);
  const ca::RotationPhase phase = self_signed_->rotation().phase;
  if (phase != ca::RotationPhase::kStable &&
      std::chrono::steady_clock::now() - published_at_ < absl::ToChronoNanoseconds(kRootsInForce)) {
    return absl::FailedPreconditionError(
        "meshd's own port takes the new roots over within 2 seconds: once more then");
  }
  std::vector<ca::ProxyProof> proofs;
  for (Holding& holding : Holdings(connected)) proofs.push_back(std::move(holding.proof));
  const absl::Status stepped = phase == ca::RotationPhase::kStable ? self_signed_->AnnounceNewRoot()
                               : phase == ca::RotationPhase::kAnnounced
                                   ? self_signed_->SwitchToNewRoot(proofs)
                                   : self_signed_->RetireOldRoot(proofs);
  if (!stepped.ok()) return stepped;
  Say(LogLevel::kInfo, absl::StrCat("rotation of the root: ",
                                    Absl(ca::RotationPhaseName(self_signed_->rotation().phase)),
                                    ", ", proofs.size(), " proxies connected"));
  return Publish();
}

void Authority::Core::WriteMetrics(telemetry::MetricsText* text) const {
  using Kind = telemetry::MetricsText::Kind;
  const ca::CertificateCounts counts = service_->counts();
  const std::pair<const char*, uint64_t> counters[] = {
      {"citadel_server_csr_count", counts.requests},
      {"citadel_server_authentication_failure_count", counts.authentication_failures},
      {"citadel_server_csr_parsing_err_count", counts.parsing_errors},
      {"citadel_server_csr_sign_err_count", counts.signing_errors},
      {"citadel_server_success_cert_issuance_count", counts.issued},
  };
  for (const auto& [name, value] : counters) {
    text->Family(name, Kind::kCounter);
    text->Sample({}, value);
  }
  text->Family("citadel_server_root_cert_expiry_timestamp", Kind::kGauge);
  text->Sample(
      {}, static_cast<uint64_t>(absl::ToUnixSeconds(issuer().bundle()->roots.front().not_after())));
}

Authority::Authority(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Authority::~Authority() = default;

absl::StatusOr<std::unique_ptr<Authority>> Authority::Start(AuthorityOptions options) {
  auto core = std::make_unique<Core>(std::move(options));
  if (absl::Status status = core->Start(); !status.ok()) return status;
  return std::unique_ptr<Authority>(new Authority(std::move(core)));
}

std::shared_ptr<grpc::ServerCredentials> Authority::Credentials() const {
  return core_->Credentials();
}
std::vector<grpc::Service*> Authority::services() { return core_->services(); }
absl::StatusOr<std::string> Authority::IdentityOf(
    const grpc::CallbackServerContext& context) const {
  return core_->IdentityOf(context);
}
const std::string& Authority::trust_domain() const { return core_->trust_domain(); }
std::shared_ptr<const ca::TrustBundle> Authority::bundle() const {
  return core_->issuer().bundle();
}
std::vector<Authority::Holding> Authority::Holdings(absl::Span<const std::string> connected) const {
  return core_->Holdings(connected);
}
Authority::Rotation Authority::rotation() const { return core_->rotation(); }
absl::Status Authority::TakeNextStep(absl::Span<const std::string> connected) {
  return core_->TakeNextStep(connected);
}
std::vector<std::string> Authority::Alarms() const { return core_->Alarms(); }
void Authority::WriteMetrics(telemetry::MetricsText* text) const { core_->WriteMetrics(text); }
void Authority::Stop() { core_->Stop(); }

}  // namespace mesh::discovery
