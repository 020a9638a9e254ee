#include "mesh/proxy/tls_facts.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mesh::proxy {
namespace {

std::vector<std::string> NamesOf(const tls::Certificate& certificate, tls::SanType type) {
  std::vector<std::string> names;
  for (const tls::SubjectAltName& name : certificate.sans()) {
    if (name.type == type) names.push_back(name.bytes);
  }
  return names;
}

// As it stands in x-forwarded-client-cert: everything but letters, digits and "-._~" in %XX.
std::string UrlEncode(const std::string& text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '.' || byte == '_' ||
                       byte == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

}  // namespace

std::shared_ptr<const TlsFacts> TakeFacts(const tls::Session& session) {
  const tls::Connection& connection = session.connection();
  auto facts = std::make_shared<TlsFacts>();
  facts->server_name = connection.server_name;
  facts->alpn = connection.alpn;
  facts->text.version = connection.version;
  facts->text.cipher = connection.cipher;
  if (!connection.peer_chain.empty()) {
    const tls::Certificate& peer = connection.peer_chain[0];
    facts->peer_certificate = true;
    facts->peer_uris = NamesOf(peer, tls::SanType::kUri);
    facts->peer_dns_names = NamesOf(peer, tls::SanType::kDns);
    facts->text.peer_uri_san = absl::StrJoin(facts->peer_uris, ",");
    facts->text.peer_dns_san = absl::StrJoin(facts->peer_dns_names, ",");
    facts->text.peer_subject = peer.subject();
    facts->text.peer_issuer = peer.issuer();
    facts->text.peer_serial = peer.serial();
    facts->text.peer_fingerprint_256 = peer.Fingerprint();
    facts->text.peer_certificate = UrlEncode(peer.ToPem());
    facts->text.peer_not_before = peer.not_before();
    facts->text.peer_not_after = peer.not_after();
  }
  if (const std::optional<tls::Certificate> local = session.context().certificate()) {
    facts->local_uris = NamesOf(*local, tls::SanType::kUri);
    facts->text.local_uri_san = absl::StrJoin(facts->local_uris, ",");
    facts->text.local_dns_san = absl::StrJoin(NamesOf(*local, tls::SanType::kDns), ",");
    facts->text.local_subject = local->subject();
  }
  return facts;
}

void CountHandshake(const tls::Session& session, TlsStats* stats) {
  const tls::Connection& connection = session.connection();
  ++stats->handshake;
  if (connection.resumed) ++stats->session_reused;
  if (connection.peer_chain.empty()) ++stats->no_certificate;
  CountName(connection.version, &stats->versions);
  CountName(connection.cipher, &stats->ciphers);
  if (!connection.group.empty()) CountName(connection.group, &stats->curves);
}

void CountFailure(const tls::Session& session, TlsStats* stats) {
  switch (session.refusal()) {
    case tls::Refusal::kNoCertificate:
      ++stats->fail_verify_no_cert;
      return;
    case tls::Refusal::kChain:
      ++stats->fail_verify_error;
      return;
    case tls::Refusal::kName:
      ++stats->fail_verify_san;
      return;
    case tls::Refusal::kFingerprint:
      ++stats->fail_verify_cert_hash;
      return;
    case tls::Refusal::kNone:
      break;
  }
  // A peer that just goes has done nothing wrong.
  if (session.error().code() != absl::StatusCode::kDataLoss) ++stats->connection_error;
}

std::string TlsFailureReason(const tls::Session& session) {
  if (session.error().ok()) return "";
  // A connection that ends in the open is no failure of TLS, close_notify or not.
  const bool open = !session.connection().version.empty();
  if (open && session.error().code() == absl::StatusCode::kDataLoss) return "";
  std::string words = absl::StrCat("TLS_error:|", session.library_error());
  if (!session.library_error().empty()) words.push_back(':');
  absl::StrAppend(&words, session.error().message(), ":TLS_error_end");
  return words;
}

}  // namespace mesh::proxy
