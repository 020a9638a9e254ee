#include "mesh/tls/key.h"

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/base/strings.h"
#include "mesh/tls/digest.h"

namespace mesh::tls {
namespace {

std::string Hex(std::string_view hex) { return absl::HexStringToBytes(Absl(hex)); }

TEST(Key, EveryKindIsGeneratedWrittenAndReadBack) {
  const struct {
    KeyType type;
    const char* name;
    int bits;
  } kRows[] = {{KeyType::kP256, "P-256", 256},
               {KeyType::kP384, "P-384", 384},
               {KeyType::kP521, "P-521", 521},
               {KeyType::kEd25519, "Ed25519", 256},
               {KeyType::kRsa2048, "RSA-2048", 2048}};
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.name);
    const auto key = PrivateKey::Generate(row.type);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(KeyTypeName(key->type()), row.name);
    if (row.type != KeyType::kEd25519) {
      EXPECT_EQ(key->public_key().bits(), row.bits);
    }
    const auto again = PrivateKey::FromPem(key->ToPem());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->public_key(), key->public_key());
    EXPECT_EQ(PublicKey::FromPem(key->public_key().ToPem())->der(), key->public_key().der());
  }
}

TEST(Key, SignaturesVerifyAndOthersDoNot) {
  const struct {
    KeyType type;
    SignatureAlgorithm algorithm;
    size_t bytes;
  } kRows[] = {{KeyType::kP256, SignatureAlgorithm::kEs256, 64},
               {KeyType::kP384, SignatureAlgorithm::kEs384, 96},
               {KeyType::kP521, SignatureAlgorithm::kEs512, 132},
               {KeyType::kEd25519, SignatureAlgorithm::kEdDsa, 64},
               {KeyType::kRsa2048, SignatureAlgorithm::kRs256, 256},
               {KeyType::kRsa2048, SignatureAlgorithm::kRs384, 256},
               {KeyType::kRsa2048, SignatureAlgorithm::kRs512, 256},
               {KeyType::kRsa2048, SignatureAlgorithm::kPs256, 256},
               {KeyType::kRsa2048, SignatureAlgorithm::kPs384, 256},
               {KeyType::kRsa2048, SignatureAlgorithm::kPs512, 256}};
  for (const auto& row : kRows) {
    SCOPED_TRACE(static_cast<int>(row.algorithm));
    const auto key = PrivateKey::Generate(row.type);
    const auto signature = key->Sign(row.algorithm, "message");
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_EQ(signature->size(), row.bytes);
    EXPECT_TRUE(key->public_key().Verify(row.algorithm, "message", *signature));
    EXPECT_FALSE(key->public_key().Verify(row.algorithm, "massage", *signature));
    EXPECT_FALSE(key->public_key().Verify(row.algorithm, "message", ""));
    std::string flipped = *signature;
    flipped[10] ^= 1;
    EXPECT_FALSE(key->public_key().Verify(row.algorithm, "message", flipped));
    for (const auto& other : kRows) {
      if (other.algorithm != row.algorithm) {
        EXPECT_FALSE(key->public_key().Verify(other.algorithm, "message", *signature));
      }
    }
  }
}

// RFC 8037, appendix A.4.
TEST(Key, AJsonWebKeyOfEd25519) {
  std::string x, signature;
  ASSERT_TRUE(absl::WebSafeBase64Unescape("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", &x));
  ASSERT_TRUE(absl::WebSafeBase64Unescape(
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
      &signature));
  const auto key = PublicKey::FromEd25519(x);
  ASSERT_TRUE(key.ok());
  const std::string message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  EXPECT_TRUE(key->Verify(SignatureAlgorithm::kEdDsa, message, signature));
}

TEST(Key, ParametersThatAreNoKeyAreRefused) {
  EXPECT_EQ(PublicKey::FromRsa(std::string(128, '\xff'), "\x01\x00\x01").status().message(),
            "an RSA key has 2048 to 8192 bits, this one has 1024");
  EXPECT_EQ(
      PublicKey::FromEc("P-256", std::string(32, '\1'), std::string(31, '\1')).status().message(),
      "coordinates of P-256 have 32 bytes");
  EXPECT_THAT(std::string(PublicKey::FromEc("P-256", std::string(32, '\1'), std::string(32, '\1'))
                              .status()
                              .message()),
              testing::StartsWith("not a point of P-256: "));
  EXPECT_EQ(PublicKey::FromEc("secp256k1", "", "").status().message(),
            "the curve is \"secp256k1\", not P-256, P-384 or P-521");
  EXPECT_EQ(PublicKey::FromEd25519("short").status().message(), "an Ed25519 key has 32 bytes");
}

TEST(Key, TextThatIsNoKeyIsRefused) {
  const PrivateKey key = PrivateKey::Generate().value();
  EXPECT_EQ(PrivateKey::FromPem("").status().message(), "no PEM block holds a private key");
  EXPECT_EQ(PrivateKey::FromPem(key.public_key().ToPem()).status().message(),
            "no PEM block holds a private key");
  EXPECT_FALSE(PrivateKey::FromPem("-----BEGIN PRIVATE KEY-----\nMIGH\n").ok());
  EXPECT_EQ(PrivateKey::FromPem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGH\n"
                                "-----END ENCRYPTED PRIVATE KEY-----\n")
                .status()
                .message(),
            "the PEM block \"ENCRYPTED PRIVATE KEY\" is encrypted; give it without a passphrase");
  EXPECT_EQ(PublicKey::FromDer(key.public_key().der() + "x").status().message(),
            "bytes follow the public key");
}

TEST(Key, AKeyDoesNotSignInAnotherKindsWay) {
  EXPECT_EQ(PrivateKey::Generate()->Sign(SignatureAlgorithm::kRs256, "m").status().message(),
            "a key of P-256 does not sign this way");
}

// FIPS 180-4 and RFC 4231 §4.3.
TEST(Digest, KnownAnswers) {
  EXPECT_EQ(Sha256("abc"), Hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  EXPECT_EQ(HmacSha256("Jefe", "what do ya want for nothing?"),
            Hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  EXPECT_NE(RandomBytes(16), RandomBytes(16));
  EXPECT_TRUE(EqualSecrets("a", "a"));
  EXPECT_FALSE(EqualSecrets("a", "b"));
  EXPECT_FALSE(EqualSecrets("a", "aa"));
}

}  // namespace
}  // namespace mesh::tls
