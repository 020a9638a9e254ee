#include "mesh/authz/request_authentication.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mesh::authz {
namespace {

using Kind = TokenOutcome::Kind;

const absl::Time kNow = absl::FromUnixSeconds(1800000000);

struct Issuer {
  explicit Issuer(std::string n) : name(std::move(n)), key(tls::PrivateKey::Generate().value()) {}
  std::string name;
  tls::PrivateKey key;

  std::string Token(std::string_view subject, int64_t expires = 1900000000) const {
    return SignToken(absl::StrCat(R"({"iss":")", name, R"(","sub":")", std::string(subject),
                                  R"(","aud":"a","exp":)", expires, "}"),
                     "", tls::SignatureAlgorithm::kEs256, key)
        .value();
  }
  TokenRule Rule() const {
    const std::string& der = key.public_key().der();
    TokenRule rule;
    rule.issuer = name;
    rule.keys =
        KeySet::Parse(absl::StrCat(R"({"keys":[{"kty":"EC","crv":"P-256","x":")",
                                   absl::WebSafeBase64Escape(der.substr(der.size() - 64, 32)),
                                   R"(","y":")",
                                   absl::WebSafeBase64Escape(der.substr(der.size() - 32)), "\"}]}"))
            .value();
    return rule;
  }
};

TokenOutcome Check(std::vector<TokenRule> rules, const http::HeaderList& headers,
                   const std::string& path = "/") {
  return RequestAuthentication(std::move(rules)).Check(headers.view(), path, kNow);
}

TEST(RequestAuthentication, TokensStandWhereRulesSay) {
  const Issuer issuer("https://i");
  TokenRule elsewhere = issuer.Rule();
  elsewhere.from_headers = {{"x-token", "T "}};
  elsewhere.from_params = {"t"};
  const std::string token = issuer.Token("s");
  const struct {
    const char* name;
    TokenRule rule;
    http::HeaderList headers;
    std::string path;
    Kind want;
  } kRows[] = {
      {"nowhere", issuer.Rule(), {}, "/", Kind::kNone},
      {"in authorization", issuer.Rule(), {{"authorization", "Bearer " + token}}, "/", Kind::kGood},
      {"with a scheme in lower case",
       issuer.Rule(),
       {{"authorization", "bearer " + token}},
       "/",
       Kind::kGood},
      {"under another scheme",
       issuer.Rule(),
       {{"authorization", "Basic " + token}},
       "/",
       Kind::kNone},
      {"in access_token", issuer.Rule(), {}, "/?access_token=" + token, Kind::kGood},
      {"in authorization, which is not looked at",
       elsewhere,
       {{"authorization", "Bearer " + token}},
       "/",
       Kind::kNone},
      {"in a header of its own", elsewhere, {{"x-token", "T " + token}}, "/", Kind::kGood},
      {"in a parameter of its own", elsewhere, {}, "/?a=b&t=" + token, Kind::kGood},
      {"in two places",
       issuer.Rule(),
       {{"authorization", "Bearer " + token}},
       "/?access_token=" + token,
       Kind::kGood},
  };
  for (const auto& row : kRows) {
    const TokenOutcome outcome = Check({row.rule}, row.headers, row.path);
    EXPECT_EQ(outcome.kind, row.want) << row.name << outcome.why;
    EXPECT_EQ(outcome.claims.has_value(), row.want == Kind::kGood) << row.name;
    if (outcome.claims) {
      EXPECT_EQ(outcome.claims->principal(), "https://i/s");
    }
  }
}

TEST(RequestAuthentication, OneBadTokenIsEnoughToRefuse) {
  const Issuer issuer("https://i"), other("https://j"), stranger("https://x");
  const std::vector<TokenRule> rules = {issuer.Rule(), other.Rule()};
  const std::string good = issuer.Token("s");
  const struct {
    const char* name;
    http::HeaderList headers;
    const char* want;
  } kRows[] = {
      {"no token at all",
       {{"authorization", "Bearer x"}},
       "the token is refused: it cannot be read"},
      {"an expired one",
       {{"authorization", "Bearer " + issuer.Token("s", 1700000000)}},
       "the token is refused: it has expired"},
      {"one of an unknown issuer",
       {{"authorization", "Bearer " + stranger.Token("s")}},
       "the token is refused: its issuer is not known"},
      {"a good and a bad one",
       {{"authorization", "Bearer " + good}, {"authorization", "Bearer " + stranger.Token("s")}},
       "the token is refused: its issuer is not known"},
      {"a bad and a good one",
       {{"authorization", "Bearer " + stranger.Token("s")}, {"authorization", "Bearer " + good}},
       "the token is refused: its issuer is not known"},
      {"two good ones",
       {{"authorization", "Bearer " + good}, {"authorization", "Bearer " + other.Token("s")}},
       "the request shows two tokens that are not the same"},
  };
  for (const auto& row : kRows) {
    const TokenOutcome outcome = Check(rules, row.headers);
    EXPECT_EQ(outcome.kind, Kind::kRefused) << row.name;
    EXPECT_EQ(outcome.why, row.want) << row.name;
    EXPECT_FALSE(outcome.claims.has_value()) << row.name;
  }
  // Keys that could not be fetched.
  TokenRule down = issuer.Rule();
  down.keys = KeySet();
  EXPECT_EQ(Check({down}, {{"authorization", "Bearer " + good}}).kind, Kind::kRefused);
}

TEST(RequestAuthentication, WhatIsForwarded) {
  const Issuer issuer("https://i");
  TokenRule rule = issuer.Rule();
  rule.output_payload_to_header = "X-Claims";
  const std::string token = issuer.Token("s");
  const http::HeaderList headers = {{"authorization", "Bearer " + token}, {"x-claims", "forged"}};
  TokenOutcome outcome = Check({rule}, headers);
  EXPECT_THAT(outcome.remove_headers, testing::ElementsAre("x-claims", "authorization"));
  ASSERT_EQ(outcome.set_headers.size(), 1);
  EXPECT_EQ(outcome.set_headers[0].first, "x-claims");
  EXPECT_EQ(outcome.set_headers[0].second, absl::WebSafeBase64Escape(outcome.claims->payload));
  rule.forward_original_token = true;
  EXPECT_THAT(Check({rule}, headers).remove_headers, testing::ElementsAre("x-claims"));
  // A forged header goes without any token, too.
  EXPECT_THAT(Check({rule}, {{"x-claims", "forged"}}).remove_headers,
              testing::ElementsAre("x-claims"));
}

}  // namespace
}  // namespace mesh::authz
