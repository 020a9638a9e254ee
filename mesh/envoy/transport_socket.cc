#include "mesh/envoy/transport_socket.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/envoy/core_fields.h"
#include "mesh/envoy/transport_socket_fields.h"

namespace mesh::envoy {
namespace {

namespace tls = ::envoy::extensions::transport_sockets::tls::v3;
namespace core = ::envoy::config::core::v3;
using StringMatcher = ::envoy::type::matcher::v3::StringMatcher;

constexpr SanMatch::Type kAllTypes[] = {SanMatch::Type::kUri, SanMatch::Type::kDns,
                                        SanMatch::Type::kEmail, SanMatch::Type::kIp};

DataSource LoadDataSource(const core::DataSource& source, const std::string& path,
                          FieldErrors* errors) {
  errors->Only(source, path, {"filename", "inline_bytes", "inline_string", "environment_variable"});
  DataSource out;
  switch (source.specifier_case()) {
    case core::DataSource::kFilename:
      out.file = source.filename();
      break;
    case core::DataSource::kInlineBytes:
      out.bytes = source.inline_bytes();
      break;
    case core::DataSource::kInlineString:
      out.bytes = source.inline_string();
      break;
    case core::DataSource::kEnvironmentVariable: {
      const char* const value = std::getenv(source.environment_variable().c_str());
      if (value == nullptr || *value == '\0') {
        errors->Add(Join(path, "environment_variable"),
                    absl::StrCat(source.environment_variable(), " is not set"));
      } else {
        out.bytes = value;
      }
      break;
    }
    default:
      break;
  }
  return out;
}

// The name of a secret of ADS or of the workload itself.
std::string LoadSecretName(const tls::SdsSecretConfig& config, const std::string& path,
                           TlsSettings* out, FieldErrors* errors) {
  errors->Only(config, path, {"name", "sds_config"});
  if (config.name().empty()) errors->Add(Join(path, "name"), "missing");
  if (!config.has_sds_config()) {
    errors->Add(Join(path, "sds_config"), "missing: secrets come over ADS");
    return config.name();
  }
  const absl::Duration timeout =
      LoadSecretSource(config.sds_config(), config.name(), Join(path, "sds_config"), errors);
  // Of several secrets the most patient one counts; zero is for ever.
  const bool first = out->certificate_secret.empty();
  if (first || timeout == absl::ZeroDuration()) {
    out->secrets_initial_fetch_timeout = timeout;
  } else if (out->secrets_initial_fetch_timeout > absl::ZeroDuration()) {
    out->secrets_initial_fetch_timeout = std::max(out->secrets_initial_fetch_timeout, timeout);
  }
  return config.name();
}

bool LoadSan(const StringMatcher& matcher, const std::string& path, SanMatch* out,
             FieldErrors* errors) {
  errors->Only(matcher, path, {"exact", "prefix", "suffix", "contains", "ignore_case"});
  out->ignore_case = matcher.ignore_case();
  switch (matcher.match_pattern_case()) {
    case StringMatcher::kExact:
      out->kind = SanMatch::Kind::kExact;
      out->value = matcher.exact();
      return true;
    case StringMatcher::kPrefix:
      out->kind = SanMatch::Kind::kPrefix;
      out->value = matcher.prefix();
      return true;
    case StringMatcher::kSuffix:
      out->kind = SanMatch::Kind::kSuffix;
      out->value = matcher.suffix();
      return true;
    case StringMatcher::kContains:
      out->kind = SanMatch::Kind::kContains;
      out->value = matcher.contains();
      return true;
    case StringMatcher::MATCH_PATTERN_NOT_SET:
      errors->Add(path, "no pattern is set");
      return false;
    default:
      return false;  // named above
  }
}

std::optional<SanMatch::Type> SanTypeOf(const tls::SubjectAltNameMatcher& matcher,
                                        const std::string& path, FieldErrors* errors) {
  switch (matcher.san_type()) {
    case tls::SubjectAltNameMatcher::URI:
      return SanMatch::Type::kUri;
    case tls::SubjectAltNameMatcher::DNS:
      return SanMatch::Type::kDns;
    case tls::SubjectAltNameMatcher::EMAIL:
      return SanMatch::Type::kEmail;
    case tls::SubjectAltNameMatcher::IP_ADDRESS:
      return SanMatch::Type::kIp;
    default:
      errors->Add(Join(path, "san_type"),
                  absl::StrCat(tls::SubjectAltNameMatcher::SanType_Name(matcher.san_type()),
                               " is not supported"));
      return std::nullopt;
  }
}

void LoadHashes(const tls::CertificateValidationContext& proto, const std::string& path,
                TlsValidation* out, FieldErrors* errors) {
  for (int i = 0; i < proto.verify_certificate_hash_size(); ++i) {
    // With or without colons between the bytes.
    std::string hex;
    for (char c : proto.verify_certificate_hash(i)) {
      if (c != ':') hex.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
    if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
      errors->Add(At(Join(path, "verify_certificate_hash"), i),
                  "must be a SHA-256 in hexadecimal, 64 digits");
    }
    out->certificate_sha256.push_back(std::move(hex));
  }
  for (int i = 0; i < proto.verify_certificate_spki_size(); ++i) {
    std::string raw;
    if (!absl::Base64Unescape(proto.verify_certificate_spki(i), &raw) || raw.size() != 32) {
      errors->Add(At(Join(path, "verify_certificate_spki"), i), "must be a SHA-256 in base64");
    }
    out->public_key_sha256.push_back(absl::BytesToHexString(raw));
  }
}

void LoadValidation(const tls::CertificateValidationContext& proto, const std::string& path,
                    TlsValidation* out, FieldErrors* errors) {
  errors->Only(proto, path,
               {"trusted_ca", "match_typed_subject_alt_names", "match_subject_alt_names",
                "verify_certificate_spki", "verify_certificate_hash", "trust_chain_verification"},
               // There are no revocation lists for it to speak of.
               {"only_verify_leaf_cert_crl"});
  if (proto.trust_chain_verification() != tls::CertificateValidationContext::VERIFY_TRUST_CHAIN) {
    errors->Add(Join(path, "trust_chain_verification"), "only VERIFY_TRUST_CHAIN is supported");
  }
  if (proto.has_trusted_ca()) {
    out->trusted_ca = LoadDataSource(proto.trusted_ca(), Join(path, "trusted_ca"), errors);
  }
  for (int i = 0; i < proto.match_typed_subject_alt_names_size(); ++i) {
    const auto& typed = proto.match_typed_subject_alt_names(i);
    const std::string san_path = At(Join(path, "match_typed_subject_alt_names"), i);
    errors->Only(typed, san_path, {"san_type", "matcher"});
    SanMatch san;
    const std::optional<SanMatch::Type> type = SanTypeOf(typed, san_path, errors);
    if (!LoadSan(typed.matcher(), Join(san_path, "matcher"), &san, errors) || !type) continue;
    san.type = *type;
    out->sans.push_back(std::move(san));
  }
  for (int i = 0; i < proto.match_subject_alt_names_size(); ++i) {
    SanMatch san;
    if (!LoadSan(proto.match_subject_alt_names(i), At(Join(path, "match_subject_alt_names"), i),
                 &san, errors)) {
      continue;
    }
    // What spells a URI is meant as one: no certificate gets in by saying it in a name of another
    // kind.
    const bool uri = (san.kind == SanMatch::Kind::kExact || san.kind == SanMatch::Kind::kPrefix) &&
                     absl::StrContains(san.value, "://");
    for (SanMatch::Type type : kAllTypes) {
      if (uri && type != SanMatch::Type::kUri) continue;
      san.type = type;
      out->sans.push_back(san);
    }
  }
  LoadHashes(proto, path, out, errors);
}

TlsSettings::Version LoadVersion(tls::TlsParameters::TlsProtocol version,
                                 TlsSettings::Version automatic, const std::string& path,
                                 bool greatest, FieldErrors* errors) {
  switch (version) {
    case tls::TlsParameters::TLS_AUTO:
      return automatic;
    case tls::TlsParameters::TLSv1_3:
      return TlsSettings::Version::k13;
    case tls::TlsParameters::TLSv1_2:
      return TlsSettings::Version::k12;
    default:
      // As the least version, something older still admits what is spoken here.
      if (greatest) errors->Add(path, "TLS before 1.2 is not supported");
      return TlsSettings::Version::k12;
  }
}

void LoadCommon(const tls::CommonTlsContext& proto, const std::string& path, TlsSettings* out,
                FieldErrors* errors) {
  errors->Only(
      proto, path,
      {"tls_params", "tls_certificates", "tls_certificate_sds_secret_configs", "validation_context",
       "validation_context_sds_secret_config", "combined_validation_context", "alpn_protocols"});
  const auto& params = proto.tls_params();
  const std::string params_path = Join(path, "tls_params");
  errors->Only(params, params_path,
               {"tls_minimum_protocol_version", "tls_maximum_protocol_version", "cipher_suites"});
  out->min_version = LoadVersion(params.tls_minimum_protocol_version(), TlsSettings::Version::k12,
                                 Join(params_path, "tls_minimum_protocol_version"), false, errors);
  out->max_version = LoadVersion(params.tls_maximum_protocol_version(), TlsSettings::Version::k13,
                                 Join(params_path, "tls_maximum_protocol_version"), true, errors);
  if (out->min_version > out->max_version) {
    errors->Add(Join(params_path, "tls_minimum_protocol_version"), "is above the greatest version");
  }
  out->cipher_suites.assign(params.cipher_suites().begin(), params.cipher_suites().end());
  for (const std::string& protocol : proto.alpn_protocols()) {
    if (protocol != "h2" && protocol != "istio-h2") out->alpn.push_back(protocol);
  }

  const int certificates =
      proto.tls_certificates_size() + proto.tls_certificate_sds_secret_configs_size();
  if (certificates > 1) {
    errors->Add(
        Join(path, proto.tls_certificates_size() > 0 ? "tls_certificates"
                                                     : "tls_certificate_sds_secret_configs"),
        "more than one certificate is not supported");
  } else if (proto.tls_certificates_size() == 1) {
    const auto& certificate = proto.tls_certificates(0);
    const std::string certificate_path = At(Join(path, "tls_certificates"), 0);
    errors->Only(certificate, certificate_path, {"certificate_chain", "private_key"});
    out->certificate_chain = LoadDataSource(certificate.certificate_chain(),
                                            Join(certificate_path, "certificate_chain"), errors);
    out->private_key =
        LoadDataSource(certificate.private_key(), Join(certificate_path, "private_key"), errors);
    if (out->certificate_chain.empty()) {
      errors->Add(Join(certificate_path, "certificate_chain"), "missing");
    }
    if (out->private_key.empty()) errors->Add(Join(certificate_path, "private_key"), "missing");
  } else if (certificates == 1) {
    out->certificate_secret =
        LoadSecretName(proto.tls_certificate_sds_secret_configs(0),
                       At(Join(path, "tls_certificate_sds_secret_configs"), 0), out, errors);
  }

  if (proto.has_validation_context()) {
    LoadValidation(proto.validation_context(), Join(path, "validation_context"), &out->validation,
                   errors);
    if (out->validation.trusted_ca.empty() && !out->validation.sans.empty()) {
      // Names that nobody vouches for say nothing.
      errors->Add(Join(path, "validation_context"), "subject alternative names without trusted_ca");
    }
  } else if (proto.has_validation_context_sds_secret_config()) {
    const std::string sds_path = Join(path, "validation_context_sds_secret_config");
    out->validation_secret =
        LoadSecretName(proto.validation_context_sds_secret_config(), sds_path, out, errors);
  } else if (proto.has_combined_validation_context()) {
    const auto& combined = proto.combined_validation_context();
    const std::string combined_path = Join(path, "combined_validation_context");
    errors->Only(combined, combined_path,
                 {"default_validation_context", "validation_context_sds_secret_config"});
    LoadValidation(combined.default_validation_context(),
                   Join(combined_path, "default_validation_context"), &out->validation, errors);
    out->validation_secret =
        LoadSecretName(combined.validation_context_sds_secret_config(),
                       Join(combined_path, "validation_context_sds_secret_config"), out, errors);
  }
}

bool IsTls(const core::TransportSocket& socket) {
  const std::string& url = socket.typed_config().type_url();
  return absl::EndsWith(url, ".DownstreamTlsContext") || absl::EndsWith(url, ".UpstreamTlsContext");
}

// Plaintext, said in one of the ways there are.
void CheckRawBuffer(const core::TransportSocket& socket, const std::string& path,
                    FieldErrors* errors) {
  if (!socket.has_typed_config()) {
    if (socket.name() != "envoy.transport_sockets.raw_buffer" && socket.name() != "raw_buffer") {
      errors->Add(path, absl::StrCat(socket.name(), " is not supported"));
    }
    return;
  }
  ::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer raw;
  errors->Unpack(socket.typed_config(), Join(path, "typed_config"), &raw);
}

}  // namespace

void WithdrawProtocol(const std::string& protocol, TransportSocket* tls) {
  if (*tls == nullptr || protocol.empty()) return;
  auto without = std::make_shared<TlsSettings>(**tls);
  auto& alpn = without->alpn;
  alpn.erase(std::remove(alpn.begin(), alpn.end(), protocol), alpn.end());
  *tls = std::move(without);
}

TransportSocket LoadServerSocket(const core::TransportSocket& socket, const std::string& path,
                                 FieldErrors* errors) {
  if (!IsTls(socket)) {
    CheckRawBuffer(socket, path, errors);
    return nullptr;
  }
  const std::string config_path = Join(path, "typed_config");
  tls::DownstreamTlsContext proto;
  auto out = std::make_shared<TlsSettings>();
  if (!errors->Unpack(socket.typed_config(), config_path, &proto)) return out;
  errors->Only(proto, config_path,
               {"common_tls_context", "require_client_certificate", "require_sni",
                "disable_stateless_session_resumption", "ocsp_staple_policy"},
               // Sessions are resumed by tickets alone, which live for two days at most.
               {"disable_stateful_session_resumption", "session_timeout",
                "full_scan_certs_on_sni_mismatch"});
  LoadCommon(proto.common_tls_context(), Join(config_path, "common_tls_context"), out.get(),
             errors);
  if (proto.require_sni().value()) errors->Add(Join(config_path, "require_sni"), "not supported");
  if (proto.ocsp_staple_policy() != tls::DownstreamTlsContext::LENIENT_STAPLING) {
    errors->Add(Join(config_path, "ocsp_staple_policy"), "only LENIENT_STAPLING is supported");
  }
  if (proto.common_tls_context().tls_certificates().empty() &&
      proto.common_tls_context().tls_certificate_sds_secret_configs().empty()) {
    errors->Add(Join(config_path, "common_tls_context"), "a server needs a certificate");
  }
  out->require_client_certificate = proto.require_client_certificate().value();
  if (out->require_client_certificate && out->validation_secret.empty() &&
      out->validation.trusted_ca.empty() && out->validation.certificate_sha256.empty() &&
      out->validation.public_key_sha256.empty()) {
    // Envoy takes it and accepts whoever comes with any certificate at all.
    errors->Add(Join(config_path, "require_client_certificate"),
                "nothing says which certificates are accepted: set a validation context");
  }
  out->resumption = !proto.disable_stateless_session_resumption();
  out->bytes = socket.typed_config().value();
  return out;
}

TransportSocket LoadClientSocket(const core::TransportSocket& socket, const std::string& path,
                                 FieldErrors* errors) {
  if (!IsTls(socket)) {
    CheckRawBuffer(socket, path, errors);
    return nullptr;
  }
  const std::string config_path = Join(path, "typed_config");
  tls::UpstreamTlsContext proto;
  auto out = std::make_shared<TlsSettings>();
  if (!errors->Unpack(socket.typed_config(), config_path, &proto)) return out;
  errors->Only(proto, config_path, {"common_tls_context", "sni"},
               {"max_session_keys", "enforce_rsa_key_usage"});
  LoadCommon(proto.common_tls_context(), Join(config_path, "common_tls_context"), out.get(),
             errors);
  out->server_name = proto.sni();
  proto.clear_sni();
  out->bytes = proto.SerializeAsString();
  return out;
}

absl::StatusOr<Secret> LoadSecret(const tls::Secret& proto) {
  FieldErrors errors(absl::StrCat("secret \"", proto.name(), "\""));
  errors.Only(proto, "", {"name", "tls_certificate", "validation_context"});
  if (proto.name().empty()) errors.Add("name", "missing");
  Secret out;
  out.name = proto.name();
  const auto take = [&errors](const core::DataSource& source, const std::string& path,
                              std::string* to) {
    // Whoever sends secrets must not choose which of our files are read.
    if (source.has_filename() || source.has_environment_variable()) {
      return errors.Add(path, "only inline_bytes and inline_string are supported");
    }
    *to = LoadDataSource(source, path, &errors).bytes;
    if (to->empty()) errors.Add(path, "missing");
  };
  if (proto.has_tls_certificate()) {
    const auto& certificate = proto.tls_certificate();
    errors.Only(certificate, "tls_certificate", {"certificate_chain", "private_key"});
    take(certificate.certificate_chain(), "tls_certificate.certificate_chain",
         &out.certificate_chain);
    take(certificate.private_key(), "tls_certificate.private_key", &out.private_key);
  } else if (proto.has_validation_context()) {
    errors.Only(proto.validation_context(), "validation_context", {"trusted_ca"});
    take(proto.validation_context().trusted_ca(), "validation_context.trusted_ca", &out.trusted_ca);
  } else if (errors.errors().empty()) {
    errors.Add("", "neither tls_certificate nor validation_context is set");
  }
  if (!errors.errors().empty()) return ToStatus(errors.errors());
  return out;
}

}  // namespace mesh::envoy
