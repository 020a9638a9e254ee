#include "mesh/authz/jwt.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "mesh/authz/json.h"
#include "mesh/base/strings.h"

namespace mesh::authz {
namespace {

using route::Value;
using tls::SignatureAlgorithm;

constexpr size_t kMaxToken = 64 * 1024;

struct NamedAlgorithm {
  std::string_view name;
  SignatureAlgorithm algorithm;
};
constexpr NamedAlgorithm kAlgorithms[] = {
    {"RS256", SignatureAlgorithm::kRs256}, {"RS384", SignatureAlgorithm::kRs384},
    {"RS512", SignatureAlgorithm::kRs512}, {"PS256", SignatureAlgorithm::kPs256},
    {"PS384", SignatureAlgorithm::kPs384}, {"PS512", SignatureAlgorithm::kPs512},
    {"ES256", SignatureAlgorithm::kEs256}, {"ES384", SignatureAlgorithm::kEs384},
    {"ES512", SignatureAlgorithm::kEs512}, {"EdDSA", SignatureAlgorithm::kEdDsa},
};

constexpr absl::string_view kRefused = "the token is refused: ";

absl::Status Refuse(absl::string_view why) {
  return absl::UnauthenticatedError(absl::StrCat(kRefused, why));
}

// What VerifyToken says, and what Envoy's jwt_authn filter does.
constexpr std::pair<absl::string_view, std::string_view> kWordsOfEnvoy[] = {
    {"it is not three parts of base64url",
     "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"},
    {"its header is no JSON object", "Jwt header is an invalid JSON"},
    {"its payload is no JSON object", "Jwt payload is an invalid JSON"},
    {"its algorithm is not accepted", "Jwt header [alg] is not supported"},
    {"no key of the set is the one it names", "Jwks doesn't have key to match kid or alg from Jwt"},
    {"it is of another issuer", "Jwt issuer is not configured"},
    {"it never expires", "Jwt is expired"},
    {"it has expired", "Jwt is expired"},
    {"it is not valid yet", "Jwt not yet valid"},
    {"it is for another audience", "Audiences in Jwt are not allowed"},
};

// base64url without padding (RFC 7515 §2): one spelling for each value.
std::optional<std::string> Decode(std::string_view text) {
  std::string bytes;
  for (char c : text) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '_') return std::nullopt;
  }
  if (text.size() % 4 == 1 || !absl::WebSafeBase64Unescape(Absl(text), &bytes)) {
    return std::nullopt;
  }
  if (absl::WebSafeBase64Escape(bytes) != Absl(text)) return std::nullopt;
  return bytes;
}

std::optional<std::string> DecodedMember(const Value::Struct& object, std::string_view name) {
  const auto text = StringMember(object, name);
  if (!text) return std::nullopt;
  return Decode(*text);
}

std::optional<tls::PublicKey> ReadKey(const Value::Struct& jwk) {
  const auto type = StringMember(jwk, "kty"), curve = StringMember(jwk, "crv");
  const auto use = StringMember(jwk, "use").value_or("sig");
  if (use != "sig" && use != "jwt-svid") return std::nullopt;
  absl::StatusOr<tls::PublicKey> key = absl::UnknownError("not for signatures");
  if (type == "RSA") {
    const auto n = DecodedMember(jwk, "n"), e = DecodedMember(jwk, "e");
    if (n && e) key = tls::PublicKey::FromRsa(*n, *e);
  } else if (type == "EC" && curve) {
    const auto x = DecodedMember(jwk, "x"), y = DecodedMember(jwk, "y");
    if (x && y) key = tls::PublicKey::FromEc(*curve, *x, *y);
  } else if (type == "OKP" && curve == "Ed25519") {
    const auto x = DecodedMember(jwk, "x");
    if (x) key = tls::PublicKey::FromEd25519(*x);
  }
  if (!key.ok()) return std::nullopt;
  return *key;
}

struct Parts {
  std::string_view signed_part;
  std::string header, payload, signature;
};

std::optional<Parts> Split(std::string_view token) {
  if (token.size() > kMaxToken) return std::nullopt;
  const size_t first = token.find('.');
  const size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos) return std::nullopt;
  auto header = Decode(token.substr(0, first));
  auto payload = Decode(token.substr(first + 1, second - first - 1));
  auto signature = Decode(token.substr(second + 1));
  if (!header || !payload || !signature) return std::nullopt;
  return Parts{token.substr(0, second), *std::move(header), *std::move(payload),
               *std::move(signature)};
}

// A NumericDate (RFC 7519 §2). False where the member is there and is none.
bool TimeMember(const Value::Struct& claims, std::string_view name,
                std::optional<absl::Time>* time) {
  const Value* value = Member(claims, name);
  if (value == nullptr) return true;
  const double* seconds = std::get_if<double>(&value->value);
  if (seconds == nullptr || !std::isfinite(*seconds) || *seconds < 0) return false;
  *time = absl::UnixEpoch() + absl::Seconds(std::min(*seconds, 1e12));
  return true;
}

}  // namespace

KeySet::KeySet() : KeySet(std::vector<Key>()) {}

absl::StatusOr<KeySet> KeySet::Parse(std::string_view json) {
  const auto set = ParseJsonObject(json);
  const Value* list = set ? Member(*set, "keys") : nullptr;
  const auto* entries = list == nullptr ? nullptr : std::get_if<Value::List>(&list->value);
  if (entries == nullptr) {
    return absl::InvalidArgumentError("not a JSON Web Key Set: no list \"keys\"");
  }
  std::vector<Key> keys;
  for (const Value& entry : *entries) {
    const auto* jwk = std::get_if<Value::Struct>(&entry.value);
    if (jwk == nullptr) continue;
    auto key = ReadKey(*jwk);
    if (!key) continue;
    keys.push_back({std::string(StringMember(*jwk, "kid").value_or("")),
                    std::string(StringMember(*jwk, "alg").value_or("")), *std::move(key)});
  }
  if (keys.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("none of the ", entries->size(), " keys of the set verifies signatures"));
  }
  return KeySet(std::move(keys));
}

std::string_view Claims::issuer() const { return StringMember(all, "iss").value_or(""); }
std::string_view Claims::subject() const { return StringMember(all, "sub").value_or(""); }

std::vector<std::string_view> Claims::audiences() const {
  const Value* value = Member(all, "aud");
  if (value == nullptr) return {};
  if (const auto* one = std::get_if<std::string>(&value->value)) return {*one};
  std::vector<std::string_view> out;
  if (const auto* list = std::get_if<Value::List>(&value->value)) {
    for (const Value& entry : *list) {
      if (const auto* one = std::get_if<std::string>(&entry.value)) out.push_back(*one);
    }
  }
  return out;
}

std::string Claims::principal() const {
  if (issuer().empty() || subject().empty()) return "";
  return absl::StrCat(Absl(issuer()), "/", Absl(subject()));
}

absl::StatusOr<Claims> VerifyToken(std::string_view token, const KeySet& keys,
                                   const TokenExpectations& expect, absl::Time now) {
  const auto parts = Split(token);
  if (!parts) return Refuse("it is not three parts of base64url");
  const auto header = ParseJsonObject(parts->header);
  if (!header) return Refuse("its header is no JSON object");
  auto all = ParseJsonObject(parts->payload);
  if (!all) return Refuse("its payload is no JSON object");
  if (Member(*header, "crit") != nullptr) return Refuse("it has critical headers");

  const auto name = StringMember(*header, "alg");
  const auto* algorithm =
      std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                   [&](const NamedAlgorithm& a) { return name && a.name == *name; });
  if (algorithm == std::end(kAlgorithms)) return Refuse("its algorithm is not accepted");

  const std::string_view id = StringMember(*header, "kid").value_or("");
  bool asked = false, verified = false;
  for (const KeySet::Key& key : keys.keys()) {
    if (!id.empty() && !key.id.empty() && id != key.id) continue;
    if (!key.algorithm.empty() && key.algorithm != algorithm->name) continue;
    asked = true;
    verified = key.key.Verify(algorithm->algorithm, parts->signed_part, parts->signature);
    if (verified) break;
  }
  if (!asked) return Refuse("no key of the set is the one it names");
  if (!verified) return Refuse("no key of the set made its signature");

  Claims claims{*std::move(all), parts->payload};
  if (!expect.issuer.empty() && claims.issuer() != expect.issuer) {
    return Refuse("it is of another issuer");
  }
  std::optional<absl::Time> expires, begins, issued;
  if (!TimeMember(claims.all, "exp", &expires) || !TimeMember(claims.all, "nbf", &begins) ||
      !TimeMember(claims.all, "iat", &issued)) {
    return Refuse("one of its times is no number");
  }
  if (!expires && expect.require_expiry) return Refuse("it never expires");
  if (expires && now >= *expires + expect.clock_skew) return Refuse("it has expired");
  if (begins && now + expect.clock_skew < *begins) return Refuse("it is not valid yet");
  if (!expect.audiences.empty()) {
    const auto has = claims.audiences();
    const bool any = std::any_of(has.begin(), has.end(), [&](std::string_view audience) {
      return std::find(expect.audiences.begin(), expect.audiences.end(), audience) !=
             expect.audiences.end();
    });
    if (!any) return Refuse("it is for another audience");
  }
  return claims;
}

std::string_view WordsOfEnvoy(const absl::Status& refusal) {
  absl::string_view why = refusal.message();
  if (absl::ConsumePrefix(&why, kRefused)) {
    for (const auto& [ours, theirs] : kWordsOfEnvoy) {
      if (why == ours) return theirs;
    }
  }
  return "Jwt verification fails";
}

std::optional<std::string> UnverifiedIssuer(std::string_view token) {
  const auto parts = Split(token);
  if (!parts) return std::nullopt;
  const auto claims = ParseJsonObject(parts->payload);
  if (!claims) return std::nullopt;
  const auto issuer = StringMember(*claims, "iss");
  if (!issuer) return std::nullopt;
  return std::string(*issuer);
}

absl::StatusOr<std::string> SignToken(std::string_view payload_json, std::string_view key_id,
                                      SignatureAlgorithm algorithm, const tls::PrivateKey& key) {
  std::string_view name;
  for (const NamedAlgorithm& a : kAlgorithms) {
    if (a.algorithm == algorithm) name = a.name;
  }
  for (char c : key_id) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '_' && c != '.') {
      return absl::InvalidArgumentError("a key's id is of letters, digits, '.', '-' and '_'");
    }
  }
  const std::string header =
      absl::StrCat(R"({"alg":")", Absl(name), R"(","kid":")", Absl(key_id), R"(","typ":"JWT"})");
  const std::string body = absl::StrCat(absl::WebSafeBase64Escape(header), ".",
                                        absl::WebSafeBase64Escape(Absl(payload_json)));
  const auto signature = key.Sign(algorithm, body);
  if (!signature.ok()) return signature.status();
  return absl::StrCat(body, ".", absl::WebSafeBase64Escape(*signature));
}

}  // namespace mesh::authz
