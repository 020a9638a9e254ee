#include "mesh/tls/digest.h"

#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "mesh/tls/boring.h"

namespace mesh::tls {

std::string Sha256(std::string_view bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(boring::Data(bytes), bytes.size(), reinterpret_cast<uint8_t*>(out.data()));
  return out;
}

std::string HmacSha256(std::string_view key, std::string_view message) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), key.size(), boring::Data(message), message.size(),
       reinterpret_cast<uint8_t*>(out.data()), &size);
  return out;
}

std::string RandomBytes(size_t count) {
  std::string out(count, '\0');
  RAND_bytes(reinterpret_cast<uint8_t*>(out.data()), count);
  return out;
}

bool EqualSecrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mesh::tls
