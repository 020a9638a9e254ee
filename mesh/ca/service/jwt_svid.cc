#include "mesh/ca/service/jwt_svid.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/base/strings.h"
#include "mesh/tls/digest.h"

// The state is one text:
//
//   mesh-jwt-keys 1
//   key ROOT UNTIL
//   <private key, PEM>
//
// ROOT is the SHA-256 of the root's public key in hex: a root that is only renewed keeps it. UNTIL
// is 0 while that root is in force, later the second (since 1970) until which the key verifies.
namespace mesh::ca {
namespace {

constexpr char kStateName[] = "jwt-keys.pem";
constexpr absl::string_view kHeader = "mesh-jwt-keys 1\n";
// Of an audience's bytes, and of audiences: a token travels in a header.
constexpr size_t kMaxAudience = 512, kMaxAudiences = 16;
// What VerifyToken forgives, so that a retired key stays that much longer.
const absl::Duration kSkew = authz::TokenExpectations().clock_skew;

std::string NameOfRoot(const tls::Certificate& root) {
  return absl::BytesToHexString(tls::Sha256(root.public_key().der()));
}

struct Coordinates {
  std::string x, y;  // base64url
};
// A P-256 SubjectPublicKeyInfo ends with the two, 32 bytes each (RFC 5480 §2.2).
Coordinates CoordinatesOf(const tls::PublicKey& key) {
  const absl::string_view der = key.der();
  return {absl::WebSafeBase64Escape(der.substr(der.size() - 64, 32)),
          absl::WebSafeBase64Escape(der.substr(der.size() - 32))};
}

// RFC 7638: the hash of its required members in their one spelling.
std::string Thumbprint(const tls::PublicKey& key) {
  const Coordinates at = CoordinatesOf(key);
  return absl::WebSafeBase64Escape(tls::Sha256(
      absl::StrCat(R"({"crv":"P-256","kty":"EC","x":")", at.x, R"(","y":")", at.y, "\"}")));
}

}  // namespace

struct JwtAuthority::Key {
  std::string root;
  int64_t until = 0;
  tls::PrivateKey key;
  std::string id;
};

struct JwtAuthority::State {
  std::vector<Key> keys;  // that of the issuing root first
  std::string bundle;     // derived

  std::string Write() const {
    std::string text(kHeader);
    for (const Key& key : keys) {
      absl::StrAppend(&text, "key ", key.root, " ", key.until, "\n", key.key.ToPem());
    }
    return text;
  }

  static absl::StatusOr<State> Read(absl::string_view text) {
    const auto broken = [](absl::string_view what) {
      return absl::DataLossError(absl::StrCat("the keys for tokens cannot be read: ", what));
    };
    if (!absl::ConsumePrefix(&text, kHeader)) return broken("they do not begin as such");
    State state;
    const std::vector<absl::string_view> parts = absl::StrSplit(text, "key ");
    for (size_t i = 1; i < parts.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> line =
          absl::StrSplit(parts[i], absl::MaxSplits('\n', 1));
      const std::pair<absl::string_view, absl::string_view> words =
          absl::StrSplit(line.first, absl::MaxSplits(' ', 1));
      int64_t until = 0;
      if (!absl::SimpleAtoi(words.second, &until)) return broken("a key without its root");
      auto key = tls::PrivateKey::FromPem(Std(line.second));
      if (!key.ok()) return broken(key.status().message());
      if (key->type() != tls::KeyType::kP256) return broken("a key that is not P-256");
      std::string id = Thumbprint(key->public_key());
      state.keys.push_back({std::string(words.first), until, *std::move(key), std::move(id)});
    }
    return state;
  }

  void Derive() {
    bundle =
        absl::StrCat(R"({"keys":[)",
                     absl::StrJoin(keys, ",",
                                   [](std::string* out, const Key& key) {
                                     const Coordinates at = CoordinatesOf(key.key.public_key());
                                     absl::StrAppend(out, R"({"kty":"EC","use":"jwt-svid","kid":")",
                                                     key.id, R"(","crv":"P-256","x":")", at.x,
                                                     R"(","y":")", at.y, "\"}");
                                   }),
                     "]}");
  }
};

absl::StatusOr<std::unique_ptr<JwtAuthority>> JwtAuthority::Open(const JwtAuthorityOptions& options,
                                                                 const TrustBundle& roots) {
  State state;
  const auto text = options.store->Read(kStateName);
  if (text.ok()) {
    auto read = State::Read(*text);
    if (!read.ok()) return read.status();
    state = *std::move(read);
    state.Derive();
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  }
  std::unique_ptr<JwtAuthority> authority(new JwtAuthority(options));
  {
    MutexLock lock(&authority->mutex_);
    authority->state_ = std::make_shared<const State>(std::move(state));
  }
  if (absl::Status followed = authority->Follow(roots); !followed.ok()) return followed;
  return authority;
}

std::shared_ptr<const JwtAuthority::State> JwtAuthority::state() const {
  MutexLock lock(&mutex_);
  return state_;
}

absl::Status JwtAuthority::Follow(const TrustBundle& roots) {
  MutexLock lock(&change_);
  const auto before = state();
  const absl::Time now = options_.clock->Now();
  State next;
  const auto has = [](const std::vector<Key>& keys, const std::string& root) {
    return std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.root == root; });
  };
  for (const tls::Certificate& certificate : roots.roots) {
    const std::string root = NameOfRoot(certificate);
    if (has(next.keys, root) != next.keys.end()) continue;  // renewed: two certificates, one key
    const auto known = has(before->keys, root);
    if (known != before->keys.end()) {
      next.keys.push_back(*known);
      next.keys.back().until = 0;
      continue;
    }
    auto key = tls::PrivateKey::Generate(tls::KeyType::kP256);
    if (!key.ok()) return key.status();
    std::string id = Thumbprint(key->public_key());
    options_.log->Log(LogLevel::kInfo, "ca",
                      absl::StrCat("made the key ", id, " for tokens, of the root ",
                                   certificate.Fingerprint().substr(0, 16)));
    next.keys.push_back({root, 0, *std::move(key), std::move(id)});
  }
  for (const Key& key : before->keys) {
    if (has(next.keys, key.root) != next.keys.end()) continue;
    Key retired = key;
    if (retired.until == 0) {
      retired.until = absl::ToUnixSeconds(now + options_.lifetime + kSkew) + 1;
    }
    if (absl::FromUnixSeconds(retired.until) > now) next.keys.push_back(std::move(retired));
  }
  const auto same = [](const Key& a, const Key& b) { return a.id == b.id && a.until == b.until; };
  if (std::equal(next.keys.begin(), next.keys.end(), before->keys.begin(), before->keys.end(),
                 same)) {
    return absl::OkStatus();
  }
  if (absl::Status written = options_.store->Write(kStateName, next.Write()); !written.ok()) {
    return written;
  }
  next.Derive();
  MutexLock swap(&mutex_);
  state_ = std::make_shared<const State>(std::move(next));
  return absl::OkStatus();
}

absl::StatusOr<std::string> JwtAuthority::IssueToken(const tls::SpiffeId& identity,
                                                     const std::vector<std::string>& audiences) {
  if (audiences.empty()) return absl::InvalidArgumentError("no audience: whom is the token for?");
  if (audiences.size() > kMaxAudiences) {
    return absl::InvalidArgumentError(
        absl::StrCat(audiences.size(), " audiences; a token has ", kMaxAudiences, " at most"));
  }
  google::protobuf::Struct claims;
  auto* list = (*claims.mutable_fields())["aud"].mutable_list_value();
  for (const std::string& audience : audiences) {
    if (audience.empty() || audience.size() > kMaxAudience) {
      return absl::InvalidArgumentError(
          absl::StrCat("an audience has 1 to ", kMaxAudience, " bytes"));
    }
    list->add_values()->set_string_value(audience);
  }
  const absl::Time now = options_.clock->Now();
  (*claims.mutable_fields())["sub"].set_string_value(identity.ToString());
  (*claims.mutable_fields())["iat"].set_number_value(static_cast<double>(absl::ToUnixSeconds(now)));
  (*claims.mutable_fields())["exp"].set_number_value(
      static_cast<double>(absl::ToUnixSeconds(now + options_.lifetime)));
  std::string payload;
  if (!google::protobuf::util::MessageToJsonString(claims, &payload).ok()) {
    return absl::InvalidArgumentError("an audience that is not UTF-8");
  }
  const auto present = state();
  if (present->keys.empty()) return absl::FailedPreconditionError("there is no key for tokens");
  const Key& key = present->keys.front();
  return authz::SignToken(payload, key.id, tls::SignatureAlgorithm::kEs256, key.key);
}

std::string JwtAuthority::bundle() const { return state()->bundle; }

absl::StatusOr<JwtBundle> JwtBundle::Parse(std::string_view trust_domain, std::string json) {
  auto keys = authz::KeySet::Parse(json);
  if (!keys.ok()) return keys.status();
  return JwtBundle(trust_domain, std::move(json), *std::move(keys));
}

absl::StatusOr<JwtBundle::Bearer> JwtBundle::Verify(std::string_view token,
                                                    std::string_view audience,
                                                    absl::Time now) const {
  if (audience.empty()) return absl::InvalidArgumentError("no audience: whom is the token for?");
  authz::TokenExpectations expect;
  expect.audiences = {std::string(audience)};
  expect.require_expiry = true;
  auto claims = authz::VerifyToken(token, keys_, expect, now);
  if (!claims.ok()) return claims.status();
  auto identity = tls::SpiffeId::Parse(claims->subject());
  if (!identity.ok()) {
    return absl::UnauthenticatedError("the token is refused: its subject is no SPIFFE id");
  }
  if (identity->trust_domain() != trust_domain_) {
    return absl::UnauthenticatedError("the token is refused: it is of another trust domain");
  }
  return Bearer{*std::move(identity), std::move(claims->payload)};
}

}  // namespace mesh::ca
