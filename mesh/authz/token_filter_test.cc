#include "mesh/authz/token_filter.h"

#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/authz/json.h"
#include "mesh/tls/key.h"

namespace mesh::authz {
namespace {

using Kind = TokenRequirement::Kind;
using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1800000000);

struct Issuer {
  explicit Issuer(std::string n) : name(std::move(n)), key(tls::PrivateKey::Generate().value()) {}
  const std::string name;
  const tls::PrivateKey key;

  std::string Sign(const std::string& payload) const {
    return SignToken(payload, "", tls::SignatureAlgorithm::kEs256, key).value();
  }
  std::string Token(const std::string& more = "") const {
    return Sign(absl::StrCat(R"({"iss":")", name, R"(","sub":"s","exp":1900000000)", more, "}"));
  }
  TokenProvider Provider() const {
    const std::string& der = key.public_key().der();
    TokenProvider provider;
    provider.name = name;
    provider.rule.issuer = name;
    provider.rule.keys =
        KeySet::Parse(absl::StrCat(R"({"keys":[{"kty":"EC","crv":"P-256","x":")",
                                   absl::WebSafeBase64Escape(der.substr(der.size() - 64, 32)),
                                   R"(","y":")",
                                   absl::WebSafeBase64Escape(der.substr(der.size() - 32)), "\"}]}"))
            .value();
    provider.payload_key = "payload";
    return provider;
  }
};

TokenRequirement Of(size_t provider) {
  TokenRequirement requirement;
  requirement.kind = Kind::kProvider;
  requirement.provider = provider;
  return requirement;
}
TokenRequirement Either(std::vector<TokenRequirement> children, Kind kind = Kind::kAny) {
  TokenRequirement requirement;
  requirement.kind = kind;
  requirement.children = std::move(children);
  return requirement;
}
TokenRequirement Bare(Kind kind) {
  TokenRequirement requirement;
  requirement.kind = kind;
  return requirement;
}

TokenVerdict Check(std::vector<TokenProvider> providers, TokenRequirement requirement,
                   const http::HeaderList& headers, const std::string& path = "/") {
  TokenPath everything;
  everything.requirement = std::move(requirement);
  return TokenFilter(std::move(providers), {everything}).Check(headers.view(), path, kNow);
}
http::HeaderList Bearer(const std::string& token) { return {{"authorization", "Bearer " + token}}; }

TEST(TokenFilter, SaysWhatIsWrongAsEnvoyDoes) {
  const Issuer issuer("https://i");
  const Issuer impostor("https://i");
  TokenProvider audience = issuer.Provider();
  audience.rule.audiences = {"a"};
  TokenProvider without_keys = issuer.Provider();
  without_keys.rule.keys = KeySet();
  TokenProvider expiring = issuer.Provider();
  expiring.require_expiry = true;
  const struct {
    const char* name;
    TokenProvider provider;
    std::string token;
    int status;
    const char* why;
  } kRows[] = {
      {"three parts", issuer.Provider(), "a.b", 401,
       "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"},
      {"somebody else's", issuer.Provider(), Issuer("https://j").Token(), 401,
       "Jwt issuer is not configured"},
      {"another key", issuer.Provider(), impostor.Token(), 401, "Jwt verification fails"},
      {"old", issuer.Provider(), issuer.Sign(R"({"iss":"https://i","exp":1700000000})"), 401,
       "Jwt is expired"},
      {"early", issuer.Provider(), issuer.Token(R"(,"nbf":1850000000)"), 401, "Jwt not yet valid"},
      {"for ever", expiring, issuer.Sign(R"({"iss":"https://i"})"), 401, "Jwt is expired"},
      {"for others", audience, issuer.Token(R"(,"aud":"b")"), 403,
       "Audiences in Jwt are not allowed"},
      {"keys that could not be had", without_keys, issuer.Token(), 401,
       "Jwks doesn't have any valid public key"},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.name);
    for (const TokenRequirement& requirement :
         {Of(0), Either({Of(0), Bare(Kind::kMissing)}), Bare(Kind::kMissing)}) {
      const TokenVerdict verdict = Check({row.provider}, requirement, Bearer(row.token));
      EXPECT_FALSE(verdict.allowed);
      EXPECT_EQ(verdict.why, row.why);
      EXPECT_EQ(verdict.status, row.status);
      EXPECT_FALSE(verdict.missing);
      EXPECT_TRUE(verdict.metadata.empty());
    }
    EXPECT_TRUE(Check({row.provider}, Bare(Kind::kMissingOrFailed), Bearer(row.token)).allowed);
  }
}

TEST(TokenFilter, ATokenIsAskedForOrNot) {
  const Issuer issuer("https://i");
  const TokenVerdict refused = Check({issuer.Provider()}, Of(0), {});
  EXPECT_FALSE(refused.allowed);
  EXPECT_TRUE(refused.missing);
  EXPECT_EQ(refused.why, "Jwt is missing");
  EXPECT_EQ(refused.status, 401);
  EXPECT_TRUE(Check({issuer.Provider()}, Either({Of(0), Bare(Kind::kMissing)}), {}).allowed);
}

TEST(TokenFilter, OneBadTokenSpoilsAGoodOne) {
  const Issuer issuer("https://i");
  TokenProvider provider = issuer.Provider();
  http::HeaderList two = Bearer(issuer.Token());
  two.Add("authorization", "Bearer x.y.z");
  EXPECT_FALSE(Check({provider}, Of(0), two).allowed);
  EXPECT_FALSE(Check({provider}, Of(0), Bearer(issuer.Token()), "/?access_token=x.y.z").allowed);
}

TEST(TokenFilter, LeavesTheClaimsAndTakesTheTokenAway) {
  const Issuer issuer("https://i");
  TokenProvider provider = issuer.Provider();
  provider.rule.from_headers = {{"X-Token", ""}};
  provider.rule.from_params = {"t"};
  provider.rule.output_payload_to_header = "X-Claims";
  provider.word_claims = {"scope"};
  const std::string token = issuer.Token(R"(,"scope":"read write","groups":["g"])");
  const TokenVerdict verdict = Check({provider}, Of(0), {{"x-token", token}}, "/?t=" + token);
  ASSERT_TRUE(verdict.allowed) << verdict.why;
  EXPECT_THAT(verdict.remove_headers, ElementsAre("x-token"));
  EXPECT_THAT(verdict.remove_params, ElementsAre("t"));
  ASSERT_EQ(verdict.set_headers.size(), 2);
  EXPECT_EQ(verdict.set_headers[0].first, "x-claims");
  const auto& payload = std::get<route::Value::Struct>(verdict.metadata.at("payload").value);
  EXPECT_EQ(StringMember(payload, "sub"), "s");
  const auto& scope = std::get<route::Value::List>(Member(payload, "scope")->value);
  ASSERT_EQ(scope.size(), 2);
  EXPECT_EQ(std::get<std::string>(scope[1].value), "write");
  EXPECT_THAT(TokenFilter({provider}, {}).own_headers(), ElementsAre("x-claims"));
  provider.rule.forward_original_token = true;
  EXPECT_TRUE(Check({provider}, Of(0), {{"x-token", token}}).remove_headers.empty());
}

TEST(TokenFilter, AnAlternativeThatFailsLeavesNothing) {
  const Issuer one("https://1"), two("https://2");
  // The first of these is good, the second bad for provider 0; provider 1 looks elsewhere.
  TokenProvider first = one.Provider(), second = two.Provider();
  second.rule.from_headers = {{"x-token", ""}};
  http::HeaderList headers = Bearer(one.Token());
  headers.Add("authorization", "Bearer x.y.z");
  headers.Add("x-token", two.Token());
  const TokenVerdict verdict = Check({first, second}, Either({Of(0), Of(1)}), headers);
  ASSERT_TRUE(verdict.allowed) << verdict.why;
  EXPECT_THAT(verdict.remove_headers, ElementsAre("x-token"));
  const auto& payload = std::get<route::Value::Struct>(verdict.metadata.at("payload").value);
  EXPECT_EQ(StringMember(payload, "iss"), "https://2");
  EXPECT_FALSE(Check({first, second}, Either({Of(0), Of(1)}, Kind::kAll), headers).allowed);
}

TEST(TokenFilter, AnIssuerIsBelievedOnlyWhereItsProviderLooks) {
  const Issuer one("https://1"), two("https://2");
  TokenProvider first = one.Provider(), second = two.Provider();
  second.rule.from_headers = {{"x-token", ""}};
  EXPECT_FALSE(Check({first, second}, Bare(Kind::kMissing), Bearer(two.Token())).allowed);
  EXPECT_TRUE(Check({first, second}, Bare(Kind::kMissing), {{"x-token", two.Token()}}).allowed);
}

TEST(TokenFilter, TheFirstPathThatFitsDecides) {
  const Issuer issuer("https://i");
  TokenPath health, rest;
  health.exact = true;
  health.path = "/health";
  rest.path = "/api";
  rest.requirement = Of(0);
  const TokenFilter filter({issuer.Provider()}, {health, rest});
  const http::HeaderList none;
  EXPECT_TRUE(filter.Check(none.view(), "/health?x", kNow).allowed);
  EXPECT_FALSE(filter.Check(none.view(), "/api/x", kNow).allowed);
  EXPECT_TRUE(filter.Check(none.view(), "/other", kNow).allowed);
}

TEST(TokenFilter, ATokenThatWasChangedIsNeverGood) {
  const Issuer issuer("https://i");
  const TokenProvider provider = issuer.Provider();
  const std::string good = issuer.Token();
  ASSERT_TRUE(Check({provider}, Of(0), Bearer(good)).allowed);
  std::mt19937 random(5);
  for (int i = 0; i < 5000; ++i) {
    std::string token = good;
    for (int n = 1 + random() % 3; n > 0; --n) {
      const size_t at = random() % token.size();
      switch (random() % 4) {
        case 0:
          token[at] = static_cast<char>(random());
          break;
        case 1:
          token.erase(at, 1 + random() % 8);
          break;
        case 2:
          token.insert(at, 1, "A.=_-\xff"[random() % 6]);
          break;
        default:
          token.resize(at);
      }
      if (token.empty()) token = ".";
    }
    if (token == good) continue;
    EXPECT_FALSE(Check({provider}, Of(0), Bearer(token)).allowed) << token;
  }
}

}  // namespace
}  // namespace mesh::authz
