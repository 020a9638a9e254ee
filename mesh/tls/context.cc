#include "mesh/tls/context.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/base/strings.h"
#include "mesh/tls/context_rep.h"
#include "mesh/tls/digest.h"

namespace mesh::tls {
namespace {

using boring::LastError;

constexpr uint16_t kGroups[] = {SSL_GROUP_X25519_MLKEM768, SSL_GROUP_X25519, SSL_GROUP_SECP256R1,
                                SSL_GROUP_SECP384R1};
constexpr uint16_t kPeerSignatures[] = {
    SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_RSA_PSS_RSAE_SHA256,
    SSL_SIGN_RSA_PKCS1_SHA256,       SSL_SIGN_ECDSA_SECP384R1_SHA384,
    SSL_SIGN_RSA_PSS_RSAE_SHA384,    SSL_SIGN_RSA_PKCS1_SHA384,
    SSL_SIGN_ECDSA_SECP521R1_SHA512, SSL_SIGN_RSA_PSS_RSAE_SHA512,
    SSL_SIGN_RSA_PKCS1_SHA512,       SSL_SIGN_ED25519};
constexpr char kSuites[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr size_t kSessionsPerName = 2;
constexpr size_t kMaxSessionNames = 1024;

// Everything that decides whom a context accepts, as one string.
std::string DescribeValidation(bool server, const Validation& v) {
  std::vector<std::string> parts = {server ? "server" : "client",
                                    absl::StrCat("peer ", static_cast<int>(v.peer_certificate)),
                                    absl::StrCat("host ", v.host)};
  for (const Certificate& root : v.roots.certificates()) {
    parts.push_back(absl::StrCat("root ", root.Fingerprint()));
  }
  for (const SanMatcher& san : v.sans) {
    // Lengths keep one matcher from spelling two.
    parts.push_back(absl::StrCat("san ", san.value.size(), " ", san.ToString()));
  }
  for (const std::string& hash : v.certificate_sha256) parts.push_back("certificate " + hash);
  for (const std::string& hash : v.public_key_sha256) parts.push_back("key " + hash);
  std::sort(parts.begin(), parts.end());
  return absl::StrJoin(parts, "\n");
}

int SelectAlpn(SSL*, const uint8_t** out, uint8_t* out_size, const uint8_t* in, unsigned in_size,
               void* arg) {
  const std::string& ours = static_cast<Context::Rep*>(arg)->alpn_wire;
  if (SSL_select_next_proto(const_cast<uint8_t**>(out), out_size, boring::Data(ours), ours.size(),
                            in, in_size) == OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

uint16_t VersionNumber(Version version) {
  return version == Version::kTls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

absl::Status UseIdentity(SSL_CTX* ctx, const Identity& identity) {
  if (identity.chain.empty() || identity.chain[0].public_key() != identity.key.public_key()) {
    return absl::InvalidArgumentError("the private key is not the certificate's");
  }
  if (!SSL_CTX_use_certificate(ctx, identity.chain[0].rep().x509()) ||
      !SSL_CTX_use_PrivateKey(ctx, identity.key.rep().key.get())) {
    return absl::InvalidArgumentError(absl::StrCat("the certificate is of no use: ", LastError()));
  }
  for (const Certificate& certificate : absl::MakeSpan(identity.chain).subspan(1)) {
    // A root is of no use to a peer: it either has it, or must not believe it.
    if (certificate.self_signed()) continue;
    if (!SSL_CTX_add1_chain_cert(ctx, certificate.rep().x509())) {
      return absl::InternalError(LastError());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> AlpnWire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) {
      return absl::InvalidArgumentError("an ALPN protocol has 1 to 255 bytes");
    }
    wire.push_back(static_cast<char>(protocol.size()));
    wire += protocol;
  }
  return wire;
}

absl::Status SetUpResumption(Context::Rep* rep) {
  SSL_CTX* ctx = rep->ssl_ctx.get();
  const std::string id = Sha256(rep->validation_hash);
  if (!SSL_CTX_set_session_id_context(ctx, boring::Data(id), id.size())) {
    return absl::InternalError(LastError());
  }
  if (!rep->options.resumption) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return absl::OkStatus();
  }
  if (!rep->server) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, boring::OnNewSession);
    return absl::OkStatus();
  }
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);  // tickets alone: no state here
  const std::string& secret = rep->options.ticket_secret;
  if (secret.empty()) return absl::OkStatus();
  if (secret.size() < 32) return absl::InvalidArgumentError("a ticket secret has 32 bytes");
  // Another validation makes other keys: its tickets cannot even be read here.
  const std::string keys = HmacSha256(secret, "ticket key 1 " + rep->validation_hash) +
                           HmacSha256(secret, "ticket key 2 " + rep->validation_hash);
  if (!SSL_CTX_set_tlsext_ticket_keys(ctx, keys.data(), 48)) {
    return absl::InternalError(LastError());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Context>> Build(bool server, const ContextOptions& options) {
  auto rep = std::make_unique<Context::Rep>();
  rep->server = server;
  rep->options = options;
  rep->ssl_ctx.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX* ctx = rep->ssl_ctx.get();
  rep->validation_hash =
      absl::BytesToHexString(Absl(Sha256(DescribeValidation(server, options.validation))));

  auto wire = AlpnWire(options.alpn);
  if (!wire.ok()) return wire.status();
  rep->alpn_wire = *std::move(wire);

  if (options.identity) {
    if (absl::Status used = UseIdentity(ctx, *options.identity); !used.ok()) return used;
  } else if (server) {
    return absl::InvalidArgumentError("a TLS server needs a certificate");
  }
  if (options.min_version > options.max_version) {
    return absl::InvalidArgumentError("the least TLS version is above the greatest");
  }
  const std::string suites =
      options.cipher_suites.empty() ? kSuites : absl::StrJoin(options.cipher_suites, ":");
  if (!SSL_CTX_set_strict_cipher_list(ctx, suites.c_str())) {
    LastError();
    return absl::InvalidArgumentError(absl::StrCat("unknown cipher suite among \"", suites, "\""));
  }
  if (!SSL_CTX_set_min_proto_version(ctx, VersionNumber(options.min_version)) ||
      !SSL_CTX_set_max_proto_version(ctx, VersionNumber(options.max_version)) ||
      !SSL_CTX_set1_group_ids(ctx, kGroups, std::size(kGroups)) ||
      !SSL_CTX_set_verify_algorithm_prefs(ctx, kPeerSignatures, std::size(kPeerSignatures))) {
    return absl::InternalError(LastError());
  }
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_NO_AUTO_CHAIN);

  int mode = SSL_VERIFY_NONE;
  switch (options.validation.peer_certificate) {
    case Validation::PeerCertificate::kRequired:
      mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
      break;
    case Validation::PeerCertificate::kOptional:
      mode = SSL_VERIFY_PEER;
      break;
    case Validation::PeerCertificate::kIgnored:
      break;
  }
  SSL_CTX_set_custom_verify(ctx, mode, boring::OnVerify);
  if (server && mode != SSL_VERIFY_NONE) {
    // Tells clients which of their certificates to choose.
    for (const Certificate& root : options.validation.roots.certificates()) {
      SSL_CTX_add_client_CA(ctx, root.rep().x509());
    }
  }
  if (server) {
    if (!options.alpn.empty()) SSL_CTX_set_alpn_select_cb(ctx, SelectAlpn, rep.get());
  } else if (SSL_CTX_set_alpn_protos(ctx, boring::Data(rep->alpn_wire), rep->alpn_wire.size())) {
    return absl::InternalError(LastError());
  }
  if (absl::Status set = SetUpResumption(rep.get()); !set.ok()) return set;
  return std::make_shared<const Context>(std::move(rep));
}

}  // namespace

bssl::UniquePtr<SSL_SESSION> Context::Rep::TakeSession(const std::string& server_name) {
  MutexLock lock(&mutex);
  const auto found = sessions.find(server_name);
  if (found == sessions.end() || found->second.empty()) return nullptr;
  bssl::UniquePtr<SSL_SESSION> session = std::move(found->second.back());
  found->second.pop_back();
  return session;
}

void Context::Rep::KeepSession(const std::string& server_name,
                               bssl::UniquePtr<SSL_SESSION> session) {
  MutexLock lock(&mutex);
  if (sessions.size() >= kMaxSessionNames && sessions.count(server_name) == 0) {
    sessions.erase(sessions.begin());
  }
  auto& kept = sessions[server_name];
  if (kept.size() >= kSessionsPerName) kept.erase(kept.begin());
  kept.push_back(std::move(session));
}

boring::Verdict boring::VerifyPeer(const Context::Rep& context,
                                   absl::Span<const Certificate> chain) {
  const Validation& v = context.options.validation;
  if (v.peer_certificate == Validation::PeerCertificate::kIgnored) return {};
  if (chain.empty()) {
    if (context.server && v.peer_certificate == Validation::PeerCertificate::kOptional) return {};
    return {absl::PermissionDeniedError("there is no certificate"), SSL_AD_CERTIFICATE_REQUIRED,
            Refusal::kNoCertificate};
  }
  VerifyOptions options;
  options.now = context.options.clock->Now();
  options.role = context.server ? PeerRole::kClient : PeerRole::kServer;
  Verdict verdict = Verify(chain, v.roots, options);
  if (!verdict.status.ok()) return verdict;

  const Certificate& leaf = chain[0];
  std::vector<std::string> names;
  for (const SubjectAltName& name : leaf.sans()) names.push_back(name.ToString());
  const auto refuse = [](Refusal refusal, std::string why) {
    return Verdict{absl::PermissionDeniedError(why), SSL_AD_BAD_CERTIFICATE, refusal};
  };
  if (!v.sans.empty() && !AnyMatches(v.sans, leaf.sans())) {
    return refuse(Refusal::kName, absl::StrCat("none of its names (", absl::StrJoin(names, ", "),
                                               ") is one that is accepted (", v.sans[0].ToString(),
                                               v.sans.size() > 1 ? ", ..." : "", ")"));
  }
  if (!v.host.empty() && !SpeaksFor(leaf.sans(), v.host)) {
    return refuse(Refusal::kName, absl::StrCat("none of its names (", absl::StrJoin(names, ", "),
                                               ") speaks for ", v.host));
  }
  const auto among = [](const std::vector<std::string>& list, const std::string& hash) {
    return std::find(list.begin(), list.end(), hash) != list.end();
  };
  if ((!v.certificate_sha256.empty() || !v.public_key_sha256.empty()) &&
      !among(v.certificate_sha256, leaf.Fingerprint()) &&
      !among(v.public_key_sha256, absl::BytesToHexString(Absl(Sha256(leaf.public_key().der()))))) {
    return refuse(Refusal::kFingerprint, "its fingerprint is none of those that are accepted");
  }
  return {};
}

absl::StatusOr<Identity> Identity::FromPem(std::string_view chain_pem, std::string_view key_pem) {
  auto chain = Certificate::ListFromPem(chain_pem);
  if (!chain.ok()) return chain.status();
  auto key = PrivateKey::FromPem(key_pem);
  if (!key.ok()) return key.status();
  if (chain->front().public_key() != key->public_key()) {
    return absl::InvalidArgumentError("the private key is not the certificate's");
  }
  return Identity{*std::move(chain), *std::move(key)};
}

Context::Context(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Context::~Context() = default;

absl::StatusOr<std::shared_ptr<const Context>> Context::Server(const ContextOptions& options) {
  return Build(true, options);
}
absl::StatusOr<std::shared_ptr<const Context>> Context::Client(const ContextOptions& options) {
  return Build(false, options);
}

bool Context::is_server() const { return rep_->server; }
std::optional<Certificate> Context::certificate() const {
  if (!rep_->options.identity) return std::nullopt;
  return rep_->options.identity->chain[0];
}
const std::string& Context::validation_hash() const { return rep_->validation_hash; }
const std::vector<std::string>& Context::alpn() const { return rep_->options.alpn; }

}  // namespace mesh::tls
