#include "mesh/tls/csr.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/tls/boring.h"

// CertificationRequest ::= SEQUENCE {
//   SEQUENCE { version INTEGER (0), subject Name, subjectPKInfo, [0] attributes },
//   signatureAlgorithm AlgorithmIdentifier, signature BIT STRING }          (RFC 2986 §4)
namespace mesh::tls {
namespace {

using boring::View;

constexpr size_t kMaxBytes = 64 * 1024;
constexpr CBS_ASN1_TAG kAttributes = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;

constexpr std::string_view kExtensionRequest("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", 9);
constexpr std::string_view kSubjectAltName("\x55\x1d\x11", 3);
constexpr std::string_view kBasicConstraints("\x55\x1d\x13", 3);
constexpr std::string_view kKeyUsage("\x55\x1d\x0f", 3);
constexpr std::string_view kExtendedKeyUsage("\x55\x1d\x25", 3);
constexpr std::string_view kSubjectKeyId("\x55\x1d\x0e", 3);

struct SignatureScheme {
  std::string_view oid;
  int key_kind;
  const EVP_MD* (*digest)();
};
constexpr SignatureScheme kSchemes[] = {
    {{"\x2a\x86\x48\xce\x3d\x04\x03\x02", 8}, EVP_PKEY_EC, EVP_sha256},
    {{"\x2a\x86\x48\xce\x3d\x04\x03\x03", 8}, EVP_PKEY_EC, EVP_sha384},
    {{"\x2a\x86\x48\xce\x3d\x04\x03\x04", 8}, EVP_PKEY_EC, EVP_sha512},
    {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", 9}, EVP_PKEY_RSA, EVP_sha256},
    {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", 9}, EVP_PKEY_RSA, EVP_sha384},
    {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", 9}, EVP_PKEY_RSA, EVP_sha512},
    {{"\x2b\x65\x70", 3}, EVP_PKEY_ED25519, nullptr},
};

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed certificate request: ", Absl(what)));
}

std::string OidText(const CBS& oid) {
  bssl::UniquePtr<char> text(CBS_asn1_oid_to_text(&oid));
  return text == nullptr ? "unreadable OID" : text.get();
}

// `info` is the element that was signed, whole.
absl::Status VerifyPossession(const PublicKey& key, std::string_view info, CBS algorithm,
                              CBS bits) {
  CBS oid, null;
  uint8_t unused_bits = 0;
  if (!CBS_get_asn1(&algorithm, &oid, CBS_ASN1_OBJECT)) return Malformed("signature algorithm");
  if (!CBS_get_u8(&bits, &unused_bits) || unused_bits != 0) return Malformed("signature");
  const int kind = EVP_PKEY_id(key.rep().key.get());
  for (const SignatureScheme& scheme : kSchemes) {
    if (View(oid) != scheme.oid || kind != scheme.key_kind) continue;
    if (CBS_len(&algorithm) != 0 &&
        (kind != EVP_PKEY_RSA || !CBS_get_asn1(&algorithm, &null, CBS_ASN1_NULL) ||
         CBS_len(&null) != 0 || CBS_len(&algorithm) != 0)) {
      return Malformed("parameters of the signature algorithm");
    }
    bssl::ScopedEVP_MD_CTX context;
    const bool good = EVP_DigestVerifyInit(context.get(), nullptr,
                                           scheme.digest == nullptr ? nullptr : scheme.digest(),
                                           nullptr, key.rep().key.get()) &&
                      EVP_DigestVerify(context.get(), CBS_data(&bits), CBS_len(&bits),
                                       boring::Data(info), info.size());
    ERR_clear_error();
    if (good) return absl::OkStatus();
    return absl::InvalidArgumentError("the certificate request is not signed by the key it names");
  }
  return absl::InvalidArgumentError(absl::StrCat("the certificate request is signed with ",
                                                 OidText(oid), ", which is not accepted for ",
                                                 key.Description()));
}

absl::Status ReadExtension(CBS extension, CertificateRequest* request) {
  CBS oid, value;
  int critical = 0;
  if (!CBS_get_asn1(&extension, &oid, CBS_ASN1_OBJECT)) return Malformed("extension");
  if (CBS_peek_asn1_tag(&extension, CBS_ASN1_BOOLEAN)) {
    CBS flag;
    if (!CBS_get_asn1(&extension, &flag, CBS_ASN1_BOOLEAN) || CBS_len(&flag) != 1) {
      return Malformed("extension");
    }
    critical = CBS_data(&flag)[0];
  }
  if (!CBS_get_asn1(&extension, &value, CBS_ASN1_OCTETSTRING) || CBS_len(&extension) != 0) {
    return Malformed("extension");
  }
  const std::string_view name = View(oid);
  if (name == kSubjectAltName) {
    auto sans = boring::ParseSans(View(value));
    if (!sans.ok()) return sans.status();
    request->sans.insert(request->sans.end(), sans->begin(), sans->end());
  } else if (name == kBasicConstraints) {
    CBS sequence, flag;
    if (!CBS_get_asn1(&value, &sequence, CBS_ASN1_SEQUENCE)) return Malformed("basic constraints");
    if (CBS_peek_asn1_tag(&sequence, CBS_ASN1_BOOLEAN)) {
      if (!CBS_get_asn1(&sequence, &flag, CBS_ASN1_BOOLEAN) || CBS_len(&flag) != 1) {
        return Malformed("basic constraints");
      }
      request->wants_ca |= CBS_data(&flag)[0] != 0;
    }
  } else if (name == kKeyUsage) {
    CBS bits;
    if (!CBS_get_asn1(&value, &bits, CBS_ASN1_BITSTRING)) return Malformed("key usage");
    // keyCertSign is bit 5, counted from the left of the byte behind the count of unused bits.
    if (CBS_len(&bits) >= 2) request->wants_ca |= (CBS_data(&bits)[1] & 0x04) != 0;
  } else if (critical && name != kExtendedKeyUsage && name != kSubjectKeyId) {
    request->unknown_critical.push_back(OidText(oid));
  }
  return absl::OkStatus();
}

absl::Status ReadAttributes(CBS attributes, CertificateRequest* request) {
  bool seen = false;
  while (CBS_len(&attributes) > 0) {
    CBS attribute, oid, values, extensions;
    if (!CBS_get_asn1(&attributes, &attribute, CBS_ASN1_SEQUENCE) ||
        !CBS_get_asn1(&attribute, &oid, CBS_ASN1_OBJECT) ||
        !CBS_get_asn1(&attribute, &values, CBS_ASN1_SET) || CBS_len(&attribute) != 0) {
      return Malformed("attributes");
    }
    if (View(oid) != kExtensionRequest) continue;
    if (seen) return Malformed("two lists of extensions");
    seen = true;
    if (!CBS_get_asn1(&values, &extensions, CBS_ASN1_SEQUENCE) || CBS_len(&values) != 0) {
      return Malformed("extensions");
    }
    while (CBS_len(&extensions) > 0) {
      CBS extension;
      if (!CBS_get_asn1(&extensions, &extension, CBS_ASN1_SEQUENCE)) return Malformed("extensions");
      if (absl::Status read = ReadExtension(extension, request); !read.ok()) return read;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<CertificateRequest> ReadDer(std::string_view der) {
  CBS cbs = boring::Bytes(der), outer, info, body, spki, attributes, algorithm, bits;
  if (!CBS_get_asn1(&cbs, &outer, CBS_ASN1_SEQUENCE)) return Malformed("not a DER sequence");
  if (CBS_len(&cbs) != 0) return Malformed("bytes follow it");
  uint64_t version = 0;
  if (!CBS_get_asn1_element(&outer, &info, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&outer, &algorithm, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&outer, &bits, CBS_ASN1_BITSTRING) || CBS_len(&outer) != 0) {
    return Malformed("its three parts");
  }
  const std::string_view signed_part = View(info);
  CBS subject;
  if (!CBS_get_asn1(&info, &body, CBS_ASN1_SEQUENCE) || !CBS_get_asn1_uint64(&body, &version) ||
      version != 0 || !CBS_get_asn1(&body, &subject, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1_element(&body, &spki, CBS_ASN1_SEQUENCE)) {
    return Malformed("version, subject or key");
  }
  auto key = PublicKey::FromDer(View(spki));
  if (!key.ok()) return key.status();
  CertificateRequest request{*std::move(key)};
  if (CBS_len(&body) > 0) {
    if (!CBS_get_asn1(&body, &attributes, kAttributes) || CBS_len(&body) != 0) {
      return Malformed("attributes");
    }
    if (absl::Status read = ReadAttributes(attributes, &request); !read.ok()) return read;
  }
  if (absl::Status proof = VerifyPossession(request.public_key, signed_part, algorithm, bits);
      !proof.ok()) {
    return proof;
  }
  return request;
}

}  // namespace

absl::StatusOr<std::string> CreateCsr(const PrivateKey& key, const CsrOptions& options) {
  const auto signing = boring::SigningFor(key.public_key());
  if (!signing.ok()) return signing.status();
  const std::string& spki = key.public_key().der();

  bssl::ScopedCBB cbb;
  CBB sequence, attributes, attribute, id, values, extensions;
  bool ok = CBB_init(cbb.get(), 512) && CBB_add_asn1(cbb.get(), &sequence, CBS_ASN1_SEQUENCE) &&
            CBB_add_asn1_uint64(&sequence, 0) &&
            boring::AddName(&sequence, options.organization, "") &&
            CBB_add_bytes(&sequence, boring::Data(spki), spki.size()) &&
            CBB_add_asn1(&sequence, &attributes, kAttributes);
  if (!options.sans.empty() || !options.extensions.empty()) {
    const auto sans = boring::EncodeSans(options.sans);
    if (!sans.ok()) return sans.status();
    ok = ok && CBB_add_asn1(&attributes, &attribute, CBS_ASN1_SEQUENCE) &&
         CBB_add_asn1(&attribute, &id, CBS_ASN1_OBJECT) &&
         CBB_add_bytes(&id, boring::Data(kExtensionRequest), kExtensionRequest.size()) &&
         CBB_add_asn1(&attribute, &values, CBS_ASN1_SET) &&
         CBB_add_asn1(&values, &extensions, CBS_ASN1_SEQUENCE);
    if (!options.sans.empty()) {
      ok =
          ok && boring::AddExtension(&extensions, "2.5.29.17", options.organization.empty(), *sans);
    }
    for (const Extension& extension : options.extensions) {
      ok =
          ok && boring::AddExtension(&extensions, extension.oid, extension.critical, extension.der);
    }
  }
  if (!ok) return absl::InvalidArgumentError("the certificate request cannot be written");
  const std::string info = boring::Take(cbb.get());
  const auto signature = boring::SignDer(key, *signing, info);
  if (!signature.ok()) return signature.status();

  bssl::ScopedCBB whole;
  CBB outer, bits;
  if (!CBB_init(whole.get(), info.size() + 256) ||
      !CBB_add_asn1(whole.get(), &outer, CBS_ASN1_SEQUENCE) ||
      !CBB_add_bytes(&outer, boring::Data(info), info.size()) ||
      !CBB_add_bytes(&outer, boring::Data(signing->algorithm), signing->algorithm.size()) ||
      !CBB_add_asn1(&outer, &bits, CBS_ASN1_BITSTRING) || !CBB_add_u8(&bits, 0) ||
      !CBB_add_bytes(&bits, boring::Data(*signature), signature->size())) {
    return absl::InternalError(boring::LastError());
  }
  return boring::WritePem("CERTIFICATE REQUEST", boring::Take(whole.get()));
}

absl::StatusOr<CertificateRequest> ReadCsr(std::string_view pem_or_der) {
  if (pem_or_der.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a certificate request of ", pem_or_der.size(),
                                                   " bytes; ", kMaxBytes,
                                                   " is the most that is read"));
  }
  if (!absl::StrContains(Absl(pem_or_der), "-----BEGIN ")) return ReadDer(pem_or_der);
  auto blocks = boring::ReadPem(pem_or_der);
  if (!blocks.ok()) return blocks.status();
  if (blocks->size() != 1) return Malformed("not exactly one PEM block");
  if (blocks->front().name != "CERTIFICATE REQUEST" &&
      blocks->front().name != "NEW CERTIFICATE REQUEST") {
    return Malformed(absl::StrCat("a PEM block \"", blocks->front().name, "\""));
  }
  return ReadDer(blocks->front().der);
}

}  // namespace mesh::tls
