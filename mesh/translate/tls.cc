#include "mesh/translate/tls.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "mesh/base/strings.h"
#include "mesh/translate/proto.h"

namespace mesh::translate {
namespace {

namespace core = ::envoy::config::core::v3;
namespace envoy_tls = ::envoy::extensions::transport_sockets::tls::v3;
using ::istio::networking::v1alpha3::ClientTLSSettings;
using ::istio::networking::v1alpha3::ServerTLSSettings;

constexpr char kTlsSocket[] = "envoy.transport_sockets.tls";
constexpr char kRawSocket[] = "envoy.transport_sockets.raw_buffer";

void SetSecret(std::string_view name, envoy_tls::SdsSecretConfig* secret) {
  secret->set_name(std::string(name));
  *secret->mutable_sds_config() = AdsSource();
}

void SetMeshIdentity(const std::vector<envoy::type::matcher::v3::StringMatcher>& peers,
                     envoy_tls::CommonTlsContext* tls) {
  SetSecret("default", tls->add_tls_certificate_sds_secret_configs());
  auto* combined = tls->mutable_combined_validation_context();
  auto* validation = combined->mutable_default_validation_context();
  for (const auto& peer : peers) {
    // The typed form would look at one kind of name only; identities are URIs, external services
    // have DNS names.
    *validation->add_match_subject_alt_names() = peer;
  }
  SetSecret("ROOTCA", combined->mutable_validation_context_sds_secret_config());
}

std::vector<envoy::type::matcher::v3::StringMatcher> Exact(
    const google::protobuf::RepeatedPtrField<std::string>& names) {
  std::vector<envoy::type::matcher::v3::StringMatcher> matchers;
  for (const std::string& name : names) matchers.push_back(Exactly(name));
  return matchers;
}

std::vector<envoy::type::matcher::v3::StringMatcher> TrustDomains(
    const std::vector<std::string>& domains) {
  std::vector<envoy::type::matcher::v3::StringMatcher> matchers;
  for (const std::string& domain : domains) {
    matchers.emplace_back().set_prefix(absl::StrCat("spiffe://", domain, "/"));
  }
  return matchers;
}

envoy_tls::TlsParameters::TlsProtocol Version(ServerTLSSettings::TLSProtocol version) {
  switch (version) {
    case ServerTLSSettings::TLSV1_0:
      return envoy_tls::TlsParameters::TLSv1_0;
    case ServerTLSSettings::TLSV1_1:
      return envoy_tls::TlsParameters::TLSv1_1;
    case ServerTLSSettings::TLSV1_2:
      return envoy_tls::TlsParameters::TLSv1_2;
    case ServerTLSSettings::TLSV1_3:
      return envoy_tls::TlsParameters::TLSv1_3;
    default:
      return envoy_tls::TlsParameters::TLS_AUTO;
  }
}

void SetFiles(const std::string& certificate, const std::string& key,
              envoy_tls::CommonTlsContext* tls) {
  auto* files = tls->add_tls_certificates();
  files->mutable_certificate_chain()->set_filename(certificate);
  files->mutable_private_key()->set_filename(key);
}

// What clients must show, where the certificate comes from files or a secret.
void SetClientValidation(const ServerTLSSettings& settings, envoy_tls::CommonTlsContext* tls) {
  const bool mutual = settings.mode() == ServerTLSSettings::MUTUAL;
  const std::string& credential = settings.credential_name();
  envoy_tls::CertificateValidationContext validation;
  for (auto& name : Exact(settings.subject_alt_names())) {
    *validation.add_match_subject_alt_names() = name;
  }
  *validation.mutable_verify_certificate_spki() = settings.verify_certificate_spki();
  *validation.mutable_verify_certificate_hash() = settings.verify_certificate_hash();
  if (!credential.empty()) {
    if (!mutual) return;
    auto* combined = tls->mutable_combined_validation_context();
    *combined->mutable_default_validation_context() = validation;
    SetSecret(absl::StrCat(credential, "-cacert"),
              combined->mutable_validation_context_sds_secret_config());
    return;
  }
  if (!settings.ca_certificates().empty()) {
    validation.mutable_trusted_ca()->set_filename(settings.ca_certificates());
  }
  if (validation.ByteSizeLong() != 0) *tls->mutable_validation_context() = validation;
}

}  // namespace

core::TransportSocket PlainSocket() {
  core::TransportSocket socket;
  socket.set_name(kRawSocket);
  *socket.mutable_typed_config() =
      Pack(envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer());
  return socket;
}

core::TransportSocket TlsSocket(const envoy_tls::UpstreamTlsContext& context) {
  core::TransportSocket socket;
  socket.set_name(kTlsSocket);
  *socket.mutable_typed_config() = Pack(context);
  return socket;
}

core::TransportSocket TlsSocket(const envoy_tls::DownstreamTlsContext& context) {
  core::TransportSocket socket;
  socket.set_name(kTlsSocket);
  *socket.mutable_typed_config() = Pack(context);
  return socket;
}

envoy_tls::UpstreamTlsContext MutualTlsContext(std::string_view server_name,
                                               const std::vector<std::string>& peer_names,
                                               bool http2) {
  envoy_tls::UpstreamTlsContext context;
  std::vector<envoy::type::matcher::v3::StringMatcher> peers;
  for (const std::string& name : peer_names) peers.push_back(Exactly(name));
  SetMeshIdentity(peers, context.mutable_common_tls_context());
  // Says to the other sidecar that this is the mesh's own TLS.
  context.mutable_common_tls_context()->add_alpn_protocols("istio-peer-exchange");
  context.mutable_common_tls_context()->add_alpn_protocols("istio");
  if (http2) context.mutable_common_tls_context()->add_alpn_protocols("h2");
  context.set_sni(std::string(server_name));
  return context;
}

envoy_tls::UpstreamTlsContext ClientContext(const ClientTLSSettings& settings, bool http2) {
  envoy_tls::UpstreamTlsContext context;
  envoy_tls::CommonTlsContext& tls = *context.mutable_common_tls_context();
  if (settings.mode() == ClientTLSSettings::MUTUAL && settings.credential_name().empty()) {
    SetFiles(settings.client_certificate(), settings.private_key(), &tls);
  }
  envoy_tls::CertificateValidationContext validation;
  for (auto& name : Exact(settings.subject_alt_names())) {
    *validation.add_match_subject_alt_names() = name;
  }
  if (!settings.credential_name().empty()) {
    if (settings.mode() == ClientTLSSettings::MUTUAL) {
      SetSecret(settings.credential_name(), tls.add_tls_certificate_sds_secret_configs());
    }
    auto* combined = tls.mutable_combined_validation_context();
    *combined->mutable_default_validation_context() = validation;
    SetSecret(absl::StrCat(settings.credential_name(), "-cacert"),
              combined->mutable_validation_context_sds_secret_config());
  } else {
    if (!settings.ca_certificates().empty()) {
      validation.mutable_trusted_ca()->set_filename(settings.ca_certificates());
    }
    *tls.mutable_validation_context() = validation;
  }
  if (http2) tls.add_alpn_protocols("h2");
  context.set_sni(settings.sni());
  return context;
}

envoy_tls::DownstreamTlsContext InboundContext(const std::vector<std::string>& trust_domains,
                                               bool tcp) {
  envoy_tls::DownstreamTlsContext context;
  SetMeshIdentity(TrustDomains(trust_domains), context.mutable_common_tls_context());
  if (tcp) context.mutable_common_tls_context()->add_alpn_protocols("istio-peer-exchange");
  context.mutable_common_tls_context()->add_alpn_protocols("h2");
  context.mutable_common_tls_context()->add_alpn_protocols("http/1.1");
  context.mutable_require_client_certificate()->set_value(true);
  return context;
}

envoy_tls::DownstreamTlsContext ServerContext(const ServerTLSSettings& settings,
                                              const std::vector<std::string>& trust_domains) {
  envoy_tls::DownstreamTlsContext context;
  envoy_tls::CommonTlsContext& tls = *context.mutable_common_tls_context();
  const bool mesh_identity = settings.mode() == ServerTLSSettings::ISTIO_MUTUAL;
  if (!settings.credential_name().empty()) {
    SetSecret(settings.credential_name(), tls.add_tls_certificate_sds_secret_configs());
  } else if (mesh_identity) {
    std::vector<envoy::type::matcher::v3::StringMatcher> peers = TrustDomains(trust_domains);
    for (auto& name : Exact(settings.subject_alt_names())) peers.push_back(std::move(name));
    SetMeshIdentity(peers, &tls);
  } else {
    SetFiles(settings.server_certificate(), settings.private_key(), &tls);
  }
  if (!mesh_identity) SetClientValidation(settings, &tls);
  const bool has_versions = settings.min_protocol_version() != ServerTLSSettings::TLS_AUTO ||
                            settings.max_protocol_version() != ServerTLSSettings::TLS_AUTO;
  if (has_versions || !settings.cipher_suites().empty()) {
    auto* parameters = tls.mutable_tls_params();
    parameters->set_tls_minimum_protocol_version(Version(settings.min_protocol_version()));
    parameters->set_tls_maximum_protocol_version(Version(settings.max_protocol_version()));
    *parameters->mutable_cipher_suites() = settings.cipher_suites();
  }
  tls.add_alpn_protocols("h2");
  tls.add_alpn_protocols("http/1.1");
  context.mutable_require_client_certificate()->set_value(
      settings.mode() == ServerTLSSettings::MUTUAL || mesh_identity);
  return context;
}

}  // namespace mesh::translate
