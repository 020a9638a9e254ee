// JSON Web Tokens (RFC 7519): read, and verified against keys that are given.
//
//   auto keys = mesh::authz::KeySet::Parse(jwks_json);
//   mesh::authz::TokenExpectations expect;
//   expect.issuer = "https://issuer.example";
//   expect.audiences = {"bookinfo"};
//   absl::StatusOr<mesh::authz::Claims> claims = VerifyToken(token, *keys, expect, absl::Now());
//
// No message repeats the token.
#ifndef MESH_AUTHZ_JWT_H_
#define MESH_AUTHZ_JWT_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/route/value.h"
#include "mesh/tls/key.h"

namespace mesh::authz {

// A JSON Web Key Set (RFC 7517). A value: cheap to copy, immutable, thread-safe.
class KeySet {
 public:
  // Without keys: verifies nothing. What stands for a set that could not be had.
  KeySet();
  // Keys that are of no use here (encryption, symmetric, unknown curves, a SPIFFE bundle's X.509
  // authorities) are left out.
  // InvalidArgument where the text is no key set, or none of its keys is of use.
  static absl::StatusOr<KeySet> Parse(std::string_view json);

  struct Key {
    std::string id;         // kid; may be empty
    std::string algorithm;  // alg; empty: any that fits the key
    tls::PublicKey key;
  };
  const std::vector<Key>& keys() const { return *keys_; }

 private:
  explicit KeySet(std::vector<Key> keys)
      : keys_(std::make_shared<const std::vector<Key>>(std::move(keys))) {}
  std::shared_ptr<const std::vector<Key>> keys_;
};

// What a verified token says.
struct Claims {
  route::Value::Struct all;
  std::string payload;  // the JSON text, as it was signed

  std::string_view issuer() const;
  std::string_view subject() const;
  std::vector<std::string_view> audiences() const;  // one or a list (RFC 7519 §4.1.3)
  // "issuer/subject", Istio's request principal; empty where one of the two is missing.
  std::string principal() const;
};

struct TokenExpectations {
  std::string issuer;                  // empty: any
  std::vector<std::string> audiences;  // one must be in the token; empty: any
  bool require_expiry = false;
  absl::Duration clock_skew = absl::Seconds(60);
};

// Unauthenticated says what is wrong. Refused are: what is not three parts of base64url without
// padding; `alg` none, HMAC or unknown; a `crit` header; a signature that no key of the set made (a
// key with a `kid` or an `alg` is asked only when the token names the same); times that are not
// now. RS, PS, ES of 256, 384, 512 bits and EdDSA.
absl::StatusOr<Claims> VerifyToken(std::string_view token, const KeySet& keys,
                                   const TokenExpectations& expect, absl::Time now);

// The body of Envoy's answer to a token that VerifyToken refuses so: "Jwt is expired".
std::string_view WordsOfEnvoy(const absl::Status& refusal);

// The issuer that a token claims to be of, unverified, to choose a key set by; nullopt where the
// token cannot be read.
std::optional<std::string> UnverifiedIssuer(std::string_view token);

// A token over `payload_json`, signed: for tests, and for authorities that issue JWT-SVIDs.
absl::StatusOr<std::string> SignToken(std::string_view payload_json, std::string_view key_id,
                                      tls::SignatureAlgorithm algorithm,
                                      const tls::PrivateKey& key);

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_JWT_H_
