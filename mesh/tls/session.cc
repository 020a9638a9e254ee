#include "mesh/tls/session.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/tls/context_rep.h"

// How a session works: BoringSSL reads and writes through a BIO whose two ends are the strings
// `in` and `out` of the Rep.
//  1. Every public call runs one SSL_* function and turns its answer into a Progress (Step).
//  2. The first call that finds the handshake done fills `connection` (Finish). A resumed session's
//     peer is verified again there: BoringSSL itself does so for clients only.
//  3. The first failure is kept; every later call answers kFailed.
namespace mesh::tls {

struct Session::Rep {
  std::shared_ptr<const Context> context;
  SessionOptions options;
  bssl::UniquePtr<SSL> ssl;
  std::string in, out;
  size_t in_at = 0, out_at = 0;
  bool ended = false;
  bool finished = false;
  absl::Status error;
  absl::Status refused;  // why the peer's certificate was refused
  Refusal refusal = Refusal::kNone;
  std::string library_error;
  Connection connection;

  Progress Step(int answer);
  Progress Finish();
  Progress Fail(absl::Status why) {
    if (error.ok()) error = std::move(why);
    return Progress::kFailed;
  }
};

namespace {

int SessionIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Session::Rep* Of(SSL* ssl) {
  return static_cast<Session::Rep*>(SSL_get_ex_data(ssl, SessionIndex()));
}

// An idle connection holds next to no memory.
void Empty(std::string* buffer) {
  constexpr size_t kKeepBytes = 4096;
  buffer->clear();
  if (buffer->capacity() > kKeepBytes) buffer->shrink_to_fit();
}

int BioRead(BIO* bio, char* to, int size) {
  auto* rep = static_cast<Session::Rep*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const size_t available = rep->in.size() - rep->in_at;
  if (available == 0) {
    if (rep->ended) return 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t count = std::min<size_t>(available, size);
  memcpy(to, rep->in.data() + rep->in_at, count);
  rep->in_at += count;
  if (rep->in_at == rep->in.size()) {
    Empty(&rep->in);
    rep->in_at = 0;
  }
  return static_cast<int>(count);
}

int BioWrite(BIO* bio, const char* from, int size) {
  auto* rep = static_cast<Session::Rep*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  rep->out.append(from, size);
  return size;
}

long BioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* BufferMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_TYPE_MEM, "mesh buffers");
    BIO_meth_set_read(m, BioRead);
    BIO_meth_set_write(m, BioWrite);
    BIO_meth_set_ctrl(m, BioControl);
    return m;
  }();
  return method;
}

std::vector<Certificate> PeerChain(const SSL* ssl) {
  std::vector<Certificate> chain;
  const STACK_OF(X509)* stack = SSL_get_peer_full_cert_chain(ssl);
  for (size_t i = 0; stack != nullptr && i < sk_X509_num(stack); ++i) {
    X509* x509 = sk_X509_value(stack, i);
    X509_up_ref(x509);
    auto certificate = boring::MakeCertificate(bssl::UniquePtr<X509>(x509));
    // Half a chain is none: what cannot be read must not be skipped over.
    if (!certificate.ok()) return {};
    chain.push_back(*std::move(certificate));
  }
  return chain;
}

// SNI carries DNS names only (RFC 6066 §3).
bool IsDnsName(std::string_view name) {
  bool letter = false;
  for (char c : name) {
    if (!absl::ascii_isalnum(c) && c != '.' && c != '-' && c != '_') return false;
    letter |= absl::ascii_isalpha(c);
  }
  return letter && name.size() <= 255;
}

}  // namespace

ssl_verify_result_t boring::OnVerify(SSL* ssl, uint8_t* alert) {
  Session::Rep* rep = Of(ssl);
  rep->connection.peer_chain = PeerChain(ssl);
  Verdict verdict = VerifyPeer(rep->context->rep(), rep->connection.peer_chain);
  if (verdict.status.ok()) return ssl_verify_ok;
  rep->refused = std::move(verdict.status);
  rep->refusal = verdict.refusal;
  *alert = verdict.alert;
  return ssl_verify_invalid;
}

int boring::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  Session::Rep* rep = Of(ssl);
  rep->context->rep().KeepSession(rep->options.server_name, bssl::UniquePtr<SSL_SESSION>(session));
  return 1;
}

Progress Session::Rep::Finish() {
  finished = true;
  SSL* s = ssl.get();
  connection.version = SSL_get_version(s);
  connection.cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(s));
  const uint16_t group_id = SSL_get_group_id(s);
  const char* group = group_id == 0 ? nullptr : SSL_get_group_name(group_id);
  connection.group = group == nullptr ? "" : group;
  const uint8_t* alpn = nullptr;
  unsigned alpn_size = 0;
  SSL_get0_alpn_selected(s, &alpn, &alpn_size);
  connection.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  const char* name = SSL_get_servername(s, TLSEXT_NAMETYPE_host_name);
  connection.server_name = name == nullptr ? "" : name;
  connection.resumed = SSL_session_reused(s) != 0;
  if (connection.resumed || connection.peer_chain.empty()) connection.peer_chain = PeerChain(s);
  if (!connection.resumed) return Progress::kDone;
  const boring::Verdict verdict = boring::VerifyPeer(context->rep(), connection.peer_chain);
  if (verdict.status.ok()) return Progress::kDone;
  SSL_send_fatal_alert(s, verdict.alert);
  ERR_clear_error();
  refusal = verdict.refusal;
  return Fail(absl::PermissionDeniedError(absl::StrCat(
      "the peer's certificate is refused: ", verdict.status.message(), " (resumed session)")));
}

Progress Session::Rep::Step(int answer) {
  if (!error.ok()) return Progress::kFailed;
  const int kind = SSL_get_error(ssl.get(), answer);
  if (!finished && !SSL_in_init(ssl.get()) && kind != SSL_ERROR_SSL) {
    if (Finish() == Progress::kFailed) return Progress::kFailed;
  }
  switch (kind) {
    case SSL_ERROR_NONE:
      return Progress::kDone;
    case SSL_ERROR_WANT_READ:
      return Progress::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return Progress::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Progress::kClosed;
    case SSL_ERROR_SYSCALL:
      return Fail(absl::DataLossError(finished ? "the connection ended without a close_notify"
                                               : "the connection ended during the handshake"));
  }
  const uint32_t code = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(code);
  if (code != 0) {
    const char* const words = ERR_reason_error_string(code);
    library_error =
        absl::StrCat(code, ":SSL routines:OPENSSL_internal:", words == nullptr ? "" : words);
  }
  if (!refused.ok()) {
    ERR_clear_error();
    return Fail(absl::PermissionDeniedError(
        absl::StrCat("the peer's certificate is refused: ", refused.message())));
  }
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    refusal = Refusal::kNoCertificate;
  }
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET) {
    ERR_clear_error();
    return Fail(absl::UnavailableError(absl::StrCat(
        "the peer refuses: alert ", SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET))));
  }
  return Fail(absl::InvalidArgumentError(absl::StrCat("TLS failed: ", boring::LastError())));
}

Session::Session(std::shared_ptr<const Context> context, SessionOptions options)
    : rep_(std::make_unique<Rep>()) {
  rep_->context = std::move(context);
  rep_->options = std::move(options);
  Context::Rep& shared = rep_->context->rep();
  rep_->ssl.reset(SSL_new(shared.ssl_ctx.get()));
  SSL* ssl = rep_->ssl.get();
  SSL_set_ex_data(ssl, SessionIndex(), rep_.get());
  BIO* bio = BIO_new(BufferMethod());
  BIO_set_data(bio, rep_.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  if (shared.server) {
    SSL_set_accept_state(ssl);
    return;
  }
  SSL_set_connect_state(ssl);
  const std::string& name = rep_->options.server_name;
  if (IsDnsName(name)) SSL_set_tlsext_host_name(ssl, name.c_str());
  if (const auto session = shared.TakeSession(name)) SSL_set_session(ssl, session.get());
}

Session::~Session() = default;

void Session::Receive(std::string_view bytes) {
  Rep& r = *rep_;
  if (r.in_at > 0 && r.in_at >= r.in.size() / 2) {
    r.in.erase(0, r.in_at);
    r.in_at = 0;
  }
  r.in.append(bytes);
}
void Session::ReceiveEnd() { rep_->ended = true; }

std::string_view Session::outgoing() const {
  return std::string_view(rep_->out).substr(rep_->out_at);
}
void Session::Sent(size_t bytes) {
  Rep& r = *rep_;
  r.out_at += std::min(bytes, r.out.size() - r.out_at);
  if (r.out_at == r.out.size()) {
    Empty(&r.out);
    r.out_at = 0;
  }
}

Progress Session::Handshake() {
  if (!rep_->error.ok()) return Progress::kFailed;
  if (rep_->finished) return Progress::kDone;
  ERR_clear_error();
  return rep_->Step(SSL_do_handshake(rep_->ssl.get()));
}

bool Session::handshake_done() const { return rep_->finished && rep_->error.ok(); }

IoResult Session::Read(absl::Span<char> into) {
  if (!rep_->error.ok()) return {Progress::kFailed};
  ERR_clear_error();
  const int count = SSL_read(rep_->ssl.get(), into.data(), static_cast<int>(into.size()));
  const Progress progress = rep_->Step(count);
  return {progress, progress == Progress::kDone ? static_cast<size_t>(count) : 0};
}

IoResult Session::Write(std::string_view from) {
  if (!rep_->error.ok()) return {Progress::kFailed};
  if (outgoing().size() >= rep_->options.max_outgoing_bytes) return {Progress::kWantWrite};
  ERR_clear_error();
  const int count = SSL_write(rep_->ssl.get(), from.data(),
                              static_cast<int>(std::min<size_t>(from.size(), 1 << 20)));
  const Progress progress = rep_->Step(count);
  return {progress, progress == Progress::kDone ? static_cast<size_t>(count) : 0};
}

void Session::Close() {
  if (!rep_->error.ok()) return;
  ERR_clear_error();
  SSL_shutdown(rep_->ssl.get());
  ERR_clear_error();
}

const absl::Status& Session::error() const { return rep_->error; }
Refusal Session::refusal() const { return rep_->refusal; }
const std::string& Session::library_error() const { return rep_->library_error; }
const Connection& Session::connection() const { return rep_->connection; }
const Context& Session::context() const { return *rep_->context; }

}  // namespace mesh::tls
