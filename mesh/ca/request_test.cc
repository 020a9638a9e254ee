// The matrix of requests that are not what they should be, through to the leaf.
#include "mesh/ca/request.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/base/clock.h"
#include "mesh/base/strings.h"
#include "mesh/ca/leaf.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/csr.h"
#include "mesh/tls/testing.h"

namespace mesh::ca {
namespace {

using tls::CsrOptions;
using tls::Dns;
using tls::KeyType;
using tls::PrivateKey;
using tls::Uri;

std::string Csr(const CsrOptions& options, KeyType type = KeyType::kP256) {
  return tls::CreateCsr(*PrivateKey::Generate(type), options).value();
}
std::string Der(std::string_view pem) {
  absl::string_view body = Absl(pem);
  body.remove_prefix(body.find('\n') + 1);
  body = body.substr(0, body.find("-----END"));
  std::string der;
  EXPECT_TRUE(absl::Base64Unescape(body, &der));
  return der;
}
std::string Pem(std::string_view der, std::string_view name = "CERTIFICATE REQUEST") {
  return absl::StrCat("-----BEGIN ", Absl(name), "-----\n", absl::Base64Escape(Absl(der)),
                      "\n-----END ", Absl(name), "-----\n");
}
std::string Bytes(std::string_view hex) { return absl::HexStringToBytes(Absl(hex)); }

// Requests made with OpenSSL 3.0 (openssl req -new), keys that mesh/tls does not make.
constexpr char kRsa1024[] = R"(-----BEGIN CERTIFICATE REQUEST-----
MIIBPzCBqQIBADAAMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDhsa6x7/6J
HdjB9llCrIGAqpUTvdk/yM0VVHOnQOW4GGdtAC9X/gIZZ+Msahz3I/pkyetDllxk
onYow7p+jFCvhMgs7axWR6DO7HJgfdsXEuWj8E1ulUTP11egZjYt2QQGbxK7fz5Z
K4ylGyKtxu87u50uSKI7HXzytyxj9uowuQIDAQABoAAwDQYJKoZIhvcNAQELBQAD
gYEA16LKtr8SqceIQ02kWD2PyqWOiCQf6p8PcLJFyJM+y0ufOz4XN2aEdzWJ6qKA
BdSeFMlT99a9GXUVYx7fWIV973+n1E2PLeq8VpxfW+Y9OTHDpPL9FoBYir7h3HSn
1fkappaHzojzLdlUtlnU2V1a7BiEly9i4Hv51IX1+wvcvvw=
-----END CERTIFICATE REQUEST-----
)";
constexpr char kP224[] = R"(-----BEGIN CERTIFICATE REQUEST-----
MIGoMFcCAQAwADBOMBAGByqGSM49AgEGBSuBBAAhAzoABJY5rQyJdizpTbENT0wS
mHnvZ3qGiuwdsdgVvOzxwx3CxjjXMjxcyNt0s1QI1aVTp7gcmO4V8MuBoAAwCgYI
KoZIzj0EAwIDQQAwPgIdAINFgEVyF0px79+OfgORYgtOmGlvOar/y2/zJOMCHQCJ
4aVXwcliXIBFL0+Y5jiI0G9qMR8snWEWA+z0
-----END CERTIFICATE REQUEST-----
)";
constexpr char kSecp256k1[] = R"(-----BEGIN CERTIFICATE REQUEST-----
MIG3MF8CAQAwADBWMBAGByqGSM49AgEGBSuBBAAKA0IABI3D/PBj8b7+dchBw2gf
ADQS4xtall7G0n+O5A02lv87bEP2MAPb0OAFqN2VcMwygE9KwQ0//15oyMGKcNrc
RLugADAKBggqhkjOPQQDAgNIADBFAiEAh3N0zqKksDhxMo7LAo8TdXzdwuYQRnPx
nFuoa7G8ZTsCIDZ2g4ntYQm0MCNu182g1nx2qu5Gv+dfkqNfhd4QA+up
-----END CERTIFICATE REQUEST-----
)";
constexpr char kSha1[] = R"(-----BEGIN CERTIFICATE REQUEST-----
MIG4MGICAQAwADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOex3O7Woi60qvah
L7dfnUcbJzTevJongfHXcgfxqB3lCu2JGlC3s9nNf5b6axDuFV/D1uUPAGWmk7Ae
CMnjXCigADAJBgcqhkjOPQQBA0cAMEQCICOr1PiKvEuuEF1uZneNeIMMrRwJFnnn
mxUi8btuZv54AiB/Twhik4JapUCe6hQuBv7HtpMyjMoLitRgiNTgyRToTQ==
-----END CERTIFICATE REQUEST-----
)";

const char kCaTrue[] = "30030101ff";          // BasicConstraints: CA:TRUE
const char kKeyCertSign[] = "03020204";       // KeyUsage: keyCertSign
const char kDigitalSignature[] = "03020780";  // KeyUsage: digitalSignature

TEST(ProveKey, RequestsThatAreRefused) {
  const std::string good = Csr({});
  std::string bad_proof = Der(good);
  bad_proof.back() ^= 1;
  std::string other_key = Der(good);
  const std::string other = Der(Csr({}));
  // The body of one under the signature of the other.
  std::string swapped = other_key;
  swapped.replace(swapped.size() - 60, 60, other, other.size() - 60, 60);
  const struct {
    const char* name;
    std::string csr;
    const char* want;
  } kRows[] = {
      {"nothing", "", "malformed certificate request: not a DER sequence"},
      {"words", "hello", "malformed certificate request: not a DER sequence"},
      {"a certificate", tls::TestAuthority().certificate().ToPem(),
       "malformed certificate request: a PEM block \"CERTIFICATE\""},
      {"two requests", good + good, "malformed certificate request: not exactly one PEM block"},
      {"a byte behind the DER", Pem(Der(good) + std::string(1, '\0')),
       "malformed certificate request: bytes follow it"},
      {"a bad proof of possession", Pem(bad_proof),
       "the certificate request is not signed by the key it names"},
      {"the signature of another request", Pem(swapped),
       "the certificate request is not signed by the key it names"},
      {"a megabyte", std::string(1 << 20, 'x'),
       "a certificate request of 1048576 bytes; 65536 is the most that is read"},
      {"a megabyte of DER", std::string("\x30\x83\x0f\xff\xfb", 5) + std::string(1048571, '\0'),
       "a certificate request of 1048576 bytes; 65536 is the most that is read"},
      {"CA:TRUE", Csr({"", {}, {{"2.5.29.19", true, Bytes(kCaTrue)}}}),
       "the request wants to be a certificate authority, workloads are none"},
      {"CA:TRUE that is not critical", Csr({"", {}, {{"2.5.29.19", false, Bytes(kCaTrue)}}}),
       "the request wants to be a certificate authority, workloads are none"},
      {"keyCertSign", Csr({"", {}, {{"2.5.29.15", true, Bytes(kKeyCertSign)}}}),
       "the request wants to be a certificate authority, workloads are none"},
      {"an unknown critical extension", Csr({"", {}, {{"1.2.3.4", true, Bytes("0500")}}}),
       "the request holds a critical extension, 1.2.3.4, that is not understood"},
      {"RSA of 1024 bits", kRsa1024,
       "the key is RSA 1024 bits; use P-256, P-384, Ed25519 or RSA of 2048, 3072 or 4096 bits"},
      {"P-224", kP224,
       "the key is EC 224 bits; use P-256, P-384, Ed25519 or RSA of 2048, 3072 or 4096 bits"},
      {"a curve that is not known", kSecp256k1, nullptr},
      {"a proof made with SHA-1", kSha1,
       "the certificate request is signed with 1.2.840.10045.4.1, which is not accepted for P-256"},
      {"P-521", Csr({}, KeyType::kP521),
       "the key is P-521; use P-256, P-384, Ed25519 or RSA of 2048, 3072 or 4096 bits"},
      {"malformed names", Csr({"", {}, {{"2.5.29.17", true, "x"}}}),
       "malformed subject alternative names"},
  };
  for (const auto& row : kRows) {
    const auto got = ProveKey(row.csr);
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument) << row.name;
    if (row.want != nullptr) {
      EXPECT_EQ(got.status().message(), row.want) << row.name;
    }
  }
}

TEST(ProveKey, EveryCutOfARequestIsRefused) {
  const std::string der = Der(Csr({"", {Uri("spiffe://a/b")}, {}}));
  ASSERT_TRUE(ProveKey(der).ok());
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(ProveKey(std::string_view(der).substr(0, size)).ok()) << size;
  }
}

TEST(ProveKey, NoBitOfARequestMayChange) {
  const std::string der = Der(Csr({"", {Uri("spiffe://a/b")}, {}}));
  for (size_t bit = 0; bit < der.size() * 8; ++bit) {
    std::string bent = der;
    bent[bit / 8] = static_cast<char>(bent[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(ProveKey(bent).ok()) << bit;
  }
}

// What a request asks for beyond its key does not reach the leaf.
TEST(ProveKey, WhatIsAskedForIsIgnored) {
  FakeClock clock(tls::TestTime());
  MemoryStore store;
  SelfSignedOptions options;
  options.store = &store;
  options.clock = &clock;
  const auto authority = SelfSignedAuthority::Open(options).value();
  const auto me = tls::SpiffeId::Workload("cluster.local", "default", "me").value();
  const struct {
    const char* name;
    CsrOptions csr;
    std::vector<std::string> ignored;
  } kRows[] = {
      {"nothing", {}, {}},
      {"its own identity", {"", {Uri(me.ToString())}, {}}, {"URI:" + me.ToString()}},
      {"another's identity",
       {"", {Uri("spiffe://cluster.local/ns/default/sa/root")}, {}},
       {"URI:spiffe://cluster.local/ns/default/sa/root"}},
      {"two identities",
       {"", {Uri(me.ToString()), Uri("spiffe://a/b")}, {}},
       {"URI:" + me.ToString(), "URI:spiffe://a/b"}},
      {"a DNS name", {"", {Dns("istiod.istio-system.svc")}, {}}, {"DNS:istiod.istio-system.svc"}},
      {"an address", {"", {{tls::SanType::kIp, "\x7f\x01\x01\x01"}}, {}}, {"IP:127.1.1.1"}},
      {"an organization", {"system:masters", {}, {}}, {}},
      {"a harmless key usage", {"", {}, {{"2.5.29.15", true, Bytes(kDigitalSignature)}}}, {}},
      {"an unknown extension", {"", {}, {{"1.2.3.4", false, Bytes("0500")}}}, {}},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.name);
    const auto proven = ProveKey(Csr(row.csr));
    ASSERT_TRUE(proven.ok()) << proven.status();
    EXPECT_THAT(proven->ignored_names, testing::ElementsAreArray(row.ignored));
    const auto issued = authority->Issue({proven->key, me, {}});
    ASSERT_TRUE(issued.ok());
    EXPECT_EQ(issued->leaf.subject(), "");
    EXPECT_THAT(issued->leaf.sans(), testing::ElementsAre(Uri(me.ToString())));
    EXPECT_FALSE(issued->leaf.is_ca());
  }
}

}  // namespace
}  // namespace mesh::ca
