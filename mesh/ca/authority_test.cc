// The two authorities, the leaves they make, and lifetimes.
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/base/clock.h"
#include "mesh/ca/lifetime.h"
#include "mesh/ca/plugged_in.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/testing.h"
#include "mesh/tls/verify.h"

namespace mesh::ca {
namespace {

using testing::HasSubstr;
using tls::PrivateKey;
using tls::TestTime;

tls::SpiffeId Me() {
  return tls::SpiffeId::Workload("cluster.local", "default", "reviews").value();
}

class SelfSignedTest : public testing::Test {
 protected:
  SelfSignedTest() : clock_(TestTime()) {
    options_.store = &store_;
    options_.clock = &clock_;
    options_.log = &log_;
  }
  void Open() { authority_ = SelfSignedAuthority::Open(options_).value(); }
  Issued Issue(absl::Duration lifetime = {}) {
    return authority_->Issue({PrivateKey::Generate()->public_key(), Me(), lifetime}).value();
  }
  absl::Status Verify(const Issued& issued, const TrustBundle& bundle) {
    std::vector<tls::Certificate> chain = {issued.leaf};
    chain.insert(chain.end(), issued.intermediates.begin(), issued.intermediates.end());
    return tls::VerifyChain(chain, tls::TrustRoots(bundle.roots),
                            {clock_.Now(), tls::PeerRole::kServer});
  }

  FakeClock clock_;
  MemoryStore store_;
  MemoryLog log_;
  SelfSignedOptions options_;
  std::unique_ptr<SelfSignedAuthority> authority_;
};

TEST_F(SelfSignedTest, ALeafIsAnSvid) {
  Open();
  const auto key = PrivateKey::Generate();
  const Issued issued = authority_->Issue({key->public_key(), Me(), {}}).value();
  const tls::Certificate& leaf = issued.leaf;
  EXPECT_EQ(leaf.SpiffeIdentity()->ToString(), "spiffe://cluster.local/ns/default/sa/reviews");
  EXPECT_EQ(leaf.sans().size(), 1);
  EXPECT_EQ(leaf.subject(), "");
  EXPECT_TRUE(leaf.sans_critical());
  EXPECT_TRUE(leaf.may_serve());
  EXPECT_TRUE(leaf.may_be_client());
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_FALSE(leaf.may_sign_certificates());
  EXPECT_EQ(leaf.not_before(), TestTime() - absl::Minutes(2));
  EXPECT_EQ(leaf.not_after(), TestTime() + absl::Hours(24));
  EXPECT_EQ(leaf.serial().size(), 32);
  EXPECT_EQ(leaf.public_key(), key->public_key());
  EXPECT_TRUE(issued.intermediates.empty());
  EXPECT_THAT(issued.bundle->roots, testing::ElementsAre(issued.root));
  EXPECT_EQ(issued.root.not_after(), TestTime() + absl::Hours(3650 * 24));
  EXPECT_EQ(issued.root.subject(), "O=cluster.local");
  EXPECT_TRUE(Verify(issued, *issued.bundle).ok());
}

TEST_F(SelfSignedTest, EveryKindOfRootAndLeaf) {
  for (tls::KeyType root :
       {tls::KeyType::kP256, tls::KeyType::kP384, tls::KeyType::kEd25519, tls::KeyType::kRsa2048}) {
    MemoryStore store;
    options_.store = &store;
    options_.root_key = root;
    Open();
    for (tls::KeyType leaf : {tls::KeyType::kP256, tls::KeyType::kEd25519}) {
      const auto issued =
          authority_->Issue({PrivateKey::Generate(leaf)->public_key(), Me(), {}}).value();
      EXPECT_TRUE(Verify(issued, *issued.bundle).ok());
    }
  }
}

TEST_F(SelfSignedTest, LifetimesThatAreAskedFor) {
  Open();
  EXPECT_EQ(Issue(absl::Hours(1)).leaf.not_after(), TestTime() + absl::Hours(1));
  EXPECT_EQ(Issue(absl::Hours(-1)).leaf.not_after(), TestTime() + absl::Hours(24));
  EXPECT_EQ(Issue(absl::Hours(90 * 24)).leaf.not_after(), TestTime() + absl::Hours(90 * 24));
  const auto ten_years =
      authority_->Issue({PrivateKey::Generate()->public_key(), Me(), absl::Hours(87600)});
  EXPECT_EQ(ten_years.status(),
            absl::InvalidArgumentError("a lifetime of 87600h was asked for; 2160h is the most that "
                                       "is granted"));
}

TEST_F(SelfSignedTest, ALeafDoesNotOutliveItsRoot) {
  Open();
  clock_.Advance(absl::Hours(3650 * 24 - 1));
  EXPECT_EQ(Issue().leaf.not_after(), TestTime() + absl::Hours(3650 * 24));
  clock_.Advance(absl::Hours(1));
  const auto late = authority_->Issue({PrivateKey::Generate()->public_key(), Me(), {}});
  EXPECT_EQ(late.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(late.status().message()),
              HasSubstr("the authority's certificate expired at "));
}

TEST_F(SelfSignedTest, TheRootSurvivesARestart) {
  Open();
  const auto before = authority_->bundle()->roots;
  const Issued issued = Issue();
  Open();
  EXPECT_EQ(authority_->bundle()->roots, before);
  EXPECT_TRUE(Verify(issued, *authority_->bundle()).ok());
  EXPECT_THAT(log_.lines(), testing::SizeIs(1));
  EXPECT_THAT(log_.lines()[0], testing::StartsWith("info ca: made the root "));
}

TEST_F(SelfSignedTest, AStateThatCannotBeReadIsNotReplaced) {
  Open();
  const std::string good = *store_.Read("roots.pem");
  for (size_t size : {size_t{0}, size_t{5}, good.size() / 3, good.size() / 2, good.size() - 40}) {
    ASSERT_TRUE(store_.Write("roots.pem", good.substr(0, size)).ok());
    const auto opened = SelfSignedAuthority::Open(options_);
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_EQ(*store_.Read("roots.pem"), good.substr(0, size));
  }
  ASSERT_TRUE(store_.Write("roots.pem", "").ok());
  EXPECT_EQ(SelfSignedAuthority::Open(options_).status().message(),
            "the authority's state cannot be read: it does not begin as one");
}

// Istio's issue 19644: the successor keeps all fields but the time.
TEST_F(SelfSignedTest, InTheLastFifthARootIsRenewedWithTheSameKey) {
  Open();
  const tls::Certificate first = authority_->bundle()->roots[0];
  const absl::Duration life = first.not_after() - first.not_before();
  clock_.Advance(life * 0.8 - absl::Hours(1));
  EXPECT_FALSE(*authority_->Maintain());
  const Issued old_leaf = Issue(absl::Hours(90 * 24));
  clock_.Advance(absl::Hours(2));
  EXPECT_TRUE(*authority_->Maintain());
  EXPECT_FALSE(*authority_->Maintain());
  const auto roots = authority_->bundle()->roots;
  ASSERT_EQ(roots.size(), 2);
  const tls::Certificate second = roots[0];
  EXPECT_EQ(roots[1], first);
  EXPECT_EQ(second.public_key(), first.public_key());
  EXPECT_EQ(second.subject(), first.subject());
  EXPECT_EQ(second.not_after(), clock_.Now() + options_.root_lifetime);
  // Whoever holds only one of the two is content with every leaf.
  const Issued new_leaf = Issue();
  for (const Issued* leaf : {&old_leaf, &new_leaf}) {
    EXPECT_TRUE(Verify(*leaf, {{first}}).ok());
    EXPECT_TRUE(Verify(*leaf, {{second}}).ok());
  }
  // Both are trusted until the first expires; a holder of both is content afterwards, too.
  Open();
  EXPECT_EQ(authority_->bundle()->roots, roots);
  clock_.Advance(life / 5);
  EXPECT_TRUE(Verify(Issue(), {roots}).ok());
  EXPECT_TRUE(Verify(Issue(), {{roots[1], roots[0]}}).ok());
  EXPECT_TRUE(*authority_->Maintain());
  EXPECT_THAT(authority_->bundle()->roots, testing::ElementsAre(second));
}

TEST_F(SelfSignedTest, ARenewalThatCannotBeWrittenIsNotInForce) {
  Open();
  const auto before = authority_->bundle()->roots;
  clock_.Advance(options_.root_lifetime * 0.9);
  store_.FailWrites(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(authority_->Maintain().status().message(), "disk full");
  EXPECT_EQ(authority_->AnnounceNewRoot().message(), "disk full");
  EXPECT_EQ(authority_->bundle()->roots, before);
  EXPECT_EQ(authority_->rotation().phase, RotationPhase::kStable);
  EXPECT_TRUE(Verify(Issue(), {before}).ok());  // serving goes on
}

TEST_F(SelfSignedTest, ARootIsRotatedInPhases) {
  Open();
  const Issued before = Issue();
  std::vector<ProxyProof> proxies = {
      {"a.default", {before.root.Fingerprint()}, before.root.Fingerprint()}};
  EXPECT_EQ(authority_->SwitchToNewRoot(proxies).message(),
            "the rotation is in the phase \"stable\", this step is not the next one");
  ASSERT_TRUE(authority_->AnnounceNewRoot().ok());
  const RotationState announced = authority_->rotation();
  EXPECT_EQ(announced.phase, RotationPhase::kAnnounced);
  EXPECT_EQ(authority_->bundle()->roots.size(), 2);
  EXPECT_EQ(Issue().root, before.root);
  EXPECT_EQ(authority_->AnnounceNewRoot().code(), absl::StatusCode::kFailedPrecondition);

  EXPECT_EQ(authority_->SwitchToNewRoot(proxies).message(),
            "1 of 1 proxies is not ready to issue certificates from the new root: a.default does "
            "not trust the new root yet");
  proxies[0].trusted_roots.push_back(announced.new_root);
  Open();  // a restart in the middle
  ASSERT_TRUE(authority_->SwitchToNewRoot(proxies).ok());
  const Issued after = Issue();
  EXPECT_EQ(after.root.Fingerprint(), announced.new_root);
  EXPECT_NE(after.root.public_key(), before.root.public_key());
  EXPECT_TRUE(Verify(before, *authority_->bundle()).ok());
  EXPECT_TRUE(Verify(after, *authority_->bundle()).ok());

  EXPECT_FALSE(authority_->RetireOldRoot(proxies).ok());
  proxies[0].leaf_root = announced.new_root;
  ASSERT_TRUE(authority_->RetireOldRoot(proxies).ok());
  EXPECT_THAT(authority_->bundle()->roots, testing::ElementsAre(after.root));
  EXPECT_FALSE(Verify(before, *authority_->bundle()).ok());
  EXPECT_EQ(authority_->rotation().phase, RotationPhase::kStable);
  Open();
  EXPECT_EQ(Issue().root, after.root);
}

TEST_F(SelfSignedTest, ARotationCanBeTakenBack) {
  Open();
  const auto before = authority_->bundle()->roots;
  EXPECT_FALSE(authority_->StepBack({}).ok());
  ASSERT_TRUE(authority_->AnnounceNewRoot().ok());
  ASSERT_TRUE(authority_->SwitchToNewRoot({}).ok());
  const std::string new_root = authority_->rotation().new_root;
  ASSERT_TRUE(authority_->StepBack({}).ok());
  EXPECT_EQ(authority_->rotation().phase, RotationPhase::kAnnounced);
  EXPECT_EQ(Issue().root, before[0]);
  EXPECT_EQ(authority_->StepBack({{"a", {}, new_root}}).message(),
            "a still shows a certificate of the new root");
  ASSERT_TRUE(authority_->StepBack({}).ok());
  EXPECT_EQ(authority_->bundle()->roots, before);
}

// 100 workloads shake hands with one another through three rotations; each hears of roots and gets
// certificates at its own time. Nobody is ever refused.
TEST_F(SelfSignedTest, ThreeRotationsAndNobodyIsRefused) {
  Open();
  struct Workload {
    Issued leaf;
    std::shared_ptr<const TrustBundle> trust;
  };
  std::vector<Workload> mesh;
  for (int i = 0; i < 100; ++i) mesh.push_back({Issue(), authority_->bundle()});
  const auto proofs = [&] {
    std::vector<ProxyProof> all;
    for (const Workload& w : mesh) {
      ProxyProof proof{"w", {}, w.leaf.root.Fingerprint()};
      for (const auto& root : w.trust->roots) proof.trusted_roots.push_back(root.Fingerprint());
      all.push_back(proof);
    }
    return all;
  };
  int handshakes = 0, refused = 0;
  const auto shake = [&](int from) {
    for (int k = 1; k < 12; ++k) {
      const Workload &a = mesh[from], &b = mesh[(from * 7 + k * 13) % 100];
      refused += !Verify(a.leaf, *b.trust).ok();
      refused += !Verify(b.leaf, *a.trust).ok();
      ++handshakes;
    }
  };
  for (int rotation = 0; rotation < 3; ++rotation) {
    ASSERT_TRUE(authority_->AnnounceNewRoot().ok());
    for (int i = 0; i < 100; ++i) {
      EXPECT_FALSE(authority_->SwitchToNewRoot(proofs()).ok());
      mesh[(i * 37) % 100].trust = authority_->bundle();
      shake(i);
    }
    ASSERT_TRUE(authority_->SwitchToNewRoot(proofs()).ok());
    for (int i = 0; i < 100; ++i) {
      EXPECT_FALSE(authority_->RetireOldRoot(proofs()).ok());
      mesh[(i * 53) % 100].leaf = Issue();
      shake(i);
    }
    ASSERT_TRUE(authority_->RetireOldRoot(proofs()).ok());
    for (int i = 0; i < 100; ++i) {
      mesh[(i * 11) % 100].trust = authority_->bundle();
      shake(i);
    }
  }
  EXPECT_EQ(handshakes, 9900);
  EXPECT_EQ(refused, 0);
}

TEST_F(SelfSignedTest, IssuingAndRotatingAtOnce) {
  Open();
  const auto key = PrivateKey::Generate()->public_key();
  std::thread rotating([&] {
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(authority_->AnnounceNewRoot().ok());
      EXPECT_TRUE(authority_->SwitchToNewRoot({}).ok());
      EXPECT_TRUE(authority_->RetireOldRoot({}).ok());
    }
  });
  for (int i = 0; i < 200; ++i) {
    const auto issued = authority_->Issue({key, Me(), {}});
    ASSERT_TRUE(issued.ok());
    EXPECT_TRUE(Verify(*issued, *issued->bundle).ok());
  }
  rotating.join();
}

class PluggedInTest : public testing::Test {
 protected:
  PluggedInTest() : clock_(TestTime()) {
    options_.directory = absl::StrCat(getenv("TEST_TMPDIR"), "/cacertsXXXXXX");
    EXPECT_NE(mkdtemp(options_.directory.data()), nullptr);
    options_.clock = &clock_;
    options_.log = &log_;
    WriteAll(root_, "intermediate");
  }
  void Write(const char* name, const std::string& text) {
    std::ofstream(options_.directory + "/" + name) << text;
  }
  // An intermediate of `root`, and all four files.
  void WriteAll(const tls::TestAuthority& root, const char* name) {
    const PrivateKey key = PrivateKey::Generate().value();
    tls::CertificateTemplate content;
    content.common_name = name;
    content.not_before = TestTime() - absl::Hours(1);
    content.not_after = TestTime() + absl::Hours(10);
    content.is_ca = true;
    const auto certificate =
        tls::SignCertificate(content, key.public_key(), root.certificate(), root.key()).value();
    Write("ca-cert.pem", certificate.ToPem());
    Write("ca-key.pem", key.ToPem());
    Write("root-cert.pem", root.certificate().ToPem());
    Write("cert-chain.pem", certificate.ToPem() + root.certificate().ToPem());
  }
  std::string OpenError() {
    return std::string(PluggedInAuthority::Open(options_).status().message());
  }
  std::string At(const char* name) { return options_.directory + "/" + name; }

  FakeClock clock_;
  MemoryLog log_;
  PluggedInOptions options_;
  tls::TestAuthority root_{"corporate root"};
};

TEST_F(PluggedInTest, ChainsLeadFromTheLeafOverIntermediatesToTheRoot) {
  auto authority = PluggedInAuthority::Open(options_).value();
  const auto issued = authority->Issue({PrivateKey::Generate()->public_key(), Me(), {}}).value();
  EXPECT_EQ(issued.leaf.issuer(), "CN=intermediate");
  ASSERT_EQ(issued.intermediates.size(), 1);
  EXPECT_EQ(issued.intermediates[0].subject(), "CN=intermediate");
  EXPECT_EQ(issued.root, root_.certificate());
  EXPECT_TRUE(tls::VerifyChain({issued.leaf, issued.intermediates[0]},
                               tls::TrustRoots(authority->bundle()->roots),
                               {TestTime(), tls::PeerRole::kClient})
                  .ok());
  // The intermediate ends in ten hours, and so does the leaf.
  EXPECT_EQ(issued.leaf.not_after(), TestTime() + absl::Hours(10));
}

TEST_F(PluggedInTest, ARootMaySignDirectly) {
  Write("ca-cert.pem", root_.certificate().ToPem());
  Write("ca-key.pem", root_.key().ToPem());
  ASSERT_EQ(remove(At("cert-chain.pem").c_str()), 0);
  auto authority = PluggedInAuthority::Open(options_).value();
  const auto issued = authority->Issue({PrivateKey::Generate()->public_key(), Me(), {}}).value();
  EXPECT_TRUE(issued.intermediates.empty());
  EXPECT_EQ(issued.leaf.issuer(), "CN=corporate root");
}

TEST_F(PluggedInTest, SeveralRootsAreTrusted) {
  const tls::TestAuthority other("other root");
  Write("root-cert.pem", other.certificate().ToPem() + root_.certificate().ToPem());
  auto authority = PluggedInAuthority::Open(options_).value();
  EXPECT_EQ(authority->bundle()->roots.size(), 2);
  EXPECT_EQ(authority->Issue({PrivateKey::Generate()->public_key(), Me(), {}})->root,
            root_.certificate());
}

TEST_F(PluggedInTest, FilesThatDoNotBelongTogetherAreRefused) {
  const tls::TestAuthority other("other root");
  const struct {
    const char* name;
    const char* file;
    std::string text;
    std::string want;
  } kRows[] = {
      {"another key", "ca-key.pem", other.key().ToPem(),
       At("ca-key.pem") + ": is not the key of ca-cert.pem"},
      {"no key", "ca-key.pem", "x", At("ca-key.pem") + ": no PEM block holds a private key"},
      {"two certificates", "ca-cert.pem", root_.certificate().ToPem() + root_.certificate().ToPem(),
       At("ca-cert.pem") + ": one certificate was expected, there are 2"},
      {"another root", "root-cert.pem", other.certificate().ToPem(),
       options_.directory +
           ": ca-cert.pem and cert-chain.pem do not lead to a root of root-cert.pem: certificate "
           "of CN=corporate root: self signed certificate in certificate chain"},
      {"a leaf as root", "root-cert.pem", root_.Issue("spiffe://a/b").chain[0].ToPem(),
       At("root-cert.pem") + ": holds a certificate that is no authority's"},
      {"a chain that is none", "cert-chain.pem", "-----BEGIN CERTIFICATE-----\n",
       At("cert-chain.pem") + ": broken PEM text: BAD_END_LINE"},
  };
  for (const auto& row : kRows) {
    WriteAll(root_, "intermediate");
    Write(row.file, row.text);
    EXPECT_EQ(OpenError(), row.want) << row.name;
  }
  WriteAll(root_, "intermediate");
  const tls::Identity leaf = root_.Issue("spiffe://a/b");
  Write("ca-cert.pem", leaf.chain[0].ToPem());
  Write("ca-key.pem", leaf.key.ToPem());
  EXPECT_EQ(OpenError(), At("ca-cert.pem") + ": may not sign certificates (CA:TRUE, keyCertSign)");
  WriteAll(root_, "intermediate");
  clock_.Advance(absl::Hours(11));
  EXPECT_THAT(OpenError(), HasSubstr("the authority's certificate expired at "));
}

TEST_F(PluggedInTest, ChangedFilesAreInForceWhenTheyAreWhole) {
  auto authority = PluggedInAuthority::Open(options_).value();
  const auto issuer = [&] {
    return authority->Issue({PrivateKey::Generate()->public_key(), Me(), {}})->leaf.issuer();
  };
  EXPECT_FALSE(*authority->Reload());
  Write("ca-key.pem", PrivateKey::Generate()->ToPem());  // half of a change
  EXPECT_FALSE(authority->Reload().ok());
  EXPECT_EQ(issuer(), "CN=intermediate");
  WriteAll(root_, "second");
  EXPECT_TRUE(*authority->Reload());
  EXPECT_EQ(issuer(), "CN=second");
  EXPECT_EQ(log_.lines().back(),
            absl::StrCat("info ca: reloaded the authority of ", options_.directory, ": CN=second"));
}

TEST(Lifetime, RenewalIsBetween40And50Percent) {
  const absl::Time begin = TestTime(), end = begin + absl::Hours(100);
  EXPECT_EQ(RenewalTime(begin, end, 0), begin + absl::Hours(50));
  EXPECT_EQ(RenewalTime(begin, end, 0.5), begin + absl::Hours(45));
  EXPECT_GE(RenewalTime(begin, end, 0.999), begin + absl::Hours(40));
}

// A CA that is down for 49 % of a life, from the worst moment on, is back before the end.
TEST(Lifetime, AnOutageOf49PercentIsSurvived) {
  const absl::Time begin = TestTime(), end = begin + absl::Hours(100);
  for (double jitter = 0; jitter < 1; jitter += 0.05) {
    const absl::Time renewal = RenewalTime(begin, end, jitter);
    const absl::Time back = renewal + absl::Hours(49);
    absl::Time now = renewal;
    for (int attempt = 1; now < back; ++attempt) now += RenewalRetry(attempt, jitter);
    EXPECT_LT(now, end);
  }
  EXPECT_EQ(RenewalRetry(1, 0), absl::Seconds(1));
  EXPECT_EQ(RenewalRetry(3, 0), absl::Seconds(4));
  EXPECT_EQ(RenewalRetry(1000, 0), absl::Minutes(5));
}

TEST(Lifetime, TheAlarmIsAQuarterBeforeTheEnd) {
  const tls::TestAuthority root;
  const auto leaf = root.Issue("spiffe://a/b").chain[0];  // an hour before to an hour behind
  const auto at = [&](int minutes) {
    return FreshnessOf(leaf, TestTime() + absl::Minutes(minutes));
  };
  EXPECT_EQ(at(-1), Freshness::kFresh);
  EXPECT_EQ(at(1), Freshness::kDue);
  EXPECT_EQ(at(29), Freshness::kDue);
  EXPECT_EQ(at(30), Freshness::kAlarm);
  EXPECT_EQ(at(59), Freshness::kAlarm);
  EXPECT_EQ(at(60), Freshness::kExpired);
}

TEST(Lifetime, TimesInWords) {
  const absl::Time now = TestTime();
  const struct {
    absl::Duration from_now;
    const char* want;
  } kRows[] = {{absl::Hours(24) - absl::Minutes(2), "in 23 h 58 min"},
               {-absl::Minutes(3), "3 min ago"},
               {absl::Hours(24 * (365 * 9 + 364)), "in 9 y 364 d"},
               {absl::Hours(24 * 365 * 10), "in 10 y"},
               {absl::Seconds(61), "in 1 min 1 s"},
               {absl::Hours(24) + absl::Seconds(5), "in 1 d"},
               {absl::ZeroDuration(), "now"}};
  for (const auto& row : kRows) EXPECT_EQ(InWords(now + row.from_now, now), row.want);
}

TEST(Lifetime, AnInspectedCertificate) {
  const tls::TestAuthority root;
  tls::CertificateTemplate content = root.Leaf({tls::Uri("spiffe://a/ns/b/sa/c")});
  content.serial = "\x01\x02";
  const auto leaf = root.Issue(content).chain[0];
  EXPECT_EQ(Inspect({leaf}, TestTime()),
            absl::StrCat("subject:     (empty)\n"
                         "names:       URI:spiffe://a/ns/b/sa/c\n"
                         "issuer:      CN=test root\n"
                         "begins:      2027-01-15T07:00:00+00:00 (1 h ago)\n"
                         "expires:     2027-01-15T09:00:00+00:00 (in 1 h, fresh)\n"
                         "serial:      0102\n"
                         "key:         P-256\n"
                         "for:         server, client\n"
                         "fingerprint: ",
                         leaf.Fingerprint(), "\n"));
}

}  // namespace
}  // namespace mesh::ca
