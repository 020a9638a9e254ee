#include "mesh/tls/key.h"

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/tls/boring.h"

namespace mesh::tls {
namespace {

using boring::LastError;

KeyType TypeOf(const EVP_PKEY* key) {
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_EC:
      switch (EVP_PKEY_get_ec_curve_nid(key)) {
        case NID_X9_62_prime256v1:
          return KeyType::kP256;
        case NID_secp384r1:
          return KeyType::kP384;
        case NID_secp521r1:
          return KeyType::kP521;
      }
      return KeyType::kOther;
    case EVP_PKEY_RSA:
      switch (EVP_PKEY_bits(key)) {
        case 2048:
          return KeyType::kRsa2048;
        case 3072:
          return KeyType::kRsa3072;
        case 4096:
          return KeyType::kRsa4096;
      }
      return KeyType::kOther;
    case EVP_PKEY_ED25519:
      return KeyType::kEd25519;
  }
  return KeyType::kOther;
}

absl::StatusOr<PrivateKey> MakePrivateKey(bssl::UniquePtr<EVP_PKEY> key) {
  bssl::UniquePtr<EVP_PKEY> shared(key.get());
  EVP_PKEY_up_ref(key.get());
  auto public_key = boring::MakePublicKey(std::move(shared));
  if (!public_key.ok()) return public_key.status();
  return PrivateKey(std::make_shared<const PrivateKey::Rep>(
      PrivateKey::Rep{std::move(key), *std::move(public_key)}));
}

// What JOSE's names mean: the kind of key, its hash, and for ECDSA the bytes of r and of s.
struct Scheme {
  int kind;
  const EVP_MD* digest;
  bool pss;
  size_t coordinate_bytes;
  KeyType curve;
};

Scheme SchemeOf(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kRs256:
      return {EVP_PKEY_RSA, EVP_sha256(), false, 0, KeyType::kOther};
    case SignatureAlgorithm::kRs384:
      return {EVP_PKEY_RSA, EVP_sha384(), false, 0, KeyType::kOther};
    case SignatureAlgorithm::kRs512:
      return {EVP_PKEY_RSA, EVP_sha512(), false, 0, KeyType::kOther};
    case SignatureAlgorithm::kPs256:
      return {EVP_PKEY_RSA, EVP_sha256(), true, 0, KeyType::kOther};
    case SignatureAlgorithm::kPs384:
      return {EVP_PKEY_RSA, EVP_sha384(), true, 0, KeyType::kOther};
    case SignatureAlgorithm::kPs512:
      return {EVP_PKEY_RSA, EVP_sha512(), true, 0, KeyType::kOther};
    case SignatureAlgorithm::kEs256:
      return {EVP_PKEY_EC, EVP_sha256(), false, 32, KeyType::kP256};
    case SignatureAlgorithm::kEs384:
      return {EVP_PKEY_EC, EVP_sha384(), false, 48, KeyType::kP384};
    case SignatureAlgorithm::kEs512:
      return {EVP_PKEY_EC, EVP_sha512(), false, 66, KeyType::kP521};
    case SignatureAlgorithm::kEdDsa:
      return {EVP_PKEY_ED25519, nullptr, false, 0, KeyType::kOther};
  }
  return {EVP_PKEY_NONE, nullptr, false, 0, KeyType::kOther};
}

bool Fits(const Scheme& scheme, const PublicKey::Rep& key) {
  return EVP_PKEY_id(key.key.get()) == scheme.kind &&
         (scheme.coordinate_bytes == 0 || scheme.curve == key.type);
}

bool SetPss(const Scheme& scheme, EVP_PKEY_CTX* context) {
  return !scheme.pss || (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) &&
                         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST));
}

// r and s side by side, to DER and back.
std::string EcdsaToDer(std::string_view raw) {
  bssl::UniquePtr<ECDSA_SIG> signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(boring::Data(raw), raw.size() / 2, nullptr);
  BIGNUM* s = BN_bin2bn(boring::Data(raw) + raw.size() / 2, raw.size() / 2, nullptr);
  ECDSA_SIG_set0(signature.get(), r, s);
  bssl::ScopedCBB cbb;
  if (!CBB_init(cbb.get(), 80) || !ECDSA_SIG_marshal(cbb.get(), signature.get())) return "";
  return boring::Take(cbb.get());
}

std::string EcdsaFromDer(std::string_view der, size_t coordinate_bytes) {
  bssl::UniquePtr<ECDSA_SIG> signature(ECDSA_SIG_from_bytes(boring::Data(der), der.size()));
  std::string raw(2 * coordinate_bytes, '\0');
  auto* out = reinterpret_cast<uint8_t*>(raw.data());
  if (signature == nullptr ||
      !BN_bn2bin_padded(out, coordinate_bytes, ECDSA_SIG_get0_r(signature.get())) ||
      !BN_bn2bin_padded(out + coordinate_bytes, coordinate_bytes,
                        ECDSA_SIG_get0_s(signature.get()))) {
    return "";
  }
  return raw;
}

}  // namespace

std::string_view KeyTypeName(KeyType type) {
  switch (type) {
    case KeyType::kOther:
      return "other";
    case KeyType::kP256:
      return "P-256";
    case KeyType::kP384:
      return "P-384";
    case KeyType::kP521:
      return "P-521";
    case KeyType::kRsa2048:
      return "RSA-2048";
    case KeyType::kRsa3072:
      return "RSA-3072";
    case KeyType::kRsa4096:
      return "RSA-4096";
    case KeyType::kEd25519:
      return "Ed25519";
  }
  return "other";
}

absl::StatusOr<PublicKey> boring::MakePublicKey(bssl::UniquePtr<EVP_PKEY> key) {
  bssl::ScopedCBB cbb;
  if (!CBB_init(cbb.get(), 128) || !EVP_marshal_public_key(cbb.get(), key.get())) {
    return absl::InvalidArgumentError(absl::StrCat("cannot write the public key: ", LastError()));
  }
  const KeyType type = TypeOf(key.get());
  return PublicKey(std::make_shared<const PublicKey::Rep>(
      PublicKey::Rep{std::move(key), type, Take(cbb.get())}));
}

absl::StatusOr<PublicKey> PublicKey::FromDer(std::string_view der) {
  CBS cbs = boring::Bytes(der);
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
  if (key == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("not a public key: ", LastError()));
  }
  if (CBS_len(&cbs) != 0) {
    return absl::InvalidArgumentError("bytes follow the public key");
  }
  return boring::MakePublicKey(std::move(key));
}

absl::StatusOr<PublicKey> PublicKey::FromPem(std::string_view pem) {
  auto blocks = boring::ReadPem(pem);
  if (!blocks.ok()) return blocks.status();
  for (const auto& block : *blocks) {
    if (block.name == "PUBLIC KEY") return FromDer(block.der);
  }
  return absl::InvalidArgumentError("no PEM block \"PUBLIC KEY\"");
}

absl::StatusOr<PublicKey> PublicKey::FromRsa(std::string_view n, std::string_view e) {
  bssl::UniquePtr<BIGNUM> modulus(BN_bin2bn(boring::Data(n), n.size(), nullptr)),
      exponent(BN_bin2bn(boring::Data(e), e.size(), nullptr));
  const unsigned bits = BN_num_bits(modulus.get());
  if (bits < 2048 || bits > 8192) {
    return absl::InvalidArgumentError(
        absl::StrCat("an RSA key has 2048 to 8192 bits, this one has ", bits));
  }
  bssl::UniquePtr<RSA> rsa(RSA_new_public_key(modulus.get(), exponent.get()));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (rsa == nullptr || !EVP_PKEY_set1_RSA(key.get(), rsa.get())) {
    return absl::InvalidArgumentError(absl::StrCat("not an RSA key: ", LastError()));
  }
  return boring::MakePublicKey(std::move(key));
}

absl::StatusOr<PublicKey> PublicKey::FromEc(std::string_view curve, std::string_view x,
                                            std::string_view y) {
  const EC_GROUP* group = curve == "P-256"   ? EC_group_p256()
                          : curve == "P-384" ? EC_group_p384()
                          : curve == "P-521" ? EC_group_p521()
                                             : nullptr;
  if (group == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the curve is \"", Absl(curve), "\", not P-256, P-384 or P-521"));
  }
  const size_t size = (EC_GROUP_get_degree(group) + 7) / 8;
  if (x.size() != size || y.size() != size) {
    return absl::InvalidArgumentError(
        absl::StrCat("coordinates of ", Absl(curve), " have ", size, " bytes"));
  }
  bssl::UniquePtr<BIGNUM> bx(BN_bin2bn(boring::Data(x), x.size(), nullptr)),
      by(BN_bin2bn(boring::Data(y), y.size(), nullptr));
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new());
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (!EC_KEY_set_group(ec.get(), group) ||
      !EC_KEY_set_public_key_affine_coordinates(ec.get(), bx.get(), by.get()) ||
      !EVP_PKEY_set1_EC_KEY(key.get(), ec.get())) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a point of ", Absl(curve), ": ", LastError()));
  }
  return boring::MakePublicKey(std::move(key));
}

absl::StatusOr<PublicKey> PublicKey::FromEd25519(std::string_view x) {
  bssl::UniquePtr<EVP_PKEY> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, boring::Data(x), x.size()));
  if (key == nullptr) {
    LastError();
    return absl::InvalidArgumentError("an Ed25519 key has 32 bytes");
  }
  return boring::MakePublicKey(std::move(key));
}

KeyType PublicKey::type() const { return rep_->type; }
int PublicKey::bits() const { return EVP_PKEY_bits(rep_->key.get()); }
const std::string& PublicKey::der() const { return rep_->der; }
std::string PublicKey::ToPem() const { return boring::WritePem("PUBLIC KEY", rep_->der); }

std::string PublicKey::Description() const {
  if (type() != KeyType::kOther) return std::string(KeyTypeName(type()));
  const char* kind = EVP_PKEY_id(rep_->key.get()) == EVP_PKEY_RSA  ? "RSA "
                     : EVP_PKEY_id(rep_->key.get()) == EVP_PKEY_EC ? "EC "
                                                                   : "";
  return absl::StrCat(kind, bits(), " bits");
}

bool PublicKey::Verify(SignatureAlgorithm algorithm, std::string_view message,
                       std::string_view signature) const {
  const Scheme scheme = SchemeOf(algorithm);
  if (!Fits(scheme, *rep_)) return false;
  std::string der;
  if (scheme.coordinate_bytes != 0) {
    if (signature.size() != 2 * scheme.coordinate_bytes) return false;
    der = EcdsaToDer(signature);
    signature = der;
  }
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* key_context = nullptr;
  const bool good =
      EVP_DigestVerifyInit(context.get(), &key_context, scheme.digest, nullptr, rep_->key.get()) &&
      SetPss(scheme, key_context) &&
      EVP_DigestVerify(context.get(), boring::Data(signature), signature.size(),
                       boring::Data(message), message.size());
  ERR_clear_error();
  return good;
}

absl::StatusOr<PrivateKey> PrivateKey::Generate(KeyType type) {
  bssl::UniquePtr<EVP_PKEY> key;
  int bits = 0;
  switch (type) {
    case KeyType::kP256:
      key.reset(EVP_PKEY_generate_from_alg(EVP_pkey_ec_p256()));
      break;
    case KeyType::kP384:
      key.reset(EVP_PKEY_generate_from_alg(EVP_pkey_ec_p384()));
      break;
    case KeyType::kP521:
      key.reset(EVP_PKEY_generate_from_alg(EVP_pkey_ec_p521()));
      break;
    case KeyType::kEd25519:
      key.reset(EVP_PKEY_generate_from_alg(EVP_pkey_ed25519()));
      break;
    case KeyType::kRsa2048:
      bits = 2048;
      break;
    case KeyType::kRsa3072:
      bits = 3072;
      break;
    case KeyType::kRsa4096:
      bits = 4096;
      break;
    case KeyType::kOther:
      return absl::InvalidArgumentError("no kind of key was named");
  }
  if (bits != 0) {
    bssl::UniquePtr<BIGNUM> exponent(BN_new());
    bssl::UniquePtr<RSA> rsa(RSA_new());
    key.reset(EVP_PKEY_new());
    if (!BN_set_word(exponent.get(), RSA_F4) ||
        !RSA_generate_key_ex(rsa.get(), bits, exponent.get(), nullptr) ||
        !EVP_PKEY_set1_RSA(key.get(), rsa.get())) {
      key.reset();
    }
  }
  if (key == nullptr) {
    return absl::InternalError(absl::StrCat("cannot generate a key: ", LastError()));
  }
  return MakePrivateKey(std::move(key));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  auto blocks = boring::ReadPem(pem);
  if (!blocks.ok()) return blocks.status();
  for (auto& block : *blocks) {
    bssl::UniquePtr<EVP_PKEY> key;
    CBS cbs = boring::Bytes(block.der);
    if (block.name == "PRIVATE KEY") {
      key.reset(EVP_parse_private_key(&cbs));
    } else if (block.name == "EC PRIVATE KEY") {
      bssl::UniquePtr<EC_KEY> ec(EC_KEY_parse_private_key(&cbs, nullptr));
      key.reset(EVP_PKEY_new());
      if (ec == nullptr || !EVP_PKEY_set1_EC_KEY(key.get(), ec.get())) key.reset();
    } else if (block.name == "RSA PRIVATE KEY") {
      bssl::UniquePtr<RSA> rsa(RSA_parse_private_key(&cbs));
      key.reset(EVP_PKEY_new());
      if (rsa == nullptr || !EVP_PKEY_set1_RSA(key.get(), rsa.get())) key.reset();
    } else {
      continue;
    }
    const bool trailing = key != nullptr && CBS_len(&cbs) != 0;
    OPENSSL_cleanse(block.der.data(), block.der.size());
    if (key == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("not a private key: ", LastError()));
    }
    if (trailing) return absl::InvalidArgumentError("bytes follow the private key");
    return MakePrivateKey(std::move(key));
  }
  return absl::InvalidArgumentError("no PEM block holds a private key");
}

std::string PrivateKey::ToPem() const {
  bssl::ScopedCBB cbb;
  if (!CBB_init(cbb.get(), 256) || !EVP_marshal_private_key(cbb.get(), rep_->key.get())) return "";
  std::string der = boring::Take(cbb.get());
  std::string pem = boring::WritePem("PRIVATE KEY", der);
  OPENSSL_cleanse(der.data(), der.size());
  return pem;
}

const PublicKey& PrivateKey::public_key() const { return rep_->public_key; }

absl::StatusOr<std::string> PrivateKey::Sign(SignatureAlgorithm algorithm,
                                             std::string_view message) const {
  const Scheme scheme = SchemeOf(algorithm);
  if (!Fits(scheme, rep_->public_key.rep())) {
    return absl::InvalidArgumentError(
        absl::StrCat("a key of ", public_key().Description(), " does not sign this way"));
  }
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* key_context = nullptr;
  size_t size = 0;
  std::string signature;
  bool good =
      EVP_DigestSignInit(context.get(), &key_context, scheme.digest, nullptr, rep_->key.get()) &&
      SetPss(scheme, key_context) &&
      EVP_DigestSign(context.get(), nullptr, &size, boring::Data(message), message.size());
  if (good) {
    signature.resize(size);
    good = EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(signature.data()), &size,
                          boring::Data(message), message.size());
    signature.resize(size);
  }
  if (good && scheme.coordinate_bytes != 0) {
    signature = EcdsaFromDer(signature, scheme.coordinate_bytes);
    good = !signature.empty();
  }
  if (!good) return absl::InternalError(absl::StrCat("cannot sign: ", LastError()));
  return signature;
}

}  // namespace mesh::tls
