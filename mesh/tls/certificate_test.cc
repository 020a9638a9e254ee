// Certificates, requests and chains.
#include "mesh/tls/certificate.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/tls/csr.h"
#include "mesh/tls/sign.h"
#include "mesh/tls/testing.h"
#include "mesh/tls/verify.h"

namespace mesh::tls {
namespace {

using testing::HasSubstr;

TEST(Certificate, WhatIsWrittenIsRead) {
  const TestAuthority authority;
  CertificateTemplate content = authority.Leaf({Uri("spiffe://a/ns/b/sa/c"), Dns("c.b")});
  content.serial = "\x80\x01";
  const Certificate leaf = authority.Issue(content).chain[0];
  EXPECT_EQ(leaf.subject(), "");
  EXPECT_EQ(leaf.issuer(), "CN=test root");
  EXPECT_EQ(leaf.serial(), "8001");
  EXPECT_EQ(leaf.not_before(), TestTime() - absl::Hours(1));
  EXPECT_EQ(leaf.not_after(), TestTime() + absl::Hours(1));
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_FALSE(leaf.may_sign_certificates());
  EXPECT_TRUE(leaf.may_serve());
  EXPECT_TRUE(leaf.may_be_client());
  EXPECT_FALSE(leaf.self_signed());
  EXPECT_THAT(leaf.sans(), testing::ElementsAre(Uri("spiffe://a/ns/b/sa/c"), Dns("c.b")));
  EXPECT_TRUE(leaf.sans_critical());
  EXPECT_EQ(leaf.SpiffeIdentity()->ToString(), "spiffe://a/ns/b/sa/c");
  EXPECT_EQ(*Certificate::FromPem(leaf.ToPem()), leaf);
  EXPECT_EQ(leaf.Fingerprint().size(), 64);
  EXPECT_TRUE(authority.certificate().is_ca());
  EXPECT_TRUE(authority.certificate().self_signed());
}

TEST(Certificate, TimesBeyond2050AreReadBack) {
  CertificateTemplate content;
  content.not_before =
      absl::FromCivil(absl::CivilSecond(2049, 12, 31, 23, 59, 59), absl::UTCTimeZone());
  content.not_after = absl::FromCivil(absl::CivilSecond(2050, 1, 1), absl::UTCTimeZone());
  const auto root = SelfSign(content, *PrivateKey::Generate());
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->not_before(), content.not_before);
  EXPECT_EQ(root->not_after(), content.not_after);
}

TEST(Certificate, SerialsAre128RandomBits) {
  const TestAuthority authority;
  const auto a = authority.Issue("spiffe://a/b").chain[0].serial();
  const auto b = authority.Issue("spiffe://a/b").chain[0].serial();
  EXPECT_EQ(a.size(), 32);
  EXPECT_EQ(b.size(), 32);
  EXPECT_NE(a, b);
}

TEST(Certificate, AnSvidHasOneUri) {
  const TestAuthority authority;
  EXPECT_EQ(
      authority.Issue(authority.Leaf({Dns("a")})).chain[0].SpiffeIdentity().status().message(),
      "the certificate has no URI name");
  EXPECT_EQ(authority.Issue(authority.Leaf({Uri("spiffe://a/b"), Uri("spiffe://a/c")}))
                .chain[0]
                .SpiffeIdentity()
                .status()
                .message(),
            "the certificate has two URI names, an SVID has one");
}

TEST(Certificate, TextThatIsNoCertificateIsRefused) {
  const TestAuthority authority;
  const std::string pem = authority.certificate().ToPem();
  EXPECT_EQ(Certificate::FromPem("").status().message(), "no PEM block \"CERTIFICATE\"");
  EXPECT_EQ(Certificate::FromPem(pem + pem).status().message(),
            "one certificate was expected, there are 2");
  EXPECT_EQ(Certificate::ListFromPem(pem + pem)->size(), 2);
  EXPECT_EQ(Certificate::ListFromPem(pem + authority.key().ToPem()).status().message(),
            "a PEM block \"PRIVATE KEY\" where certificates were expected");
  EXPECT_FALSE(Certificate::FromDer(authority.certificate().der() + "x").ok());
  for (size_t size = 0; size < authority.certificate().der().size(); size += 7) {
    EXPECT_FALSE(Certificate::FromDer(authority.certificate().der().substr(0, size)).ok());
  }
}

TEST(Sign, TheIssuersKeyMustBeTheIssuers) {
  const TestAuthority one, other;
  const auto got = SignCertificate(one.Leaf({}), PrivateKey::Generate()->public_key(),
                                   one.certificate(), other.key());
  EXPECT_EQ(got.status().message(), "the issuer's key is not the key of the issuer's certificate");
}

TEST(Sign, ALeafThatWasMadeIsAsItIsRead) {
  const TestAuthority authority;
  const Certificate made = authority.Issue("spiffe://a/b").chain[0];
  const Certificate read = Certificate::FromDer(made.der()).value();
  EXPECT_EQ(made.serial(), read.serial());
  EXPECT_EQ(made.issuer(), read.issuer());
  EXPECT_EQ(made.not_before(), read.not_before());
  EXPECT_EQ(made.not_after(), read.not_after());
  EXPECT_EQ(made.sans(), read.sans());
  EXPECT_EQ(made.sans_critical(), read.sans_critical());
  EXPECT_EQ(made.public_key(), read.public_key());
  EXPECT_EQ(made.may_serve(), read.may_serve());
}

TEST(Sign, TimesThatCannotBeWrittenAreRefused) {
  const TestAuthority authority;
  CertificateTemplate content = authority.Leaf({});
  content.not_after = absl::InfiniteFuture();
  EXPECT_EQ(SignCertificate(content, PrivateKey::Generate()->public_key(), authority.certificate(),
                            authority.key())
                .status()
                .message(),
            "a certificate's times are of the years 1950 to 9999");
}

TEST(Csr, ARequestIsReadWithItsProof) {
  for (KeyType type : {KeyType::kP256, KeyType::kP384, KeyType::kEd25519, KeyType::kRsa2048}) {
    const PrivateKey key = PrivateKey::Generate(type).value();
    const auto pem = CreateCsr(key, {"org", {Uri("spiffe://a/b"), Dns("d")}, {}});
    ASSERT_TRUE(pem.ok());
    const auto request = ReadCsr(*pem);
    ASSERT_TRUE(request.ok()) << request.status();
    EXPECT_EQ(request->public_key, key.public_key());
    EXPECT_THAT(request->sans, testing::ElementsAre(Uri("spiffe://a/b"), Dns("d")));
    EXPECT_FALSE(request->wants_ca);
  }
}

struct ChainRow {
  const char* name;
  absl::Duration at;
  PeerRole role;
  const char* want;  // "" accepts
};

TEST(VerifyChain, ValidityAndUsage) {
  const TestAuthority authority;
  CertificateTemplate client_only = authority.Leaf({Uri("spiffe://a/client")});
  client_only.for_servers = false;
  CertificateTemplate server_only = authority.Leaf({Uri("spiffe://a/server")});
  server_only.for_clients = false;
  const Identity client = authority.Issue(client_only), server = authority.Issue(server_only),
                 both = authority.Issue("spiffe://a/both");
  const auto verify = [&](const Identity& who, absl::Duration at, PeerRole role) {
    return std::string(
        VerifyChain(who.chain, authority.roots(), {TestTime() + at, role}).message());
  };
  EXPECT_EQ(verify(both, {}, PeerRole::kServer), "");
  EXPECT_EQ(verify(both, {}, PeerRole::kClient), "");
  // CVE-2022-21657.
  EXPECT_EQ(verify(client, {}, PeerRole::kServer),
            "certificate of URI:spiffe://a/client: its extended key usage is not for servers");
  EXPECT_EQ(verify(server, {}, PeerRole::kClient),
            "certificate of URI:spiffe://a/server: its extended key usage is not for clients");
  EXPECT_EQ(verify(client, {}, PeerRole::kClient), "");
  EXPECT_EQ(verify(server, {}, PeerRole::kServer), "");
  EXPECT_EQ(verify(server, {}, PeerRole::kAny), "");
  EXPECT_EQ(verify(both, absl::Minutes(61), PeerRole::kServer),
            "certificate of URI:spiffe://a/both: expired at 2027-01-15T09:00:00+00:00");
  EXPECT_EQ(verify(both, -absl::Minutes(61), PeerRole::kServer),
            "certificate of URI:spiffe://a/both: not valid before 2027-01-15T07:00:00+00:00, it is "
            "now 2027-01-15T06:59:00+00:00");
}

TEST(VerifyChain, OnlyAWayToATrustedRootCounts) {
  const TestAuthority ours, theirs("test root");  // the same name, another key
  const Identity leaf = ours.Issue("spiffe://a/b");
  const VerifyOptions now = {TestTime(), PeerRole::kClient};
  EXPECT_FALSE(VerifyChain(leaf.chain, theirs.roots(), now).ok());
  EXPECT_EQ(VerifyChain(leaf.chain, TrustRoots(), now).message(),
            "certificate of URI:spiffe://a/b: no root is trusted");
  EXPECT_EQ(VerifyChain({}, ours.roots(), now).message(), "there is no certificate");
  // Both in force, as while a root rotates.
  EXPECT_TRUE(
      VerifyChain(leaf.chain, TrustRoots({theirs.certificate(), ours.certificate()}), now).ok());
  EXPECT_TRUE(
      VerifyChain(leaf.chain, TrustRoots({ours.certificate(), theirs.certificate()}), now).ok());
  // A root, and a self-signed leaf that is trusted as such, are nobody's own certificate.
  EXPECT_THAT(std::string(VerifyChain({ours.certificate()}, ours.roots(), now).message()),
              HasSubstr("an authority's certificate is nobody's own"));
}

TEST(VerifyChain, AnIntermediateMustBeAnAuthority) {
  const TestAuthority root;
  const PrivateKey middle_key = PrivateKey::Generate().value();
  CertificateTemplate middle;
  middle.common_name = "middle";
  middle.not_before = TestTime() - absl::Hours(1);
  middle.not_after = TestTime() + absl::Hours(1);
  CertificateTemplate leaf = root.Leaf({Uri("spiffe://a/b")});
  const PublicKey leaf_key = PrivateKey::Generate()->public_key();
  const VerifyOptions now = {TestTime(), PeerRole::kClient};

  middle.is_ca = true;
  const Certificate authority =
      SignCertificate(middle, middle_key.public_key(), root.certificate(), root.key()).value();
  const Certificate good = SignCertificate(leaf, leaf_key, authority, middle_key).value();
  EXPECT_TRUE(VerifyChain({good, authority}, root.roots(), now).ok());
  EXPECT_FALSE(VerifyChain({good}, root.roots(), now).ok());

  middle.is_ca = false;
  const Certificate impostor =
      SignCertificate(middle, middle_key.public_key(), root.certificate(), root.key()).value();
  const Certificate forged = SignCertificate(leaf, leaf_key, impostor, middle_key).value();
  EXPECT_FALSE(VerifyChain({forged, impostor}, root.roots(), now).ok());

  middle.is_ca = true;
  middle.max_path_length = 0;
  const Certificate short_path =
      SignCertificate(middle, middle_key.public_key(), root.certificate(), root.key()).value();
  CertificateTemplate deeper = middle;
  deeper.common_name = "deeper";
  deeper.max_path_length = -1;
  const PrivateKey deeper_key = PrivateKey::Generate().value();
  const Certificate below =
      SignCertificate(deeper, deeper_key.public_key(), short_path, middle_key).value();
  const Certificate too_deep = SignCertificate(leaf, leaf_key, below, deeper_key).value();
  EXPECT_FALSE(VerifyChain({too_deep, below, short_path}, root.roots(), now).ok());
}

TEST(VerifyChain, AnUnknownCriticalExtensionIsRefused) {
  const TestAuthority authority;
  CertificateTemplate content = authority.Leaf({Uri("spiffe://a/b")});
  content.extensions.push_back({"1.2.3.4", true, std::string("\x05\x00", 2)});
  EXPECT_FALSE(VerifyChain(authority.Issue(content).chain, authority.roots(),
                           {TestTime(), PeerRole::kClient})
                   .ok());
}

}  // namespace
}  // namespace mesh::tls
