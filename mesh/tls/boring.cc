#include "mesh/tls/boring.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::tls::boring {

std::string LastError() {
  const uint32_t error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "unknown error" : reason;
}

std::string Take(CBB* cbb) {
  uint8_t* data = nullptr;
  size_t size = 0;
  if (!CBB_finish(cbb, &data, &size)) {
    CBB_cleanup(cbb);
    return "";
  }
  std::string out(reinterpret_cast<const char*>(data), size);
  OPENSSL_free(data);
  return out;
}

absl::StatusOr<std::vector<PemBlock>> ReadPem(std::string_view pem) {
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<ossl_ssize_t>(pem.size())));
  std::vector<PemBlock> blocks;
  ERR_clear_error();
  while (true) {
    char *name = nullptr, *header = nullptr;
    uint8_t* data = nullptr;
    long size = 0;
    if (!PEM_read_bio(bio.get(), &name, &header, &data, &size)) {
      const uint32_t error = ERR_peek_last_error();
      const bool end =
          ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
      const std::string why = LastError();
      if (end) return blocks;
      return absl::InvalidArgumentError(absl::StrCat("broken PEM text: ", why));
    }
    bssl::UniquePtr<char> own_name(name), own_header(header);
    const bool encrypted = *header != '\0' || std::string_view(name) == "ENCRYPTED PRIVATE KEY";
    blocks.push_back({name, std::string(reinterpret_cast<char*>(data), size)});
    OPENSSL_cleanse(data, size);
    OPENSSL_free(data);
    if (encrypted) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the PEM block \"", blocks.back().name, "\" is encrypted; give it without a passphrase"));
    }
  }
}

std::string WritePem(std::string_view name, std::string_view der) {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio(bio.get(), std::string(name).c_str(), "", Data(der), static_cast<long>(der.size()));
  const uint8_t* data = nullptr;
  size_t size = 0;
  BIO_mem_contents(bio.get(), &data, &size);
  return std::string(reinterpret_cast<const char*>(data), size);
}

absl::StatusOr<Signing> SigningFor(const PublicKey& key) {
  const char* oid = nullptr;
  const EVP_MD* digest = nullptr;
  bool null_parameters = false;
  switch (key.type()) {
    case KeyType::kP256:
      oid = "1.2.840.10045.4.3.2", digest = EVP_sha256();
      break;
    case KeyType::kP384:
      oid = "1.2.840.10045.4.3.3", digest = EVP_sha384();
      break;
    case KeyType::kP521:
      oid = "1.2.840.10045.4.3.4", digest = EVP_sha512();
      break;
    case KeyType::kEd25519:
      oid = "1.3.101.112";
      break;
    case KeyType::kRsa2048:
    case KeyType::kRsa3072:
    case KeyType::kRsa4096:
      oid = "1.2.840.113549.1.1.11", digest = EVP_sha256(), null_parameters = true;
      break;
    case KeyType::kOther:
      return absl::InvalidArgumentError(
          absl::StrCat("a key of ", key.Description(), " does not sign certificates"));
  }
  bssl::ScopedCBB cbb;
  CBB sequence, id, null;
  if (!CBB_init(cbb.get(), 32) || !CBB_add_asn1(cbb.get(), &sequence, CBS_ASN1_SEQUENCE) ||
      !CBB_add_asn1(&sequence, &id, CBS_ASN1_OBJECT) ||
      !CBB_add_asn1_oid_from_text(&id, oid, strlen(oid)) || !CBB_flush(&sequence) ||
      (null_parameters && !CBB_add_asn1(&sequence, &null, CBS_ASN1_NULL))) {
    return absl::InternalError(LastError());
  }
  return Signing{Take(cbb.get()), digest};
}

absl::StatusOr<std::string> SignDer(const PrivateKey& key, const Signing& with,
                                    std::string_view bytes) {
  bssl::ScopedEVP_MD_CTX context;
  size_t size = 0;
  if (!EVP_DigestSignInit(context.get(), nullptr, with.digest, nullptr, key.rep().key.get()) ||
      !EVP_DigestSign(context.get(), nullptr, &size, Data(bytes), bytes.size())) {
    return absl::InternalError(absl::StrCat("cannot sign: ", LastError()));
  }
  std::string signature(size, '\0');
  if (!EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(signature.data()), &size,
                      Data(bytes), bytes.size())) {
    return absl::InternalError(absl::StrCat("cannot sign: ", LastError()));
  }
  signature.resize(size);
  return signature;
}

namespace {

// The tags of GeneralName (RFC 5280 §4.2.1.6), all implicit and primitive but the others.
constexpr CBS_ASN1_TAG kEmailTag = CBS_ASN1_CONTEXT_SPECIFIC | 1;
constexpr CBS_ASN1_TAG kDnsTag = CBS_ASN1_CONTEXT_SPECIFIC | 2;
constexpr CBS_ASN1_TAG kUriTag = CBS_ASN1_CONTEXT_SPECIFIC | 6;
constexpr CBS_ASN1_TAG kIpTag = CBS_ASN1_CONTEXT_SPECIFIC | 7;

}  // namespace

absl::StatusOr<std::vector<SubjectAltName>> ParseSans(std::string_view der) {
  CBS cbs = Bytes(der), names;
  if (!CBS_get_asn1(&cbs, &names, CBS_ASN1_SEQUENCE) || CBS_len(&cbs) != 0) {
    return absl::InvalidArgumentError("malformed subject alternative names");
  }
  std::vector<SubjectAltName> out;
  while (CBS_len(&names) > 0) {
    CBS name;
    CBS_ASN1_TAG tag;
    if (!CBS_get_any_asn1(&names, &name, &tag)) {
      return absl::InvalidArgumentError("malformed subject alternative names");
    }
    SanType type = SanType::kOther;
    if (tag == kUriTag) type = SanType::kUri;
    if (tag == kDnsTag) type = SanType::kDns;
    if (tag == kEmailTag) type = SanType::kEmail;
    if (tag == kIpTag) {
      if (CBS_len(&name) != 4 && CBS_len(&name) != 16) {
        return absl::InvalidArgumentError("malformed IP address in subject alternative names");
      }
      type = SanType::kIp;
    }
    out.push_back({type, std::string(View(name))});
  }
  return out;
}

absl::StatusOr<std::string> EncodeSans(absl::Span<const SubjectAltName> sans) {
  bssl::ScopedCBB cbb;
  CBB names;
  bool ok = CBB_init(cbb.get(), 128) && CBB_add_asn1(cbb.get(), &names, CBS_ASN1_SEQUENCE);
  for (const SubjectAltName& san : sans) {
    CBS_ASN1_TAG tag = 0;
    switch (san.type) {
      case SanType::kUri:
        tag = kUriTag;
        break;
      case SanType::kDns:
        tag = kDnsTag;
        break;
      case SanType::kEmail:
        tag = kEmailTag;
        break;
      case SanType::kIp:
        tag = kIpTag;
        if (san.bytes.size() == 4 || san.bytes.size() == 16) break;
        return absl::InvalidArgumentError("an IP address has 4 or 16 bytes");
      case SanType::kOther:
        return absl::InvalidArgumentError("this kind of subject alternative name is not written");
    }
    CBB name;
    ok = ok && CBB_add_asn1(&names, &name, tag) &&
         CBB_add_bytes(&name, Data(san.bytes), san.bytes.size()) && CBB_flush(&names);
  }
  if (!ok) return absl::InternalError(LastError());
  return Take(cbb.get());
}

bool AddName(CBB* out, std::string_view organization, std::string_view common_name) {
  CBB name;
  if (!CBB_add_asn1(out, &name, CBS_ASN1_SEQUENCE)) return false;
  const auto add = [&](const char* oid, std::string_view value) {
    CBB set, pair, id, text;
    return value.empty() || (CBB_add_asn1(&name, &set, CBS_ASN1_SET) &&
                             CBB_add_asn1(&set, &pair, CBS_ASN1_SEQUENCE) &&
                             CBB_add_asn1(&pair, &id, CBS_ASN1_OBJECT) &&
                             CBB_add_asn1_oid_from_text(&id, oid, strlen(oid)) &&
                             CBB_add_asn1(&pair, &text, CBS_ASN1_UTF8STRING) &&
                             CBB_add_bytes(&text, Data(value), value.size()) && CBB_flush(&name));
  };
  return add("2.5.4.10", organization) && add("2.5.4.3", common_name) && CBB_flush(out);
}

bool AddExtension(CBB* out, std::string_view oid, bool critical, std::string_view value) {
  CBB extension, id, octets;
  return CBB_add_asn1(out, &extension, CBS_ASN1_SEQUENCE) &&
         CBB_add_asn1(&extension, &id, CBS_ASN1_OBJECT) &&
         CBB_add_asn1_oid_from_text(&id, oid.data(), oid.size()) &&
         (!critical || CBB_add_asn1_bool(&extension, 1)) &&
         CBB_add_asn1(&extension, &octets, CBS_ASN1_OCTETSTRING) &&
         CBB_add_bytes(&octets, Data(value), value.size()) && CBB_flush(out);
}

}  // namespace mesh::tls::boring
