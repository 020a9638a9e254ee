#include "mesh/tls/certificate.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/tls/boring.h"
#include "mesh/tls/digest.h"

namespace mesh::tls {
namespace {

using boring::LastError;

std::string NameText(const X509_NAME* name) {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  const uint8_t* data = nullptr;
  size_t size = 0;
  BIO_mem_contents(bio.get(), &data, &size);
  return std::string(reinterpret_cast<const char*>(data), size);
}

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  int64_t seconds = 0;
  if (!ASN1_TIME_to_posix(time, &seconds)) {
    return absl::InvalidArgumentError("not a certificate: a malformed time");
  }
  return absl::FromUnixSeconds(seconds);
}

bool HasUsage(const X509* x509, uint32_t usage) {
  const uint32_t flags = X509_get_extension_flags(x509);
  if ((flags & EXFLAG_INVALID) != 0) return false;
  if ((flags & EXFLAG_XKUSAGE) == 0) return true;
  return (X509_get_extended_key_usage(x509) & (usage | XKU_ANYEKU)) != 0;
}

}  // namespace

absl::StatusOr<Certificate> boring::MakeCertificate(bssl::UniquePtr<X509> x509) {
  auto rep = std::make_shared<Certificate::Rep>();
  rep->parsed = std::move(x509);
  X509* x = rep->x509();

  uint8_t* der = nullptr;
  const int size = i2d_X509(x, &der);
  if (size <= 0)
    return absl::InvalidArgumentError(absl::StrCat("not a certificate: ", LastError()));
  rep->der.assign(reinterpret_cast<char*>(der), size);
  OPENSSL_free(der);

  bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(x));
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a certificate: its key cannot be read: ", LastError()));
  }
  auto public_key = MakePublicKey(std::move(key));
  if (!public_key.ok()) return public_key.status();
  rep->public_key = *std::move(public_key);

  const auto not_before = TimeOf(X509_get0_notBefore(x)), not_after = TimeOf(X509_get0_notAfter(x));
  if (!not_before.ok()) return not_before.status();
  if (!not_after.ok()) return not_after.status();
  rep->not_before = *not_before;
  rep->not_after = *not_after;

  const int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
  if (at >= 0) {
    if (X509_get_ext_by_NID(x, NID_subject_alt_name, at) >= 0) {
      return absl::InvalidArgumentError("not a certificate: names are given twice");
    }
    X509_EXTENSION* extension = X509_get_ext(x, at);
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
    auto sans = ParseSans({reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                           static_cast<size_t>(ASN1_STRING_length(value))});
    if (!sans.ok()) return sans.status();
    rep->sans = *std::move(sans);
    rep->sans_critical = X509_EXTENSION_get_critical(extension) != 0;
  }
  X509_get_extension_flags(x);  // decoded here, once, rather than by any thread
  ERR_clear_error();
  return Certificate(std::shared_ptr<const Certificate::Rep>(std::move(rep)));
}

X509* Certificate::Rep::x509() const {
  std::call_once(once, [this] {
    if (parsed != nullptr) return;
    bssl::UniquePtr<CRYPTO_BUFFER> buffer(
        CRYPTO_BUFFER_new(boring::Data(der), der.size(), nullptr));
    parsed.reset(X509_parse_from_buffer(buffer.get()));
    X509_get_extension_flags(parsed.get());  // decoded here, once, rather than by any thread
  });
  return parsed.get();
}

absl::StatusOr<Certificate> Certificate::FromDer(std::string_view der) {
  bssl::UniquePtr<CRYPTO_BUFFER> buffer(CRYPTO_BUFFER_new(boring::Data(der), der.size(), nullptr));
  bssl::UniquePtr<X509> x509(X509_parse_from_buffer(buffer.get()));
  if (x509 == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("not a certificate: ", LastError()));
  }
  return boring::MakeCertificate(std::move(x509));
}

absl::StatusOr<Certificate> Certificate::FromPem(std::string_view pem) {
  auto list = ListFromPem(pem);
  if (!list.ok()) return list.status();
  if (list->size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("one certificate was expected, there are ", list->size()));
  }
  return list->front();
}

absl::StatusOr<std::vector<Certificate>> Certificate::ListFromPem(std::string_view pem) {
  auto blocks = boring::ReadPem(pem);
  if (!blocks.ok()) return blocks.status();
  std::vector<Certificate> list;
  for (const auto& block : *blocks) {
    if (block.name != "CERTIFICATE") {
      return absl::InvalidArgumentError(
          absl::StrCat("a PEM block \"", block.name, "\" where certificates were expected"));
    }
    auto certificate = FromDer(block.der);
    if (!certificate.ok()) return certificate.status();
    list.push_back(*std::move(certificate));
  }
  if (list.empty()) return absl::InvalidArgumentError("no PEM block \"CERTIFICATE\"");
  return list;
}

std::string Certificate::subject() const { return NameText(X509_get_subject_name(rep_->x509())); }
std::string Certificate::issuer() const { return NameText(X509_get_issuer_name(rep_->x509())); }
std::string Certificate::serial() const {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(rep_->x509());
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                        static_cast<size_t>(ASN1_STRING_length(serial))));
}
absl::Time Certificate::not_before() const { return rep_->not_before; }
absl::Time Certificate::not_after() const { return rep_->not_after; }
bool Certificate::is_ca() const {
  const uint32_t flags = X509_get_extension_flags(rep_->x509());
  return (flags & EXFLAG_CA) != 0 && (flags & EXFLAG_INVALID) == 0;
}
bool Certificate::may_sign_certificates() const {
  return (X509_get_key_usage(rep_->x509()) & X509v3_KU_KEY_CERT_SIGN) != 0;
}
bool Certificate::may_serve() const { return HasUsage(rep_->x509(), XKU_SSL_SERVER); }
bool Certificate::may_be_client() const { return HasUsage(rep_->x509(), XKU_SSL_CLIENT); }
bool Certificate::self_signed() const {
  X509* x = rep_->x509();
  const bool yes = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0 &&
                   X509_verify(x, rep_->public_key.rep().key.get());
  ERR_clear_error();
  return yes;
}
const std::vector<SubjectAltName>& Certificate::sans() const { return rep_->sans; }
bool Certificate::sans_critical() const { return rep_->sans_critical; }
const PublicKey& Certificate::public_key() const { return rep_->public_key; }

absl::StatusOr<SpiffeId> Certificate::SpiffeIdentity() const {
  const SubjectAltName* uri = nullptr;
  for (const SubjectAltName& name : rep_->sans) {
    if (name.type != SanType::kUri) continue;
    if (uri != nullptr) {
      return absl::InvalidArgumentError("the certificate has two URI names, an SVID has one");
    }
    uri = &name;
  }
  if (uri == nullptr) return absl::InvalidArgumentError("the certificate has no URI name");
  return SpiffeId::Parse(uri->bytes);
}

const std::string& Certificate::der() const { return rep_->der; }
std::string Certificate::ToPem() const { return boring::WritePem("CERTIFICATE", rep_->der); }
std::string Certificate::Fingerprint() const {
  return absl::BytesToHexString(Absl(Sha256(rep_->der)));
}

std::string ToPem(absl::Span<const Certificate> certificates) {
  std::string pem;
  for (const Certificate& certificate : certificates) pem += certificate.ToPem();
  return pem;
}

}  // namespace mesh::tls
