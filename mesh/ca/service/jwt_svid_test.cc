#include "mesh/ca/service/jwt_svid.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/authz/jwt.h"
#include "mesh/ca/self_signed.h"

namespace mesh::ca {
namespace {

using testing::HasSubstr;

class JwtSvidTest : public testing::Test {
 protected:
  JwtSvidTest() {
    SelfSignedOptions roots;
    roots.store = &store_;
    roots.clock = &clock_;
    roots_ = SelfSignedAuthority::Open(roots).value();
    options_.store = &store_;
    options_.clock = &clock_;
    Open();
  }
  void Open() { authority_ = JwtAuthority::Open(options_, *roots_->bundle()).value(); }
  void Follow() { ASSERT_TRUE(authority_->Follow(*roots_->bundle()).ok()); }
  std::string Issue() { return authority_->IssueToken(me_, {"payments", "audit"}).value(); }
  // Empty: accepted.
  std::string Verify(const std::string& token, const std::string& bundle,
                     const char* audience = "payments", const char* domain = "cluster.local") {
    const auto read = JwtBundle::Parse(domain, bundle);
    if (!read.ok()) return std::string(read.status().message());
    const auto bearer = read->Verify(token, audience, clock_.Now());
    if (!bearer.ok()) return std::string(bearer.status().message());
    EXPECT_EQ(bearer->identity, me_);
    return "";
  }
  size_t KeysIn(const std::string& bundle) {
    return authz::KeySet::Parse(bundle).value().keys().size();
  }
  std::string Sign(const std::string& claims) {
    // With the very key, which only the store has.
    const auto key = tls::PrivateKey::FromPem(store_.Read("jwt-keys.pem").value()).value();
    return authz::SignToken(claims, authz::KeySet::Parse(authority_->bundle()).value().keys()[0].id,
                            tls::SignatureAlgorithm::kEs256, key)
        .value();
  }

  FakeClock clock_{absl::FromUnixSeconds(1800000000)};
  MemoryStore store_;
  const tls::SpiffeId me_ = tls::SpiffeId::Workload("cluster.local", "default", "web").value();
  std::unique_ptr<SelfSignedAuthority> roots_;
  JwtAuthorityOptions options_;
  std::unique_ptr<JwtAuthority> authority_;
};

TEST_F(JwtSvidTest, ATokenSaysWhoForWhomAndForHowLong) {
  const std::string token = Issue();
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  std::string header, payload;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[0], &header));
  ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[1], &payload));
  const std::string id = authz::KeySet::Parse(authority_->bundle()).value().keys()[0].id;
  EXPECT_EQ(header, absl::StrCat(R"({"alg":"ES256","kid":")", id, R"(","typ":"JWT"})"));
  EXPECT_THAT(payload, HasSubstr(R"("sub":"spiffe://cluster.local/ns/default/sa/web")"));
  EXPECT_THAT(payload, HasSubstr(R"("aud":["payments","audit"])"));
  EXPECT_THAT(payload, HasSubstr(R"("iat":1800000000)"));
  EXPECT_THAT(payload, HasSubstr(R"("exp":1800000300)"));
  EXPECT_THAT(authority_->bundle(), HasSubstr(R"("use":"jwt-svid")"));
  EXPECT_EQ(Verify(token, authority_->bundle()), "");
}

TEST_F(JwtSvidTest, TokensThatAreRefused) {
  const std::string good = Issue(), bundle = authority_->bundle();
  const std::string times = R"("iat":1800000000,"exp":1800000300)";
  const struct {
    const char* name;
    std::string got;
    const char* want;
  } kRows[] = {
      {"another audience", Verify(good, bundle, "shop"), "it is for another audience"},
      {"no audience", Verify(good, bundle, ""), "no audience"},
      {"another trust domain", Verify(good, bundle, "payments", "other.example"),
       "it is of another trust domain"},
      {"a changed one", Verify(good.substr(0, good.size() - 8) + "AAAAAAAA", bundle),
       "no key of the set made its signature"},
      {"no expiry",
       Verify(Sign(R"({"sub":"spiffe://cluster.local/ns/default/sa/web","aud":"payments"})"),
              bundle),
       "it never expires"},
      {"a person",
       Verify(Sign(absl::StrCat(R"({"sub":"eve","aud":"payments",)", times, "}")), bundle),
       "its subject is no SPIFFE id"},
      {"nobody", Verify(Sign(absl::StrCat(R"({"aud":"payments",)", times, "}")), bundle),
       "its subject is no SPIFFE id"},
  };
  for (const auto& row : kRows) EXPECT_THAT(row.got, HasSubstr(row.want)) << row.name;
  clock_.Advance(absl::Minutes(6));
  EXPECT_THAT(Verify(good, bundle), HasSubstr("it has expired"));
}

TEST_F(JwtSvidTest, AudiencesThatAreNotGranted) {
  EXPECT_EQ(authority_->IssueToken(me_, {}).status().message(),
            "no audience: whom is the token for?");
  EXPECT_EQ(authority_->IssueToken(me_, std::vector<std::string>(17, "a")).status().message(),
            "17 audiences; a token has 16 at most");
  EXPECT_EQ(authority_->IssueToken(me_, {""}).status().message(), "an audience has 1 to 512 bytes");
  EXPECT_EQ(authority_->IssueToken(me_, {std::string(513, 'a')}).status().code(),
            absl::StatusCode::kInvalidArgument);
  // What would break out of the text stays inside.
  const std::string odd = R"(a","sub":"spiffe://cluster.local/ns/default/sa/admin)";
  const auto token = authority_->IssueToken(me_, {odd});
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(Verify(*token, authority_->bundle(), odd.c_str()), "");
}

TEST_F(JwtSvidTest, KeysSurviveARestart) {
  const std::string token = Issue(), bundle = authority_->bundle();
  Open();
  EXPECT_EQ(authority_->bundle(), bundle);
  EXPECT_EQ(Verify(token, authority_->bundle()), "");
  ASSERT_TRUE(store_.Write("jwt-keys.pem", "mesh-jwt-keys 1\nkey a 0\nnone\n").ok());
  const auto torn = JwtAuthority::Open(options_, *roots_->bundle());
  EXPECT_EQ(torn.status().code(), absl::StatusCode::kDataLoss);
}

// Whoever has acknowledged the roots of a phase holds what verifies the tokens of the next.
TEST_F(JwtSvidTest, AKeyIsAnnouncedUsedAndRetiredWithItsRoot) {
  const std::string stable = authority_->bundle();
  EXPECT_EQ(KeysIn(stable), 1);
  ASSERT_TRUE(roots_->AnnounceNewRoot().ok());
  Follow();
  const std::string announced = authority_->bundle();
  EXPECT_EQ(KeysIn(announced), 2);
  EXPECT_EQ(Verify(Issue(), stable), "") << "still signed by the old one";
  ASSERT_TRUE(roots_->SwitchToNewRoot({}).ok());
  const std::string last_of_old = Issue();
  Follow();
  const std::string of_new = Issue();
  EXPECT_EQ(Verify(of_new, announced), "");
  EXPECT_NE(Verify(of_new, stable), "");
  ASSERT_TRUE(roots_->RetireOldRoot({}).ok());
  Follow();
  EXPECT_EQ(KeysIn(authority_->bundle()), 2);
  EXPECT_EQ(Verify(last_of_old, authority_->bundle()), "") << "it has minutes to live";
  Open();
  EXPECT_EQ(Verify(last_of_old, authority_->bundle()), "");
  clock_.Advance(absl::Minutes(7));
  Follow();
  EXPECT_EQ(KeysIn(authority_->bundle()), 1);
  EXPECT_EQ(Verify(Issue(), authority_->bundle()), "");
}

TEST_F(JwtSvidTest, ARootThatIsOnlyRenewedKeepsItsKey) {
  const std::string bundle = authority_->bundle();
  clock_.Advance(absl::Hours(3650 * 24 * 9 / 10));
  ASSERT_TRUE(roots_->Maintain().value());
  ASSERT_EQ(roots_->bundle()->roots.size(), 2);
  Follow();
  EXPECT_EQ(authority_->bundle(), bundle);
}

TEST_F(JwtSvidTest, AKeyThatCannotBeKeptIsNotUsed) {
  const std::string bundle = authority_->bundle();
  ASSERT_TRUE(roots_->AnnounceNewRoot().ok());
  store_.FailWrites(absl::UnavailableError("disk full"));
  EXPECT_EQ(authority_->Follow(*roots_->bundle()).message(), "disk full");
  EXPECT_EQ(authority_->bundle(), bundle);
  store_.FailWrites(absl::OkStatus());
  Follow();
  EXPECT_EQ(KeysIn(authority_->bundle()), 2);
}

}  // namespace
}  // namespace mesh::ca
