// libFuzzer: what somebody shows as a token, and what a site sends as a key set.
//
// The first byte says which of the two it is, or what of a token is the bytes behind it: all of it,
// its header or its payload, the rest being right and the whole signed by us.
//
// 1. A token is accepted only if our key signed what it says: bytes from elsewhere say one of the
//    few things that it ever signed, or are refused.
// 2. Whatever is signed: accepted is only what has not expired, is of the issuer and for the
//    audience; and a header that asks for anything but ES256 makes no token.
// 3. A key set is read, or refused with words; no key of it verifies what our key signed, unless it
//    is ours.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "mesh/authz/json.h"
#include "mesh/authz/jwt.h"
#include "mesh/tls/key.h"

namespace {

using mesh::authz::Claims;
using mesh::authz::KeySet;
using mesh::authz::TokenExpectations;
using mesh::tls::PrivateKey;
using mesh::tls::SignatureAlgorithm;

// Of this test alone.
constexpr char kKey[] = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/i0oSCsdSDkiLFKH
OPiffYnV1xYT1eJfDmLYurm3zz2hRANCAARl9hrZax+AQmQHXNMkeVPk69KnofWb
e6FC44t7ak/FcoaXCWvE0p9q6v5qG1VTuce8WbV0LudGeK+bLnz2vm9a
-----END PRIVATE KEY-----
)";
constexpr char kHeader[] = R"({"alg":"ES256","kid":"k","typ":"JWT"})";
constexpr char kPayload[] =
    R"({"iss":"i","sub":"s","aud":["a","b"],"exp":4000000000,"groups":["x"]})";

[[noreturn]] void Fail(const char* what, std::string_view detail) {
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(detail.size()), detail.data());
  std::abort();
}

const PrivateKey& Key() {
  static const auto& key = *new PrivateKey(PrivateKey::FromPem(kKey).value());
  return key;
}

const KeySet& Keys() {
  static const auto& keys = *new KeySet([] {
    // A P-256 key in DER ends with its two coordinates.
    const std::string& der = Key().public_key().der();
    return KeySet::Parse(absl::StrCat(R"({"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":")",
                                      absl::WebSafeBase64Escape(der.substr(der.size() - 64, 32)),
                                      R"(","y":")",
                                      absl::WebSafeBase64Escape(der.substr(der.size() - 32)),
                                      "\"}]}"))
        .value();
  }());
  return keys;
}

std::string Signed(std::string_view header, std::string_view payload) {
  const auto view = [](std::string_view text) {
    return absl::string_view(text.data(), text.size());
  };
  const std::string body = absl::StrCat(absl::WebSafeBase64Escape(view(header)), ".",
                                        absl::WebSafeBase64Escape(view(payload)));
  return absl::StrCat(
      body, ".", absl::WebSafeBase64Escape(Key().Sign(SignatureAlgorithm::kEs256, body).value()));
}

absl::StatusOr<Claims> Verify(std::string_view token, const KeySet& keys) {
  TokenExpectations expect;
  expect.issuer = "i";
  expect.audiences = {"a"};
  expect.require_expiry = true;
  auto claims = mesh::authz::VerifyToken(token, keys, expect, absl::FromUnixSeconds(1800000000));
  if (!claims.ok()) {
    if (!absl::IsUnauthenticated(claims.status()))
      Fail("another status", claims.status().ToString());
    if (claims.status().message().empty()) Fail("refused without a word", token);
    (void)mesh::authz::WordsOfEnvoy(claims.status());
  }
  (void)mesh::authz::UnverifiedIssuer(token);
  return claims;
}

void CheckAccepted(const Claims& claims) {
  if (claims.issuer() != "i") Fail("accepted of another issuer", claims.payload);
  bool audience = false;
  for (const std::string_view one : claims.audiences()) audience |= one == "a";
  if (!audience) Fail("accepted for another audience", claims.payload);
  const mesh::route::Value* const found = mesh::authz::Member(claims.all, "exp");
  const double* const expires = found == nullptr ? nullptr : std::get_if<double>(&found->value);
  if (expires == nullptr || *expires + 60 <= 1800000000)
    Fail("accepted though expired", claims.payload);
  (void)claims.principal();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 't': {
      const auto claims = Verify(rest, Keys());
      // All that the key has signed outside of this process, for seeds.
      if (claims.ok() && claims->payload != kPayload) Fail("a forged token", rest);
      break;
    }
    case 'h': {
      const auto claims = Verify(Signed(rest, kPayload), Keys());
      // An escape may spell it another way.
      if (claims.ok() && rest.find("ES256") == rest.npos && rest.find('\\') == rest.npos) {
        Fail("accepted by a header", rest);
      }
      break;
    }
    case 'p': {
      const auto claims = Verify(Signed(kHeader, rest), Keys());
      if (!claims.ok()) break;
      if (claims->payload != rest) Fail("says something else", rest);
      CheckAccepted(*claims);
      break;
    }
    case 'k': {
      const auto keys = KeySet::Parse(rest);
      if (!keys.ok()) {
        if (keys.status().message().empty()) Fail("refused without a word", rest);
        break;
      }
      bool ours = false;
      for (const KeySet::Key& key : keys->keys()) ours |= key.key == Key().public_key();
      if (Verify(Signed(kHeader, kPayload), *keys).ok() && !ours) Fail("another's key", rest);
      break;
    }
    default:
      break;
  }
  return 0;
}
