#include "mesh/authz/jwt.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/authz/json.h"

namespace mesh::authz {
namespace {

using tls::KeyType;
using tls::PrivateKey;
using tls::SignatureAlgorithm;

std::string B64(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

// P-256: the point is the last 64 bytes of the key's DER form.
std::string EcJwk(const PrivateKey& key, const char* extra = "") {
  const std::string& der = key.public_key().der();
  return absl::StrCat(R"({"kty":"EC","crv":"P-256","x":")", B64(der.substr(der.size() - 64, 32)),
                      R"(","y":")", B64(der.substr(der.size() - 32)), "\"", extra, "}");
}
std::string EdJwk(const PrivateKey& key, const char* extra = "") {
  const std::string& der = key.public_key().der();
  return absl::StrCat(R"({"kty":"OKP","crv":"Ed25519","x":")", B64(der.substr(der.size() - 32)),
                      "\"", extra, "}");
}
// RSA-2048 with e = 65537: the modulus stands before the five bytes of the exponent.
std::string RsaJwk(const PrivateKey& key, const char* extra = "") {
  const std::string& der = key.public_key().der();
  return absl::StrCat(R"({"kty":"RSA","e":"AQAB","n":")", B64(der.substr(der.size() - 261, 256)),
                      "\"", extra, "}");
}
KeySet Set(const std::string& keys) {
  return KeySet::Parse(absl::StrCat(R"({"keys":[)", keys, "]}")).value();
}

const absl::Time kNow = absl::FromUnixSeconds(1800000000);
constexpr char kPayload[] =
    R"({"iss":"https://i","sub":"s","aud":["a","b"],"exp":1800000100,"nbf":1799999900,"n":{"x":[1,true,null]}})";

TEST(Jwt, EveryAlgorithm) {
  const struct {
    KeyType type;
    SignatureAlgorithm algorithm;
    std::string (*jwk)(const PrivateKey&, const char*);
  } kRows[] = {{KeyType::kP256, SignatureAlgorithm::kEs256, EcJwk},
               {KeyType::kEd25519, SignatureAlgorithm::kEdDsa, EdJwk},
               {KeyType::kRsa2048, SignatureAlgorithm::kRs256, RsaJwk},
               {KeyType::kRsa2048, SignatureAlgorithm::kRs384, RsaJwk},
               {KeyType::kRsa2048, SignatureAlgorithm::kRs512, RsaJwk},
               {KeyType::kRsa2048, SignatureAlgorithm::kPs256, RsaJwk},
               {KeyType::kRsa2048, SignatureAlgorithm::kPs384, RsaJwk},
               {KeyType::kRsa2048, SignatureAlgorithm::kPs512, RsaJwk}};
  const PrivateKey other = PrivateKey::Generate().value();
  for (const auto& row : kRows) {
    SCOPED_TRACE(static_cast<int>(row.algorithm));
    const PrivateKey key = PrivateKey::Generate(row.type).value();
    const std::string token = SignToken(kPayload, "k1", row.algorithm, key).value();
    // Beside a key that is not it.
    const KeySet keys = Set(EcJwk(other) + "," + row.jwk(key, R"(,"kid":"k1")"));
    const auto claims = VerifyToken(token, keys, {}, kNow);
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->issuer(), "https://i");
    EXPECT_EQ(claims->subject(), "s");
    EXPECT_EQ(claims->principal(), "https://i/s");
    EXPECT_THAT(claims->audiences(), testing::ElementsAre("a", "b"));
    EXPECT_EQ(claims->payload, kPayload);
    std::string bent = token;
    bent[token.size() - 10] = bent[token.size() - 10] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(VerifyToken(bent, keys, {}, kNow).ok());
  }
}

TEST(Jwt, TokensThatAreRefused) {
  const PrivateKey key = PrivateKey::Generate().value();
  const KeySet keys = Set(EcJwk(key, R"(,"kid":"k1","alg":"ES256")"));
  const auto sign = [&](std::string_view payload, std::string_view id = "k1") {
    return SignToken(payload, id, SignatureAlgorithm::kEs256, key).value();
  };
  // A token with this header, and a signature that would fit it.
  const auto with_header = [&](absl::string_view header) {
    const std::string body = absl::StrCat(B64(header), ".", B64(kPayload));
    return absl::StrCat(body, ".", B64(key.Sign(SignatureAlgorithm::kEs256, body).value()));
  };
  const std::string good = sign(kPayload);
  const struct {
    const char* name;
    std::string token;
    const char* want;
  } kRows[] = {
      {"nothing", "", "it is not three parts of base64url"},
      {"two parts", good.substr(0, good.rfind('.')), "it is not three parts of base64url"},
      {"four parts", good + ".x", "it is not three parts of base64url"},
      {"padding", good + "==", "it is not three parts of base64url"},
      {"a blank", " " + good, "it is not three parts of base64url"},
      {"another spelling of the last byte", good.substr(0, good.size() - 1) + "_",
       "it is not three parts of base64url"},
      {"64 KiB", std::string(70000, 'x'), "it is not three parts of base64url"},
      {"a header that is no JSON", with_header("x"), "its header is no JSON object"},
      {"a header that is a list", with_header("[]"), "its header is no JSON object"},
      {"alg twice", with_header(R"({"alg":"ES256","alg":"none"})"), "its header is no JSON object"},
      {"no algorithm", with_header(R"({"kid":"k1"})"), "its algorithm is not accepted"},
      {"alg none", with_header(R"({"alg":"none","kid":"k1"})"), "its algorithm is not accepted"},
      {"alg None", with_header(R"({"alg":"None","kid":"k1"})"), "its algorithm is not accepted"},
      {"an HMAC", with_header(R"({"alg":"HS256","kid":"k1"})"), "its algorithm is not accepted"},
      {"critical headers", with_header(R"({"alg":"ES256","kid":"k1","crit":["x"]})"),
       "it has critical headers"},
      {"another key's id", sign(kPayload, "k2"), "no key of the set is the one it names"},
      {"an algorithm the key is not for", with_header(R"({"alg":"ES384","kid":"k1"})"),
       "no key of the set is the one it names"},
      {"a payload that is no JSON", sign("x"), "its payload is no JSON object"},
      {"a payload of bad UTF-8", sign("{\"iss\":\"\xff\"}"), "its payload is no JSON object"},
      {"nesting", sign(absl::StrCat("{\"a\":", std::string(101, '['), std::string(101, ']'), "}")),
       "its payload is no JSON object"},
      {"an expired one", sign(R"({"iss":"https://i","aud":"a","exp":1799999940})"),
       "it has expired"},
      {"one of tomorrow",
       sign(R"({"iss":"https://i","aud":"a","exp":1900000000,"nbf":1800000061})"),
       "it is not valid yet"},
      {"one for ever", sign(R"({"iss":"https://i","aud":"a"})"), "it never expires"},
      {"a time in a string", sign(R"({"iss":"https://i","aud":"a","exp":"1900000000"})"),
       "one of its times is no number"},
      {"another issuer", sign(R"({"iss":"https://j","aud":"a","exp":1900000000})"),
       "it is of another issuer"},
      {"no issuer", sign(R"({"aud":"a","exp":1900000000})"), "it is of another issuer"},
      {"another audience", sign(R"({"iss":"https://i","aud":"c","exp":1900000000})"),
       "it is for another audience"},
      {"no audience", sign(R"({"iss":"https://i","exp":1900000000})"),
       "it is for another audience"},
      {"an audience of another kind", sign(R"({"iss":"https://i","aud":1,"exp":1900000000})"),
       "it is for another audience"},
  };
  TokenExpectations expect;
  expect.issuer = "https://i";
  expect.audiences = {"a"};
  expect.require_expiry = true;
  EXPECT_TRUE(VerifyToken(good, keys, expect, kNow).ok());
  for (const auto& row : kRows) {
    EXPECT_EQ(VerifyToken(row.token, keys, expect, kNow).status(),
              absl::UnauthenticatedError(absl::StrCat("the token is refused: ", row.want)))
        << row.name;
  }
}

// A key set that could not be fetched denies (CVE-2021-21378): there is no key known to all.
TEST(Jwt, WithoutKeysNothingIsVerified) {
  const PrivateKey key = PrivateKey::Generate().value();
  const std::string token = SignToken(kPayload, "", SignatureAlgorithm::kEs256, key).value();
  EXPECT_EQ(VerifyToken(token, KeySet(), {}, kNow).status().message(),
            "the token is refused: no key of the set is the one it names");
}

TEST(Jwt, KeySetsThatAreNone) {
  EXPECT_EQ(KeySet::Parse("").status().message(), "not a JSON Web Key Set: no list \"keys\"");
  EXPECT_EQ(KeySet::Parse("{}").status().message(), "not a JSON Web Key Set: no list \"keys\"");
  EXPECT_EQ(KeySet::Parse(R"({"keys":[{"kty":"oct","k":"AAAA"},{"kty":"EC","crv":"P-256"},1]})")
                .status()
                .message(),
            "none of the 3 keys of the set verifies signatures");
  const PrivateKey key = PrivateKey::Generate().value();
  EXPECT_FALSE(
      KeySet::Parse(absl::StrCat(R"({"keys":[)", EcJwk(key, R"(,"use":"enc")"), "]}")).ok());
  EXPECT_EQ(Set(EcJwk(key) + R"(,{"kty":"oct","k":"AAAA"})").keys().size(), 1);
}

TEST(Jwt, AnIssuerCanBeReadBeforeItIsBelieved) {
  const PrivateKey key = PrivateKey::Generate().value();
  EXPECT_EQ(UnverifiedIssuer(SignToken(kPayload, "", SignatureAlgorithm::kEs256, key).value()),
            "https://i");
  EXPECT_EQ(UnverifiedIssuer("x.y.z"), std::nullopt);
}

// RFC 7515, appendix A.3.
TEST(Jwt, TheStandardsExample) {
  const KeySet keys = Set(
      R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
  const std::string token =
      "eyJhbGciOiJFUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ."
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  const auto claims = VerifyToken(token, keys, {}, absl::FromUnixSeconds(1300819300));
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->issuer(), "joe");
}

TEST(Jwt, NoCutOrFlipOfATokenIsAccepted) {
  const PrivateKey key = PrivateKey::Generate().value();
  const KeySet keys = Set(EcJwk(key));
  const std::string token = SignToken(kPayload, "k", SignatureAlgorithm::kEs256, key).value();
  for (size_t i = 0; i < token.size(); ++i) {
    EXPECT_FALSE(VerifyToken(std::string_view(token).substr(0, i), keys, {}, kNow).ok());
    for (char c : {'A', 'z', '.', '\0', '\xff'}) {
      std::string bent = token;
      if (bent[i] == c) continue;
      bent[i] = c;
      EXPECT_FALSE(VerifyToken(bent, keys, {}, kNow).ok()) << i;
    }
  }
}

}  // namespace
}  // namespace mesh::authz
