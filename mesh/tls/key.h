// Keys: generated, read and written as PEM, used to sign and to verify.
//
//   absl::StatusOr<mesh::tls::PrivateKey> key = mesh::tls::PrivateKey::Generate();
//   std::string pem = key->ToPem();  // "-----BEGIN PRIVATE KEY-----...": write it with mode 0600
//
// Keys are values: cheap to copy, immutable, and safe to use from several threads at once.
#ifndef MESH_TLS_KEY_H_
#define MESH_TLS_KEY_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mesh::tls {

// kOther is any key that can be parsed and is none of the others (P-224, RSA of another size).
enum class KeyType { kOther, kP256, kP384, kP521, kRsa2048, kRsa3072, kRsa4096, kEd25519 };

// "P-256", "RSA-2048", "Ed25519" ...
std::string_view KeyTypeName(KeyType type);

// Signatures as JOSE names them (RFC 7518 §3.1, RFC 8037): RS256 is kRs256, EdDSA is kEdDsa.
enum class SignatureAlgorithm {
  kRs256,
  kRs384,
  kRs512,
  kPs256,
  kPs384,
  kPs512,
  kEs256,
  kEs384,
  kEs512,
  kEdDsa
};

class PublicKey {
 public:
  // `der` is a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7); bytes behind it are an error.
  static absl::StatusOr<PublicKey> FromDer(std::string_view der);
  // "-----BEGIN PUBLIC KEY-----".
  static absl::StatusOr<PublicKey> FromPem(std::string_view pem);
  // The parameters of a JSON Web Key (RFC 7518 §6), base64url already decoded.
  // RSA: 2048 to 8192 bits.
  static absl::StatusOr<PublicKey> FromRsa(std::string_view n, std::string_view e);
  // `curve` is "P-256", "P-384" or "P-521"; the coordinates have the curve's size.
  static absl::StatusOr<PublicKey> FromEc(std::string_view curve, std::string_view x,
                                          std::string_view y);
  static absl::StatusOr<PublicKey> FromEd25519(std::string_view x);

  KeyType type() const;
  int bits() const;
  // "P-256", "RSA 1024 bits", "EC 224 bits": for messages.
  std::string Description() const;
  // SubjectPublicKeyInfo.
  const std::string& der() const;
  std::string ToPem() const;

  // Whether `signature` is this key's over `message`. ECDSA signatures are r and s side by side
  // (RFC 7518 §3.4). False too where the algorithm is not for this kind of key.
  bool Verify(SignatureAlgorithm algorithm, std::string_view message,
              std::string_view signature) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.der() == b.der(); }
  friend bool operator!=(const PublicKey& a, const PublicKey& b) { return !(a == b); }

  // For this folder.
  struct Rep;
  explicit PublicKey(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  const Rep& rep() const { return *rep_; }

 private:
  std::shared_ptr<const Rep> rep_;
};

// Nothing prints a private key but ToPem.
class PrivateKey {
 public:
  // Cost: P-256 and Ed25519 about 20 us, RSA-2048 100 ms, RSA-4096 a second.
  static absl::StatusOr<PrivateKey> Generate(KeyType type = KeyType::kP256);
  // PKCS#8, SEC 1 ("EC PRIVATE KEY") or PKCS#1 ("RSA PRIVATE KEY"); encrypted keys are refused.
  // The first block of the text that holds a private key is taken.
  static absl::StatusOr<PrivateKey> FromPem(std::string_view pem);

  // PKCS#8.
  std::string ToPem() const;
  const PublicKey& public_key() const;
  KeyType type() const { return public_key().type(); }

  absl::StatusOr<std::string> Sign(SignatureAlgorithm algorithm, std::string_view message) const;

  // For this folder.
  struct Rep;
  explicit PrivateKey(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  const Rep& rep() const { return *rep_; }

 private:
  std::shared_ptr<const Rep> rep_;
};

}  // namespace mesh::tls

#endif  // MESH_TLS_KEY_H_
