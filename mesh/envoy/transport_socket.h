// Envoy's transport sockets as plain values: how the bytes of a connection are protected, and the
// names of the secrets that this takes.
//
// Values are frozen once built and may be read from any thread.
#ifndef MESH_ENVOY_TRANSPORT_SOCKET_H_
#define MESH_ENVOY_TRANSPORT_SOCKET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace envoy::extensions::transport_sockets::tls::v3 {
class Secret;
}

namespace mesh::envoy {

// core.v3.DataSource: bytes, or the name of a file that holds them.
struct DataSource {
  std::string bytes;
  std::string file;
  bool empty() const { return bytes.empty() && file.empty(); }
};

// SubjectAltNameMatcher, without its regular expressions.
struct SanMatch {
  enum class Type { kUri, kDns, kEmail, kIp };
  enum class Kind { kExact, kPrefix, kSuffix, kContains };

  Type type = Type::kUri;
  Kind kind = Kind::kExact;
  std::string value;
  bool ignore_case = false;
};

// CertificateValidationContext: which certificates of the other side are accepted.
struct TlsValidation {
  DataSource trusted_ca;
  // One of the certificate's names must match one of these. A matcher that names no type (the
  // older match_subject_alt_names) stands here once for each type, but for URIs alone where it
  // spells one.
  std::vector<SanMatch> sans;
  std::vector<std::string> certificate_sha256, public_key_sha256;  // lower-case hexadecimal
};

// DownstreamTlsContext and UpstreamTlsContext with their CommonTlsContext.
struct TlsSettings {
  enum class Version { k12, k13 };

  Version min_version = Version::k12;
  Version max_version = Version::k13;
  std::vector<std::string> cipher_suites;  // of TLS 1.2, in OpenSSL's names; empty: the usual ones
  std::vector<std::string> alpn;

  // Our own certificate: the name of a secret, or the chain and the key; all empty where there is
  // none.
  std::string certificate_secret;
  DataSource certificate_chain, private_key;
  // Whom to trust: what stands here, and the roots of a secret where one is named.
  TlsValidation validation;
  std::string validation_secret;
  // After this a secret that has not come is given up for the time being; zero: never.
  absl::Duration secrets_initial_fetch_timeout = absl::ZeroDuration();

  // Servers.
  bool require_client_certificate = false;
  bool resumption = true;
  // Clients. Sent in the handshake; empty: nothing is.
  std::string server_name;

  // Settings with equal bytes are equal but for the server name.
  std::string bytes;
};

// Null is plaintext.
using TransportSocket = std::shared_ptr<const TlsSettings>;

// A secret as SDS sends it: a certificate with its key, or the roots that are trusted, all in PEM.
struct Secret {
  std::string name;
  std::string certificate_chain, private_key;
  std::string trusted_ca;
};

// InvalidArgument names every field that is wrong or that this proxy does not do, and never what
// the secret holds:
//   secret "web" tls_certificate.pkcs12: not supported
absl::StatusOr<Secret> LoadSecret(
    const ::envoy::extensions::transport_sockets::tls::v3::Secret& proto);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_TRANSPORT_SOCKET_H_
