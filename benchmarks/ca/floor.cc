#include "benchmarks/ca/floor.h"

#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string>

#include "mesh/tls/testing.h"

namespace mesh::benchmarks {
namespace {

bssl::UniquePtr<X509> ReadCertificate(const std::string& pem) {
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<ossl_ssize_t>(pem.size())));
  return bssl::UniquePtr<X509>(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}
bssl::UniquePtr<EVP_PKEY> ReadKey(const std::string& pem) {
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<ossl_ssize_t>(pem.size())));
  return bssl::UniquePtr<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

bssl::UniquePtr<SSL_CTX> MakeContext(const tls::TestAuthority& root, const char* uri) {
  const tls::Identity identity = root.Issue(uri);
  bssl::UniquePtr<SSL_CTX> ctx(SSL_CTX_new(TLS_method()));
  const uint16_t groups[] = {SSL_GROUP_X25519_MLKEM768};
  SSL_CTX_use_certificate(ctx.get(), ReadCertificate(identity.chain[0].ToPem()).get());
  SSL_CTX_use_PrivateKey(ctx.get(), ReadKey(identity.key.ToPem()).get());
  SSL_CTX_set1_group_ids(ctx.get(), groups, 1);
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_NO_AUTO_CHAIN);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx.get()),
                      ReadCertificate(root.certificate().ToPem()).get());
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return ctx;
}

}  // namespace

struct VerifyAndSign::Rep {
  bssl::UniquePtr<EC_KEY> key{EC_KEY_new_by_curve_name(NID_X9_62_prime256v1)};
  uint8_t hash[32] = {1, 2, 3};
  uint8_t signature[80];
  unsigned size = 0;
};

VerifyAndSign::VerifyAndSign() : rep_(std::make_unique<Rep>()) {
  EC_KEY_generate_key(rep_->key.get());
  ECDSA_sign(0, rep_->hash, sizeof rep_->hash, rep_->signature, &rep_->size, rep_->key.get());
}
VerifyAndSign::~VerifyAndSign() = default;

bool VerifyAndSign::Run() {
  Rep& r = *rep_;
  return ECDSA_verify(0, r.hash, sizeof r.hash, r.signature, r.size, r.key.get()) == 1 &&
         ECDSA_sign(0, r.hash, sizeof r.hash, r.signature, &r.size, r.key.get()) == 1;
}

struct PlainHandshake::Rep {
  tls::TestAuthority root{"root", absl::Now()};
  bssl::UniquePtr<SSL_CTX> client = MakeContext(root, "spiffe://a/client"),
                           server = MakeContext(root, "spiffe://a/server");
};

PlainHandshake::PlainHandshake() : rep_(std::make_unique<Rep>()) {}
PlainHandshake::~PlainHandshake() = default;

bool PlainHandshake::Run() {
  bssl::UniquePtr<SSL> client(SSL_new(rep_->client.get())), server(SSL_new(rep_->server.get()));
  BIO *client_bio = nullptr, *server_bio = nullptr;
  BIO_new_bio_pair(&client_bio, 0, &server_bio, 0);
  SSL_set_bio(client.get(), client_bio, client_bio);
  SSL_set_bio(server.get(), server_bio, server_bio);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  int done_client = 0, done_server = 0;
  for (int i = 0; i < 20 && (done_client != 1 || done_server != 1); ++i) {
    done_client = SSL_do_handshake(client.get());
    done_server = SSL_do_handshake(server.get());
  }
  return done_client == 1 && done_server == 1;
}

}  // namespace mesh::benchmarks
