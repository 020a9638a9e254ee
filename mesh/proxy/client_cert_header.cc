#include "mesh/proxy/client_cert_header.h"

#include <string>
#include <string_view>

namespace mesh::proxy {
namespace {

using ClientCert = envoy::HttpConnectionManager::ClientCert;

void AppendQuoted(std::string_view value, std::string* out) {
  out->push_back('"');
  for (char c : value) {
    if (c == '"' || c == '\\') out->push_back('\\');
    out->push_back(c);
  }
  out->push_back('"');
}

// Names come out of certificates: what is no plain text is no part of a header.
bool IsPlain(std::string_view value) {
  for (char c : value) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return true;
}

void AppendPair(std::string_view key, std::string_view value, bool quoted, std::string* out) {
  if (!IsPlain(value)) return;
  if (!out->empty()) out->push_back(';');
  out->append(key);
  out->push_back('=');
  if (quoted || value.find_first_of(",;=\"") != std::string_view::npos) {
    AppendQuoted(value, out);
  } else {
    out->append(value);
  }
}

}  // namespace

bool KeepsClientCert(const envoy::HttpConnectionManager& manager, const TlsFacts* tls) {
  switch (manager.client_cert) {
    case ClientCert::kAlwaysForward:
      return true;
    case ClientCert::kForwardOnly:
    case ClientCert::kAppendForward:
      return tls != nullptr && tls->peer_certificate;
    case ClientCert::kSanitize:
    case ClientCert::kSanitizeSet:
      return false;
  }
  return false;
}

void AddClientCert(const envoy::HttpConnectionManager& manager, const TlsFacts* tls,
                   HeaderMap* headers) {
  if (manager.client_cert != ClientCert::kAppendForward &&
      manager.client_cert != ClientCert::kSanitizeSet) {
    return;
  }
  if (tls == nullptr || !tls->peer_certificate) return;
  const auto& details = manager.client_cert_details;
  std::string element;
  if (!tls->local_uris.empty()) AppendPair("By", tls->local_uris[0], false, &element);
  AppendPair("Hash", tls->text.peer_fingerprint_256, false, &element);
  if (details.certificate) AppendPair("Cert", tls->text.peer_certificate, true, &element);
  if (details.subject) AppendPair("Subject", tls->text.peer_subject, true, &element);
  if (details.uri) {
    // The key is there even where the certificate has no such name.
    AppendPair("URI", tls->peer_uris.empty() ? std::string_view() : tls->peer_uris[0], false,
               &element);
  }
  if (details.dns) {
    for (const std::string& name : tls->peer_dns_names) AppendPair("DNS", name, false, &element);
  }
  Arena* const arena = headers->arena();
  std::string_view value = arena->Copy(element);
  std::string_view before;
  for (const HeaderMap::Entry& entry : headers->entries()) {
    if (entry.id != HeaderId::kXForwardedClientCert) continue;
    before = before.empty() ? entry.value : arena->Concat(arena->Concat(before, ","), entry.value);
  }
  if (!before.empty()) value = arena->Concat(arena->Concat(before, ","), value);
  headers->SetView(HeaderId::kXForwardedClientCert, value);
}

}  // namespace mesh::proxy
