#include "mesh/ca/workload_certificate.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/ca/request.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/testing.h"

namespace mesh::ca {
namespace {

using testing::HasSubstr;

class WorkloadCertificateTest : public testing::Test {
 protected:
  WorkloadCertificateTest() : clock_(tls::TestTime()) {
    SelfSignedOptions options;
    options.store = &store_;
    options.clock = &clock_;
    options.leaf.default_lifetime = absl::Hours(100) - absl::Minutes(2);  // 100 h from not_before
    authority_ = SelfSignedAuthority::Open(options).value();
    options_.clock = &clock_;
    options_.log = &log_;
    options_.jitter = [this] { return jitter_; };
    options_.request = [this](const std::string& csr) -> absl::StatusOr<ObtainedChain> {
      ++requests_;
      if (!failure_.ok()) return failure_;
      const auto issued = authority_->Issue({ProveKey(csr)->key, identity_, {}});
      if (!issued.ok()) return issued.status();
      ObtainedChain chain{{issued->leaf}, issued->bundle->roots};
      if (bend_) bend_(&chain);
      return chain;
    };
    begin_ = clock_.Now() - absl::Minutes(2);
  }
  void MoveTo(absl::Duration since_begin) { clock_.Advance(begin_ + since_begin - clock_.Now()); }

  FakeClock clock_;
  MemoryStore store_;
  MemoryLog log_;
  absl::Time begin_;
  std::unique_ptr<SelfSignedAuthority> authority_;
  tls::SpiffeId identity_ = tls::SpiffeId::Workload("cluster.local", "default", "web").value();
  double jitter_ = 0;
  int requests_ = 0;
  absl::Status failure_;
  std::function<void(ObtainedChain*)> bend_;
  WorkloadCertificateOptions options_;
};

TEST_F(WorkloadCertificateTest, IsRenewedAtHalfItsLifeAndNotBefore) {
  WorkloadCertificate certificate(options_);
  std::vector<uint64_t> heard;
  certificate.OnChange([&](auto held) { heard.push_back(held->generation); });
  EXPECT_EQ(certificate.current(), nullptr);
  EXPECT_EQ(certificate.Poll(), clock_.Now() + absl::Minutes(5));
  const auto first = certificate.current();
  ASSERT_NE(first, nullptr);
  MoveTo(absl::Hours(50) - absl::Seconds(1));
  EXPECT_EQ(certificate.Poll(), clock_.Now() + absl::Seconds(1));
  EXPECT_EQ(requests_, 1);
  MoveTo(absl::Hours(50));
  certificate.Poll();
  EXPECT_EQ(requests_, 2);
  const auto second = certificate.current();
  EXPECT_EQ(second->generation, 2);
  EXPECT_NE(second->identity.key.public_key(), first->identity.key.public_key());
  EXPECT_THAT(heard, testing::ElementsAre(1, 2));
  EXPECT_THAT(
      log_.lines(),
      testing::ElementsAre(
          "info ca: certificate 1 of spiffe://cluster.local/ns/default/sa/web expires in 4 d "
          "3 h",
          "info ca: certificate 2 of spiffe://cluster.local/ns/default/sa/web expires in 4 d "
          "3 h"));
}

TEST_F(WorkloadCertificateTest, JitterOnlyMakesItEarlier) {
  jitter_ = 0.999;
  WorkloadCertificate certificate(options_);
  certificate.Poll();
  MoveTo(absl::Hours(40));
  certificate.Poll();
  EXPECT_EQ(requests_, 1);
  MoveTo(absl::Hours(41));
  certificate.Poll();
  EXPECT_EQ(requests_, 2);
}

TEST_F(WorkloadCertificateTest, OneOfAMinuteIsRenewedAfterPartOfThatMinute) {
  options_.request = [&](const std::string& csr) -> absl::StatusOr<ObtainedChain> {
    ++requests_;
    const auto issued = authority_->Issue({ProveKey(csr)->key, identity_, absl::Minutes(1)});
    return ObtainedChain{{issued->leaf}, issued->bundle->roots};
  };
  WorkloadCertificate certificate(options_);
  EXPECT_EQ(certificate.Poll(), clock_.Now() + absl::Seconds(24));
  clock_.Advance(absl::Seconds(23));
  certificate.Poll();
  EXPECT_EQ(requests_, 1) << "it is dated back by two minutes, which must not count";
  clock_.Advance(absl::Seconds(1));
  certificate.Poll();
  EXPECT_EQ(requests_, 2);
}

// The authority is away from the moment of renewal on, for 49 % of a life: what is held stays valid
// throughout, and is renewed when the authority is back.
TEST_F(WorkloadCertificateTest, AnOutageOf49PercentOfALife) {
  WorkloadCertificate certificate(options_);
  certificate.Poll();
  failure_ = absl::UnavailableError("connection refused");
  MoveTo(absl::Hours(50));
  while (clock_.Now() < begin_ + absl::Hours(99)) {
    const absl::Time next = certificate.Poll();
    ASSERT_GT(next, clock_.Now());
    ASSERT_NE(FreshnessOf(certificate.current()->identity.chain[0], clock_.Now()),
              Freshness::kExpired);
    clock_.Advance(next - clock_.Now());
  }
  EXPECT_EQ(certificate.last_error().message(), "connection refused");
  // A quarter of the life before the end there was an alarm, once.
  EXPECT_THAT(
      log_.lines(),
      testing::Contains(testing::MatchesRegex(
                            "error ca: the certificate of "
                            "spiffe://cluster.local/ns/default/sa/web expires in (1 d|24 h).* and "
                            "is not renewed: connection refused"))
          .Times(1));
  failure_ = absl::OkStatus();
  clock_.Advance(absl::Minutes(5));
  certificate.Poll();
  EXPECT_EQ(certificate.current()->generation, 2);
  EXPECT_TRUE(certificate.last_error().ok());
}

TEST_F(WorkloadCertificateTest, WhenItExpiresThatIsSaidAndConnectionsFailClosed) {
  WorkloadCertificate certificate(options_);
  certificate.Poll();
  failure_ = absl::UnavailableError("connection refused");
  MoveTo(absl::Hours(101));
  certificate.Poll();
  EXPECT_THAT(
      log_.lines().back(),
      "error ca: the certificate of spiffe://cluster.local/ns/default/sa/web expired 1 h ago "
      "and is not renewed: connection refused");
  const auto held = certificate.current();
  EXPECT_FALSE(tls::VerifyChain(held->identity.chain, tls::TrustRoots(held->roots),
                                {clock_.Now(), tls::PeerRole::kServer})
                   .ok());
}

TEST_F(WorkloadCertificateTest, AnswersThatAreNotBelieved) {
  const tls::TestAuthority stranger;
  const struct {
    const char* name;
    std::function<void(ObtainedChain*)> bend;
    const char* want;
  } kRows[] = {
      {"nothing", [](ObtainedChain* c) { c->chain.clear(); },
       "the authority answered without a chain"},
      {"no roots", [](ObtainedChain* c) { c->roots.clear(); },
       "the authority answered without a chain"},
      {"another key", [&](ObtainedChain* c) { c->chain = stranger.Issue("spiffe://a/b").chain; },
       "the authority answered with a certificate for another key"},
      {"roots it does not lead to", [&](ObtainedChain* c) { c->roots = {stranger.certificate()}; },
       "certificate of URI:spiffe://cluster.local/ns/default/sa/web: unable to get local issuer "
       "certificate"},
  };
  for (const auto& row : kRows) {
    WorkloadCertificate certificate(options_);
    bend_ = row.bend;
    certificate.Poll();
    EXPECT_EQ(certificate.current(), nullptr) << row.name;
    EXPECT_EQ(certificate.last_error().message(), row.want) << row.name;
    bend_ = nullptr;
  }
}

TEST_F(WorkloadCertificateTest, AnIdentityDoesNotChangeUnderway) {
  WorkloadCertificate certificate(options_);
  certificate.Poll();
  identity_ = tls::SpiffeId::Workload("cluster.local", "default", "admin").value();
  MoveTo(absl::Hours(50));
  certificate.Poll();
  EXPECT_EQ(certificate.current()->generation, 1);
  EXPECT_EQ(certificate.last_error().message(),
            "the authority answered with another identity, "
            "spiffe://cluster.local/ns/default/sa/admin");
}

// Roots come in order: the first is the one that is issued from.
TEST_F(WorkloadCertificateTest, IsRenewedAtOnceWhenAnotherRootIsIssuedFrom) {
  WorkloadCertificate certificate(options_);
  std::vector<size_t> heard;
  certificate.OnChange([&](auto held) { heard.push_back(held->roots.size()); });
  certificate.Poll();
  ASSERT_TRUE(authority_->AnnounceNewRoot().ok());
  certificate.SetRoots(authority_->bundle()->roots);
  certificate.SetRoots(authority_->bundle()->roots);
  certificate.Poll();
  EXPECT_EQ(requests_, 1) << "the old root is still issued from";
  EXPECT_THAT(heard, testing::ElementsAre(1, 2));
  ASSERT_TRUE(authority_->SwitchToNewRoot({}).ok());
  certificate.SetRoots(authority_->bundle()->roots);
  certificate.Poll();
  EXPECT_EQ(requests_, 2);
  EXPECT_THAT(heard, testing::ElementsAre(1, 2, 2, 2));
  EXPECT_TRUE(tls::VerifyChain(certificate.current()->identity.chain,
                               tls::TrustRoots({authority_->bundle()->roots[0]}),
                               {clock_.Now(), tls::PeerRole::kAny})
                  .ok());
}

TEST_F(WorkloadCertificateTest, GoesOnWithWhatAnEarlierProcessHeld) {
  WorkloadCertificate earlier(options_);
  earlier.Poll();
  const auto held = earlier.current();
  WorkloadCertificate certificate(options_);
  ASSERT_TRUE(certificate.Adopt(held->identity, held->roots).ok());
  certificate.Poll();
  EXPECT_EQ(requests_, 1) << "of the earlier one";
  MoveTo(absl::Hours(50));
  certificate.Poll();
  EXPECT_EQ(requests_, 2);
  MoveTo(absl::Hours(101));
  WorkloadCertificate late(options_);
  EXPECT_EQ(late.Adopt(held->identity, held->roots).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(late.current(), nullptr);
}

// The authority's clock is two minutes ahead of ours, or behind.
TEST_F(WorkloadCertificateTest, TwoMinutesOfSkewAreNothing) {
  for (const absl::Duration skew : {absl::Minutes(2), -absl::Minutes(2)}) {
    FakeClock ours(clock_.Now() - skew);
    options_.clock = &ours;
    WorkloadCertificate certificate(options_);
    certificate.Poll();
    ASSERT_NE(certificate.current(), nullptr) << certificate.last_error();
    const auto held = certificate.current();
    EXPECT_TRUE(tls::VerifyChain(held->identity.chain, tls::TrustRoots(held->roots),
                                 {ours.Now(), tls::PeerRole::kServer})
                    .ok());
  }
}

}  // namespace
}  // namespace mesh::ca
