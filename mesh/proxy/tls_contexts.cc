#include "mesh/proxy/tls_contexts.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "mesh/tls/digest.h"

namespace mesh::proxy {
namespace {

constexpr absl::Duration kTicketSecretLife = absl::Hours(24);

absl::StatusOr<std::string> Read(const envoy::DataSource& source) {
  if (source.file.empty()) return source.bytes;
  std::ifstream file(source.file, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  if (!file) return absl::InvalidArgumentError(absl::StrCat("cannot read ", source.file));
  return bytes.str();
}

// With the name of the file that the words are about.
absl::Status In(const envoy::DataSource& source, const absl::Status& status) {
  if (source.file.empty()) return status;
  return absl::Status(status.code(), absl::StrCat(source.file, ": ", status.message()));
}

tls::SanType TypeOf(envoy::SanMatch::Type type) {
  switch (type) {
    case envoy::SanMatch::Type::kUri:
      return tls::SanType::kUri;
    case envoy::SanMatch::Type::kDns:
      return tls::SanType::kDns;
    case envoy::SanMatch::Type::kEmail:
      return tls::SanType::kEmail;
    case envoy::SanMatch::Type::kIp:
      return tls::SanType::kIp;
  }
  return tls::SanType::kOther;
}

tls::SanMatcher::Kind KindOf(envoy::SanMatch::Kind kind) {
  switch (kind) {
    case envoy::SanMatch::Kind::kExact:
      return tls::SanMatcher::Kind::kExact;
    case envoy::SanMatch::Kind::kPrefix:
      return tls::SanMatcher::Kind::kPrefix;
    case envoy::SanMatch::Kind::kSuffix:
      return tls::SanMatcher::Kind::kSuffix;
    case envoy::SanMatch::Kind::kContains:
      return tls::SanMatcher::Kind::kContains;
  }
  return tls::SanMatcher::Kind::kExact;
}

tls::Version VersionOf(envoy::TlsSettings::Version version) {
  return version == envoy::TlsSettings::Version::k12 ? tls::Version::kTls12 : tls::Version::kTls13;
}

// Istio's own Envoy replaces the list of a cluster that speaks to the mesh by what says which HTTP
// is inside, so that the other side need not guess.
std::vector<std::string> Alpn(const envoy::TlsSettings& settings, TlsContexts::Use use) {
  const bool mesh =
      std::find(settings.alpn.begin(), settings.alpn.end(), "istio") != settings.alpn.end();
  if (use != TlsContexts::Use::kHttpClient || !mesh) return settings.alpn;
  return {"istio-http/1.1", "istio", "http/1.1"};
}

bool SameIdentity(const tls::Identity& a, const tls::Identity& b) {
  return a.chain == b.chain && a.key.public_key() == b.key.public_key();
}

}  // namespace

TlsContexts::TlsContexts() = default;

bool TlsContexts::Set(const Secret& secret) {
  Held& held = secrets_[secret.name];
  const Secret& old = held.secret;
  const bool same_identity =
      old.identity.has_value() == secret.identity.has_value() &&
      (!old.identity.has_value() || SameIdentity(*old.identity, *secret.identity));
  if (held.version != 0 && same_identity && old.roots == secret.roots) return false;
  held.secret = secret;
  held.roots = secret.roots.has_value() ? tls::TrustRoots(*secret.roots) : tls::TrustRoots();
  held.version = ++versions_;
  return true;
}

const TlsContexts::Held* TlsContexts::Find(const std::string& name) const {
  const auto found = secrets_.find(name);
  return found == secrets_.end() ? nullptr : &found->second;
}

std::vector<std::string> TlsContexts::Missing(const envoy::TlsSettings& settings) const {
  std::vector<std::string> missing;
  if (!settings.certificate_secret.empty()) {
    const Held* const held = Find(settings.certificate_secret);
    if (held == nullptr || !held->secret.identity.has_value()) {
      missing.push_back(settings.certificate_secret);
    }
  }
  if (!settings.validation_secret.empty()) {
    const Held* const held = Find(settings.validation_secret);
    if (held == nullptr || !held->secret.roots.has_value() || held->secret.roots->empty()) {
      missing.push_back(settings.validation_secret);
    }
  }
  return missing;
}

const std::string& TlsContexts::TicketSecret() {
  if (absl::Now() - ticket_secret_made_ > kTicketSecretLife) {
    ticket_secret_ = tls::RandomBytes(32);
    ticket_secret_made_ = absl::Now();
  }
  return ticket_secret_;
}

absl::StatusOr<tls::ContextOptions> TlsContexts::Options(const envoy::TlsSettings& settings,
                                                         Use use) const {
  tls::ContextOptions out;
  if (!settings.certificate_secret.empty()) {
    out.identity = Find(settings.certificate_secret)->secret.identity;
  } else if (!settings.certificate_chain.empty()) {
    absl::StatusOr<std::string> chain = Read(settings.certificate_chain);
    if (!chain.ok()) return chain.status();
    absl::StatusOr<std::string> key = Read(settings.private_key);
    if (!key.ok()) return key.status();
    absl::StatusOr<tls::Identity> identity = tls::Identity::FromPem(*chain, *key);
    if (!identity.ok()) return In(settings.certificate_chain, identity.status());
    out.identity = *std::move(identity);
  }
  bool verifies = false;
  if (!settings.validation_secret.empty()) {
    out.validation.roots = Find(settings.validation_secret)->roots;
    verifies = true;
  } else if (!settings.validation.trusted_ca.empty()) {
    absl::StatusOr<std::string> pem = Read(settings.validation.trusted_ca);
    if (!pem.ok()) return pem.status();
    absl::StatusOr<std::vector<tls::Certificate>> roots = tls::Certificate::ListFromPem(*pem);
    if (!roots.ok()) return In(settings.validation.trusted_ca, roots.status());
    out.validation.roots = tls::TrustRoots(*roots);
    verifies = true;
  }
  using PeerCertificate = tls::Validation::PeerCertificate;
  if (!verifies) {
    out.validation.peer_certificate = PeerCertificate::kIgnored;
  } else if (use == Use::kServer && !settings.require_client_certificate) {
    out.validation.peer_certificate = PeerCertificate::kOptional;
  }
  for (const envoy::SanMatch& san : settings.validation.sans) {
    out.validation.sans.push_back({TypeOf(san.type), KindOf(san.kind), san.value, san.ignore_case});
  }
  out.validation.certificate_sha256 = settings.validation.certificate_sha256;
  out.validation.public_key_sha256 = settings.validation.public_key_sha256;
  out.alpn = Alpn(settings, use);
  out.min_version = VersionOf(settings.min_version);
  out.max_version = VersionOf(settings.max_version);
  out.cipher_suites = settings.cipher_suites;
  out.resumption = settings.resumption;
  return out;
}

absl::StatusOr<std::shared_ptr<const tls::Context>> TlsContexts::Get(
    const envoy::TlsSettings& settings, Use use) {
  if (!Missing(settings).empty()) return std::shared_ptr<const tls::Context>();
  const auto version = [this](const std::string& name) {
    return name.empty() ? uint64_t{0} : Find(name)->version;
  };
  const std::string key =
      absl::StrCat(static_cast<int>(use), " ", version(settings.certificate_secret), " ",
                   version(settings.validation_secret), " ", settings.bytes);
  const auto known = contexts_.find(key);
  if (known != contexts_.end()) {
    if (std::shared_ptr<const tls::Context> context = known->second.lock()) return context;
  }
  absl::StatusOr<tls::ContextOptions> options = Options(settings, use);
  if (!options.ok()) return options.status();
  if (use == Use::kServer && options->resumption) options->ticket_secret = TicketSecret();
  absl::StatusOr<std::shared_ptr<const tls::Context>> context =
      use == Use::kServer ? tls::Context::Server(*options) : tls::Context::Client(*options);
  if (!context.ok()) return context;
  for (auto it = contexts_.begin(); it != contexts_.end();) {
    it = it->second.expired() ? contexts_.erase(it) : std::next(it);
  }
  contexts_[key] = *context;
  return context;
}

std::vector<Secret> TlsContexts::all() const {
  std::vector<Secret> out;
  for (const auto& [name, held] : secrets_) out.push_back(held.secret);
  return out;
}

}  // namespace mesh::proxy
