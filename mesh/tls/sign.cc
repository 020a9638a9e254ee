#include "mesh/tls/sign.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/tls/boring.h"
#include "mesh/tls/digest.h"

// TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject,
//   subjectPublicKeyInfo, [3] extensions }                                  (RFC 5280 §4.1)
// Written here byte by byte: what stands in a certificate can be read off this file.
namespace mesh::tls {
namespace {

constexpr CBS_ASN1_TAG kExplicit0 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr CBS_ASN1_TAG kExplicit3 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 3;

bool AddSerial(CBB* out, std::string serial) {
  if (serial.empty()) {
    // 128 random bits, with the top bit clear so that it is positive and another set so that its
    // length never varies.
    serial = RandomBytes(16);
    serial[0] = static_cast<char>((serial[0] & 0x7f) | 0x40);
  }
  CBB integer;
  serial.erase(0, std::min(serial.find_first_not_of('\0'), serial.size() - 1));
  if ((static_cast<uint8_t>(serial[0]) & 0x80) != 0) serial.insert(0, 1, '\0');
  return CBB_add_asn1(out, &integer, CBS_ASN1_INTEGER) &&
         CBB_add_bytes(&integer, boring::Data(serial), serial.size()) && CBB_flush(out);
}

// UTCTime through 2049, GeneralizedTime from then on (§4.1.2.5).
bool AddTime(CBB* out, absl::Time time) {
  const bool utc = time < absl::FromCivil(absl::CivilYear(2050), absl::UTCTimeZone());
  const std::string text =
      absl::FormatTime(utc ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", time, absl::UTCTimeZone());
  CBB value;
  return CBB_add_asn1(out, &value, utc ? CBS_ASN1_UTCTIME : CBS_ASN1_GENERALIZEDTIME) &&
         CBB_add_bytes(&value, boring::Data(text), text.size()) && CBB_flush(out);
}

// The leftmost 160 bits of the SHA-256 hash of the key (RFC 7093 §2, method 1).
std::string KeyIdentifier(const PublicKey& key) {
  CBS spki = boring::Bytes(key.der()), body, algorithm, bits;
  CBS_get_asn1(&spki, &body, CBS_ASN1_SEQUENCE);
  CBS_get_asn1(&body, &algorithm, CBS_ASN1_SEQUENCE);
  CBS_get_asn1(&body, &bits, CBS_ASN1_BITSTRING);
  CBS_skip(&bits, 1);
  return Sha256(boring::View(bits)).substr(0, 20);
}

bool AddBasicConstraints(CBB* out, const CertificateTemplate& content) {
  bssl::ScopedCBB cbb;
  CBB sequence;
  return CBB_init(cbb.get(), 16) && CBB_add_asn1(cbb.get(), &sequence, CBS_ASN1_SEQUENCE) &&
         (!content.is_ca || CBB_add_asn1_bool(&sequence, 1)) &&
         (!content.is_ca || content.max_path_length < 0 ||
          CBB_add_asn1_uint64(&sequence, content.max_path_length)) &&
         boring::AddExtension(out, "2.5.29.19", true, boring::Take(cbb.get()));
}

bool AddKeyUsage(CBB* out, const CertificateTemplate& content, const PublicKey& key) {
  // A BIT STRING: the count of unused bits, then bits from the left.
  std::string bits;
  if (content.is_ca) {
    bits = {'\x01', '\x06'};  // keyCertSign, cRLSign
  } else if (EVP_PKEY_id(key.rep().key.get()) == EVP_PKEY_RSA) {
    bits = {'\x05', '\xa0'};  // digitalSignature, keyEncipherment
  } else {
    bits = {'\x07', '\x80'};  // digitalSignature
  }
  return boring::AddExtension(out, "2.5.29.15", true, std::string("\x03\x02", 2) + bits);
}

bool AddExtendedKeyUsage(CBB* out, const CertificateTemplate& content) {
  if (!content.for_servers && !content.for_clients) return true;
  bssl::ScopedCBB cbb;
  CBB sequence;
  const auto add = [&](std::string_view oid) {
    CBB id;
    return CBB_add_asn1(&sequence, &id, CBS_ASN1_OBJECT) &&
           CBB_add_asn1_oid_from_text(&id, oid.data(), oid.size()) && CBB_flush(&sequence);
  };
  return CBB_init(cbb.get(), 32) && CBB_add_asn1(cbb.get(), &sequence, CBS_ASN1_SEQUENCE) &&
         (!content.for_servers || add("1.3.6.1.5.5.7.3.1")) &&
         (!content.for_clients || add("1.3.6.1.5.5.7.3.2")) &&
         boring::AddExtension(out, "2.5.29.37", false, boring::Take(cbb.get()));
}

bool AddKeyIdentifiers(CBB* out, std::string_view own, std::string_view authority) {
  std::string own_der("\x04\x14", 2);
  own_der += own;
  bssl::ScopedCBB cbb;
  CBB sequence, id;
  return boring::AddExtension(out, "2.5.29.14", false, own_der) &&
         (authority.empty() ||
          (CBB_init(cbb.get(), 32) && CBB_add_asn1(cbb.get(), &sequence, CBS_ASN1_SEQUENCE) &&
           CBB_add_asn1(&sequence, &id, CBS_ASN1_CONTEXT_SPECIFIC | 0) &&
           CBB_add_bytes(&id, boring::Data(authority), authority.size()) &&
           boring::AddExtension(out, "2.5.29.35", false, boring::Take(cbb.get()))));
}

// `issuer` is null for a root.
absl::StatusOr<Certificate> Sign(const CertificateTemplate& content, const PublicKey& subject_key,
                                 const Certificate* issuer, const PrivateKey& issuer_key) {
  if (content.not_after <= content.not_before) {
    return absl::InvalidArgumentError("a certificate ends after it begins");
  }
  if (content.not_before < absl::FromCivil(absl::CivilYear(1950), absl::UTCTimeZone()) ||
      content.not_after >= absl::FromCivil(absl::CivilYear(10000), absl::UTCTimeZone())) {
    return absl::InvalidArgumentError("a certificate's times are of the years 1950 to 9999");
  }
  const auto signing = boring::SigningFor(issuer_key.public_key());
  if (!signing.ok()) return signing.status();
  const auto sans = boring::EncodeSans(content.sans);
  if (!sans.ok()) return sans.status();

  const std::string own_id = KeyIdentifier(subject_key);
  std::string authority_id = own_id;
  bssl::ScopedCBB name;
  std::string issuer_name;
  if (issuer != nullptr) {
    X509* x509 = issuer->rep().x509();
    const uint8_t* der = nullptr;
    size_t size = 0;
    if (!X509_NAME_get0_der(X509_get_subject_name(x509), &der, &size)) {
      return absl::InternalError(boring::LastError());
    }
    issuer_name.assign(reinterpret_cast<const char*>(der), size);
    const ASN1_OCTET_STRING* id = X509_get0_subject_key_id(x509);
    authority_id.clear();
    if (id != nullptr) {
      authority_id.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(id)),
                          ASN1_STRING_length(id));
    }
  } else if (CBB_init(name.get(), 64) &&
             boring::AddName(name.get(), content.organization, content.common_name)) {
    issuer_name = boring::Take(name.get());
  }

  bssl::ScopedCBB cbb;
  CBB tbs, version, validity, wrapper, extensions;
  bool ok = CBB_init(cbb.get(), 1024) && CBB_add_asn1(cbb.get(), &tbs, CBS_ASN1_SEQUENCE) &&
            CBB_add_asn1(&tbs, &version, kExplicit0) && CBB_add_asn1_uint64(&version, 2) &&
            AddSerial(&tbs, content.serial) &&
            CBB_add_bytes(&tbs, boring::Data(signing->algorithm), signing->algorithm.size()) &&
            CBB_add_bytes(&tbs, boring::Data(issuer_name), issuer_name.size()) &&
            CBB_add_asn1(&tbs, &validity, CBS_ASN1_SEQUENCE) &&
            AddTime(&validity, content.not_before) && AddTime(&validity, content.not_after) &&
            boring::AddName(&tbs, content.organization, content.common_name) &&
            CBB_add_bytes(&tbs, boring::Data(subject_key.der()), subject_key.der().size()) &&
            CBB_add_asn1(&tbs, &wrapper, kExplicit3) &&
            CBB_add_asn1(&wrapper, &extensions, CBS_ASN1_SEQUENCE) &&
            AddBasicConstraints(&extensions, content) &&
            AddKeyUsage(&extensions, content, subject_key) &&
            AddExtendedKeyUsage(&extensions, content) &&
            AddKeyIdentifiers(&extensions, own_id, authority_id) &&
            (content.sans.empty() ||
             boring::AddExtension(&extensions, "2.5.29.17", content.sans_critical, *sans));
  for (const Extension& extension : content.extensions) {
    ok = ok && boring::AddExtension(&extensions, extension.oid, extension.critical, extension.der);
  }
  if (!ok) return absl::InvalidArgumentError("the certificate cannot be written");
  const std::string body = boring::Take(cbb.get());
  const auto signature = boring::SignDer(issuer_key, *signing, body);
  if (!signature.ok()) return signature.status();

  bssl::ScopedCBB whole;
  CBB outer, bits;
  if (!CBB_init(whole.get(), body.size() + 256) ||
      !CBB_add_asn1(whole.get(), &outer, CBS_ASN1_SEQUENCE) ||
      !CBB_add_bytes(&outer, boring::Data(body), body.size()) ||
      !CBB_add_bytes(&outer, boring::Data(signing->algorithm), signing->algorithm.size()) ||
      !CBB_add_asn1(&outer, &bits, CBS_ASN1_BITSTRING) || !CBB_add_u8(&bits, 0) ||
      !CBB_add_bytes(&bits, boring::Data(*signature), signature->size())) {
    return absl::InternalError(boring::LastError());
  }
  std::string der = boring::Take(whole.get());
  // A plain leaf is as it is written above; whatever else was asked for is read back first.
  const bool plain = !content.is_ca && content.serial.empty() && content.organization.empty() &&
                     content.common_name.empty() && content.extensions.empty();
  if (!plain) return Certificate::FromDer(der);
  auto rep = std::make_shared<Certificate::Rep>();
  rep->der = std::move(der);
  rep->public_key = subject_key;
  rep->not_before = absl::FromUnixSeconds(absl::ToUnixSeconds(content.not_before));
  rep->not_after = absl::FromUnixSeconds(absl::ToUnixSeconds(content.not_after));
  rep->sans = content.sans;
  rep->sans_critical = content.sans_critical && !content.sans.empty();
  return Certificate(std::shared_ptr<const Certificate::Rep>(std::move(rep)));
}

}  // namespace

absl::StatusOr<Certificate> SignCertificate(const CertificateTemplate& content,
                                            const PublicKey& subject_key, const Certificate& issuer,
                                            const PrivateKey& issuer_key) {
  if (issuer.public_key() != issuer_key.public_key()) {
    return absl::FailedPreconditionError(
        "the issuer's key is not the key of the issuer's certificate");
  }
  return Sign(content, subject_key, &issuer, issuer_key);
}

absl::StatusOr<Certificate> SelfSign(const CertificateTemplate& content, const PrivateKey& key) {
  return Sign(content, key.public_key(), nullptr, key);
}

}  // namespace mesh::tls
